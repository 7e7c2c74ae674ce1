//! Only so many searches, sorts and exports run at a time.

use crate::support::{MANAGER, Portal};
use axum::http::StatusCode;
use muster_portal::HeavyReads;

/// The reads that scan a whole table.
fn heavy(tenant: &str) -> [String; 6] {
    let api = format!("/api/v1/integrations/{tenant}");
    [
        format!("{api}/assets/users?q=zoe"),
        format!("{api}/assets/users?sort=display_name"),
        format!("{api}/assets/users?filter=account_enabled%20eq%20true"),
        format!("{api}/assets/users?format=csv"),
        format!("{api}/changes?dataset=users"),
        format!("/assets/microsoft365/{tenant}/users"),
    ]
}

#[tokio::test]
async fn heavy_reads_beyond_a_handful_are_asked_to_come_again_and_light_ones_are_not() {
    let portal = Portal::start().await.bearer(MANAGER);
    let (tenant, _) = portal.seed("Contoso", 12).await;
    let mut permits = Vec::new();
    for _ in 0..HeavyReads::AT_ONCE {
        permits.push(portal.heavy_read().await);
    }
    for path in heavy(&tenant) {
        let answer = portal.get(&path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("retry-after"), "5", "{path}");
        if path.starts_with("/api/") {
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert_eq!(answer.json()["type"], "urn:muster:problem:too-many-reads");
        }
    }
    let api = format!("/api/v1/integrations/{tenant}");
    for light in [
        api.clone(),
        format!("{api}/assets/users"),
        format!("{api}/changes"),
    ] {
        assert_eq!(portal.get(&light).await.status, StatusCode::OK, "{light}");
    }
    // A person is shown a page that says what to do.
    let person = portal.with("accept", "text/html");
    let answer = person
        .get(&format!("/assets/microsoft365/{tenant}/users"))
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.text().contains("Try again in a few seconds"),
        "{}",
        answer.text()
    );
    drop(permits);
    for path in heavy(&tenant) {
        assert_eq!(portal.get(&path).await.status, StatusCode::OK, "{path}");
    }
    // Exports that ended have given their permits back.
    for _ in 0..3 * HeavyReads::AT_ONCE {
        let path = format!("{api}/assets/users?format=csv");
        assert_eq!(portal.get(&path).await.status, StatusCode::OK);
    }
}
