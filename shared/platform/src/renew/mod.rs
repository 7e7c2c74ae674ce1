//! Putting a new credential in the place of the one in use, without a gap.
//!
//! Stage it beside the one in use, prove it, promote it, note it. Until it is promoted the one
//! before works on; from then on the one before is kept, and workers fall back to it. Killed
//! anywhere and asked again, it ends in a working state: each step does nothing that is done.

mod prove;
mod work;

pub(crate) use prove::{PAUSES, not_known_yet, prove};
pub use work::{Minted, mint};

use crate::{
    Services,
    connect::{ConnectError, ON_AWS_ONLY, field},
    microsoft::{Token, federated, hint, kind_of, mark},
    vault::Stage,
};
use jiff::Timestamp;
use muster_domain::{
    Integration, TenantId, connect as fields,
    expiry::{Credential, CredentialKind},
    renewal::Offered,
};
use secrecy::{ExposeSecret, SecretString};

/// Replaces the client secret by hand. `expires_at` is the date a person entered, if one was.
///
/// # Errors
/// When the new one is not proven; the one before stays.
pub async fn by_secret(
    services: &Services,
    tenant: TenantId,
    secret: &SecretString,
    expires_at: Option<Timestamp>,
) -> Result<Integration, ConnectError> {
    let integration = find(services, tenant).await?;
    let secret = fields::secret(secret).map_err(|e| ConnectError::Fields(vec![e]))?;
    if current_is(services, tenant, &secret).await? {
        // Asked a second time: nothing is moved, so that the previous one stays what it was.
        let token = prove(services, &integration, &secret).await?;
        return note(services, tenant, &secret, expires_at, &token).await;
    }
    forget_offer(services, tenant).await?;
    stage(services, tenant, &secret).await?;
    let token = prove(services, &integration, &secret).await?;
    promote(services, tenant).await?;
    note(services, tenant, &secret, expires_at, &token).await
}

/// Moves over to no secret at all, once Microsoft takes AWS's word for Muster.
///
/// # Errors
/// When it does not; the credential in use stays.
pub async fn by_federation(
    services: &Services,
    tenant: TenantId,
) -> Result<Integration, ConnectError> {
    let integration = find(services, tenant).await?;
    if !services.microsoft.can_federate() {
        return Err(field("federated", ON_AWS_ONLY));
    }
    let kept = federated();
    if !current_is(services, tenant, &kept).await? {
        forget_offer(services, tenant).await?;
        stage(services, tenant, &kept).await?;
    }
    let token = prove(services, &integration, &kept).await?;
    promote(services, tenant).await?;
    note(services, tenant, &kept, None, &token).await
}

/// Makes a certificate that waits to be uploaded: its private key is pending in the vault. One that
/// waits already is given again.
///
/// # Errors
/// When the vault or the store does not take it.
pub async fn offer_certificate(
    services: &Services,
    tenant: TenantId,
) -> Result<Offered, ConnectError> {
    let integration = find(services, tenant).await?;
    let vault = &services.vault;
    let pending = vault.get_stage(tenant, Stage::Pending).await;
    let pending = pending.map_err(ConnectError::Vault)?;
    if let (Some(offered), Some(pending)) = (&integration.offered, &pending)
        && hint(pending) == offered.thumbprint
    {
        return Ok(offered.clone());
    }
    let now = crate::now();
    let (kept, offered) = crate::certificate::make(&integration.name, now)
        .map_err(|error| ConnectError::Certificate(error.to_string()))?;
    stage(services, tenant, &kept).await?;
    services
        .store
        .update_integration(tenant, |integration| {
            integration.offered = Some(offered.clone());
        })
        .await
        .map_err(ConnectError::Store)?;
    Ok(offered)
}

/// Moves over to the certificate that was offered, once it is uploaded.
///
/// # Errors
/// When it is not proven; the credential in use stays.
pub async fn by_certificate(
    services: &Services,
    tenant: TenantId,
) -> Result<Integration, ConnectError> {
    let integration = find(services, tenant).await?;
    let vault = &services.vault;
    let pending = vault.get_stage(tenant, Stage::Pending).await;
    let pending = pending.map_err(ConnectError::Vault)?;
    let pending = pending.filter(|kept| kind_of(kept) == CredentialKind::Certificate);
    // Promoted already, and cut off before that was noted.
    let current = vault.get_anew(tenant).await.map_err(ConnectError::Vault)?;
    let promoted = current.filter(|kept| {
        let offered = integration.offered.as_ref();
        offered.is_some_and(|offered| hint(kept) == offered.thumbprint)
    });
    let Some(kept) = promoted.or(pending) else {
        return Err(field(
            "certificate",
            "There is no certificate that waits. Make one, upload it in Entra, then switch.",
        ));
    };
    let token = prove(services, &integration, &kept).await?;
    promote(services, tenant).await?;
    note(services, tenant, &kept, None, &token).await
}

pub(crate) async fn find(
    services: &Services,
    tenant: TenantId,
) -> Result<Integration, ConnectError> {
    let found = services.store.integration(tenant).await;
    let found = found.map_err(ConnectError::Store)?;
    let found = found.ok_or(ConnectError::Unknown)?;
    match found.deleting {
        true => Err(ConnectError::Deleting),
        false => Ok(found),
    }
}

async fn current_is(
    services: &Services,
    tenant: TenantId,
    kept: &SecretString,
) -> Result<bool, ConnectError> {
    let current = services.vault.get_anew(tenant).await;
    let current = current.map_err(ConnectError::Vault)?;
    Ok(current.is_some_and(|current| current.expose_secret() == kept.expose_secret()))
}

/// Keeps a new credential beside the one in use; one that waits there already is left as it is.
async fn stage(
    services: &Services,
    tenant: TenantId,
    kept: &SecretString,
) -> Result<(), ConnectError> {
    let vault = &services.vault;
    let pending = vault.get_stage(tenant, Stage::Pending).await;
    let pending = pending.map_err(ConnectError::Vault)?;
    if pending.is_some_and(|pending| pending.expose_secret() == kept.expose_secret()) {
        return Ok(());
    }
    vault.stage(tenant, kept).await.map_err(ConnectError::Vault)
}

pub(crate) async fn promote(services: &Services, tenant: TenantId) -> Result<bool, ConnectError> {
    let promoted = services.vault.promote(tenant).await;
    promoted.map_err(ConnectError::Vault)
}

/// What is staged now takes the place of a certificate that waited.
async fn forget_offer(services: &Services, tenant: TenantId) -> Result<(), ConnectError> {
    services
        .store
        .update_integration(tenant, |integration| integration.offered = None)
        .await
        .map_err(ConnectError::Store)?;
    Ok(())
}

async fn note(
    services: &Services,
    tenant: TenantId,
    kept: &SecretString,
    expires_at: Option<Timestamp>,
    token: &Token,
) -> Result<Integration, ConnectError> {
    let now = crate::now();
    let updated = services
        .store
        .update_integration(tenant, |integration| {
            take_note(integration, kept, now);
            if let Some(entered) = expires_at {
                integration.credential = integration.credential.clone().entered(Some(entered));
            }
            integration.saw_roles(token.claims.roles.clone(), now);
            // The true expiry comes with the next sync.
            integration.sync.requested_at = Some(now);
        })
        .await
        .map_err(ConnectError::Store)?;
    updated.ok_or(ConnectError::Unknown)
}

/// Lets an integration tell of what the vault keeps, where it tells of another credential: one was
/// replaced, here or by Secrets Manager, and nobody was there to note it.
pub fn take_note(integration: &mut Integration, kept: &SecretString, now: Timestamp) {
    let mark = mark(kept);
    if integration.credential.mark == mark {
        return;
    }
    let (kind, hint) = (kind_of(kept), hint(kept));
    if integration.credential.mark.is_empty()
        && integration.credential.kind == kind
        && integration.credential.hint == hint
    {
        integration.credential.mark = mark;
        return;
    }
    let credential = match kind {
        CredentialKind::ClientSecret => match &integration.renewal {
            // Only what a renewal told of can have been promoted while it was under way.
            Some(renewal) if renewal.mark == mark => {
                let mut credential = Credential::client_secret(hint, now);
                credential.key_id.clone_from(&renewal.key_id);
                if let Some(at) = renewal.expires_at {
                    credential.expires_at = Some(at);
                    credential.expiry_source = muster_domain::expiry::ExpirySource::Entra;
                    credential.certainty = muster_domain::expiry::Certainty::Certain;
                }
                credential
            }
            _ => Credential::client_secret(hint, now),
        },
        CredentialKind::Certificate => {
            let offered = integration.offered.as_ref();
            let expires_at = offered
                .filter(|offered| offered.thumbprint == hint)
                .map(|offered| offered.expires_at)
                .or_else(|| crate::certificate::of(kept)?.expires_at());
            let life = crate::certificate::LIFE;
            let latest = now.checked_add(life).unwrap_or(now);
            Credential::certificate(hint, expires_at.unwrap_or(latest), now)
        }
        CredentialKind::Federated => Credential::federated(now),
    };
    integration.put_in_use(credential.marked(mark), now);
}
