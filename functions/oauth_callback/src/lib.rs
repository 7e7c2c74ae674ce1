//! Where Microsoft sends the administrator back after consent: `GET /account/integration/oauth`.
//!
//! Anyone may call it, so it believes nothing but a `state` that was issued here, and even then
//! takes the answer for a hint: the sync that it asks for mints a token and reads the proof. It says
//! no more than the address does.

mod page;

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, header::COOKIE},
    response::Response,
    routing::get,
};
use muster_domain::{
    TenantId, aadsts,
    consent_answer::{ConsentAnswer, NotAnAnswer, Told},
};
use muster_platform::{
    Services,
    consent::{self, BadState},
    now,
    request_sync::{RequestError, request_sync},
    session::Sessions,
};
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
        let sessions = Sessions::new(services.portal_secret.clone(), &services.public_url);
        Self { services, sessions }
    }
}

/// The callback's route.
pub fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/account/integration/oauth", get(callback))
        .with_state(context)
}

async fn callback(
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Response {
    let Ok(Query(parameters)) = parameters else {
        return page::bad_state("The address is not one that Microsoft sends.");
    };
    let answer = match read(&parameters) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(reason = %error, "a callback that cannot be read was refused");
            return page::bad_state(unread(error));
        }
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
        answer.tenant,
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
    match answer.told {
        Told::Refused(code) => {
            tracing::info!(tenant.id = %tenant, code, "consent was not given");
            page::not_given(tenant, &aadsts::explain(code).sentence)
        }
        Told::NotGiven => {
            tracing::info!(tenant.id = %tenant, "consent was not given");
            page::not_given(tenant, NOT_GIVEN)
        }
        told @ (Told::Given | Told::Nothing) => {
            let given = told == Told::Given;
            match take_note(&context.services, tenant, given).await {
                Ok(Some(name)) if given => page::given(tenant, &name),
                Ok(Some(name)) => page::nothing_said(tenant, &name),
                Ok(None) => {
                    page::bad_state("The integration was deleted meanwhile, or is being deleted.")
                }
                Err(error) => {
                    tracing::error!(tenant.id = %tenant, ?error, "the consent could not be noted");
                    page::unavailable()
                }
            }
        }
    }
}

fn read(parameters: &[(String, String)]) -> Result<ConsentAnswer, NotAnAnswer> {
    let parameters = parameters.iter();
    ConsentAnswer::read(parameters.map(|(name, value)| (name.as_str(), value.as_str())))
}

const NOT_GIVEN: &str = "Microsoft says that consent was not given. Nothing was changed; choose Authorize to try again, and sign in as a Global Administrator or Privileged Role Administrator of the client's tenant.";

/// Asks for a sync, which looks for the proof, and notes the hint where Microsoft says that consent
/// was given. `None` where the integration is gone, or is being deleted.
async fn take_note(
    services: &Services,
    tenant: TenantId,
    given: bool,
) -> Result<Option<String>, RequestError> {
    let known = services.store.integration(tenant).await?;
    if known.is_none_or(|known| known.deleting) {
        return Ok(None);
    }
    let requested = request_sync(services, tenant, |integration, at| {
        if given {
            integration.consent_hint_at = Some(at);
        }
    });
    let Some((integration, _)) = requested.await? else {
        return Ok(None);
    };
    tracing::info!(tenant.id = %tenant, given, "the consent page came back; looking for its roles");
    Ok(Some(integration.name))
}

fn unread(error: NotAnAnswer) -> &'static str {
    match error {
        NotAnAnswer::Ambiguous => {
            "The address names the same thing twice, with different values: something changed it on its way from Microsoft."
        }
        NotAnAnswer::NoState => {
            "The address holds no whole consent link: it was cut or changed on its way from Microsoft, by a proxy or a browser extension perhaps, or it was not made here."
        }
    }
}

fn reason(error: &BadState) -> &'static str {
    match error {
        BadState::Unknown => "This consent link was used already, or was not made here.",
        BadState::Expired => "This consent link is older than ten minutes.",
        BadState::OtherSession => {
            "This consent was begun in another browser, or you have signed out since."
        }
        BadState::OtherTenant => {
            "Microsoft's page was answered in another tenant than the one this link was made for. Sign in to Microsoft as a Global Administrator or Privileged Role Administrator of the client's tenant."
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
                if let Ok(Query(parameters)) = Query::<Vec<(String, String)>>::try_from_uri(&uri) {
                    // The description is Microsoft's to write, and anybody's.
                    if let Ok(answer) = read(&parameters) {
                        proptest::prop_assert!(answer.state.as_str().len() <= query.len());
                    }
                }
            }
        }
    }
}
