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

use crate::{
    Services,
    connect::ConnectError,
    microsoft::{NewPassword, PasswordRefusal, Registration, SignInFailure, Token, hint, mark},
    renew::{self, find},
    store::StoreError,
    vault::{Stage, VaultError},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use muster_domain::{
    Integration, Permission, TenantId, aadsts,
    expiry::{CredentialKind, days_left},
    fault::Fault,
    integration::Trouble,
    renewal::{Automatic, LEAST_LIFE_DAYS, MADE_BY_MUSTER, Renewal},
    secret_policy::{PolicySource, SecretPolicy},
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
            return Err(RenewalError::Told(sentence(&refusal)));
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

async fn token(
    services: &Services,
    integration: &Integration,
) -> Result<(Token, SecretString), RenewalError> {
    let minted = renew::mint(services, integration).await?;
    let minted = minted.ok_or_else(nothing_kept)?;
    match minted.token {
        Ok(token) => Ok((token, minted.kept)),
        Err(SignInFailure::Refused(error)) => {
            Err(RenewalError::Told(aadsts::explain(error.code()).sentence))
        }
        Err(error) => Err(RenewalError::Told(format!(
            "{error}; it is tried again tomorrow."
        ))),
    }
}

async fn registration(
    services: &Services,
    integration: &Integration,
    token: &Token,
) -> Result<Registration, RenewalError> {
    let hosts = services.microsoft.hosts(integration.cloud);
    let found = services
        .microsoft
        .registration(&hosts, integration.client_id, &token.bearer)
        .await;
    match found {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(RenewalError::Told("The tenant's directory does not show Muster's app registration, so no secret can be added to it.".to_owned())),
        Err(Fault::Forbidden) => Err(RenewalError::Told("Muster may not read its own app registration. Grant Directory.Read.All in Entra under API permissions.".to_owned())),
        Err(_) => Err(RenewalError::Told("Microsoft Graph did not tell of Muster's app registration. It is tried again tomorrow.".to_owned())),
    }
}

/// Where Entra's clock is behind, a life as long as the policy allows would be too long by that.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// Adds a secret of the life that was chosen, or of the longest that the tenant's policy allows.
async fn add(
    services: &Services,
    integration: &Integration,
    registration: &Registration,
    name: &str,
    token: &Token,
) -> Result<(NewPassword, u32), PasswordRefusal> {
    let hosts = services.microsoft.hosts(integration.cloud);
    let lives = integration.automatic.as_ref().map(Automatic::lives);
    let now = crate::now();
    // A policy that was read spares the tries that it would refuse.
    let policy = integration.secret_policy.as_ref();
    let longest = policy
        .filter(|policy| policy.source == PolicySource::Policy)
        .and_then(|policy| policy.longest_days);
    let lives = lives.unwrap_or_else(|| vec![180, 90, 30]);
    for life in lives
        .into_iter()
        .filter(|life| longest.is_none_or(|longest| *life <= longest))
    {
        let lasts = SignedDuration::from_hours(24 * i64::from(life)) - CLOCKS_DIFFER;
        let ends = now.checked_add(lasts).unwrap_or(now);
        let added = services
            .microsoft
            .add_password(&hosts, &registration.object_id, (name, ends), &token.bearer)
            .await;
        match added {
            Ok(new) => {
                // Microsoft may shorten it without a word.
                let given = new.expires_at.map_or(life, |ends| whole_days(now, ends));
                return Ok((new, given.min(life)));
            }
            Err(PasswordRefusal::PolicyShortens) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Err(PasswordRefusal::PolicyShortens)
}

/// Days to the nearest: clocks differ by minutes.
fn whole_days(from: Timestamp, to: Timestamp) -> u32 {
    let hours = to.duration_since(from).as_hours();
    u32::try_from((hours + 12).div_euclid(24)).unwrap_or(0)
}

/// Takes note of what a refusal gives away of the tenant's policy.
async fn note_policy(
    services: &Services,
    tenant: TenantId,
    refusal: &PasswordRefusal,
) -> Result<(), StoreError> {
    let policy = match refusal {
        PasswordRefusal::PolicyForbids => SecretPolicy::answered(true, None, crate::now()),
        PasswordRefusal::PolicyShortens => {
            SecretPolicy::answered(false, Some(LEAST_LIFE_DAYS - 1), crate::now())
        }
        PasswordRefusal::NotAllowed | PasswordRefusal::Other(_) => return Ok(()),
    };
    services
        .store
        .update_integration(tenant, |integration| {
            integration.learn_policy(policy.clone());
        })
        .await?;
    Ok(())
}

fn sentence(refusal: &PasswordRefusal) -> String {
    match refusal {
        PasswordRefusal::NotAllowed => "Microsoft does not let Muster renew its own secret: the app is not an owner of its own registration, or Application.ReadWrite.OwnedBy is not granted. Make its service principal an owner (the page shows the command), or replace the secret by hand.".to_owned(),
        PasswordRefusal::PolicyForbids => "This tenant's app management policy allows no new client secrets. Use a certificate, or no secret at all, under Credential.".to_owned(),
        PasswordRefusal::PolicyShortens => format!("This tenant's app management policy allows no client secret of {LEAST_LIFE_DAYS} days. Use a certificate, or no secret at all, under Credential."),
        PasswordRefusal::Other(why) => format!("Microsoft Graph did not add a secret ({why}). It is tried again tomorrow."),
    }
}

async fn remove(
    services: &Services,
    integration: &Integration,
    registration: &Registration,
    key_id: &str,
    token: &Token,
) -> Result<(), RenewalError> {
    let hosts = services.microsoft.hosts(integration.cloud);
    services
        .microsoft
        .remove_password(&hosts, &registration.object_id, key_id, &token.bearer)
        .await
        .map_err(|refusal| RenewalError::Told(sentence(&refusal)))
}

/// Removes what Muster made and uses no more, once the secret in use has worked for a day. One made
/// by a person stays, who may use it elsewhere too: the page says that it may go.
async fn remove_old(
    services: &Services,
    integration: &Integration,
) -> Result<Outcome, RenewalError> {
    let due = integration.previous.as_ref().filter(|previous| {
        previous.kind == CredentialKind::ClientSecret
            && previous.key_id.is_some()
            && previous.may_go(integration.roles_at)
            && integration.fell_back.is_none()
    });
    let (Some(previous), Some(in_use)) = (due, &integration.credential.key_id) else {
        return Ok(Outcome::Nothing);
    };
    let (token, used) = token(services, integration).await?;
    if mark(&used) != integration.credential.mark {
        return Ok(Outcome::Nothing);
    }
    let registration = registration(services, integration, &token).await?;
    let needless: Vec<String> = registration
        .made_by(MADE_BY_MUSTER)
        .into_iter()
        .filter(|key_id| key_id != in_use)
        .collect();
    for key_id in &needless {
        remove(services, integration, &registration, key_id, &token).await?;
    }
    let by_a_person = previous
        .key_id
        .as_ref()
        .is_some_and(|id| !needless.contains(id));
    services
        .store
        .update_integration(integration.tenant_id, |stored| {
            if stored.previous.as_ref() == Some(previous) {
                match &mut stored.previous {
                    Some(previous) if by_a_person => previous.key_id = None,
                    gone => *gone = None,
                }
            }
        })
        .await?;
    Ok(match needless.is_empty() {
        true => Outcome::Nothing,
        false => Outcome::Removed,
    })
}
