//! Whether a new credential works: a token, and one record read with it.

use crate::{
    Services,
    connect::{ConnectError, field, mint_failure},
    microsoft::{SignInFailure, Token, hint, kind_of},
};
use muster_domain::{
    Dataset, Enumeration, Integration, Verdict, datasets,
    expiry::{
        CredentialKind,
        key_identifier::{self, Named},
    },
    fault::Fault,
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
            let ours = hint(kept);
            let keys = found.keys.as_array()?.iter();
            let named: Vec<Named> = keys
                .map(|key| key_identifier::names(key["customKeyIdentifier"].as_str(), &ours))
                .collect();
            match named.contains(&Named::This) {
                true => Some(true),
                // An entry that names none may be ours.
                false => (!named.contains(&Named::NotKnown)).then_some(false),
            }
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
    match services.microsoft.get(dataset, url, &token.bearer).await {
        Ok(_) | Err(Fault::Throttled(_) | Fault::NotLicensed(_) | Fault::NotInCloud) => Ok(()),
        Err(Fault::Passing(why)) => Err(ConnectError::Unreachable(why)),
        Err(Fault::Silent) => Err(ConnectError::Unreachable(Fault::Silent.to_string())),
        Err(_) => Err(field(
            "client_secret",
            format!(
                "Microsoft gave a token for this credential, but refuses to let it read {}. Check the app's API permissions in Entra, then try again.",
                dataset.title
            ),
        )),
    }
}
