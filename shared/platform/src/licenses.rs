//! The account's choices of which SKUs count, kept where its other choices are.

use crate::{
    Services,
    store::{Control, StoreError},
};
use muster_domain::{
    TenantId,
    licenses::{Choice, Choices},
};
use uuid::Uuid;

/// The account's control item of its choices.
const CHOICES: &str = "license_choices";

/// A choice that was not stored.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// There are as many as there may be.
    #[error("there are as many choices as there may be")]
    TooMany,
    /// Somebody else changed them at the same time.
    #[error("somebody else changed the choices at the same time")]
    Changed,
    /// The store did not answer.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
}

/// The account's choices.
///
/// # Errors
/// When the store does not answer.
pub async fn choices(services: &Services) -> Result<Choices, StoreError> {
    let control = services.store.control(TenantId::ACCOUNT, CHOICES).await?;
    Ok(control.value)
}

/// Stores a choice for a SKU, of every client; `None` takes it back. Each client's next sync counts by it.
/// The part number names a SKU that Microsoft's published table lacks.
///
/// # Errors
/// When it is not stored.
pub async fn choose(
    services: &Services,
    sku: Uuid,
    choice: Option<Choice>,
    part_number: Option<&str>,
) -> Result<Choices, ChoiceError> {
    let mut control: Control<Choices> = services.store.control(TenantId::ACCOUNT, CHOICES).await?;
    if !control.value.choose(sku, choice) {
        return Err(ChoiceError::TooMany);
    }
    if let Some(part_number) = part_number {
        control.value.call(sku, part_number);
    }
    let store = &services.store;
    let stored = store.put_control(TenantId::ACCOUNT, CHOICES, &mut control);
    match stored.await? {
        true => Ok(control.value),
        false => Err(ChoiceError::Changed),
    }
}
