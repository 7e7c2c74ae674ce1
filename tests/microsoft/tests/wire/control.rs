//! The control API, for processes outside.

use serde_json::{Value, json};

use crate::support::{Client, http, start};

#[tokio::test]
async fn a_process_outside_steers_the_simulator() {
    let (simulator, tenant) = start(40, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let base = format!("{}_simulator", simulator.login_url());
    let post = async |path: &str, body: Value| {
        http()
            .post(format!("{base}{path}"))
            .json(&body)
            .send()
            .await
            .expect("an answer")
    };
    let get = async |path: &str| -> Value {
        http()
            .get(format!("{base}{path}"))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    };
    let tenants = get("/tenants").await;
    assert_eq!(tenants[0]["tenant_id"], tenant.id().to_string());
    assert_eq!(
        tenants[0]["client_secret"],
        tenant.secret().expect("a secret")
    );

    let path = format!("/tenants/{}", tenant.id());
    let done: Value = post(
        &path,
        json!({ "change_users": 4, "add_users": 2, "set_conceal": true }),
    )
    .await
    .json()
    .await
    .expect("JSON");
    assert_eq!(done["change_users"].as_array().map(Vec::len), Some(4));
    assert_eq!(get(&path).await["users"], 42);
    assert!(tenant.conceals());
    let held = json!({ "set_skus": "premium-in-grace" });
    assert_eq!(post(&path, held).await.status(), 200);
    let skus = get(&format!("{path}/objects?path=/subscribedSkus")).await;
    assert_eq!(skus[0]["capabilityStatus"], "Warning", "{skus}");
    for wrong in [
        json!({ "set_skus": "nonsense" }),
        json!({ "consent": false }),
    ] {
        assert_eq!(post(&path, wrong).await.status(), 422);
    }
    assert_eq!(post(&path, json!({ "set_skus": null })).await.status(), 200);
    assert_eq!(post(&path, json!({ "explode": true })).await.status(), 422);
    assert_eq!(post("/tenants/unknown", json!({})).await.status(), 404);
    let objects = get(&format!("{path}/objects?path=/users")).await;
    assert_eq!(objects, json!(tenant.objects("/users")));

    assert_eq!(
        post("/tenants", json!({ "name": "Second", "users": 12 }))
            .await
            .status(),
        201
    );
    assert_eq!(
        post("/tenants", json!({ "name": "Second", "users": 12 }))
            .await
            .status(),
        409
    );
    assert_eq!(simulator.tenants().len(), 2);

    assert_eq!(
        post("/faults", json!({ "schedule": "organization=503" }))
            .await
            .status(),
        200
    );
    assert_eq!(client.get("organization").await.status(), 503);
    assert_eq!(
        post("/faults", json!({ "schedule": "organization=maybe" }))
            .await
            .status(),
        422
    );

    let moved: Value = post("/clock", json!({ "advance_seconds": 4_000 }))
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(moved["now"], "2026-03-14T10:36:40Z");
    assert_eq!(
        client.get("organization").await.status(),
        401,
        "the token has aged"
    );

    let requests = get("/requests").await;
    let asked = requests
        .as_array()
        .expect("a list")
        .iter()
        .filter(|r| r["path"] == "/v1.0/organization");
    assert_eq!(asked.count(), 2);
    http()
        .delete(format!("{base}/requests"))
        .send()
        .await
        .expect("an answer");
    assert!(simulator.requests().is_empty());
}
