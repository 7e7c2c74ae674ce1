//! A sync is said to be on its way while its message is queued, and at no other time.

use crate::support::{MANAGER, Portal};
use axum::http::StatusCode;
use muster_domain::Integration;
use serde_json::json;

const ON_ITS_WAY: &str = "sync is on its way";

/// Checks what the API, the list and the page say.
async fn is_said(portal: &Portal, tenant: &str, queued: bool) {
    let manager = portal.bearer(MANAGER);
    let path = format!("/api/v1/integrations/{tenant}");
    let one = manager.get(&path).await.json();
    assert_eq!(one["sync"]["queued"], queued, "{:#}", one["sync"]);
    let all = manager.get("/api/v1/integrations").await.json();
    assert_eq!(all["items"][0]["sync"]["queued"], queued);
    let browser = portal.sign_in().await;
    for of in ["", "/live", "?done=sync"] {
        let page = format!("/account/integration/microsoft365/{tenant}{of}");
        let text = browser.get(&page).await.text();
        assert_eq!(text.contains(ON_ITS_WAY), queued, "{page}");
    }
}

async fn change(portal: &Portal, tenant: &str, change: impl Fn(&mut Integration)) {
    let id = tenant.parse().expect("an ID");
    let changed = portal.store.update_integration(id, change).await;
    assert!(changed.expect("the store answers").is_some());
}

#[tokio::test]
async fn a_sync_is_on_its_way_from_the_request_until_it_begins() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    is_said(&portal, &tenant, false).await;
    let path = format!("/api/v1/integrations/{tenant}/sync");
    let answer = manager.send("post", &path, Some(json!({}))).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    is_said(&portal, &tenant, true).await;
    let id = tenant.parse().expect("an ID");
    let began = portal
        .store
        .begin_sync(id, "worker", muster_platform::now());
    assert!(began.await.expect("the store answers").is_some());
    is_said(&portal, &tenant, false).await;
}

#[tokio::test]
async fn a_request_that_waits_for_the_next_scheduled_sync_is_not_on_its_way() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    change(&portal, &tenant, |it| {
        it.sync.requested_at = Some(muster_platform::now());
    })
    .await;
    is_said(&portal, &tenant, false).await;
}

#[tokio::test]
async fn nothing_is_on_its_way_to_a_client_that_was_paused() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    let path = format!("/api/v1/integrations/{tenant}");
    let asked = manager
        .send("post", &format!("{path}/sync"), Some(json!({})))
        .await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
    for paused in [true, false] {
        let patch = json!({"paused": paused});
        let patched = manager.send("patch", &path, Some(patch)).await;
        assert_eq!(patched.status, StatusCode::OK);
        is_said(&portal, &tenant, false).await;
    }
}

#[tokio::test]
async fn a_request_that_the_queue_refuses_is_answered_so_and_not_said_to_be_on_its_way() {
    let portal = Portal::start_with_a_queue_that_refuses().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let path = format!("/api/v1/integrations/{tenant}/sync");
    for _ in 0..2 {
        let answer = portal
            .bearer(MANAGER)
            .send("post", &path, Some(json!({})))
            .await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "5");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("did not take the request"), "{detail}");
        is_said(&portal, &tenant, false).await;
    }
}
