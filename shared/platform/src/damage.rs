//! Stored records that are not as they were written: noticed whenever records are read, made good by
//! reading the dataset again.

use crate::store::{Store, StoreError};
use jiff::Timestamp;
use muster_domain::TenantId;

/// Notes that stored records of a dataset are missing or altered. The tenant's next sync reads the
/// dataset from its start.
///
/// # Errors
/// When the store does not answer.
pub async fn note(
    store: &Store,
    tenant: TenantId,
    dataset: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    store
        .update_integration(tenant, |integration| {
            integration.found_damage(dataset, now);
        })
        .await?;
    Ok(())
}
