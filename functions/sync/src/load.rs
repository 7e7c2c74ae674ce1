//! The first step: the integration, its states, and a token minted by ourselves, whose roles are
//! the proof of what may be read.

use crate::SyncError;
use jiff::Timestamp;
use muster_domain::{Integration, aadsts, expiry::Credential, integration::Trouble};
use muster_platform::{
    Services,
    microsoft::{SignInFailure, Token, jitter},
    renew,
    store::Standing,
};
use secrecy::SecretString;
use std::time::Duration;

/// What a run begins with.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub integration: Integration,
    pub standing: Standing,
    pub token: Token,
    pub secret: SecretString,
}

/// Loads a tenant, and signs in meanwhile as it was known a moment ago; `None` when there is no access,
/// which the integration then tells of.
pub(crate) async fn load(
    services: &Services,
    before: &Integration,
    now: Timestamp,
) -> Result<Option<Loaded>, SyncError> {
    let tenant = before.tenant_id;
    let (whole, minted) = tokio::join!(services.store.whole(tenant), renew::mint(services, before));
    let Some((known, standing)) = whole?.filter(|(known, _)| !known.integration.deleting) else {
        return Ok(None);
    };
    let Some(minted) = minted? else {
        refuse(services, before, "The vault holds no credential for this tenant. Paste a new client secret under Credential.", now).await?;
        return Ok(None);
    };
    let (secret, fell_back) = (minted.kept, minted.fell_back);
    let token = match minted.token {
        Ok(token) => token,
        Err(SignInFailure::Unreachable(why)) => return Err(SyncError::SignIn(why)),
        Err(SignInFailure::Passing { named, .. }) => {
            put_off(services, before, named, now).await?;
            return Ok(None);
        }
        Err(SignInFailure::NotProof(error)) => {
            refuse(
                services,
                before,
                &format!("Microsoft's answer proves nothing: {error}."),
                now,
            )
            .await?;
            return Ok(None);
        }
        Err(SignInFailure::Refused(error)) => {
            refuse(
                services,
                before,
                &aadsts::explain(error.code()).sentence,
                now,
            )
            .await?;
            return Ok(None);
        }
    };
    let roles = token.claims.roles.clone();
    let updated = services
        .store
        .update_known(known, |integration| {
            integration.saw_roles(roles.clone(), now);
            if integration.connected_at.is_none() {
                integration.sync_failure = None;
                integration.sync.answered(before.sync.queued_at);
            }
            note_credential(
                integration,
                &before.credential,
                &secret,
                fell_back.as_deref(),
                now,
            );
        })
        .await?;
    let Some(integration) = updated else {
        return Ok(None);
    };
    if let Some(ahead) = integration.clock_was_ahead {
        tracing::warn!(tenant.id = %tenant, %ahead, "stored times lie in the future; what they concern is due now");
    }
    if let Some(at) = integration.look_again_at(now) {
        services.schedule.once(tenant, at).await?;
    }
    if integration.connected_at.is_none() {
        tracing::info!(tenant.id = %tenant, "no roles yet");
        return Ok(None);
    }
    Ok(Some(Loaded {
        integration,
        standing,
        token,
        secret,
    }))
}

/// Takes note of which credential gave the token: the one in use, of which the integration may not
/// know yet, or the one before it. Where `before`, the credential that it knew when Microsoft was asked,
/// was replaced meanwhile, that says nothing of the one in use now.
fn note_credential(
    integration: &mut Integration,
    before: &Credential,
    used: &SecretString,
    fell_back: Option<&str>,
    now: Timestamp,
) {
    if integration.credential.mark != before.mark {
        return;
    }
    let Some(sentence) = fell_back else {
        integration.fell_back = None;
        renew::take_note(integration, used, now);
        return;
    };
    let since = integration.fell_back.as_ref().map_or(now, |t| t.since);
    integration.fell_back = Some(Trouble {
        sentence: sentence.to_owned(),
        since,
    });
    if let Some(previous) = &mut integration.previous {
        previous.needed_at = Some(now);
    }
}

/// Puts the sign-in off: Microsoft asks to wait, or has trouble that passes by itself. The tenant is
/// synced again at the time that a person is told.
async fn put_off(
    services: &Services,
    before: &Integration,
    named: Option<Duration>,
    now: Timestamp,
) -> Result<(), SyncError> {
    let (tenant, queued_at) = (before.tenant_id, before.sync.queued_at);
    let jitter = jitter();
    let updated = services
        .store
        .update_integration(tenant, |integration| {
            integration.put_sign_in_off(named, now, jitter);
            integration.sync_failure = None;
            integration.sync.answered(queued_at);
        })
        .await?;
    if let Some(wait) = updated.and_then(|integration| integration.sign_in_wait) {
        let at = wait.next_try.at;
        tracing::warn!(tenant.id = %tenant, %at, "no access token: the sign-in is put off");
        services.schedule.once(tenant, at).await?;
    }
    Ok(())
}

async fn refuse(
    services: &Services,
    before: &Integration,
    sentence: &str,
    now: Timestamp,
) -> Result<(), SyncError> {
    let (tenant, queued_at) = (before.tenant_id, before.sync.queued_at);
    tracing::warn!(tenant.id = %tenant, "sign-in refused: {sentence}");
    services
        .store
        .update_integration(tenant, |integration| {
            let known = integration
                .sign_in_trouble
                .as_ref()
                .filter(|known| known.sentence == sentence);
            let since = known.map_or(now, |known| known.since);
            integration.sign_in_trouble = Some(Trouble {
                sentence: sentence.to_owned(),
                since,
            });
            integration.sign_in_wait = None;
            integration.sync_failure = None;
            integration.sync.answered(queued_at);
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::{
        cloud::Cloud,
        connect::{Checked, Proof},
    };
    use muster_platform::microsoft::mark;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    /// In use is the secret `first`.
    fn integration(now: Timestamp) -> Integration {
        let id = "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c";
        let form = Checked {
            name: "Contoso".into(),
            tenant_id: id.parse().expect("a GUID"),
            client_id: id.parse().expect("a GUID"),
            proof: Proof::Secret(secret("first")),
            cloud: None,
            cadence_minutes: 60,
            secret_expires_at: None,
        };
        let credential = Credential::client_secret("fir".into(), now);
        let credential = credential.marked(mark(&secret("first")));
        Integration::new(&form, Cloud::Global, credential, now)
    }

    #[test]
    fn a_credential_that_nobody_noted_is_in_use_from_then_on() {
        let now = Timestamp::UNIX_EPOCH;
        let mut it = integration(now);
        let before = it.credential.clone();
        note_credential(&mut it, &before, &secret("second"), None, now);
        assert_eq!(it.credential.mark, mark(&secret("second")));
    }

    #[test]
    fn a_token_by_a_credential_that_was_replaced_meanwhile_says_nothing_of_the_one_in_use() {
        let now = Timestamp::UNIX_EPOCH;
        let mut it = integration(now);
        let before = it.credential.clone();
        let second = Credential::client_secret("sec".into(), now);
        it.put_in_use(second.marked(mark(&secret("second"))), now);
        note_credential(&mut it, &before, &secret("first"), None, now);
        assert_eq!(it.credential.mark, mark(&secret("second")));
        note_credential(&mut it, &before, &secret("zeroth"), Some("refused"), now);
        assert!(it.fell_back.is_none());
    }
}
