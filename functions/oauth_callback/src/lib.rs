//! Where Microsoft sends the administrator back after consent: `GET /account/integration/oauth`.
//!
//! Anyone may call it, so it believes nothing but a `state` that was issued here, and even then
//! takes the answer for a hint: the sync that it asks for mints a token and reads the proof.

mod page;

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, header::COOKIE},
    response::Response,
    routing::get,
};
use muster_domain::{TenantId, aadsts};
use muster_platform::{
    Services,
    consent::{self, BadState},
    now,
    queue::SyncMessage,
    session::Sessions,
};
use serde::Deserialize;
use std::sync::Arc;

/// What the handler needs, built once per cold start.
#[derive(Debug)]
pub struct Context {
    services: Services,
    sessions: Sessions,
}

impl Context {
    /// A context over these services.
    pub fn new(services: Services) -> Self {
        let sessions = Sessions::new(
            services.portal_secret.clone(),
            services.public_url.scheme() == "https",
        );
        Self { services, sessions }
    }
}

/// The callback's route.
pub fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/account/integration/oauth", get(callback))
        .with_state(context)
}

/// What Microsoft sends: on success `admin_consent=True` and `tenant`, on refusal `error` and its
/// description, and at times `admin_consent=True` with it.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    state: String,
    tenant: Option<String>,
    error: Option<String>,
    #[serde(default)]
    error_description: String,
}

async fn callback(
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
    answer: Result<Query<Answer>, QueryRejection>,
) -> Response {
    let Ok(Query(answer)) = answer else {
        return page::bad_state("The address is not one that Microsoft sends.");
    };
    let cookies = headers
        .get(COOKIE)
        .and_then(|c| c.to_str().ok())
        .unwrap_or_default();
    let session = match context.sessions.read(cookies, now()).await {
        Ok(session) => session.map(|session| session.id),
        Err(error) => {
            tracing::error!(%error, "the session could not be opened");
            return page::unavailable();
        }
    };
    let redeemed = consent::redeem(
        &context.services,
        &answer.state,
        session.as_deref(),
        answer.tenant.as_deref(),
    )
    .await;
    let tenant = match redeemed {
        Ok(tenant) => tenant,
        Err(BadState::Store(error)) => {
            tracing::error!(%error, "the consent could not be looked up");
            return page::unavailable();
        }
        Err(error) => {
            tracing::warn!(reason = %error, "a callback with a bad state was refused");
            return page::bad_state(reason(&error));
        }
    };
    if let Some(error) = answer.error {
        let code = aadsts::code_in(&answer.error_description);
        let cancelled =
            code.is_none() && matches!(error.as_str(), "access_denied" | "permission_denied");
        let explained = aadsts::explain(if cancelled { Some(65_004) } else { code });
        tracing::info!(tenant.id = %tenant, code, "consent was not given");
        return page::not_given(tenant, &explained.sentence);
    }
    match take_note(&context.services, tenant).await {
        Ok(Some(name)) => page::given(tenant, &name),
        Ok(None) => page::bad_state("The integration was deleted meanwhile."),
        Err(error) => {
            tracing::error!(tenant.id = %tenant, error, "the consent could not be noted");
            page::unavailable()
        }
    }
}

/// Notes the hint and asks for a sync, which looks for the proof.
async fn take_note(services: &Services, tenant: TenantId) -> Result<Option<String>, String> {
    let at = now();
    let updated = services.store.update_integration(tenant, |integration| {
        integration.consent_hint_at = Some(at);
        integration.sync.requested_at = Some(at);
    });
    let Some(integration) = updated.await.map_err(|e| e.to_string())? else {
        return Ok(None);
    };
    services
        .queue
        .send_asked(SyncMessage { tenant_id: tenant })
        .await
        .map_err(|e| e.to_string())?;
    tracing::info!(tenant.id = %tenant, "consent came back; looking for its roles");
    Ok(Some(integration.name))
}

fn reason(error: &BadState) -> &'static str {
    match error {
        BadState::Unknown => "This consent link was used already, or was not made here.",
        BadState::Expired => "This consent link is older than ten minutes.",
        BadState::OtherSession => {
            "This consent was begun in another browser, or you have signed out since."
        }
        BadState::OtherTenant => {
            "You consented in another tenant than the one this link was made for. Sign in to Microsoft as an administrator of the client's tenant."
        }
        BadState::Store(_) => "The consent could not be looked up.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Uri;

    proptest::proptest! {
        #[test]
        fn anything_in_the_address_is_read_or_refused(value in "[!-~]{0,120}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let escaped: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            for query in [value.clone(), format!("state={value}"), format!("state={escaped}&error={value}&tenant={escaped}")] {
                let Ok(uri) = format!("http://localhost/account/integration/oauth?{query}").parse::<Uri>() else {
                    continue;
                };
                if let Ok(Query(answer)) = Query::<Answer>::try_from_uri(&uri) {
                    // The description is Microsoft's to write, and anybody's.
                    let _ = aadsts::code_in(&answer.error_description);
                    proptest::prop_assert!(answer.state.len() <= query.len());
                }
            }
        }
    }
}
