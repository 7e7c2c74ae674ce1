//! Before a client is connected: the certificate that its app registration is set up with, so that
//! no client secret is ever made.
//!
//! The key pair is kept in the vault under the tenant's ID; the client gets the public certificate.

use crate::{
    Services,
    certificate::{self, LIFE},
    connect::{ConnectError, not_connected},
};
use jiff::Timestamp;
use muster_domain::{TenantId, renewal::Offered};
use secrecy::SecretString;

/// The certificate that waits for a tenant to be connected, if one does.
///
/// # Errors
/// When the store or the vault does not answer.
pub async fn prepared(
    services: &Services,
    tenant: TenantId,
) -> Result<Option<Offered>, ConnectError> {
    let stored = services.store.integration(tenant).await;
    if stored.map_err(ConnectError::Store)?.is_some() {
        return Ok(None);
    }
    let kept = services.vault.get_anew(tenant).await;
    let kept = kept.map_err(ConnectError::Vault)?;
    Ok(kept.and_then(|kept| waiting(&kept, crate::now())))
}

/// One that was made long ago would lapse soon after it is put in use.
fn waiting(kept: &SecretString, now: Timestamp) -> Option<Offered> {
    let made = certificate::of(kept)?.public()?;
    (made.expires_at.duration_since(now) > LIFE / 2).then_some(made)
}

/// Makes the certificate that a tenant is to be connected with. One that waits already is given
/// again.
///
/// # Errors
/// When the tenant is connected already, or the vault does not take it.
pub async fn certificate(services: &Services, tenant: TenantId) -> Result<Offered, ConnectError> {
    not_connected(services, tenant).await?;
    if let Some(waiting) = prepared(services, tenant).await? {
        return Ok(waiting);
    }
    let (kept, made) = certificate::make("inventory", crate::now())
        .map_err(|error| ConnectError::Certificate(error.to_string()))?;
    let vault = &services.vault;
    let created = vault.create(tenant, &kept).await;
    if !created.map_err(ConnectError::Vault)? {
        // Something is kept: of a connected tenant, or left by one that is not connected any more.
        not_connected(services, tenant).await?;
        if let Some(waiting) = prepared(services, tenant).await? {
            return Ok(waiting);
        }
        let put = vault.put(tenant, &kept).await;
        put.map_err(ConnectError::Vault)?;
    }
    Ok(made)
}
