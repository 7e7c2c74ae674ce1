//! What Graph is known to do, one named test each.
//! <https://learn.microsoft.com/graph/delta-query-overview>

use anyhow::{Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ScriptedAnswer};
use muster_domain::{
    DatasetState,
    datasets::users::ALL_USERS,
    state::{Checkpoint, Phase},
};
use muster_platform::now;
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Delivery, Rig, Setup},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

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
    let address = format!("{id}@x.example");
    json!({"id": id, "displayName": name, "userPrincipalName": address, "accountEnabled": true})
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

/// A whole list of three users, answered by this page, is not believed.
async fn a_whole_list_that_proves_nothing(page: ScriptedAnswer, why: &str) -> Result<()> {
    let mut rig = synced(3).await?;
    rig.simulator.advance(Duration::from_secs(8 * 86_400));
    // The delta link is too old by now, and the whole list is asked for after it.
    rig.simulator.add_fault(Fault {
        path_contains: "users/delta".to_owned(),
        from: 2,
        count: 1,
        kind: FaultKind::Answer(page),
    });
    rig.sync().await?;
    let state = rig.state("users").await?;
    ensure!(state.phase == Phase::Incomplete, "{state:?}");
    let trouble = state.trouble.unwrap_or_default();
    ensure!(trouble.contains(why), "{trouble}");
    ensure!(state.checkpoint.delta_link.is_none(), "it goes on from it");
    ensure!(
        rig.truth("users")?
            .keys()
            .eq(rig.held("users").await?.keys().filter(|key| *key != "a"))
    );
    rig.simulator.clear_faults();
    rig.sync().await?;
    right(&rig).await
}

#[test]
fn objects_without_an_id_are_told_and_nothing_is_removed() {
    test(async || {
        let nameless = json!({"displayName": "nobody"});
        let page = page(&[user("a", "A"), nameless], None);
        a_whole_list_that_proves_nothing(page, "One object came without an id").await
    });
}

#[test]
fn a_list_that_met_an_object_without_an_id_does_not_go_on_as_if_it_had_not() {
    test(async || {
        let mut rig = users(1).await?;
        let nameless = json!({"displayName": "nobody"});
        let first = page(&[user("a", "A"), nameless], Some("1"));
        let second = page(&[user("b", "B")], None);
        answer(&rig, "users/delta", vec![first.clone(), first, second]);
        let worker = rig.worker(0).await?;
        let one_page = Delivery {
            no_time: true,
            ..Delivery::default()
        };
        rig.deliver(&worker, one_page).await;
        rig.deliver(&worker, Delivery::default()).await;
        let state = rig.state("users").await?;
        ensure!(state.complete.is_none(), "{state:?}");
        let trouble = state.trouble.unwrap_or_default();
        ensure!(trouble.contains("without an id"), "{trouble}");
        let asked = rig.simulator.requests().into_iter();
        let begun =
            asked.filter(|r| r.path.ends_with("/users/delta") && !r.query.contains("skiptoken"));
        ensure!(begun.count() == 2, "it went on from its second page");
        Ok(())
    });
}

#[test]
fn a_list_that_ends_without_a_delta_link_is_not_whole() {
    test(async || {
        let end = json!({"value": [user("a", "A")]});
        let page = ScriptedAnswer::ok(end.to_string());
        a_whole_list_that_proves_nothing(page, "without a delta link").await
    });
}

#[test]
fn a_missing_licence_is_believed_the_third_time() {
    test(async || {
        for (times, phase) in [(2, Phase::Fresh), (99, Phase::Blocked)] {
            let mut rig = Rig::new(&Setup::small(2, &["sign_in_activity"])).await?;
            let fault = Fault::next("signInActivity", times, FaultKind::NonPremium);
            rig.simulator.add_fault(fault);
            rig.sync().await?;
            let state = rig.state("sign_in_activity").await?;
            ensure!(state.phase == phase, "after {times}: {state:?}");
        }
        Ok(())
    });
}

#[test]
fn days_that_microsoft_keeps_no_more_are_kept() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(1, &["secure_scores"])).await?;
        let days = |days: &[&str]| {
            let score = |day: &&str| json!({"id": format!("tenant_{day}"), "currentScore": 1.5});
            let scores: Vec<Value> = days.iter().map(score).collect();
            ScriptedAnswer::ok(json!({"value": scores}).to_string())
        };
        let first = days(&["2026-01-02", "2026-01-01"]);
        answer(&rig, "secureScores", vec![first, days(&["2026-01-03"])]);
        rig.sync().await?;
        rig.sync().await?;
        let held = rig.held("secure_scores").await?;
        let held: Vec<&str> = held.keys().map(String::as_str).collect();
        ensure!(
            held == [
                "tenant_2026-01-01",
                "tenant_2026-01-02",
                "tenant_2026-01-03"
            ],
            "{held:?}"
        );
        let state = rig.state("secure_scores").await?;
        ensure!(
            state.phase == Phase::Fresh && state.records == 3,
            "{state:?}"
        );
        Ok(())
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
        let counted = rig.change(|_| {}).await?.glance.get(&ALL_USERS);
        ensure!(counted == Some(3), "{counted:?} users are counted");
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

/// Users of whom some are gone, as the next list will tell: a whole one, since the last is a week old.
async fn a_loss(of: u32, gone: u32) -> Result<Rig> {
    let rig = synced(of).await?;
    rig.microsoft.delete_users(gone);
    rig.simulator.advance(Duration::from_secs(8 * 86_400));
    Ok(rig)
}

/// Whatever Microsoft holds, its own count says so from now on.
fn counted(rig: &Rig, kind: FaultKind) {
    rig.simulator.clear_faults();
    rig.simulator.add_fault(Fault::next("/$count", 99, kind));
}

fn says(count: u64) -> FaultKind {
    FaultKind::Answer(ScriptedAnswer::ok(count.to_string()))
}

/// How often the count was asked for, as it has to be.
fn asked_for_the_count(rig: &Rig) -> usize {
    let asked = rig.simulator.requests();
    let counts = asked.iter().filter(|r| r.path.ends_with("/users/$count"));
    let eventual = |name: Option<&String>| name.is_some_and(|level| level == "eventual");
    counts
        .filter(|r| eventual(r.headers.get("consistencylevel")))
        .count()
}

fn is_not_believed(state: &DatasetState, counted: u64, listed: u64) -> Result<()> {
    let told = format!("Microsoft counts {counted} users, and its list ended after {listed}.");
    let trouble = state.trouble.as_deref().unwrap_or_default();
    ensure!(
        state.phase == Phase::Incomplete && trouble.starts_with(&told),
        "{state:?}"
    );
    ensure!(state.fell_short == Some(listed) && state.checkpoint == Checkpoint::default());
    Ok(())
}

#[test]
fn a_count_that_disagrees_holds_a_whole_list_back_once() {
    test(async || {
        let mut rig = a_loss(40, 1).await?;
        let before = rig.state("users").await?;
        counted(&rig, says(70));
        rig.sync().await?;
        let state = rig.state("users").await?;
        is_not_believed(&state, 70, 39)?;
        ensure!(state.complete == before.complete && state.run.removed == 0);
        ensure!(
            rig.held("users").await?.len() == 40,
            "the missing one is kept"
        );
        let summaries = rig.store.summaries(rig.tenant).await?;
        ensure!(summaries.last().and_then(|s| s.counts.get(&ALL_USERS)) == Some(40));
        let soon = now().checked_add(jiff::SignedDuration::from_mins(5))?;
        ensure!(rig.next_due().is_some_and(|at| at <= soon), "{state:?}");
        // The same again: two lists agree, and the count is known to differ.
        rig.sync().await?;
        right(&rig).await?;
        let state = rig.state("users").await?;
        let whole = state.complete.as_ref().expect("it is whole");
        ensure!(
            (whole.objects, whole.counted) == (39, Some(70)),
            "{state:?}"
        );
        ensure!(state.fell_short.is_none() && state.run.removed == 1);
        // A week later it still differs, and that is known.
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn a_count_that_disagrees_twice_leaves_a_great_loss_to_the_guard() {
    test(async || {
        let mut rig = a_loss(40, 30).await?;
        counted(&rig, says(99));
        rig.sync().await?;
        let state = rig.state("users").await?;
        is_not_believed(&state, 99, 10)?;
        ensure!(state.held_removal.is_none(), "nobody is asked yet");
        for _ in 0..2 {
            rig.sync().await?;
            let state = rig.state("users").await?;
            let held = state.held_removal.expect("it is asked");
            ensure!((held.records, held.of) == (30, 40), "{held:?}");
            ensure!(state.phase == Phase::Fresh);
            ensure!(rig.held("users").await?.len() == 40);
        }
        Ok(())
    });
}

#[test]
fn a_count_that_disagrees_by_little_or_downwards_changes_nothing() {
    test(async || {
        for count in [0, 3, 39, 59] {
            let mut rig = a_loss(40, 1).await?;
            counted(&rig, says(count));
            rig.sync().await?;
            right(&rig).await?;
            let whole = rig.state("users").await?.complete.expect("it is whole");
            ensure!((whole.objects, whole.counted) == (39, Some(count)));
        }
        Ok(())
    });
}

#[test]
fn a_count_that_cannot_be_had_is_asked_for_once_and_changes_nothing() {
    test(async || {
        let ok = |body: &str| FaultKind::Answer(ScriptedAnswer::ok(body));
        for kind in [
            FaultKind::Status(429, Some("600".to_owned())),
            FaultKind::Status(429, None),
            FaultKind::Status(401, None),
            FaultKind::Status(404, None),
            FaultKind::Status(410, None),
            FaultKind::HtmlBody(503),
            FaultKind::Reset,
            FaultKind::Truncate,
            FaultKind::HalfGzip,
            FaultKind::Hang(Duration::from_secs(3600)),
            ok(""),
            ok("seventy"),
            ok(r#"{"value": 70}"#),
            ok(&"7".repeat(2000)),
        ] {
            let mut rig = a_loss(40, 1).await?;
            counted(&rig, kind.clone());
            rig.simulator.clear_requests();
            let began = Instant::now();
            rig.sync().await?;
            ensure!(began.elapsed() < Duration::from_secs(20), "{kind:?}");
            right(&rig).await?;
            let state = rig.state("users").await?;
            let whole = state.complete.expect("it is whole");
            ensure!((whole.objects, whole.counted) == (39, None), "{kind:?}");
            ensure!(state.run.throttled_ms == 0, "{kind:?}");
            let asked = asked_for_the_count(&rig);
            // What was never answered is not in the simulator's log.
            let hung = matches!(kind, FaultKind::Hang(_));
            ensure!(hung || asked == 1, "asked {asked} times of {kind:?}");
        }
        Ok(())
    });
}

#[test]
fn a_list_that_ends_before_its_last_pages_is_caught_by_the_count() {
    test(async || {
        let mut rig = users(200).await?;
        let cut_after = |pages: u32| Fault {
            path_contains: "skiptoken".to_owned(),
            from: pages,
            count: 1,
            kind: FaultKind::Answer(page(&[], None)),
        };
        rig.simulator.add_fault(cut_after(10));
        rig.sync().await?;
        let state = rig.state("users").await?;
        is_not_believed(&state, 200, 40)?;
        ensure!(state.complete.is_none(), "{state:?}");
        for summary in rig.store.summaries(rig.tenant).await? {
            ensure!(summary.counts.get(&ALL_USERS).is_none(), "{summary:?}");
        }
        rig.sync().await?;
        right(&rig).await?;
        // A week later it lacks no more than the guard would let go.
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
        rig.simulator.clear_faults();
        rig.simulator.add_fault(cut_after(44));
        rig.sync().await?;
        is_not_believed(&rig.state("users").await?, 200, 176)?;
        ensure!(rig.held("users").await?.len() == 200);
        rig.sync().await?;
        right(&rig).await?;
        let whole = rig.state("users").await?.complete.expect("it is whole");
        ensure!((whole.objects, whole.counted) == (200, Some(200)));
        Ok(())
    });
}

#[test]
fn the_count_is_asked_for_at_the_end_of_a_whole_list_and_in_no_delta_round() {
    test(async || {
        let mut rig = users(9).await?;
        let worker = rig.worker(0).await?;
        let one_page = Delivery {
            no_time: true,
            ..Delivery::default()
        };
        rig.deliver(&worker, one_page).await;
        ensure!(asked_for_the_count(&rig) == 0, "the list goes on");
        rig.deliver(&worker, Delivery::default()).await;
        ensure!(asked_for_the_count(&rig) == 1);
        right(&rig).await?;
        rig.microsoft.change_users(2);
        rig.sync().await?;
        rig.sync().await?;
        ensure!(asked_for_the_count(&rig) == 1, "a delta round is no list");
        right(&rig).await
    });
}
