//! A sync in which nothing changed writes three items, whatever it looked at: the lease taken, what the
//! sync leaves behind, the lease given back. What is told of each dataset is as of it all the same.

use anyhow::{Result, ensure};
use jiff::Timestamp;
use muster_domain::state::Phase;
use muster_platform::now;
use muster_soak::{
    door::Calls,
    judge::right,
    own_time,
    rig::{Delivery, Rig, Setup, Worker},
    witness::sign_in,
};
use std::time::Duration;

const DATASETS: [&str; 5] = [
    "users",
    "organization",
    "sign_in_activity",
    "managed_devices",
    "active_users",
];

/// Everything is asked for and looked at; how many items that wrote.
async fn looked_at(rig: &mut Rig, worker: &Worker) -> Result<u32> {
    let asked = now();
    rig.change(|integration| integration.sync.requested_at = Some(asked))
        .await?;
    let before = worker.door.seen(Calls::Writes);
    ensure!(rig.deliver(worker, Delivery::default()).await, "it failed");
    Ok(worker.door.seen(Calls::Writes) - before)
}

#[test]
fn a_sync_in_which_nothing_changed_writes_three_items_and_tells_when_it_was() {
    muster_soak::log();
    let story = async || {
        let mut rig = Rig::new(&Setup::small(9, &DATASETS)).await?;
        let worker = rig.worker(0).await?;
        looked_at(&mut rig, &worker).await?;
        for _ in 0..3 {
            let began = Timestamp::from_millisecond(now().as_millisecond())?;
            let written = looked_at(&mut rig, &worker).await?;
            ensure!(written == 3, "{written} items were written");
            for (name, state) in rig.states().await? {
                ensure!(state.last_attempt_at >= Some(began), "{state:?}");
                ensure!(state.last_success_at >= state.last_attempt_at, "{state:?}");
                ensure!(
                    state.phase == Phase::Fresh && state.run.requests > 0,
                    "{state:?}"
                );
                ensure!(state.data_date.is_some() == (name == "active_users"));
                let whole = state.complete.expect("it is whole").began_at >= began;
                ensure!(
                    whole == (name != "users"),
                    "a delta round is no whole enumeration"
                );
            }
            right(&rig).await?;
        }
        // Something did change: its state is stored, and what was noted before holds it back in nothing.
        rig.microsoft.change_users(2);
        ensure!(looked_at(&mut rig, &worker).await? > 3);
        let users = rig.state("users").await?;
        ensure!(users.run.written == 2, "{:?}", users.run);
        right(&rig).await
    };
    own_time::run(story).expect("it costs as little");
}

#[test]
fn what_the_tenant_is_not_licensed_for_costs_no_write_either() {
    muster_soak::log();
    let story = async || -> Result<()> {
        let datasets = ["subscribed_skus", "managed_devices", "mobile_apps"];
        let mut rig = Rig::new(&Setup::small(5, &datasets)).await?;
        rig.microsoft.set_intune(false);
        let worker = rig.worker(0).await?;
        looked_at(&mut rig, &worker).await?;
        let began = now();
        let written = looked_at(&mut rig, &worker).await?;
        ensure!(written == 3, "{written} items were written");
        let devices = rig.state("managed_devices").await?;
        ensure!(devices.phase == Phase::Blocked && !devices.verdict.allows());
        ensure!(devices.last_attempt_at > began.checked_sub(Duration::from_millis(1)).ok());
        Ok(())
    };
    own_time::run(story).expect("it costs as little");
}

#[test]
fn a_day_of_sign_ins_is_packed_and_reads_no_record() {
    muster_soak::log();
    let story = async || {
        let setup = Setup {
            largest_page: 100,
            ..Setup::small(200, &["sign_in_activity"])
        };
        let mut rig = Rig::new(&setup).await?;
        let worker = rig.worker(0).await?;
        looked_at(&mut rig, &worker).await?;
        let before = rig.state("sign_in_activity").await?.run;
        ensure!(before.written == 200, "{before:?}");
        for day in 1..4 {
            let held = rig.held("sign_in_activity").await?;
            for (second, user) in (day * 1000..).zip(held.keys().take(120)) {
                sign_in(&rig.microsoft, user.parse()?, second);
            }
            let written = looked_at(&mut rig, &worker).await?;
            let run = rig.state("sign_in_activity").await?.run;
            ensure!(
                (run.written, run.unchanged, run.changes) == (120, 80, 0),
                "{run:?}"
            );
            ensure!(written <= 9, "{written} items were written");
            ensure!(run.write_units <= 12 && run.read_units <= 15, "{run:?}");
            right(&rig).await?;
        }
        Ok(())
    };
    own_time::run(story).expect("it is packed");
}

#[test]
fn a_delta_link_is_kept_while_it_is_young_and_replaced_before_it_is_old() {
    muster_soak::log();
    let story = async || {
        let mut rig = Rig::new(&Setup::small(9, &["users"])).await?;
        let worker = rig.worker(0).await?;
        looked_at(&mut rig, &worker).await?;
        let given = rig.state("users").await?.checkpoint;
        looked_at(&mut rig, &worker).await?;
        ensure!(rig.state("users").await?.checkpoint == given, "it is young");
        let lease = rig.store.acquire_lease(rig.tenant, "test", now()).await?;
        let lease = lease.expect("nobody holds it");
        let mut state = rig.state("users").await?;
        let days_ago = now().checked_sub(jiff::SignedDuration::from_hours(4 * 24))?;
        state.checkpoint.delta_link_at = Some(days_ago);
        rig.store.put_state(&lease, &state).await?;
        rig.store.release_lease(&lease).await?;
        rig.simulator.advance(Duration::from_secs(60));
        looked_at(&mut rig, &worker).await?;
        let after = rig.state("users").await?.checkpoint;
        ensure!(
            after.delta_link_at > given.delta_link_at,
            "it grew old: {after:?}"
        );
        right(&rig).await
    };
    own_time::run(story).expect("it is replaced");
}
