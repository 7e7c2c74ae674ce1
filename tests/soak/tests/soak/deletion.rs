//! A deletion that crashes after each of its writes goes on, and its receipt is as if nothing had happened.

use anyhow::{Context, Result, ensure};
use muster_domain::deletion::{Deletion, Part};
use muster_platform::{Store, now};
use muster_soak::{
    door::Calls,
    own_time,
    rig::{Delivery, Rig, Setup, Worker},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::AbortHandle;

/// A tenant that was synced twice and is being deleted, and the worker that gets its message.
async fn before() -> Result<(Rig, Worker)> {
    let setup = Setup {
        // The other tests need the secret of theirs.
        tenant: 8,
        ..Setup::small(6, &["users", "subscribed_skus", "sign_in_activity"])
    };
    let mut rig = Rig::new(&setup).await?;
    rig.sync().await?;
    rig.microsoft.change_users(2);
    rig.sync().await?;
    rig.store
        .mark_deleting(rig.tenant)
        .await?
        .context("it is there")?;
    let worker = rig.worker(0).await?;
    Ok((rig, worker))
}

async fn receipt(store: &Store, rig: &Rig) -> Result<Deletion> {
    ensure!(
        store.integration(rig.tenant).await?.is_none(),
        "the integration is there"
    );
    for part in Part::all() {
        let left = store.keys_to_erase(rig.tenant, part).await?;
        ensure!(left.is_empty(), "{part:?} holds {left:?}");
    }
    let mut deletion = store.deletion(rig.tenant, now()).await?.value;
    ensure!(
        deletion.finished_at.is_some(),
        "it has not ended: {deletion:?}"
    );
    // Times, and which lease it was, are of no account. The vault is shared by all rigs.
    deletion.finished_at = None;
    deletion.asked_at = None;
    deletion.connected_at = None;
    deletion.lease = 0;
    deletion.secret = true;
    Ok(deletion)
}

async fn uninterrupted() -> Result<(u32, Deletion)> {
    let (mut rig, worker) = before().await?;
    ensure!(rig.deliver(&worker, Delivery::default()).await, "it failed");
    let receipt = receipt(&rig.store, &rig).await?;
    Ok((worker.door.seen(Calls::Writes), receipt))
}

async fn crash(nth: u32) -> Result<(bool, Deletion)> {
    let (mut rig, worker) = before().await?;
    let running: Arc<Mutex<Option<AbortHandle>>> = Arc::default();
    let own = Arc::clone(&running);
    worker.door.after_call(Calls::Writes, nth, move || {
        if let Some(handle) = own.lock().expect("no panic").as_ref() {
            handle.abort();
        }
    });
    let task = tokio::spawn(rig.delivery(&worker, Delivery::default()));
    *running.lock().expect("no panic") = Some(task.abort_handle());
    let died = task.await.is_err();
    tokio::time::sleep(Duration::from_secs(60)).await;
    if let Some(known) = rig.store.integration(rig.tenant).await? {
        ensure!(known.deleting, "it claims to be whole");
    }
    let again = rig.worker(0).await?;
    ensure!(
        rig.deliver(&again, Delivery::default()).await,
        "it does not go on"
    );
    Ok((died, receipt(&rig.store, &rig).await?))
}

#[test]
fn a_deletion_that_crashes_after_any_write_goes_on_and_counts_everything_once() {
    muster_soak::log();
    let (writes, whole) = own_time::run(uninterrupted).expect("it is deleted");
    assert!(writes > 10, "{writes} writes");
    assert!(
        whole.records["users"] == 6 && whole.changes >= 2 && whole.states >= 3,
        "{whole:?}"
    );
    let mut died = 0;
    for nth in 1..=writes {
        let (dead, receipt) =
            own_time::run(|| crash(nth)).unwrap_or_else(|why| panic!("write {nth}: {why:#}"));
        died += u32::from(dead);
        assert_eq!(receipt, whole, "after write {nth}");
    }
    assert!(died + 1 >= writes, "only {died} of {writes} crashed");
}
