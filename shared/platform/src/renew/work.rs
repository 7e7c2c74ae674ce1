//! A token for work, by the credential in use or the one before it.

use crate::{
    Services,
    microsoft::{SignInFailure, Token, mark},
    vault::{Stage, VaultError},
};
use muster_domain::{Integration, aadsts};
use secrecy::{ExposeSecret, SecretString};

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
    let mut kept = vault.get(tenant).await?;
    // This environment may remember one that was replaced elsewhere. It would work, and be taken for
    // the one in use.
    if kept.as_ref().map(mark).as_ref() != Some(&integration.credential.mark) {
        kept = vault.get_anew(tenant).await?;
    }
    let Some(mut kept) = kept else {
        return Ok(None);
    };
    let by = async |kept: &SecretString| {
        let microsoft = &services.microsoft;
        microsoft
            .mint(integration.cloud, tenant, integration.client_id, kept)
            .await
    };
    let mut token = by(&kept).await;
    // Replaced elsewhere, where nobody noted it: by a rotation, or before a crash.
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
