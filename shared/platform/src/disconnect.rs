//! Deleting an integration: schedule, secret and data, with a receipt.

use crate::{
    Services,
    store::{Receipt, StoreError},
};
use muster_domain::TenantId;
use std::time::Duration;

/// Why an integration was not deleted whole. Asking again goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum DisconnectError {
    /// There is none.
    #[error("the tenant is not connected")]
    Unknown,
    /// The store did not answer.
    #[error("the store did not answer")]
    Store(#[source] StoreError),
    /// The vault did not let the secret go.
    #[error("the vault did not let the secret go")]
    Vault(#[source] crate::vault::VaultError),
    /// The scheduler did not answer.
    #[error("the scheduler did not answer")]
    Schedule(#[source] crate::schedule::ScheduleError),
}

/// What was deleted of an integration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Disconnected {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Whether there was a schedule.
    pub schedule: bool,
    /// Whether there was a secret.
    pub secret: bool,
    /// The data.
    #[serde(flatten)]
    pub data: Receipt,
}

/// Deletes an integration. The secret goes first: whatever else is interrupted, nothing can be
/// read from the tenant any more.
///
/// # Errors
/// When a part does not go; asking again goes on.
pub async fn disconnect(
    services: &Services,
    tenant: TenantId,
) -> Result<Disconnected, DisconnectError> {
    let known = services
        .store
        .integration(tenant)
        .await
        .map_err(DisconnectError::Store)?;
    if known.is_none() {
        return Err(DisconnectError::Unknown);
    }
    let schedule = services
        .schedule
        .remove(tenant)
        .await
        .map_err(DisconnectError::Schedule)?;
    let secret = services
        .vault
        .remove(tenant)
        .await
        .map_err(DisconnectError::Vault)?;
    let mut data = Receipt::default();
    services
        .store
        .erase(tenant, &mut data)
        .await
        .map_err(DisconnectError::Store)?;
    // A worker that was busy has lost its lease and stops at its next page; what it wrote until
    // then goes in a second pass.
    if known.is_some_and(|known| known.sync.started_at.is_some()) {
        tokio::time::sleep(Duration::from_secs(2)).await;
        services
            .store
            .erase(tenant, &mut data)
            .await
            .map_err(DisconnectError::Store)?;
    }
    Ok(Disconnected {
        tenant_id: tenant,
        schedule,
        secret,
        data,
    })
}
