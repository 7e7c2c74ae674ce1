//! Each collection, against what the tenant holds.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use crate::support::{Client, start};

#[tokio::test]
async fn every_collection_answers_with_the_truth() {
    let (simulator, tenant) = start(60, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    for path in [
        "organization",
        "subscribedSkus",
        "directory/subscriptions",
        "domains",
        "deviceManagement/managedDevices",
        "devices",
        "deviceManagement/detectedApps",
        "deviceAppManagement/mobileApps",
        "reports/authenticationMethods/userRegistrationDetails",
        "security/secureScores",
        "security/secureScoreControlProfiles",
        "applications",
    ] {
        let answered = client.all(path).await;
        assert!(!answered.is_empty(), "{path} is empty");
        assert_eq!(answered, tenant.objects(&format!("/{path}")), "{path}");
    }
}

#[tokio::test]
async fn consumed_units_are_what_users_hold() {
    let (simulator, tenant) = start(200, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let someone = tenant.add_users(1)[0];
    tenant.assign_licence(someone, "VISIOCLIENT");
    tenant.delete_users(3);
    let mut held: BTreeMap<String, u64> = BTreeMap::new();
    for user in client.all("users?$select=assignedLicenses").await {
        for licence in user["assignedLicenses"].as_array().expect("a list") {
            let sku = licence["skuId"].as_str().expect("text").to_lowercase();
            *held.entry(sku).or_default() += 1;
        }
    }
    for sku in client.all("subscribedSkus").await {
        let id = sku["skuId"].as_str().expect("text");
        assert_eq!(
            sku["consumedUnits"],
            held.remove(id).unwrap_or_default(),
            "{sku}"
        );
        assert_eq!(sku["id"], format!("{}_{id}", tenant.id()));
    }
    assert!(held.is_empty(), "held, but of no product: {held:?}");
}

#[tokio::test]
async fn the_plans_of_p1_and_intune_are_there_only_where_the_tenant_has_them() {
    for (p1, intune) in [(true, true), (true, false), (false, true), (false, false)] {
        let (simulator, tenant) = start(40, |options| {
            options.entra_p1 = p1;
            options.intune = intune;
        })
        .await;
        let client = Client::signed_in(&simulator, &tenant).await;
        let skus = client.json("subscribedSkus").await.to_string();
        assert_eq!(skus.contains("\"AAD_PREMIUM\""), p1, "{p1} {intune}");
        assert_eq!(skus.contains("\"INTUNE_A\""), intune, "{p1} {intune}");
    }
}

#[tokio::test]
async fn odd_values_of_real_tenants_occur() {
    let (_simulator, tenant) = start(60, |_| {}).await;
    let users = tenant.objects("/users");
    let any = |test: &dyn Fn(&Value) -> bool| users.iter().any(test);
    assert!(
        any(&|u| u["displayName"].as_str().is_some_and(|n| n.contains("<b>"))),
        "markup"
    );
    assert!(
        any(&|u| u["displayName"]
            .as_str()
            .is_some_and(|n| n.contains('\u{202B}'))),
        "right to left"
    );
    assert!(
        any(&|u| u["displayName"]
            .as_str()
            .is_some_and(|n| n.starts_with('='))),
        "formula"
    );
    assert!(
        any(&|u| u["userPrincipalName"]
            .as_str()
            .is_some_and(|n| n.contains("#EXT#"))),
        "guest"
    );
    assert!(any(&|u| u["accountEnabled"] == false), "disabled");
    assert!(any(&|u| u["assignedLicenses"] == json!([])), "unlicensed");
    assert!(
        any(&|u| u.get("signInActivity").is_none()),
        "never signed in, absent"
    );
    assert!(
        any(&|u| u["signInActivity"]["lastSignInDateTime"] == "0001-01-01T00:00:00Z"),
        "never, zero"
    );
    assert!(
        any(&|u| u.get("businessPhones").is_none()),
        "an absent property"
    );
    assert!(any(&|u| u["userType"].is_null()), "null");
    assert!(
        any(&|u| u["assignedLicenses"][0]["skuId"]
            .as_str()
            .is_some_and(|s| s.contains(|c: char| c.is_ascii_uppercase()))),
        "an upper-case GUID"
    );
    let devices = tenant.objects("/deviceManagement/managedDevices");
    let text = Value::Array(devices).to_string();
    assert!(text.contains("9999-12-31T23:59:59.9999999Z"));
    assert!(
        text.contains("visionOS") || text.contains("pendingEvaluation"),
        "an unknown enum value"
    );
}

#[tokio::test]
async fn the_devices_of_an_app_are_stubs_as_many_as_it_counts() {
    let (simulator, tenant) = start(120, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let devices = client.all("deviceManagement/managedDevices").await;
    let known: HashSet<&str> = devices.iter().filter_map(|d| d["id"].as_str()).collect();
    for app in client.all("deviceManagement/detectedApps").await {
        let path = format!(
            "deviceManagement/detectedApps/{}/managedDevices",
            app["id"].as_str().expect("an id")
        );
        let stubs = client.all(&path).await;
        assert_eq!(app["deviceCount"], stubs.len(), "{app}");
        for stub in &stubs {
            assert!(known.contains(stub["id"].as_str().expect("an id")));
            assert_eq!(stub["lastSyncDateTime"], "0001-01-01T00:00:00Z");
            assert_eq!(stub["serialNumber"], Value::Null);
        }
        assert_eq!(stubs, tenant.objects(&path));
    }
    let unknown = client
        .refusal("deviceManagement/detectedApps/nothing/managedDevices")
        .await;
    assert_eq!(unknown.0, 404);
}

#[tokio::test]
async fn a_device_keeps_the_compliance_it_was_given() {
    let (simulator, tenant) = start(20, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let id = tenant.objects("/deviceManagement/managedDevices")[3]["id"].clone();
    let uuid = id.as_str().expect("text").parse().expect("a GUID");
    assert!(tenant.set_device_compliance(uuid, "somethingNew"));
    let devices = client.all("deviceManagement/managedDevices").await;
    let device = devices.iter().find(|d| d["id"] == id).expect("the device");
    assert_eq!(device["complianceState"], "somethingNew");
    assert!(!tenant.set_device_compliance(uuid::Uuid::nil(), "compliant"));
}

#[tokio::test]
async fn secure_scores_come_one_a_day_newest_first() {
    let (simulator, tenant) = start(30, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let scores = client.all("security/secureScores?$top=40").await;
    assert_eq!(scores.len(), 90);
    let ids: Vec<&str> = scores.iter().filter_map(|s| s["id"].as_str()).collect();
    assert_eq!(ids[0], format!("{}_2026-03-14", tenant.id()));
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]));
    let second = client.json("security/secureScores?$top=1&$skip=1").await;
    assert_eq!(second["value"][0], scores[1]);
    simulator.advance(std::time::Duration::from_secs(86_400));
    let client = Client::signed_in(&simulator, &tenant).await;
    let later = client.json("security/secureScores?$top=2").await;
    assert_eq!(
        later["value"][0]["id"],
        format!("{}_2026-03-15", tenant.id())
    );
    assert_eq!(later["value"][1], scores[0], "a past day stays what it was");
}

#[tokio::test]
async fn our_own_app_shows_its_secret_by_hint_alone() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let client_id = tenant.options().client_id;
    let found = client
        .json(&format!("applications?$filter=appId%20eq%20'{client_id}'"))
        .await;
    assert_eq!(found["value"].as_array().map(Vec::len), Some(1));
    let app = &found["value"][0];
    let credential = &app["passwordCredentials"][0];
    let secret = tenant.secret().expect("a secret");
    assert_eq!(credential["hint"], secret[..3]);
    assert_eq!(credential["secretText"], Value::Null);
    assert_eq!(credential["endDateTime"], "2026-09-10T00:00:00Z");
    assert!(!found.to_string().contains(&secret));
    let one = client
        .json(&format!(
            "applications/{}?$select=appId",
            app["id"].as_str().expect("an id")
        ))
        .await;
    assert_eq!(one["appId"], app["appId"]);
    assert!(one.get("displayName").is_none());
    let none = client
        .json("applications?$filter=appId eq '11111111-1111-4111-8111-111111111111'")
        .await;
    assert_eq!(none["value"], json!([]));
    let other = client
        .refusal("applications?$filter=displayName eq 'x'")
        .await;
    assert_eq!(
        (other.0, other.1.as_str()),
        (400, "Request_UnsupportedQuery")
    );
}

#[tokio::test]
async fn two_simulators_with_the_same_options_answer_the_same() {
    let (one, tenant_one) = start(150, |_| {}).await;
    let (two, tenant_two) = start(150, |_| {}).await;
    let (a, b) = (
        Client::signed_in(&one, &tenant_one).await,
        Client::signed_in(&two, &tenant_two).await,
    );
    for path in [
        "organization",
        "subscribedSkus",
        "users?$select=id,displayName,signInActivity,assignedLicenses",
        "users/delta",
        "deviceManagement/managedDevices",
        "deviceManagement/detectedApps",
        "deviceAppManagement/mobileApps",
        "reports/authenticationMethods/userRegistrationDetails",
        "security/secureScores",
        "applications",
    ] {
        assert_eq!(a.all(path).await, b.all(path).await, "{path}");
    }
}
