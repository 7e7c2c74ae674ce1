//! `$select`, `$top`, `$skip`, counts and page tokens.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Client, start};

async fn users_once(users: u32, query: &str) {
    let (simulator, tenant) = start(users, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let objects = client.all(query).await;
    let ids: HashSet<&str> = objects.iter().filter_map(|u| u["id"].as_str()).collect();
    assert_eq!(
        (objects.len(), ids.len()),
        (users as usize, users as usize),
        "{query}"
    );
    assert_eq!(tenant.user_count(), users);
}

#[tokio::test]
async fn pages_walk_every_user_once() {
    users_once(10, "users").await;
    users_once(100, "users?$top=100").await;
    users_once(2_000, "users?$select=id,displayName&$top=7").await;
    users_once(2_000, "users?$select=id,signInActivity&$top=500").await;
    users_once(
        1_001,
        "reports/authenticationMethods/userRegistrationDetails",
    )
    .await;
}

#[tokio::test]
async fn pages_are_as_large_as_asked_and_cut_where_sign_ins_are() {
    let (simulator, tenant) = start(1_500, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    for (path, size) in [
        ("users", 100),
        ("users?$top=5", 5),
        ("users?$top=999", 999),
        ("users?$select=signInActivity&$top=500", 120),
        ("users/delta", 200),
        ("users/delta?$top=999", 999),
        ("deviceManagement/managedDevices", 1_000),
        ("deviceManagement/detectedApps?$top=3", 3),
        ("security/secureScores?$top=10", 10),
    ] {
        let page = client.json(path).await;
        assert_eq!(page["value"].as_array().map(Vec::len), Some(size), "{path}");
        assert!(page["@odata.nextLink"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn the_default_properties_of_a_user_are_eleven() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let page = client.json("users").await;
    let user = page["value"][0].as_object().expect("an object");
    assert_eq!(user.len(), 11, "{user:?}");
    let selected = client.json("users?$select=ASSIGNEDLICENSES,mail").await;
    let user = selected["value"][0].as_object().expect("an object");
    assert_eq!(
        user.keys().collect::<Vec<_>>(),
        ["assignedLicenses", "id", "mail"]
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    for (path, status, code, says) in [
        (
            "users?$select=id,nonsense",
            400,
            "Request_BadRequest",
            "Could not find a property named 'nonsense'",
        ),
        (
            "users?$top=1000",
            400,
            "Request_BadRequest",
            "between 1 and 999",
        ),
        (
            "users?$top=0",
            400,
            "Request_BadRequest",
            "between 1 and 999",
        ),
        ("users?$top=many", 400, "Request_BadRequest", "$top"),
        (
            "users?$skip=5",
            400,
            "Request_UnsupportedQuery",
            "'$skip' is not supported",
        ),
        (
            "users?$invented=5",
            400,
            "BadRequest",
            "The query parameter '$invented' is not supported",
        ),
        (
            "users?$select=aboutMe",
            501,
            "NotImplemented",
            "not yet supported",
        ),
        ("users/$count", 400, "Request_BadRequest", "$count"),
        (
            "users/delta?$filter=x",
            400,
            "Request_UnsupportedQuery",
            "'$filter' is not supported",
        ),
        (
            "organization?$top=1",
            400,
            "Request_UnsupportedQuery",
            "'$top' is not supported",
        ),
        (
            "security/secureScores?$select=id",
            400,
            "BadRequest",
            "'$select' is not supported",
        ),
        (
            "deviceManagement/managedDevices?$select=x",
            400,
            "Request_BadRequest",
            "named 'x'",
        ),
        (
            "nowhere",
            400,
            "BadRequest",
            "Resource not found for the segment 'nowhere'.",
        ),
        (
            "deviceManagement/nowhere",
            400,
            "BadRequest",
            "for the segment 'nowhere'.",
        ),
        (
            "users/delta/more",
            400,
            "BadRequest",
            "for the segment 'more'.",
        ),
        (
            "reports/getOffice365ActiveUserDetail(period='D8')",
            400,
            "InvalidArgument",
            "D7, D30, D90, D180",
        ),
        (
            "users/6b1f58a4-0000-4000-8000-000000000000",
            404,
            "Request_ResourceNotFound",
            "does not exist",
        ),
    ] {
        let (got_status, got_code, message) = client.refusal(path).await;
        assert_eq!(
            (got_status, got_code.as_str()),
            (status, code),
            "{path}: {message}"
        );
        assert!(message.contains(says), "{path}: {message}");
    }
    let version = client.refusal(&client.graph.replace("v1.0", "v3.0")).await;
    assert_eq!(version.2, "Invalid version: v3.0");
    let posted = client
        .http
        .post(format!("{}users", client.graph))
        .bearer_auth(&client.token);
    assert_eq!(posted.send().await.expect("an answer").status(), 405);
}

#[tokio::test]
async fn users_are_counted_under_eventual_consistency_alone() {
    let (simulator, tenant) = start(123, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let ask = |path: &str| {
        let request = client
            .http
            .get(format!("{}{path}", client.graph))
            .bearer_auth(&client.token);
        request.header("ConsistencyLevel", "eventual").send()
    };
    assert_eq!(
        ask("users/$count")
            .await
            .expect("an answer")
            .text()
            .await
            .expect("text"),
        "123"
    );
    let page: Value = ask("users?$count=true&$top=1")
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(page["@odata.count"], 123);
}

#[tokio::test]
async fn a_page_token_ages_and_is_bound_to_tenant_and_query() {
    let (simulator, tenant) = start(300, |_| {}).await;
    let other = simulator.add_tenant(microsoft_simulator::TenantOptions {
        consented: true,
        ..microsoft_simulator::TenantOptions::sample(7, "Other", 300)
    });
    let client = Client::signed_in(&simulator, &tenant).await;
    let stranger = Client::signed_in(&simulator, &other).await;
    for path in ["users?$select=id,mail", "users/delta?$select=id"] {
        let page = client.json(path).await;
        let next = page["@odata.nextLink"]
            .as_str()
            .expect("a next link")
            .to_owned();
        assert_eq!(stranger.refusal(&next).await.0, 400, "of another tenant");
        simulator.advance(Duration::from_secs(540));
        assert_eq!(client.get(&next).await.status(), 200);
        simulator.advance(Duration::from_secs(120));
        let (status, code, _) = client.refusal(&next).await;
        assert_eq!(
            (status, code.as_str()),
            (400, "Directory_ExpiredPageToken"),
            "{path}"
        );
    }
    let page = client.json("users?$select=id,mail").await;
    let next = page["@odata.nextLink"].as_str().expect("a next link");
    assert_eq!(
        client.refusal(&next.replace("id%2cmail", "id")).await.0,
        400,
        "of another query"
    );
    assert_eq!(client.refusal("users?$skiptoken=garbage").await.0, 400);
}

#[tokio::test]
async fn answers_carry_the_headers_that_clients_log() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let request = client
        .http
        .get(format!("{}users?$top=5", client.graph))
        .bearer_auth(&client.token);
    let answer = request
        .header("client-request-id", "mine")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()["client-request-id"], "mine");
    assert!(answer.headers().contains_key("request-id"));
    for (path, units) in [
        ("users?$top=5", "1"),
        ("users", "2"),
        ("subscribedSkus", "3"),
        ("domains", "1"),
    ] {
        assert_eq!(
            client.get(path).await.headers()["x-ms-resource-unit"],
            units,
            "{path}"
        );
    }
}
