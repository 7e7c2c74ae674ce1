//! A worker that was taken over, and writes all the same.

use anyhow::{Result, ensure};
use muster_soak::{
    door::{Calls, StoreFault},
    own_time,
    play::right,
    rig::{Delivery, Rig, Setup},
};
use std::time::Duration;

/// The first worker reads users as they are; its batch is held up on its way. The second, whose clock
/// is ten minutes ahead, finds the lease lapsed, reads them as they are by then, and ends. Then the
/// first one's batch arrives.
async fn overtaken(later: bool) -> Result<()> {
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
    rig.microsoft.change_users(4);
    ensure!(
        rig.deliver(&fast, Delivery::default()).await,
        "the second takes over"
    );
    right(&rig).await?;
    first.await.ok();
    tokio::time::sleep(Duration::from_secs(30)).await;
    // The batch has arrived, and has written what is no longer so …
    ensure!(slow.door.fencing().late_batches > 0, "nothing was late");
    ensure!(
        rig.held("users").await? == read_by_slow,
        "the late batch did no harm at all"
    );
    // … but no state: those of the second stand.
    ensure!(slow.door.fencing().states_overwritten == 0);
    // In a delta round the slow one has lost its lease before it comes to write one.
    ensure!(
        later || slow.door.fencing().states_refused > 0,
        "{:?}",
        slow.door.fencing()
    );
    // One more sync, and it is as if it had never come.
    rig.sync().await?;
    right(&rig).await
}

#[test]
fn a_late_batch_of_a_first_sync_is_made_good_by_the_next_sync() {
    muster_soak::log();
    own_time::run(|| overtaken(false)).expect("it is made good");
}

#[test]
fn a_late_batch_of_a_delta_round_is_made_good_by_the_next_sync() {
    muster_soak::log();
    own_time::run(|| overtaken(true)).expect("it is made good");
}
