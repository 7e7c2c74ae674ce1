//! Each kind of fault, as a client meets it.

use std::time::{Duration, Instant};

use microsoft_simulator::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::support::{Client, request_token, start};

#[test]
fn a_schedule_is_read_from_text() {
    let schedule =
        "users/delta#2=503,secureScores#1x3=429:2,x=503:Wed, 21 Oct 2026 07:28:00 GMT,y=hang:250ms";
    let faults = Fault::parse_schedule(schedule).expect("readable");
    assert_eq!(faults.len(), 4);
    assert_eq!(faults[0].from, 2);
    assert_eq!((faults[1].from, faults[1].count), (1, 3));
    assert_eq!(faults[1].kind, FaultKind::Status(429, Some("2".to_owned())));
    let date = "Wed, 21 Oct 2026 07:28:00 GMT".to_owned();
    assert_eq!(faults[2].kind, FaultKind::Status(503, Some(date)));
    assert_eq!(faults[3].kind, FaultKind::Hang(Duration::from_millis(250)));
    for wrong in [
        "users",
        "=503",
        "users=200",
        "users#0=503",
        "users=never",
        "users=hang:soon",
    ] {
        assert!(Fault::parse_schedule(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_kind_that_is_documented_is_read_from_text() {
    let mut kinds = Vec::new();
    for tables in [
        include_str!("../../src/faults.rs"),
        include_str!("../../src/list_faults.rs"),
        include_str!("../../src/evidence_faults.rs"),
    ] {
        let rows = tables
            .lines()
            .filter_map(|line| line.strip_prefix("//! | `"));
        for row in rows {
            let first = row.split(" | ").next().expect("a column");
            let named = first.split("`, `").map(|kind| kind.trim_end_matches('`'));
            kinds.extend(named.filter(|kind| !kind.contains('…')).map(str::to_owned));
        }
    }
    assert!(kinds.len() > 35, "{kinds:?}");
    for kind in kinds {
        let kind = kind.trim_end_matches("`, …");
        let read = format!("users/delta#1x*={kind}").parse::<Fault>();
        assert!(read.is_ok(), "{kind}: {read:?}");
    }
}

#[tokio::test]
async fn a_fault_strikes_from_its_turn_and_as_often_as_it_says() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    simulator.add_fault("organization#2x2=429:7".parse().expect("a fault"));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(client.get("organization").await.status().as_u16());
        client.get("domains").await;
    }
    assert_eq!(statuses, [200, 429, 429, 200]);
}

#[tokio::test]
async fn statuses_come_with_microsofts_bodies() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    for (kind, status, code) in [
        ("429:7", 429, "TooManyRequests"),
        ("503", 503, "ServiceUnavailable"),
        ("401", 401, "InvalidAuthenticationToken"),
        ("sync-state-not-found", 404, "syncStateNotFound"),
        (
            "nonpremium",
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        ),
    ] {
        simulator.add_fault(format!("organization={kind}").parse().expect("a fault"));
        let answer = client.get("organization").await;
        let wait = answer
            .headers()
            .get("retry-after")
            .map(|value| value.as_bytes().to_vec());
        assert_eq!(
            wait.as_deref(),
            kind.ends_with(":7").then_some(&b"7"[..]),
            "{kind}"
        );
        let (got, got_code, _) = crate::support::refusal(answer).await;
        assert_eq!((got, got_code.as_str()), (status, code));
    }
    simulator.add_fault("users/delta=410".parse().expect("a fault"));
    let gone = client.get("users/delta").await;
    assert_eq!(
        gone.headers()["location"],
        format!("{}users/delta?$deltatoken=", client.graph)
    );
    simulator.add_fault("token=503".parse().expect("a fault"));
    assert_eq!(request_token(&simulator, &tenant, &[]).await.status(), 503);
}

#[tokio::test]
async fn bodies_break_in_each_way() {
    let (simulator, tenant) = start(200, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let strike =
        |kind: &str| simulator.add_fault(format!("users={kind}").parse().expect("a fault"));
    strike("html");
    let page = client.get("users").await;
    assert_eq!(page.status(), 503);
    assert!(
        page.text()
            .await
            .expect("text")
            .starts_with("<!DOCTYPE html>")
    );
    strike("truncate");
    let cut = client.get("users").await;
    assert_eq!(cut.status(), 200);
    assert!(cut.bytes().await.is_err(), "the connection closes halfway");
    strike("garble");
    let garbled = client.get("users").await.text().await.expect("text");
    assert!(serde_json::from_str::<Value>(&garbled).is_err());
    strike("empty");
    assert_eq!(client.json("users").await["value"], json!([]));
    strike("foreign:evil.example");
    let foreign = client.json("users").await;
    assert!(
        foreign["@odata.nextLink"]
            .as_str()
            .is_some_and(|link| link.starts_with("https://evil.example/v1.0/users?"))
    );
    assert_eq!(client.all("users").await.len(), 200, "and then all is well");
}

#[tokio::test]
async fn a_connection_is_reset_without_an_answer() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    simulator.clear_requests();
    // Twice, because a client may try once more on its own.
    simulator.add_fault("organization#1x2=reset".parse().expect("a fault"));
    let request = client
        .http
        .get(format!("{}organization", client.graph))
        .bearer_auth(&client.token);
    let answer = request.send().await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(simulator.requests()[0].status, 0);
}

#[tokio::test]
async fn an_answer_hangs() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    simulator.add_fault(Fault::next(
        "organization",
        1,
        FaultKind::Hang(Duration::from_millis(300)),
    ));
    let begun = Instant::now();
    assert_eq!(client.get("organization").await.status(), 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    simulator.add_fault(Fault::next("organization", 99, FaultKind::EmptyValue));
    simulator.clear_faults();
    assert_eq!(client.all("organization").await.len(), 1);
}
