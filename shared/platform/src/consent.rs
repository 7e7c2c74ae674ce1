//! Asking for admin consent, and knowing the answer when it comes back.
//!
//! Microsoft, "Grant tenant-wide admin consent: construct the URL" and the v2.0 admin consent
//! endpoint. The answer's `admin_consent=True` is a hint: anyone may call the callback.

use crate::{
    Services,
    store::{ConsentState, StoreError},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use muster_domain::{
    Integration, TenantId, clock_ahead,
    consent_answer::{NamedTenant, State},
};

/// How long a consent request is good for.
pub const STATE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// A `state` that is not good: forged, used, expired, or another session's.
#[derive(Debug, thiserror::Error)]
pub enum BadState {
    /// Not a state that was issued here and not used yet.
    #[error("unknown or used")]
    Unknown,
    /// Ten minutes are over.
    #[error("expired")]
    Expired,
    /// It was issued to another browser session.
    #[error("of another session")]
    OtherSession,
    /// The answer names another tenant.
    #[error("for another tenant")]
    OtherTenant,
    /// The store did not answer.
    #[error("the store did not answer")]
    Store(#[source] StoreError),
}

/// The address of Microsoft's consent page for an integration, with a fresh state bound to it and
/// to the browser session that asks (`None` for an API caller).
///
/// # Errors
/// When the state cannot be stored.
pub async fn authorize_url(
    services: &Services,
    integration: &Integration,
    session: Option<&str>,
) -> Result<String, StoreError> {
    let tenant = integration.tenant_id;
    let random = BASE64_URL_SAFE_NO_PAD.encode(crate::random::<32>());
    let state = State::new(tenant, &random);
    let now = crate::now();
    let expires_at = now.checked_add(STATE_LIFE).unwrap_or(now);
    let consent = ConsentState {
        tenant_id: tenant,
        session: session.map(str::to_owned),
        expires_at,
    };
    services
        .store
        .put_consent(&stored_name(state.as_str()), &consent)
        .await?;
    let hosts = services.microsoft.hosts(integration.cloud);
    let mut url = hosts.login(&format!("/{tenant}/v2.0/adminconsent"));
    url.query_pairs_mut()
        .append_pair("client_id", &integration.client_id.to_string())
        .append_pair("scope", &integration.cloud.scope())
        .append_pair("redirect_uri", &services.redirect_uri())
        .append_pair("state", state.as_str());
    Ok(url.into())
}

/// Uses a state up and tells which tenant it was for. A state that is refused for its session or
/// its tenant is not used up: whoever it belongs to may still come.
///
/// # Errors
/// When the state is not good.
pub async fn redeem(
    services: &Services,
    state: &State,
    session: Option<&str>,
    named: Option<NamedTenant>,
) -> Result<TenantId, BadState> {
    let tenant = state.tenant().ok_or(BadState::Unknown)?;
    let hash = stored_name(state.as_str());
    let consent = services
        .store
        .consent(tenant, &hash)
        .await
        .map_err(BadState::Store)?
        .ok_or(BadState::Unknown)?;
    if !clock_ahead::is_to_come(consent.expires_at, STATE_LIFE, crate::now()) {
        return Err(BadState::Expired);
    }
    if consent.session.is_some() && consent.session.as_deref() != session {
        return Err(BadState::OtherSession);
    }
    if named.is_some_and(|named| named != NamedTenant::Id(consent.tenant_id)) {
        return Err(BadState::OtherTenant);
    }
    let taken = services
        .store
        .take_consent(tenant, &hash)
        .await
        .map_err(BadState::Store)?;
    taken
        .map(|consent| consent.tenant_id)
        .ok_or(BadState::Unknown)
}

/// The name a state is stored under: its hash. The state itself is stored nowhere.
pub fn stored_name(state: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, state.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(digest)
}
