//! `/users/delta`: rounds, tokens and what ends them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, start};

const DAY: Duration = Duration::from_secs(86_400);

/// Applies a round as a client does.
fn apply(store: &mut BTreeMap<String, Value>, objects: &[Value]) {
    for object in objects {
        let id = object["id"].as_str().expect("an id").to_owned();
        if object.get("@removed").is_some() {
            store.remove(&id);
        } else {
            store.insert(id, object.clone());
        }
    }
}

fn names(objects: &[Value]) -> BTreeMap<String, Value> {
    objects
        .iter()
        .map(|o| {
            (
                o["id"].as_str().expect("an id").to_owned(),
                o["jobTitle"].clone(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_first_round_gives_every_user_once() {
    let (simulator, tenant) = start(2_000, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let (objects, link) = client
        .round("users/delta?$select=id,displayName&$top=333")
        .await;
    let (gone, here): (Vec<Value>, Vec<Value>) = objects
        .into_iter()
        .partition(|object| object.get("@removed").is_some());
    let ids: HashSet<&str> = here.iter().filter_map(|u| u["id"].as_str()).collect();
    assert_eq!((here.len(), ids.len()), (2_000, 2_000));
    assert_eq!(
        gone.len(),
        50,
        "those who were deleted before come as removed"
    );
    assert!(
        gone.iter()
            .all(|user| user["@removed"]["reason"] == "changed")
    );
    assert!(link.is_some_and(|link| link.contains("/users/delta?$deltatoken=")));
}

#[tokio::test]
async fn a_round_tells_what_was_changed_added_deleted_and_restored() {
    let (simulator, tenant) = start(300, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let (objects, link) = client.round("users/delta?$select=jobTitle").await;
    let mut store = BTreeMap::new();
    apply(&mut store, &objects);

    let changed = tenant.change_users(5);
    let added = tenant.add_users(3);
    let deleted = tenant.delete_users(2);
    let (purged, restored) = (changed[0], changed[1]);
    assert!(tenant.purge_user(purged));
    assert!(tenant.delete_user(restored));
    assert!(tenant.restore_user(restored));
    assert_eq!(deleted, [added[2], added[1]], "the last ones first");

    let (objects, next) = client.round(&link.expect("a delta link")).await;
    let reason = |id: uuid::Uuid| {
        let found = objects.iter().find(|object| object["id"] == id.to_string());
        found.expect("the user")["@removed"]["reason"].clone()
    };
    assert_eq!(objects.len(), 8, "{objects:?}");
    assert_eq!(reason(deleted[0]), "changed");
    assert_eq!(reason(purged), "deleted");
    assert_eq!(reason(restored), Value::Null);
    apply(&mut store, &objects);
    let held: Vec<Value> = store.values().cloned().collect();
    assert_eq!(names(&held), names(&tenant.objects("/users")));
    assert_eq!(store.len(), tenant.user_count() as usize);

    let next = next.expect("a delta link");
    let (nothing, _) = client.round(&next).await;
    assert_eq!(nothing, Vec::<Value>::new());
    let (again, _) = client.round(&next).await;
    assert_eq!(again, Vec::<Value>::new(), "a token may be used twice");
}

#[tokio::test]
async fn changes_during_the_first_round_come_in_the_next() {
    let (simulator, tenant) = start(500, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let first = client.json("users/delta?$select=jobTitle").await;
    let seen = first["value"][0]["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("a GUID");
    assert!(tenant.set_user_property(seen, "jobTitle", json!("Changed meanwhile")));
    let rest = first["@odata.nextLink"].as_str().expect("a next link");
    let (_, link) = client.round(rest).await;
    let (objects, _) = client.round(&link.expect("a delta link")).await;
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0]["jobTitle"], "Changed meanwhile");
}

#[tokio::test]
async fn large_rounds_page_too() {
    let (simulator, tenant) = start(700, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let (_, link) = client.round("users/delta?$select=jobTitle&$top=100").await;
    tenant.change_users(650);
    let page = client.json(link.as_deref().expect("a delta link")).await;
    assert_eq!(
        page["value"].as_array().map(Vec::len),
        Some(100),
        "the first call's page size goes on"
    );
    let (objects, _) = client.round(&link.expect("a delta link")).await;
    let ids: HashSet<&str> = objects.iter().filter_map(|u| u["id"].as_str()).collect();
    assert_eq!((objects.len(), ids.len()), (650, 650));
}

#[tokio::test]
async fn only_selected_properties_are_tracked_and_minimal_gives_only_those_that_changed() {
    let (simulator, tenant) = start(50, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let (_, mail) = client.round("users/delta?$select=mail").await;
    let (_, titles) = client
        .round("users/delta?$select=jobTitle,displayName")
        .await;
    tenant.change_users(1);
    assert_eq!(
        client.round(&mail.expect("a link")).await.0,
        Vec::<Value>::new()
    );
    let titles = titles.expect("a link");
    let (whole, _) = client.round(&titles).await;
    assert!(whole[0].get("displayName").is_some());
    let minimal = client
        .http
        .get(&titles)
        .bearer_auth(&client.token)
        .header("Prefer", "return=minimal");
    let minimal: Value = minimal
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let user = minimal["value"][0].as_object().expect("an object");
    assert_eq!(user.keys().collect::<Vec<_>>(), ["id", "jobTitle"]);
}

#[tokio::test]
async fn a_delta_token_lives_for_seven_days() {
    let (simulator, tenant) = start(30, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let (_, link) = client.round("users/delta").await;
    let link = link.expect("a delta link");
    simulator.advance(DAY * 7 - Duration::from_secs(60));
    let client = Client::signed_in(&simulator, &tenant).await;
    assert_eq!(client.get(&link).await.status(), 200);
    simulator.advance(Duration::from_secs(120));
    let answer = client.get(&link).await;
    assert_eq!(answer.status(), 410);
    let location = answer.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(
        location,
        format!("{}users/delta?$deltatoken=", client.graph)
    );
    assert_eq!(answer.text().await.expect("a body"), "");
    let (objects, _) = client.round(&location).await;
    assert!(objects.len() >= 30, "the location leads to a full round");
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_not_found() {
    let (simulator, tenant) = start(30, |_| {}).await;
    let other = simulator.add_tenant(microsoft_simulator::TenantOptions {
        consented: true,
        ..microsoft_simulator::TenantOptions::sample(7, "Other", 10)
    });
    let client = Client::signed_in(&simulator, &tenant).await;
    let stranger = Client::signed_in(&simulator, &other).await;
    let (_, link) = client.round("users/delta").await;
    for (asking, url) in [
        (&client, "users/delta?$deltatoken=abc"),
        (&stranger, &*link.expect("a link")),
    ] {
        let (status, code, _) = asking.refusal(url).await;
        assert_eq!((status, code.as_str()), (404, "syncStateNotFound"), "{url}");
    }
}

#[tokio::test]
async fn options_belong_to_the_first_call() {
    let (simulator, tenant) = start(300, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let first = client.json("users/delta?$select=id&$top=100").await;
    let next = first["@odata.nextLink"].as_str().expect("a next link");
    assert_eq!(client.refusal(&format!("{next}&$top=50")).await.0, 400);
    assert_eq!(client.refusal("users/delta?$top=1000").await.0, 400);
    let (status, code, _) = client.refusal("users/delta?$select=signInActivity").await;
    assert_eq!((status, code.as_str()), (501, "NotImplemented"));
}
