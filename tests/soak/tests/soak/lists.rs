//! Lists that mislead: that never tell of a deletion, that never end, whose place is lost.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ListFault};
use muster_domain::state::Phase;
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Delivery, Rig, Setup},
};
use std::time::Duration;

async fn synced(users: u32) -> Result<Rig> {
    let setup = Setup {
        largest_page: 100,
        ..Setup::small(users, &["users"])
    };
    let mut rig = Rig::new(&setup).await?;
    rig.sync().await?;
    right(&rig).await?;
    Ok(rig)
}

fn goes_wrong(rig: &Rig, path: &str, kind: ListFault) {
    let kind = FaultKind::List(kind);
    rig.simulator.add_fault(Fault::next(path, 9_999, kind));
}

/// A sync so many hours later.
async fn later(rig: &mut Rig, hours: i64) -> Result<()> {
    let by = jiff::SignedDuration::from_hours(hours);
    Box::pin(muster_platform::clock::ahead(by, rig.sync())).await
}

fn asked(rig: &Rig, path: &str) -> usize {
    let requests = rig.simulator.requests();
    let of = requests
        .iter()
        .filter(|request| request.path.ends_with(path));
    of.count()
}

#[test]
fn delta_rounds_that_never_tell_of_a_deletion_are_held_against_microsofts_count() {
    test(async || {
        let mut rig = synced(120).await?;
        goes_wrong(&rig, "deltatoken", ListFault::NoRemovals);
        rig.microsoft.delete_users(23);
        rig.sync().await?;
        ensure!(
            rig.held("users").await?.len() == 120,
            "the round told of nothing"
        );
        rig.simulator.clear_requests();
        later(&mut rig, 25).await?;
        ensure!(rig.held("users").await?.len() == 97);
        right(&rig).await?;
        ensure!(rig.state("users").await?.phase == Phase::Fresh);
        Ok(())
    });
}

#[test]
fn sixty_held_where_thirty_are_there_have_the_whole_list_read_and_a_person_asked() {
    test(async || {
        let mut rig = synced(60).await?;
        goes_wrong(&rig, "deltatoken", ListFault::NoRemovals);
        rig.microsoft.delete_users(30);
        later(&mut rig, 25).await?;
        let state = rig.state("users").await?;
        let asked_about = state.held_removal.context("a person is asked")?;
        ensure!(
            (asked_about.records, asked_about.of) == (30, 60),
            "{state:?}"
        );
        ensure!(state.complete.context("whole")?.counted == Some(30));
        Ok(())
    });
}

#[test]
fn the_count_is_asked_for_once_a_day_and_a_known_difference_reads_nothing_twice() {
    test(async || {
        let mut rig = synced(120).await?;
        rig.simulator.clear_requests();
        for hours in [1, 2, 25, 26, 47, 50] {
            later(&mut rig, hours).await?;
        }
        ensure!(
            asked(&rig, "/users/$count") == 2,
            "{}",
            asked(&rig, "/users/$count")
        );
        ensure!(
            asked(&rig, "/users/delta") == 6,
            "{}",
            asked(&rig, "/users/delta")
        );
        // A count that is always half of the list: one whole list says so, and is believed.
        let half = microsoft_simulator::ScriptedAnswer::ok("60");
        rig.simulator
            .add_fault(Fault::next("/users/$count", 99, FaultKind::Answer(half)));
        later(&mut rig, 75).await?;
        rig.simulator.clear_requests();
        later(&mut rig, 100).await?;
        ensure!(
            asked(&rig, "/users/delta") == 1,
            "{}",
            asked(&rig, "/users/delta")
        );
        ensure!(rig.held("users").await?.len() == 120);
        Ok(())
    });
}

#[test]
fn the_same_page_under_ever_new_links_stops_at_a_bound_and_removes_nothing() {
    test(async || {
        for first in [true, false] {
            let mut rig = Rig::new(&Setup::small(30, &["users", "detected_apps"])).await?;
            if !first {
                rig.sync().await?;
                // Its delta token is too old: a whole enumeration follows.
                rig.simulator.advance(Duration::from_secs(8 * 86_400));
            }
            let held = rig.held("users").await?.len();
            goes_wrong(&rig, "users/delta", ListFault::Endless(false));
            goes_wrong(&rig, "detectedApps", ListFault::Endless(false));
            rig.simulator.clear_requests();
            let asked_at = muster_platform::now();
            rig.change(|integration| integration.sync.requested_at = Some(asked_at))
                .await?;
            rig.sync().await?;
            for name in ["users", "detected_apps"] {
                let state = rig.state(name).await?;
                ensure!(state.phase == Phase::Incomplete, "{state:?}");
                let why = state.trouble.context("it says why")?;
                ensure!(why.contains("does not end"), "{why}");
                ensure!(state.held_removal.is_none() && state.run.removed == 0);
            }
            ensure!(
                asked(&rig, "/users/delta") < 150,
                "{}",
                asked(&rig, "/users/delta")
            );
            ensure!(rig.held("users").await?.len() >= held);
            // It recovers by itself.
            rig.simulator.clear_faults();
            rig.sync().await?;
            right(&rig).await?;
            ensure!(rig.state("users").await?.phase == Phase::Fresh);
        }
        Ok(())
    });
}

#[test]
fn a_delta_round_that_does_not_end_stops_and_the_whole_list_follows() {
    test(async || {
        let mut rig = synced(30).await?;
        rig.microsoft.change_users(3);
        goes_wrong(&rig, "deltatoken", ListFault::Endless(false));
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(state.phase == Phase::Incomplete && state.checkpoint.delta_link.is_none());
        rig.simulator.clear_faults();
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn more_objects_than_microsofts_own_count_explains_stop_a_list() {
    test(async || {
        let mut rig = synced(30).await?;
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
        goes_wrong(&rig, "users/delta", ListFault::Endless(true));
        rig.sync().await?;
        let why = rig.state("users").await?.trouble.context("it says why")?;
        ensure!(why.contains("where Microsoft itself counts 30"), "{why}");
        ensure!(rig.held("users").await?.len() < 10_000);
        rig.simulator.clear_faults();
        Ok(())
    });
}

#[test]
fn a_lost_delta_token_re_reads_quietly() {
    test(async || {
        let mut rig = synced(30).await?;
        rig.microsoft.change_users(1);
        rig.simulator
            .add_fault(Fault::next("deltatoken", 1, FaultKind::SyncStateNotFound));
        let (store, tenant) = (rig.store.clone(), rig.tenant);
        let (told, seen) = std::sync::mpsc::channel();
        let handle = tokio::runtime::Handle::current();
        // What a person sees when the first page of the whole list is asked for.
        rig.simulator.at_request("$select", 1, move || {
            handle.spawn(async move {
                let states = store.states(tenant).await;
                told.send(states).ok();
            });
        });
        // Slow enough that it is seen before the list ends.
        let slow = FaultKind::Hang(Duration::from_millis(300));
        rig.simulator.add_fault(Fault::next("$select", 1, slow));
        let worker = rig.worker(1400).await?;
        ensure!(rig.deliver(&worker, Delivery::default()).await);
        let states = seen.recv_timeout(Duration::from_secs(5))??;
        let users = states.iter().find(|state| state.dataset == "users");
        let users = users.context("the state of users")?;
        ensure!(users.phase == Phase::Running, "{users:?}");
        ensure!(users.trouble.is_none(), "{users:?}");
        right(&rig).await
    });
}
