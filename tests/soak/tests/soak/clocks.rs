//! A clock that was ahead once: what it dated counts as due now, is told, and holds nothing back.

use anyhow::{Context as _, Result, ensure};
use jiff::SignedDuration;
use muster_domain::{Integration, integration::Problem, state::Phase};
use muster_platform::{clock::ahead, now, request_sync::request_sync, store::ChangeQuery};
use muster_soak::{
    judge::right,
    own_time,
    rig::{Delivery, Rig, Setup},
};

const YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);

async fn integration(rig: &Rig) -> Result<Integration> {
    let known = rig.store.integration(rig.tenant).await?;
    known.context("the integration is there")
}

/// What is told of clocks.
async fn told(rig: &Rig) -> Result<Vec<Problem>> {
    let states = rig.store.states(rig.tenant).await?;
    let mut problems = integration(rig).await?.problems(&states, now());
    problems.retain(|problem| problem.kind == "clock_was_ahead");
    Ok(problems)
}

/// A message of the schedule, which asks for what is due and no more.
async fn turn(rig: &mut Rig) -> Result<()> {
    let worker = rig.worker(0).await?;
    ensure!(rig.deliver(&worker, Delivery::default()).await);
    Ok(())
}

#[test]
fn a_sync_that_a_clock_ahead_has_dated_is_told_and_everything_is_due_now() {
    muster_soak::log();
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(6, &["users", "organization"])).await?;
        let worker = rig.worker(0).await?;
        let dated = ahead(YEAR, rig.delivery(&worker, Delivery::default()));
        ensure!(dated.await, "a sync a year ahead");
        rig.microsoft.change_users(3);
        let problems = told(&rig).await?;
        ensure!(problems.len() == 1, "{problems:?}");
        ensure!(integration(&rig).await?.sync.finished_at.is_none());
        turn(&mut rig).await?;
        right(&rig).await?;
        ensure!(told(&rig).await?.is_empty(), "all is dated anew");
        for state in rig.states().await?.into_values() {
            let times = [state.last_attempt_at, state.last_success_at];
            let past = times.iter().all(|at| at.is_some_and(|at| at <= now()));
            ensure!(past && state.phase == Phase::Fresh, "{state:?}");
        }
        Ok(())
    });
}

#[test]
fn a_request_of_a_clock_ahead_is_on_its_way_no_longer_and_later_ones_are_served() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        rig.sync().await?;
        let services = rig.services(rig.store.clone())?;
        ahead(YEAR, request_sync(&services, rig.tenant, |_, _| {})).await?;
        let sync = integration(&rig).await?.sync;
        ensure!(
            !sync.is_queued(now()) && sync.requested_at.is_none(),
            "{sync:?}"
        );
        request_sync(&services, rig.tenant, |_, _| {}).await?;
        rig.microsoft.change_users(3);
        turn(&mut rig).await?;
        ensure!(told(&rig).await?.is_empty());
        right(&rig).await
    });
}

#[test]
fn a_lease_of_a_clock_ahead_is_taken_over_and_dates_no_change() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        rig.sync().await?;
        // A worker a year ahead takes over a lease, begins, and dies.
        let far = now() + YEAR;
        let begun = rig.store.begin_sync(rig.tenant, "lost", now()).await?;
        ensure!(begun.is_some(), "it was free");
        let begun = rig.store.begin_sync(rig.tenant, "dead", far).await?;
        ensure!(begun.is_some_and(|lease| lease.contested_at.is_some()));
        rig.microsoft.change_users(3);
        let requested = now();
        rig.change(|it| it.sync.requested_at = Some(requested))
            .await?;
        turn(&mut rig).await?;
        right(&rig).await?;
        let again = rig.store.begin_sync(rig.tenant, "next", now()).await?;
        let again = again.context("it was given back")?;
        let times = [again.contested_at, again.began_at];
        ensure!(
            times.into_iter().flatten().all(|at| at <= now()),
            "{again:?}"
        );
        let query = ChangeQuery {
            limit: 99,
            ..ChangeQuery::default()
        };
        let page = rig.store.changes(rig.tenant, &query).await?;
        ensure!(!page.changes.is_empty(), "users changed");
        let dates = page.changes.iter().map(|change| change.at);
        ensure!(dates.max() <= Some(now()), "{:?}", page.changes);
        Ok(())
    });
}

#[test]
fn a_lease_that_holds_is_not_taken_by_a_clock_that_is_a_little_behind() {
    own_time::test(async || {
        let rig = Rig::new(&Setup::small(3, &["users"])).await?;
        let later = now() + SignedDuration::from_mins(10);
        let held = rig.store.begin_sync(rig.tenant, "one", later).await?;
        ensure!(held.is_some());
        let other = rig.store.begin_sync(rig.tenant, "other", now()).await?;
        ensure!(other.is_none(), "it holds");
        Ok(())
    });
}
