//! What Graph is known to do, one named test each.
//! <https://learn.microsoft.com/graph/delta-query-overview>

use anyhow::{Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ScriptedAnswer};
use muster_domain::state::Phase;
use muster_platform::now;
use muster_soak::{
    own_time,
    play::right,
    rig::{Delivery, Rig, Setup},
};
use serde_json::{Value, json};
use std::{future::Future, time::Duration};

fn test<F: Future<Output = Result<()>>>(story: impl FnOnce() -> F + Send) {
    muster_soak::log();
    if let Err(why) = own_time::run(story) {
        panic!("{why:#}");
    }
}

async fn users(count: u32) -> Result<Rig> {
    Rig::new(&Setup::small(count, &["users"])).await
}

async fn synced(count: u32) -> Result<Rig> {
    let mut rig = users(count).await?;
    rig.sync().await?;
    right(&rig).await?;
    Ok(rig)
}

/// The next answers to requests whose address contains `path`, one after the other.
fn answer(rig: &Rig, path: &str, answers: Vec<ScriptedAnswer>) {
    for (answer, from) in answers.into_iter().zip(1..) {
        rig.simulator.add_fault(Fault {
            path_contains: path.to_owned(),
            from,
            count: 1,
            kind: FaultKind::Answer(answer),
        });
    }
}

fn user(id: &str, name: &str) -> Value {
    json!({"id": id, "displayName": name, "accountEnabled": true})
}

fn gone(id: &str) -> Value {
    json!({"id": id, "@removed": {"reason": "changed"}})
}

/// A page that leads on to another, or ends the round.
fn page(objects: &[Value], next: Option<&str>) -> ScriptedAnswer {
    let (name, token) = match next {
        Some(token) => ("@odata.nextLink", format!("$skiptoken={token}")),
        None => ("@odata.deltaLink", "$deltatoken=end".to_owned()),
    };
    let mut body = json!({"value": objects});
    body[name] = json!(format!("{{graph}}/v1.0/users/delta?{token}"));
    ScriptedAnswer::ok(body.to_string())
}

async fn names(rig: &Rig) -> Result<Vec<String>> {
    let held = rig.held("users").await?;
    let name = |object: &serde_json::Map<String, Value>| {
        object["display_name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    Ok(held.values().map(name).collect())
}

/// A sync whose every answer about users is scripted.
async fn scripted(rig: &mut Rig, answers: Vec<ScriptedAnswer>) -> Result<()> {
    rig.simulator.clear_faults();
    answer(rig, "users/delta", answers);
    rig.sync().await
}

#[test]
fn a_410_with_location_enumerates_anew() {
    test(async || {
        let mut rig = synced(6).await?;
        rig.microsoft.delete_users(1);
        rig.microsoft.change_users(1);
        let location = "{graph}/v1.0/users/delta?$deltatoken=";
        let body = r#"{"error":{"code":"resyncChangesApplyDifferences","message":"x"}}"#;
        let moved = ScriptedAnswer::status(410, body).with("location", location);
        answer(&rig, "deltatoken", vec![moved]);
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn sync_state_not_found_enumerates_anew_under_any_status_and_casing() {
    test(async || {
        for status in [400, 404, 410] {
            for code in [
                "syncStateNotFound",
                "SyncStateNotFound",
                "SYNCSTATENOTFOUND",
            ] {
                let mut rig = synced(3).await?;
                rig.microsoft.delete_users(1);
                let body = json!({"error": {"code": code, "message": "x"}}).to_string();
                answer(
                    &rig,
                    "deltatoken",
                    vec![ScriptedAnswer::status(status, body)],
                );
                rig.sync().await?;
                right(&rig).await?;
            }
        }
        Ok(())
    });
}

#[test]
fn a_delta_link_older_than_seven_days_is_refused_and_the_list_read_anew() {
    test(async || {
        let mut rig = synced(6).await?;
        rig.microsoft.delete_users(1);
        rig.simulator.advance(Duration::from_secs(7 * 86_400 + 60));
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn a_delta_link_known_to_be_old_is_not_even_tried() {
    test(async || {
        let mut rig = synced(6).await?;
        let lease = rig.store.acquire_lease(rig.tenant, "test", now()).await?;
        let lease = lease.expect("nobody holds it");
        let mut state = rig.state("users").await?;
        let old = now().checked_sub(jiff::SignedDuration::from_hours(7 * 24))?;
        state.checkpoint.delta_link_at = Some(old);
        rig.store.put_state(&lease, &state).await?;
        rig.store.release_lease(&lease).await?;
        rig.simulator.clear_requests();
        rig.sync().await?;
        let asked = rig.simulator.requests();
        ensure!(asked.iter().all(|r| !r.query.contains("deltatoken")));
        right(&rig).await
    });
}

#[test]
fn an_expired_page_token_restarts_the_enumeration() {
    test(async || {
        let mut rig = users(9).await?;
        let worker = rig.worker(0).await?;
        // One page is read; then the token grows old while the worker is away.
        rig.deliver(
            &worker,
            Delivery {
                no_time: true,
                ..Delivery::default()
            },
        )
        .await;
        ensure!(rig.held("users").await?.len() == 4);
        rig.simulator.advance(Duration::from_secs(3600));
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn an_empty_page_with_a_next_link_is_not_the_end() {
    test(async || {
        let mut rig = users(1).await?;
        let last = page(&[user("a", "A"), user("b", "B")], None);
        scripted(
            &mut rig,
            vec![page(&[], Some("1")), page(&[], Some("2")), last],
        )
        .await?;
        ensure!(names(&rig).await? == ["A", "B"]);
        ensure!(rig.state("users").await?.phase == Phase::Fresh);
        Ok(())
    });
}

#[test]
fn a_next_link_that_loops_ends_incomplete_and_removes_nothing() {
    test(async || {
        let mut rig = users(1).await?;
        scripted(
            &mut rig,
            vec![page(&[user("a", "A"), user("b", "B")], None)],
        )
        .await?;
        for circle in [vec!["1"], vec!["1", "2"], vec!["1", "2", "3"]] {
            let lost = ScriptedAnswer::status(410, "");
            let turns = circle.iter().cycle().take(60);
            let turns = turns.map(|token| page(&[user("a", "A")], Some(token)));
            rig.simulator.clear_requests();
            scripted(&mut rig, std::iter::once(lost).chain(turns).collect()).await?;
            ensure!(names(&rig).await? == ["A", "B"]);
            let state = rig.state("users").await?;
            ensure!(
                state.phase == Phase::Incomplete && state.trouble.is_some(),
                "{state:?}"
            );
            ensure!(
                rig.simulator.requests().len() < 12,
                "it went round and round"
            );
        }
        Ok(())
    });
}

#[test]
fn a_next_link_that_loops_in_a_list_without_delta_is_not_its_end() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(6, &["managed_devices"])).await?;
        rig.sync().await?;
        right(&rig).await?;
        let held = rig.held("managed_devices").await?;
        ensure!(held.len() > 1, "too few devices to lose one");
        let first = held.keys().next();
        let again = json!({
            "value": [{"id": first, "deviceName": "alone"}],
            "@odata.nextLink": "{graph}/v1.0/deviceManagement/managedDevices?$skiptoken=1",
        });
        let circle = vec![ScriptedAnswer::ok(again.to_string()); 20];
        answer(&rig, "managedDevices", circle);
        rig.simulator.clear_requests();
        rig.sync().await?;
        let state = rig.state("managed_devices").await?;
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        ensure!(rig.held("managed_devices").await?.len() == held.len());
        ensure!(
            rig.simulator.requests().len() < 12,
            "it went round and round"
        );
        rig.simulator.clear_faults();
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn replayed_and_repeated_objects_are_kept_once_as_last_told() {
    test(async || {
        let mut rig = users(1).await?;
        let first = page(
            &[user("a", "old"), user("b", "B"), user("a", "A")],
            Some("1"),
        );
        let second = page(&[user("b", "B"), user("c", "C")], None);
        scripted(&mut rig, vec![first, second]).await?;
        ensure!(names(&rig).await? == ["A", "B", "C"]);
        ensure!(rig.state("users").await?.records == 3);
        // The same round again: nothing is new, and nothing is written.
        scripted(
            &mut rig,
            vec![page(
                &[user("a", "A"), user("c", "C"), user("a", "A")],
                None,
            )],
        )
        .await?;
        let state = rig.state("users").await?;
        ensure!(
            (state.records, state.run.written, state.run.changes) == (3, 0, 0),
            "{state:?}"
        );
        Ok(())
    });
}

#[test]
fn removed_then_restored_is_there_and_restored_then_removed_is_not() {
    test(async || {
        let mut rig = users(1).await?;
        let all = [user("a", "A"), user("b", "B"), user("c", "C")];
        scripted(&mut rig, vec![page(&all, None)]).await?;
        let back = vec![
            page(&[gone("a"), user("c", "C2")], Some("1")),
            page(&[user("a", "A2"), gone("c")], None),
        ];
        scripted(&mut rig, back).await?;
        ensure!(names(&rig).await? == ["A2", "B"]);
        // Both in one page.
        scripted(
            &mut rig,
            vec![page(
                &[gone("a"), user("a", "A3"), user("b", "B2"), gone("b")],
                None,
            )],
        )
        .await?;
        ensure!(names(&rig).await? == ["A3"]);
        ensure!(rig.state("users").await?.records == 1);
        Ok(())
    });
}

#[test]
fn pages_may_come_in_any_order() {
    test(async || {
        let told = [
            [user("a", "A"), user("b", "B")],
            [user("c", "C"), user("d", "D")],
            [gone("e"), user("f", "F")],
        ];
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut rig = users(1).await?;
            scripted(
                &mut rig,
                vec![page(&[user("a", "x"), user("e", "E")], None)],
            )
            .await?;
            let links = [Some("1"), Some("2"), None];
            let pages = order
                .iter()
                .zip(links)
                .map(|(i, link)| page(&told[*i], link));
            scripted(&mut rig, pages.collect()).await?;
            ensure!(names(&rig).await? == ["A", "B", "C", "D", "F"], "{order:?}");
        }
        Ok(())
    });
}

#[test]
fn a_page_that_changes_between_two_tries_is_taken_as_it_came_whole() {
    test(async || {
        for kind in [
            FaultKind::Truncate,
            FaultKind::GarbleJson,
            FaultKind::HalfGzip,
            FaultKind::Reset,
        ] {
            let mut rig = users(9).await?;
            rig.simulator
                .add_fault(Fault::next("skiptoken", 1, kind.clone()));
            let microsoft = rig.microsoft.clone();
            rig.simulator.at_request("skiptoken", 2, move || {
                microsoft.change_users(9);
            });
            rig.sync().await?;
            // What the first page told before the change comes with the next round.
            rig.sync().await?;
            right(&rig).await?;
        }
        Ok(())
    });
}

#[test]
fn an_object_that_moves_between_pages_is_kept_once_or_comes_back() {
    test(async || {
        let mut rig = users(1).await?;
        let twice = vec![
            page(&[user("a", "A"), user("b", "B")], Some("1")),
            page(&[user("b", "B"), user("c", "C")], None),
        ];
        scripted(&mut rig, twice).await?;
        ensure!(rig.state("users").await?.records == 3);
        // It slipped from the second page to the first while the second was asked for: the list says
        // that it is gone, and the next round that it is there.
        let slipped = vec![
            ScriptedAnswer::status(410, ""),
            page(&[user("a", "A")], Some("1")),
            page(&[user("c", "C")], None),
        ];
        scripted(&mut rig, slipped).await?;
        scripted(&mut rig, vec![page(&[user("b", "B")], None)]).await?;
        ensure!(names(&rig).await? == ["A", "B", "C"]);
        Ok(())
    });
}
