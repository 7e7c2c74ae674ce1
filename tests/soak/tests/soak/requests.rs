//! A client is said to have a sync on its way only while the message that asks for it is queued.

use anyhow::{Context as _, Result, ensure};
use microsoft_simulator::Fault;
use muster_platform::{
    Store, now,
    queue::LocalQueue,
    request_sync::{RequestError, request_sync},
};
use muster_soak::{
    door::{Calls, StoreFault},
    own_time,
    rig::{Delivery, Rig, Setup},
};
use std::time::Duration;

async fn is_queued(rig: &Rig) -> Result<bool> {
    let stored = rig.store.integration(rig.tenant).await?;
    Ok(stored
        .context("the integration is there")?
        .sync
        .is_queued(now()))
}

async fn request(rig: &Rig) -> Result<()> {
    let services = rig.services(rig.store.clone())?;
    let requested = request_sync(&services, rig.tenant, |_, _| {}).await?;
    requested.context("the tenant is connected")?;
    Ok(())
}

#[test]
fn a_request_that_the_queue_refuses_leaves_no_sync_on_its_way() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        // The queue's other end is gone: it refuses what it is sent.
        rig.queued = LocalQueue::new().1;
        for _ in 0..2 {
            let services = rig.services(rig.store.clone())?;
            let refused = request_sync(&services, rig.tenant, |_, _| {}).await;
            ensure!(matches!(refused, Err(RequestError::Queue(_))));
            ensure!(!is_queued(&rig).await?);
        }
        Ok(())
    });
}

#[test]
fn a_request_that_the_store_refuses_queues_nothing() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        let worker = rig.worker(0).await?;
        let refusing = Calls::Writes;
        worker
            .door
            .add_fault(refusing, 1, 99, StoreFault::ServerError);
        let services = rig.services(Store::embedded(worker.door.address()))?;
        let refused = request_sync(&services, rig.tenant, |_, _| {}).await;
        ensure!(
            matches!(refused, Err(RequestError::Store(_))),
            "{refused:?}"
        );
        ensure!(!is_queued(&rig).await?);
        let none = tokio::time::timeout(Duration::from_secs(60), rig.queued.receive());
        ensure!(none.await.is_err(), "a message is queued");
        Ok(())
    });
}

#[test]
fn a_request_is_on_its_way_until_its_sync_begins() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
        ensure!(!is_queued(&rig).await?);
        request(&rig).await?;
        ensure!(is_queued(&rig).await?);
        ensure!(rig.queued.receive().await.is_some(), "a message is queued");
        let worker = rig.worker(1400).await?;
        ensure!(rig.deliver(&worker, Delivery::default()).await);
        ensure!(!is_queued(&rig).await?);
        Ok(())
    });
}

#[test]
fn after_a_sign_in_that_is_refused_or_put_off_no_sync_is_on_its_way() {
    own_time::test(async || {
        for refusal in ["aadsts:7000222:401", "aadsts:50196:400"] {
            for synced in [false, true] {
                let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
                if synced {
                    rig.sync().await?;
                }
                let fault = format!("oauth2/v2.0/token#1x*={refusal}");
                rig.simulator.add_fault(fault.parse::<Fault>()?);
                request(&rig).await?;
                ensure!(is_queued(&rig).await?);
                let worker = rig.worker(1400).await?;
                ensure!(rig.deliver(&worker, Delivery::default()).await);
                ensure!(!is_queued(&rig).await?, "{refusal}, synced: {synced}");
            }
        }
        Ok(())
    });
}
