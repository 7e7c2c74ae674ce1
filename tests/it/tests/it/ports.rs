//! The ports' contract, on the local side.

use anyhow::Result;
use muster_domain::TenantId;
use muster_it::contract;
use muster_platform::{
    alert::Alerts,
    queue::{LocalQueue, LocalReceiver, Queue, SyncMessage},
    schedule::{LocalSchedule, Schedule},
    vault::{FileVault, Vault},
};
use std::time::Duration;

fn tenants() -> [TenantId; 2] {
    [
        TenantId::from(uuid::Uuid::from_u128(1)),
        TenantId::from(uuid::Uuid::from_u128(2)),
    ]
}

async fn next(receiver: &mut LocalReceiver, within: Duration) -> Option<TenantId> {
    let message = tokio::time::timeout(within, receiver.receive())
        .await
        .ok()??;
    Some(message.tenant_id)
}

#[tokio::test]
async fn the_file_vault_keeps_the_vaults_contract() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let vault = FileVault::open(folder.path().join("vault"), folder.path().join("key"), None)?;
    let [tenant, other] = tenants();
    let vault = Vault::File(vault);
    contract::vault(&vault, tenant, other).await;
    contract::vault_staged_twice(&vault, tenant).await;
    Ok(())
}

#[tokio::test]
async fn the_local_queue_and_timer_keep_their_contracts() {
    let (queue, mut receiver) = LocalQueue::new();
    let schedule = Schedule::Local(LocalSchedule::start(queue.clone()));
    contract::queue(&Queue::Local(queue), tenants(), async |within| {
        next(&mut receiver, within).await
    })
    .await;
    contract::schedule(&schedule, tenants(), async |within| {
        next(&mut receiver, within).await
    })
    .await;
}

#[tokio::test]
async fn a_message_that_waits_serves_for_a_second_request_and_one_in_hand_for_none() {
    let (queue, mut receiver) = LocalQueue::new();
    let [tenant_id, other] = tenants();
    let soon = Duration::from_millis(200);
    for tenant_id in [tenant_id, tenant_id, other] {
        queue.send(SyncMessage { tenant_id }).expect("it is taken");
    }
    assert_eq!(next(&mut receiver, soon).await, Some(tenant_id));
    queue.send(SyncMessage { tenant_id }).expect("it is taken");
    assert_eq!(next(&mut receiver, soon).await, Some(other), "in order");
    assert_eq!(next(&mut receiver, soon).await, Some(tenant_id));
    assert_eq!(next(&mut receiver, soon).await, None);
}

#[tokio::test]
async fn the_log_takes_every_alert() {
    contract::alerts(&Alerts::Log, tenants()[0]).await;
}
