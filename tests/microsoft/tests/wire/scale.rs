//! Large tenants: nothing is built before it is asked for.

use std::time::{Duration, Instant};

use crate::support::{Client, start};

#[tokio::test]
async fn half_a_million_users_start_at_once() {
    let begun = Instant::now();
    let (simulator, tenant) = start(500_000, |_| {}).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(tenant.user_count(), 500_000);
    let client = Client::signed_in(&simulator, &tenant).await;
    let begun = Instant::now();
    client.json("users/delta?$top=999").await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_hundred_thousand_users_page_through_delta() {
    let (simulator, tenant) = start(100_000, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let begun = Instant::now();
    let (objects, link) = client
        .round("users/delta?$select=id,jobTitle,assignedLicenses&$top=999")
        .await;
    let here = objects
        .iter()
        .filter(|object| object.get("@removed").is_none())
        .count();
    assert_eq!(here, 100_000);
    // An unoptimised build on a busy machine takes a few seconds, the client's parsing included.
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    tenant.change_users(10);
    let begun = Instant::now();
    let (changed, _) = client.round(&link.expect("a delta link")).await;
    assert_eq!(changed.len(), 10);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "a round costs what changed: {:?}",
        begun.elapsed()
    );
}
