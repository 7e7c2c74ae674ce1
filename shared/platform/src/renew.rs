//! Putting a new credential in the place of the one in use, without a gap.
//!
//! Stage it beside the one in use, prove it, promote it, note it. Until it is promoted the one
//! before works on; from then on the one before is kept, and workers fall back to it. Killed
//! anywhere and asked again, it ends in a working state: each step does nothing that is done.

use crate::{
    Services,
    connect::{ConnectError, ON_AWS_ONLY, field, mint_failure},
    microsoft::{SignInFailure, Token, federated, hint, kind_of, mark},
    vault::{Stage, VaultError},
};
use jiff::Timestamp;
use muster_domain::{
    Dataset, Enumeration, Integration, TenantId, Verdict, aadsts, connect as fields, datasets,
    expiry::{Credential, CredentialKind},
    fault::Fault,
    renewal::Offered,
};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

/// Pauses between tries of a credential that was just made: Microsoft passes it on within seconds,
/// at times a minute. A caller of the API waits at most half a minute.
pub(crate) const PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(12),
];

/// Refusals that a new credential meets until it is known everywhere: an unknown secret, an
/// unknown certificate, an unknown federated credential.
const NOT_KNOWN_YET: [u32; 3] = [7_000_215, 700_027, 70_021];

/// Whether a refusal is one that a new credential meets until it is known everywhere.
pub(crate) fn not_known_yet(failure: &SignInFailure) -> bool {
    matches!(failure, SignInFailure::Refused(error)
        if error.code().is_some_and(|code| NOT_KNOWN_YET.contains(&code)))
}

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
    found
        .map_err(ConnectError::Store)?
        .filter(|integration| !integration.deleting)
        .ok_or(ConnectError::Unknown)
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

/// A vault that keeps nothing for the tenant has nothing to stage beside.
async fn stage(
    services: &Services,
    tenant: TenantId,
    kept: &SecretString,
) -> Result<(), ConnectError> {
    let vault = &services.vault;
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

/// Proves a new credential: a token for this tenant and app, and one record read with it. Patient
/// where the app registration lists it, or where that cannot be looked at: it may be on its way.
pub(crate) async fn prove(
    services: &Services,
    integration: &Integration,
    kept: &SecretString,
) -> Result<Token, ConnectError> {
    let mint = || {
        services.microsoft.mint(
            integration.cloud,
            integration.tenant_id,
            integration.client_id,
            kept,
        )
    };
    let mut unlisted = 0;
    let mut pauses = PAUSES.iter();
    let token = loop {
        let failure = match mint().await {
            Ok(token) => break token,
            Err(failure) => failure,
        };
        let young = not_known_yet(&failure);
        if young && is_listed(services, integration, kept).await == Some(false) {
            unlisted += 1;
        }
        let Some(pause) = pauses.next().filter(|_| young && unlisted < 2) else {
            return Err(mint_failure(failure));
        };
        tokio::time::sleep(*pause).await;
    };
    read_one(services, integration, &token).await?;
    Ok(token)
}

/// Whether the app registration lists the new credential, as read with the one in use; `None` where
/// that cannot be told.
async fn is_listed(
    services: &Services,
    integration: &Integration,
    kept: &SecretString,
) -> Option<bool> {
    let current = services.vault.get(integration.tenant_id).await.ok()??;
    if current.expose_secret() == kept.expose_secret() || integration.sign_in_trouble.is_some() {
        return Some(false);
    }
    let microsoft = &services.microsoft;
    let (tenant, client) = (integration.tenant_id, integration.client_id);
    let token = microsoft
        .mint(integration.cloud, tenant, client, &current)
        .await
        .ok()?;
    let hosts = microsoft.hosts(integration.cloud);
    let found = microsoft
        .registration(&hosts, client, &token.bearer)
        .await
        .ok()??;
    match kind_of(kept) {
        CredentialKind::ClientSecret => found.has_hint(&hint(kept)),
        CredentialKind::Certificate => {
            let keys = found.keys.as_array()?;
            let ours = hint(kept);
            let thumbprints = || {
                keys.iter()
                    .filter_map(|key| key["customKeyIdentifier"].as_str())
            };
            Some(thumbprints().any(|one| one.eq_ignore_ascii_case(&ours)))
        }
        CredentialKind::Federated => None,
    }
}

/// Reads one record with a token: that it was given is not yet that it is taken.
async fn read_one(
    services: &Services,
    integration: &Integration,
    token: &Token,
) -> Result<(), ConnectError> {
    let simple = |dataset: &&&'static Dataset| {
        dataset.licence.is_none()
            && dataset.enumeration == Enumeration::Full
            && Verdict::of_roles(dataset, &token.claims.roles).allows()
    };
    let Some(dataset) = datasets::ALL
        .iter()
        .filter(simple)
        .min_by_key(|d| d.priority)
    else {
        // Nothing is granted yet, and so there is nothing to read.
        return Ok(());
    };
    let hosts = services.microsoft.hosts(integration.cloud);
    let url = hosts.graph(&dataset.first_request(integration.client_id));
    match services
        .microsoft
        .get(dataset, &hosts, url, &token.bearer)
        .await
    {
        Ok(_) | Err(Fault::Throttled(_) | Fault::NotLicensed(_) | Fault::NotInCloud) => Ok(()),
        Err(Fault::Passing(why)) => Err(ConnectError::Unreachable(why)),
        Err(_) => Err(field(
            "client_secret",
            format!(
                "Microsoft gave a token for this credential, but refuses to let it read {}. Check the app's API permissions in Entra, then try again.",
                dataset.title
            ),
        )),
    }
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

/// A token for work: by the credential in use, or, where Microsoft refuses that as unknown or
/// lapsed, once by the one before.
#[derive(Debug)]
pub struct Minted {
    /// The token, or why there is none.
    pub token: Result<Token, SignInFailure>,
    /// What it was minted with.
    pub kept: SecretString,
    /// Why the credential in use was refused, where the one before was used instead.
    pub fell_back: Option<String>,
}

/// Refusals after which the previous credential is tried: it may still work.
const TRY_THE_PREVIOUS: [u32; 4] = [7_000_215, 7_000_222, 700_027, 70_021];

/// Mints a token for work. Each credential is tried once: many tries with a broken one would lock
/// the app out.
///
/// # Errors
/// When the vault does not answer; `None` where it keeps nothing for the tenant.
pub async fn mint(
    services: &Services,
    integration: &Integration,
) -> Result<Option<Minted>, VaultError> {
    let tenant = integration.tenant_id;
    let vault = &services.vault;
    let Some(mut kept) = vault.get(tenant).await? else {
        return Ok(None);
    };
    let by = async |kept: &SecretString| {
        let microsoft = &services.microsoft;
        microsoft
            .mint(integration.cloud, tenant, integration.client_id, kept)
            .await
    };
    let mut token = by(&kept).await;
    // This environment may remember one that was replaced elsewhere.
    if matches!(token, Err(SignInFailure::Refused(_)))
        && let Some(other) = vault.get_anew(tenant).await?
        && other.expose_secret() != kept.expose_secret()
    {
        token = by(&other).await;
        kept = other;
    }
    let mut fell_back = None;
    if let Err(SignInFailure::Refused(error)) = &token
        && error
            .code()
            .is_some_and(|code| TRY_THE_PREVIOUS.contains(&code))
        && integration.previous.is_some()
        && let Some(previous) = vault.get_stage(tenant, Stage::Previous).await?
        && previous.expose_secret() != kept.expose_secret()
        && let Ok(minted) = by(&previous).await
    {
        fell_back = Some(format!(
            "Microsoft refuses the {} in use, so Muster works with the one before it until you replace it. {}",
            integration.credential.kind.title(),
            aadsts::explain(error.code()).sentence
        ));
        (token, kept) = (Ok(minted), previous);
    }
    Ok(Some(Minted {
        token,
        kept,
        fell_back,
    }))
}
