//! The first step: the integration, its states, and a token minted by ourselves, whose roles are
//! the proof of what may be read.

use crate::SyncError;
use jiff::Timestamp;
use muster_domain::{Integration, TenantId, aadsts, integration::Trouble};
use muster_platform::{
    Services,
    microsoft::{SignInFailure, Token},
    renew,
    store::Standing,
};
use secrecy::SecretString;

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
        refuse(services, tenant, "The vault holds no credential for this tenant. Paste a new client secret under Credential.", now).await?;
        return Ok(None);
    };
    let (secret, fell_back) = (minted.kept, minted.fell_back);
    let token = match minted.token {
        Ok(token) => token,
        Err(SignInFailure::Unreachable(why)) => return Err(SyncError::SignIn(why)),
        Err(SignInFailure::NotProof(error)) => {
            refuse(
                services,
                tenant,
                &format!("Microsoft's answer proves nothing: {error}."),
                now,
            )
            .await?;
            return Ok(None);
        }
        Err(SignInFailure::Refused(error)) => {
            refuse(
                services,
                tenant,
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
            // Where it was replaced since, the one that gave the token is not in use any more.
            if integration.credential.mark == before.credential.mark {
                note_credential(integration, &secret, fell_back.as_deref(), now);
            }
        })
        .await?;
    let Some(integration) = updated else {
        return Ok(None);
    };
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
/// know yet, or the one before it.
fn note_credential(
    integration: &mut Integration,
    used: &SecretString,
    fell_back: Option<&str>,
    now: Timestamp,
) {
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

async fn refuse(
    services: &Services,
    tenant: TenantId,
    sentence: &str,
    now: Timestamp,
) -> Result<(), SyncError> {
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
        })
        .await?;
    Ok(())
}
