//! A sync that was given up is a stored fact: why, since when, how often, and when it is tried again.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use muster_domain::{
    Integration,
    integration::{Problem, Status},
    sync_failure::{SyncFailure, TRIES},
};
use muster_platform::{now, request_sync::request_sync};
use muster_soak::{
    door::{Calls, StoreFault},
    judge::right,
    own_time,
    rig::{Delivery, Rig, Setup, Worker},
};

async fn integration(rig: &Rig) -> Result<Integration> {
    let known = rig.store.integration(rig.tenant).await?;
    known.context("the integration is there")
}

async fn failure(rig: &Rig) -> Result<SyncFailure> {
    let failure = integration(rig).await?.sync_failure;
    failure.context("the failure is stored")
}

async fn problem(rig: &Rig, kind: &str) -> Result<Option<Problem>> {
    let states = rig.store.states(rig.tenant).await?;
    let mut problems = integration(rig).await?.problems(&states, now());
    problems.retain(|problem| problem.kind == kind);
    Ok(problems.pop())
}

/// Hands a worker a message as often as the queue does; all tries fail.
async fn fail(rig: &mut Rig, worker: &Worker) -> Result<()> {
    for tries in 0..TRIES {
        let delivery = Delivery {
            tries,
            ..Delivery::default()
        };
        ensure!(
            !rig.deliver(worker, delivery).await,
            "try {tries} went well"
        );
    }
    Ok(())
}

#[test]
fn a_sync_that_was_given_up_says_why_how_often_and_when_it_is_tried_again() {
    muster_soak::log();
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(6, &["users"])).await?;
        let services = rig.services(rig.store.clone())?;
        let worker = rig.worker(0).await?;
        request_sync(&services, rig.tenant, |_, _| {}).await?;
        // Every write of a record fails, as that of one which is too large does.
        worker
            .door
            .add_fault(Calls::RecordWrites, 1, 9999, StoreFault::ServerError);
        for in_a_row in 1..=2 {
            fail(&mut rig, &worker).await?;
            let failure = failure(&rig).await?;
            ensure!(failure.in_a_row == in_a_row, "{failure:?}");
            let next = failure.next_try_at;
            let delay = next.duration_since(failure.at);
            ensure!(
                delay == SignedDuration::from_mins(in_a_row.into()),
                "{delay}"
            );
            ensure!(rig.next_due() <= Some(next), "it is scheduled");
            let problem = problem(&rig, "sync_failed").await?.context("it is told")?;
            ensure!(problem.attention && problem.since == Some(failure.since));
        }
        let known = integration(&rig).await?;
        let states = rig.store.states(rig.tenant).await?;
        ensure!(known.status(&states, now()) == Status::NeedsAttention);
        ensure!(
            !known.sync.running(now()) && !known.sync.is_queued(now()),
            "{:?}",
            known.sync
        );
        // It goes by itself with the next sync that succeeds.
        rig.sync().await?;
        right(&rig).await?;
        ensure!(integration(&rig).await?.sync_failure.is_none());
        ensure!(problem(&rig, "sync_failed").await?.is_none());
        Ok(())
    });
}

#[test]
fn a_sync_that_broke_off_does_not_run_and_its_dataset_is_not_being_read() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(6, &["users"])).await?;
        let worker = rig.worker(0).await?;
        worker
            .door
            .add_fault(Calls::RecordWrites, 1, 9999, StoreFault::ServerError);
        ensure!(!rig.deliver(&worker, Delivery::default()).await);
        let known = integration(&rig).await?;
        ensure!(known.sync.started_at.is_some() && !known.sync.running(now()));
        let told = problem(&rig, "incomplete").await?.context("it is told")?;
        ensure!(
            told.sentence.contains("broke off") && !told.attention,
            "{told:?}"
        );
        Ok(())
    });
}

#[test]
fn a_worker_that_died_and_was_followed_by_no_other_needs_attention() {
    own_time::test(async || {
        let rig = Rig::new(&Setup::small(6, &["users"])).await?;
        let long_ago = now() - SignedDuration::from_mins(40);
        let begun = rig.store.begin_sync(rig.tenant, "died", long_ago).await?;
        ensure!(begun.is_some());
        let told = problem(&rig, "sync_cut_off").await?.context("it is told")?;
        ensure!(told.attention, "{told:?}");
        let begun = rig.store.begin_sync(rig.tenant, "next", now()).await?;
        ensure!(begun.is_some() && problem(&rig, "sync_cut_off").await?.is_none());
        Ok(())
    });
}

#[test]
fn a_sign_in_service_that_is_away_leaves_a_failure_and_nothing_on_its_way() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        rig.sync().await?;
        let fault = "oauth2/v2.0/token#1x*=reset".parse::<microsoft_simulator::Fault>();
        rig.simulator.add_fault(fault?);
        let services = rig.services(rig.store.clone())?;
        request_sync(&services, rig.tenant, |_, _| {}).await?;
        let worker = rig.worker(0).await?;
        fail(&mut rig, &worker).await?;
        let failure = failure(&rig).await?;
        ensure!(failure.sentence.contains("sign-in service"), "{failure:?}");
        ensure!(rig.next_due() <= Some(failure.next_try_at));
        ensure!(!integration(&rig).await?.sync.is_queued(now()));
        rig.simulator.clear_faults();
        rig.sync().await?;
        ensure!(integration(&rig).await?.sync_failure.is_none());
        Ok(())
    });
}
