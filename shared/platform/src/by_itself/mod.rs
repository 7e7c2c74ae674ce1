//! Renewal by Muster itself, where the app may give its own registration a new secret
//! (`Application.ReadWrite.OwnedBy`, and its service principal among the registration's owners).
//!
//! The same verify-then-promote as by hand. Before a secret is asked for, its name is written down:
//! a crash after Microsoft made it and before it was kept leaves a secret of that name that the next
//! try removes. The old one goes only when the new one has worked for a day, and only if Muster
//! made it.
//!
//! The four steps of a Secrets Manager rotation are these same steps, so that AWS's console and API
//! drive it too.

mod registration;

use registration::{add, note_policy, registration, remove, remove_old, stopped, token};

use crate::{
    Services,
    connect::ConnectError,
    microsoft::{hint, mark},
    renew::{self, find},
    store::StoreError,
    vault::{Stage, VaultError},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use muster_domain::{
    Integration, Permission, TenantId,
    expiry::{CredentialKind, days_left},
    integration::Trouble,
    renewal::{Automatic, MADE_BY_MUSTER, Renewal},
    secret_policy::SecretPolicy,
};
use secrecy::SecretString;

/// What became of a look at one integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was nothing to do.
    Nothing,
    /// A new secret is in use.
    Renewed,
    /// The old secret was removed.
    Removed,
    /// It did not go well; the integration says why.
    Failed,
}

/// Why a renewal stopped.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// A person has to know, and can mend it.
    #[error("{0}")]
    Told(String),
    /// Microsoft has trouble that passes by itself: the next run goes on.
    #[error("{0}; the next run goes on")]
    Passing(String),
    /// The store did not answer.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// The vault did not answer.
    #[error("the vault: {0}")]
    Vault(#[from] VaultError),
}

impl From<ConnectError> for RenewalError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Fields(fields) => Self::Told(
                fields
                    .into_iter()
                    .map(|f| f.detail)
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
            ConnectError::Store(error) => Self::Store(error),
            ConnectError::Vault(error) => Self::Vault(error),
            error @ (ConnectError::Passing { .. } | ConnectError::Unreachable(_)) => {
                Self::Passing(error.to_string())
            }
            error => Self::Told(format!(
                "It stopped because {error}. It is tried again tomorrow."
            )),
        }
    }
}

/// Looks at one integration, and does what is due. What goes wrong is written down for a person,
/// and tried again after a day.
///
/// # Errors
/// When the store or the vault does not answer.
pub async fn look_at(
    services: &Services,
    tenant: TenantId,
    now: Timestamp,
) -> Result<Outcome, RenewalError> {
    let Some(integration) = services.store.integration(tenant).await? else {
        return Ok(Outcome::Nothing);
    };
    let Some(chosen) = integration
        .automatic
        .clone()
        .filter(|_| works(&integration))
    else {
        return Ok(Outcome::Nothing);
    };
    if !chosen.may_try(now) {
        return Ok(Outcome::Nothing);
    }
    let done = if due(&integration, &chosen, now) {
        renew(services, tenant).await.map(|()| Outcome::Renewed)
    } else {
        Box::pin(remove_old(services, &integration)).await
    };
    let (outcome, trouble) = match done {
        Ok(Outcome::Nothing) => return Ok(Outcome::Nothing),
        Ok(outcome) => (outcome, None),
        Err(RenewalError::Told(why)) => (Outcome::Failed, Some(why)),
        Err(RenewalError::Passing(why)) => {
            tracing::warn!(tenant.id = %tenant, "the secret was not renewed yet: {why}");
            return Ok(Outcome::Nothing);
        }
        Err(error) => return Err(error),
    };
    services
        .store
        .update_integration(tenant, |integration| {
            if let Some(automatic) = &mut integration.automatic {
                automatic.tried_at = Some(now);
                let since = automatic.trouble.as_ref().map_or(now, |t| t.since);
                automatic.trouble = trouble.clone().map(|sentence| Trouble { sentence, since });
            }
        })
        .await?;
    if let Some(why) = trouble {
        tracing::warn!(tenant.id = %tenant, "the secret was not renewed: {why}");
    }
    Ok(outcome)
}

fn works(integration: &Integration) -> bool {
    !integration.paused
        && !integration.deleting
        && integration.unreadable.is_none()
        && integration.credential.kind == CredentialKind::ClientSecret
        && integration
            .roles
            .contains(&Permission::ApplicationReadWriteOwnedBy)
}

fn due(integration: &Integration, chosen: &Automatic, now: Timestamp) -> bool {
    let credential = &integration.credential;
    integration.renewal.is_some()
        || credential.deleted_since.is_some()
        || integration.fell_back.is_some()
        || credential
            .expires_at
            .is_some_and(|at| days_left(at, now) <= chosen.days_before())
}

/// Makes a new secret, proves it, and puts it in use.
///
/// # Errors
/// When a step stops; doing it again goes on.
pub async fn renew(services: &Services, tenant: TenantId) -> Result<(), RenewalError> {
    // On the heap: together they are more than a small stack holds.
    Box::pin(create(services, tenant, None)).await?;
    Box::pin(test(services, tenant, None)).await?;
    Box::pin(finish(services, tenant, None)).await
}

/// The first step: a new secret is in the app registration, and pending in the vault. `version` is
/// the name that a rotation gives the vault's new version.
///
/// # Errors
/// When Microsoft refuses, or a store does not answer.
pub async fn create(
    services: &Services,
    tenant: TenantId,
    version: Option<&str>,
) -> Result<(), RenewalError> {
    let integration = find(services, tenant).await?;
    if let Some(version) = version
        && services.vault.is_current(tenant, version).await?
    {
        // A step of a rotation that has ended, delivered once more.
        return Ok(());
    }
    if integration.credential.kind != CredentialKind::ClientSecret {
        return Err(RenewalError::Told(format!(
            "This integration uses a {}, which no new client secret takes the place of. Renew it under Credential.",
            integration.credential.kind.title()
        )));
    }
    let (token, _) = token(services, &integration).await?;
    let registration = registration(services, &integration, &token).await?;
    let renewal = match &integration.renewal {
        Some(renewal) => renewal.clone(),
        None => begin(services, tenant).await?,
    };
    let pending = services.vault.get_stage(tenant, Stage::Pending).await?;
    let current = services.vault.get_anew(tenant).await?;
    let listed: Vec<(String, String)> = registration.named(&renewal.name).collect();
    if is_promoted(&renewal, current.as_ref()) {
        return Ok(());
    }
    if let [(key_id, hinted)] = &listed[..]
        && let Some(pending) = pending.filter(|pending| hint(pending) == *hinted)
    {
        // Made and kept before a crash.
        return know(services, tenant, key_id, &pending, renewal.expires_at).await;
    }
    for (key_id, _) in &listed {
        // Made, and lost with the process that was told its text.
        remove(services, &integration, &registration, key_id, &token).await?;
    }
    let added = add(services, &integration, &registration, &renewal.name, &token).await;
    let (new, life) = match added {
        Ok(added) => added,
        Err(refusal) => {
            note_policy(services, tenant, &refusal).await?;
            return Err(stopped(&refusal));
        }
    };
    services
        .vault
        .stage_as(tenant, &new.secret, version)
        .await?;
    services
        .store
        .update_integration(tenant, |integration| {
            integration.offered = None;
            let mut allowed = None;
            if let Some(automatic) = &mut integration.automatic {
                allowed = (life < automatic.life_days).then_some(life);
                automatic.allowed_days = allowed;
            }
            integration.learn_policy(SecretPolicy::answered(false, allowed, crate::now()));
        })
        .await?;
    know(services, tenant, &new.key_id, &new.secret, new.expires_at).await
}

fn is_promoted(renewal: &Renewal, current: Option<&SecretString>) -> bool {
    !renewal.mark.is_empty() && current.is_some_and(|current| mark(current) == renewal.mark)
}

/// The third step: the new secret gives a token, and one record is read with it.
///
/// # Errors
/// When it does not; the one in use stays.
pub async fn test(
    services: &Services,
    tenant: TenantId,
    version: Option<&str>,
) -> Result<(), RenewalError> {
    let integration = find(services, tenant).await?;
    let vault = &services.vault;
    let made = match version {
        Some(version) => vault.get_version(tenant, version).await?,
        None => vault.get_stage(tenant, Stage::Pending).await?,
    };
    let kept = match made {
        Some(made) => made,
        // Promoted before a crash.
        None => match vault.get_anew(tenant).await? {
            Some(current) => current,
            None => return Err(nothing_kept()),
        },
    };
    renew::prove(services, &integration, &kept).await?;
    Ok(())
}

/// The last step: the new secret is in use, and the integration tells of it.
///
/// # Errors
/// When a store does not answer; doing it again goes on.
pub async fn finish(
    services: &Services,
    tenant: TenantId,
    version: Option<&str>,
) -> Result<(), RenewalError> {
    match version {
        Some(version) => {
            if !services.vault.promote_version(tenant, version).await? {
                return Err(RenewalError::Told(
                    "Another credential was put in place of this rotation's, which is not pending any more. Start the rotation again if it is still wanted.".to_owned(),
                ));
            }
        }
        None => drop(renew::promote(services, tenant).await?),
    }
    let current = services.vault.get_anew(tenant).await?;
    let current = current.ok_or_else(nothing_kept)?;
    let now = crate::now();
    services
        .store
        .update_integration(tenant, |integration| {
            renew::take_note(integration, &current, now);
            integration.renewal = None;
            integration.sync.requested_at = Some(now);
        })
        .await?;
    tracing::info!(tenant.id = %tenant, "a new client secret is in use");
    Ok(())
}

fn nothing_kept() -> RenewalError {
    RenewalError::Told(
        "The vault holds no client secret for this tenant. Paste a new one.".to_owned(),
    )
}

/// Writes down what is about to be done.
async fn begin(services: &Services, tenant: TenantId) -> Result<Renewal, RenewalError> {
    let now = crate::now();
    let nonce = BASE64_URL_SAFE_NO_PAD.encode(crate::random::<6>());
    let renewal = Renewal {
        name: format!("{MADE_BY_MUSTER}{} {nonce}", now.strftime("%Y-%m-%d")),
        began_at: now,
        key_id: None,
        mark: String::new(),
        expires_at: None,
    };
    let stored = services
        .store
        .update_integration(tenant, |integration| {
            integration.renewal.get_or_insert_with(|| renewal.clone());
        })
        .await?;
    // Another may have begun at the same time: its name counts.
    let began = stored.and_then(|integration| integration.renewal);
    began.ok_or_else(|| RenewalError::Told("The integration was deleted.".to_owned()))
}

async fn know(
    services: &Services,
    tenant: TenantId,
    key_id: &str,
    secret: &SecretString,
    expires_at: Option<Timestamp>,
) -> Result<(), RenewalError> {
    let mark = mark(secret);
    services
        .store
        .update_integration(tenant, |integration| {
            if let Some(renewal) = &mut integration.renewal {
                renewal.key_id = Some(key_id.to_owned());
                renewal.mark.clone_from(&mark);
                renewal.expires_at = expires_at;
            }
        })
        .await?;
    Ok(())
}
