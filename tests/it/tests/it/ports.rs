//! The ports' contract, on the local side.

use anyhow::Result;
use muster_domain::TenantId;
use muster_it::contract;
use muster_platform::{
    alert::Alerts,
    queue::{LocalQueue, LocalReceiver, Queue},
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
async fn the_log_takes_every_alert() {
    contract::alerts(&Alerts::Log, tenants()[0]).await;
}
