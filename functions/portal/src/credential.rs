//! What is done to an integration's credential, by an API call and by a form alike.

use crate::{
    Context,
    integrations::{self, sync_if_ready},
    problem::Problem,
};
use jiff::Timestamp;
use muster_domain::{
    Integration, TenantId,
    renewal::{Automatic, LEAST_LIFE_DAYS, MOST_LIFE_DAYS, Offered},
};
use muster_platform::{microsoft::WebIdentity, prepare, renew};
use secrecy::SecretString;

/// What is to be used from now on.
#[derive(Debug)]
pub enum New {
    /// A client secret, with the day it lapses where that was entered.
    Secret(SecretString, Option<Timestamp>),
    /// The certificate that waits.
    Certificate,
    /// No secret at all.
    Federated,
}

/// Proves a new credential, puts it in place of the one before, and syncs with it.
///
/// # Errors
/// 422 when it is not proven; the one before stays.
pub async fn replace(context: &Context, tenant: TenantId, new: New) -> Result<(), Problem> {
    let services = &context.services;
    let integration = match new {
        New::Secret(secret, lapses) => renew::by_secret(services, tenant, &secret, lapses).await?,
        New::Certificate => renew::by_certificate(services, tenant).await?,
        New::Federated => renew::by_federation(services, tenant).await?,
    };
    sync_if_ready(context, &integration).await
}

/// Makes a certificate that waits to be uploaded.
///
/// # Errors
/// When the vault or the store does not take it.
pub async fn offer_certificate(context: &Context, tenant: TenantId) -> Result<Offered, Problem> {
    Ok(renew::offer_certificate(&context.services, tenant).await?)
}

/// Makes the certificate that a client not connected yet is to be connected with.
///
/// # Errors
/// 409 when the tenant is connected; 5xx when the vault or the store does not take it.
pub async fn prepare_certificate(context: &Context, tenant: TenantId) -> Result<Offered, Problem> {
    Ok(prepare::certificate(&context.services, tenant).await?)
}

/// Checks how long each secret is to live that Muster makes by itself; `None` is not at all.
///
/// # Errors
/// When it is out of range.
pub fn automatic(life_days: Option<u32>) -> Result<Option<Automatic>, String> {
    let Some(life_days) = life_days else {
        return Ok(None);
    };
    if (LEAST_LIFE_DAYS..=MOST_LIFE_DAYS).contains(&life_days) {
        Ok(Some(Automatic {
            life_days,
            allowed_days: None,
            tried_at: None,
            trouble: None,
        }))
    } else {
        Err(format!(
            "Give a whole number of days from {LEAST_LIFE_DAYS} to {MOST_LIFE_DAYS}."
        ))
    }
}

/// Lets Muster renew by itself, or not.
///
/// # Errors
/// 404 when the tenant is not connected.
pub async fn renew_by_itself(
    context: &Context,
    tenant: TenantId,
    chosen: Option<Automatic>,
) -> Result<Integration, Problem> {
    integrations::find(context, tenant).await?;
    let store = &context.services.store;
    let changed = store
        .update_integration(tenant, |integration| {
            integration.automatic.clone_from(&chosen);
            if chosen.is_none() {
                integration.renewal = None;
            }
        })
        .await?;
    changed.ok_or_else(Problem::unknown_tenant)
}

/// Who AWS says that Muster is; `None` where this is not AWS, and why where AWS does not say.
pub async fn web_identity(
    context: &Context,
    tenant: TenantId,
) -> Option<Result<WebIdentity, String>> {
    let microsoft = &context.services.microsoft;
    if !microsoft.can_federate() {
        return None;
    }
    Some(
        microsoft
            .web_identity(tenant)
            .await
            .map_err(|e| e.to_string()),
    )
}
