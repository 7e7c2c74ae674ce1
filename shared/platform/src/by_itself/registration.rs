//! What is done to the app's own registration: a secret added or removed, and what the answers give
//! away of the tenant's policy.

use super::{Outcome, RenewalError, nothing_kept};
use crate::{
    Services,
    microsoft::{NewPassword, PasswordRefusal, Registration, SignInFailure, Token, mark},
    renew,
    store::StoreError,
};
use jiff::{SignedDuration, Timestamp};
use muster_domain::{
    Integration, TenantId, aadsts,
    expiry::CredentialKind,
    fault::Fault,
    renewal::{Automatic, LEAST_LIFE_DAYS, MADE_BY_MUSTER},
    secret_policy::{PolicySource, SecretPolicy},
};
use secrecy::SecretString;

pub(super) async fn token(
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
        Err(error @ SignInFailure::NotProof(_)) => Err(RenewalError::Told(format!(
            "{error}; it is tried again tomorrow."
        ))),
        Err(error @ (SignInFailure::Passing { .. } | SignInFailure::Unreachable(_))) => {
            Err(RenewalError::Passing(error.to_string()))
        }
    }
}

pub(super) async fn registration(
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
        Err(fault) if fault.passes() => Err(RenewalError::Passing(fault.to_string())),
        Err(_) => Err(RenewalError::Told("Microsoft Graph did not tell of Muster's app registration. It is tried again tomorrow.".to_owned())),
    }
}

/// Where Entra's clock is behind, a life as long as the policy allows would be too long by that.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// Adds a secret of the life that was chosen, or of the longest that the tenant's policy allows.
pub(super) async fn add(
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
pub(super) async fn note_policy(
    services: &Services,
    tenant: TenantId,
    refusal: &PasswordRefusal,
) -> Result<(), StoreError> {
    let policy = match refusal {
        PasswordRefusal::PolicyForbids => SecretPolicy::answered(true, None, crate::now()),
        PasswordRefusal::PolicyShortens => {
            SecretPolicy::answered(false, Some(LEAST_LIFE_DAYS - 1), crate::now())
        }
        PasswordRefusal::NotAllowed | PasswordRefusal::Passing(_) | PasswordRefusal::Other(_) => {
            return Ok(());
        }
    };
    services
        .store
        .update_integration(tenant, |integration| {
            integration.learn_policy(policy.clone());
        })
        .await?;
    Ok(())
}

/// Why a renewal stops at a refusal: what passes is left to the next run.
pub(super) fn stopped(refusal: &PasswordRefusal) -> RenewalError {
    let sentence = match refusal {
        PasswordRefusal::Passing(_) => return RenewalError::Passing(refusal.to_string()),
        PasswordRefusal::NotAllowed => "Microsoft does not let Muster renew its own secret: the app is not an owner of its own registration, or Application.ReadWrite.OwnedBy is not granted. Make its service principal an owner (the page shows the command), or replace the secret by hand.".to_owned(),
        PasswordRefusal::PolicyForbids => "This tenant's app management policy allows no new client secrets. Use a certificate, or no secret at all, under Credential.".to_owned(),
        PasswordRefusal::PolicyShortens => format!("This tenant's app management policy allows no client secret of {LEAST_LIFE_DAYS} days. Use a certificate, or no secret at all, under Credential."),
        PasswordRefusal::Other(why) => format!("Microsoft Graph did not add a secret ({why}). It is tried again tomorrow."),
    };
    RenewalError::Told(sentence)
}

pub(super) async fn remove(
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
        .map_err(|refusal| stopped(&refusal))
}

/// Removes what Muster made and uses no more, once the secret in use has worked for a day. One made
/// by a person stays, who may use it elsewhere too: the page says that it may go.
pub(super) async fn remove_old(
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
