//! A worker that was taken over, and writes all the same.

use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use muster_platform::{now, store::StoreError};
use muster_soak::{
    door::{Calls, StoreFault},
    judge::right,
    own_time,
    rig::{Delivery, Rig, Setup},
};
use std::time::Duration;

/// What happens to the tenant between the two workers' readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Changed,
    Removed,
}

/// The first worker reads users as they are; its batch is held up on its way. The second, whose clock
/// is ten minutes ahead, finds the lease lapsed, reads them as they are by then, and ends. Then the
/// first one's batch arrives.
async fn overtaken(later: bool, between: Between) -> Result<()> {
    let mut rig = Rig::new(&Setup::small(4, &["users"])).await?;
    if later {
        rig.sync().await?;
        rig.microsoft.change_users(4);
    }
    let (slow, fast) = (rig.worker(0).await?, rig.worker(600).await?);
    let held_up = StoreFault::Late(Duration::from_secs(5));
    slow.door.add_fault(Calls::RecordWrites, 1, 9, held_up);
    let first = tokio::spawn(rig.delivery(&slow, Delivery::default()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let read_by_slow = rig.truth("users")?;
    match between {
        Between::Changed => drop(rig.microsoft.change_users(4)),
        Between::Removed => {
            let gone = rig.microsoft.delete_users(1);
            gone.first().context("a user is gone")?;
        }
    }
    ensure!(
        rig.deliver(&fast, Delivery::default()).await,
        "the second takes over"
    );
    right(&rig).await?;
    first.await.ok();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let fencing = slow.door.fencing();
    ensure!(fencing.late_batches > 0, "nothing was late");
    ensure!(fencing.states_overwritten + fencing.records_overwritten == 0);
    ensure!(fencing.records_refused > 0, "{fencing:?}");
    match between {
        // Nothing of what the second wrote was overwritten.
        Between::Changed => right(&rig).await?,
        // What the second knew to be gone bears no number that could have stopped the first …
        Between::Removed => {
            let held = rig.held("users").await?;
            ensure!(held == read_by_slow, "it did no harm at all");
        }
    }
    // … and one more sync makes it as if the first had never come.
    rig.sync().await?;
    right(&rig).await
}

#[test]
fn a_late_batch_of_a_first_sync_overwrites_nothing() {
    muster_soak::log();
    own_time::run(|| overtaken(false, Between::Changed)).expect("it is turned away");
}

#[test]
fn a_late_batch_of_a_delta_round_overwrites_nothing() {
    muster_soak::log();
    own_time::run(|| overtaken(true, Between::Changed)).expect("it is turned away");
}

#[test]
fn a_late_batch_that_brings_back_what_is_gone_is_made_good_by_the_next_sync() {
    muster_soak::log();
    own_time::run(|| overtaken(false, Between::Removed)).expect("it is made good");
}

#[test]
fn a_lease_that_holds_is_nobody_elses() {
    muster_soak::log();
    let story = async || {
        let rig = Rig::new(&Setup::small(1, &["users"])).await?;
        let (store, begun) = (&rig.store, now());
        let after = |seconds| begun + SignedDuration::from_secs(seconds);
        let take = |owner, seconds| store.acquire_lease(rig.tenant, owner, after(seconds));
        let lease = take("one", 0).await?.context("nobody holds it")?;
        ensure!(take("another", 50).await?.is_none(), "it is held");
        store.renew_lease(&lease, after(50)).await?;
        ensure!(take("another", 100).await?.is_none(), "it was renewed");
        let other = take("another", 115).await?.context("it has lapsed")?;
        ensure!(other.number > lease.number && other.contested_at.is_some());
        let lost = store.renew_lease(&lease, after(116)).await;
        ensure!(matches!(lost, Err(StoreError::LeaseLost)), "{lost:?}");
        Ok(())
    };
    own_time::run(story).expect("one at a time");
}
