//! Tokens, permissions and licences.

use std::time::Duration;

use microsoft_simulator::PERMISSIONS;
use serde_json::Value;

use crate::support::{Client, http, refusal, start};

#[tokio::test]
async fn a_token_is_needed_and_must_be_ours_and_fresh() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let mut client = Client::signed_in(&simulator, &tenant).await;
    let url = format!("{}users", client.graph);
    let bare = refusal(http().get(&url).send().await.expect("an answer")).await;
    assert_eq!(
        bare,
        (
            401,
            "InvalidAuthenticationToken".into(),
            "Access token is empty.".into()
        )
    );
    simulator.advance(Duration::from_secs(3_598));
    assert_eq!(client.get("users").await.status(), 200);
    simulator.advance(Duration::from_secs(2));
    let (status, code, message) = client.refusal("users").await;
    assert_eq!((status, code.as_str()), (401, "InvalidAuthenticationToken"));
    assert!(message.contains("expired"), "{message}");
    client.token = "garbage".to_owned();
    assert!(client.refusal("users").await.2.contains("not well formed"));
    let client = Client::signed_in(&simulator, &tenant).await;
    tenant.expire_tokens();
    assert_eq!(client.refusal("users").await.0, 401);
}

#[tokio::test]
async fn each_service_refuses_a_missing_permission_in_its_own_way() {
    let (simulator, tenant) = start(10, |options| options.permissions.clear()).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    for path in [
        "organization",
        "subscribedSkus",
        "domains",
        "devices",
        "users",
        "users/$count",
        "users/delta",
        "applications",
        "directory/deletedItems/microsoft.graph.user",
    ] {
        let (status, code, _) = client.refusal(path).await;
        assert_eq!(
            (status, code.as_str()),
            (403, "Authorization_RequestDenied"),
            "{path}"
        );
    }
    let (status, code, message) = client.refusal("deviceManagement/managedDevices").await;
    assert_eq!((status, code.as_str()), (403, "Forbidden"));
    assert!(
        message.contains("Operation ID (for customer support)"),
        "{message}"
    );
    let (status, code, message) = client.refusal("deviceAppManagement/mobileApps").await;
    assert_eq!((status, code.as_str()), (401, "UnknownError"));
    let inner: Value = serde_json::from_str(&message).expect("JSON inside the message");
    assert_eq!(inner["ErrorCode"], "Unauthorized");
    let report = "reports/getOffice365ActiveUserDetail(period='D7')";
    for path in [report, "admin/reportSettings"] {
        let (status, code, message) = client.refusal(path).await;
        assert_eq!((status, code.as_str()), (403, "UnknownError"), "{path}");
        let inner: Value = serde_json::from_str(&message).expect("JSON inside the message");
        assert_eq!(inner["error"]["code"], "S2SUnauthorized");
    }
    assert_eq!(client.refusal("security/secureScores").await.0, 403);
    let (status, code, message) = client
        .refusal("reports/authenticationMethods/userRegistrationDetails")
        .await;
    assert_eq!(
        (status, code.as_str()),
        (403, "Authentication_MSGraphPermissionMissing")
    );
    assert!(message.contains("AuditLog.Read.All"), "{message}");
}

#[tokio::test]
async fn each_of_the_nine_permissions_opens_something() {
    for (permission, path) in [
        ("Organization.Read.All", "organization"),
        ("Organization.Read.All", "subscribedSkus"),
        ("User.Read.All", "users/delta"),
        ("Directory.Read.All", "users/delta"),
        ("Directory.Read.All", "applications"),
        (
            "AuditLog.Read.All",
            "reports/authenticationMethods/userRegistrationDetails",
        ),
        (
            "DeviceManagementManagedDevices.Read.All",
            "deviceManagement/managedDevices",
        ),
        (
            "DeviceManagementApps.Read.All",
            "deviceAppManagement/mobileApps",
        ),
        ("SecurityEvents.Read.All", "security/secureScores"),
        ("ReportSettings.ReadWrite.All", "admin/reportSettings"),
    ] {
        let (simulator, tenant) = start(10, |o| o.permissions = vec![permission.to_owned()]).await;
        let client = Client::signed_in(&simulator, &tenant).await;
        assert_eq!(client.get(path).await.status(), 200, "{permission} {path}");
        let (simulator, tenant) = start(10, |o| o.permissions.retain(|p| p != permission)).await;
        let client = Client::signed_in(&simulator, &tenant).await;
        let still = matches!(
            permission,
            "Organization.Read.All" | "User.Read.All" | "Directory.Read.All"
        ) && path != "applications";
        assert_eq!(
            client.get(path).await.status() == 200,
            still,
            "without {permission}: {path}"
        );
    }
}

#[tokio::test]
async fn sign_in_activity_wants_the_audit_log_and_p1() {
    let (simulator, tenant) =
        start(20, |o| o.permissions.retain(|p| p != "AuditLog.Read.All")).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    assert_eq!(
        client.refusal("users?$select=id,signInActivity").await.0,
        403
    );
    assert_eq!(client.get("users?$select=id").await.status(), 200);

    let (simulator, tenant) = start(20, |o| o.entra_p1 = false).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    for path in [
        "users?$select=signInActivity",
        "reports/authenticationMethods/userRegistrationDetails",
    ] {
        let (status, code, _) = client.refusal(path).await;
        let premium = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
        assert_eq!((status, code.as_str()), (403, premium), "{path}");
    }
    tenant.set_entra_p1(true);
    assert_eq!(
        client.get("users?$select=signInActivity").await.status(),
        200
    );
}

#[tokio::test]
async fn intune_is_not_applicable_without_a_licence() {
    let (simulator, tenant) = start(20, |o| o.intune = false).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    for path in [
        "deviceManagement/managedDevices",
        "deviceManagement/detectedApps",
        "deviceManagement/detectedApps/x/managedDevices",
        "deviceAppManagement/mobileApps",
    ] {
        let refused = client.refusal(path).await;
        let expected = (
            400,
            "BadRequest".into(),
            "Request not applicable to target tenant.".into(),
        );
        assert_eq!(refused, expected, "{path}");
    }
    tenant.set_intune(true);
    assert_eq!(
        client.get("deviceManagement/managedDevices").await.status(),
        200
    );
}

#[tokio::test]
async fn a_revoked_permission_is_missed_by_the_next_token() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let before = Client::signed_in(&simulator, &tenant).await;
    tenant.revoke("SecurityEvents.Read.All");
    assert_eq!(before.get("security/secureScores").await.status(), 200);
    let after = Client::signed_in(&simulator, &tenant).await;
    assert_eq!(after.get("security/secureScores").await.status(), 403);
    tenant.grant(&PERMISSIONS);
    let granted = Client::signed_in(&simulator, &tenant).await;
    assert_eq!(granted.get("security/secureScores").await.status(), 200);
}
