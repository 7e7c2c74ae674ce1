//! Exports on AWS: a buffered response of Lambda ends at 6 MB and API Gateway waits for 30 seconds,
//! so the portal sends whoever may export on to a function URL that streams, with a ticket for that
//! one export.
//!
//! AWS Lambda Developer Guide, "Lambda quotas" and "Response streaming for Lambda functions";
//! Amazon API Gateway Developer Guide, "Quotas for configuring and running an HTTP API".

use crate::{
    Context, LARGEST_BODY,
    api::assets::{about, csv},
    parameters::{Parameters, dataset, tenant},
    problem::Problem,
    records, response,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, RawQuery, State},
    http::StatusCode,
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use muster_domain::{Dataset, TenantId, clock_ahead};
use muster_platform::{
    portal_secret::{PortalSecret, PortalSecretError},
    services::SettingError,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::{Url, form_urlencoded};

/// Where exports are streamed from.
#[derive(Debug, Clone)]
pub struct ExportUrl(Url);

/// The environment variable that names it.
const EXPORT_URL: &str = "EXPORT_URL";
/// A redirect is followed at once; a link that is found in a history later is of no use.
const LIFE: SignedDuration = SignedDuration::from_secs(60);
const PURPOSE: &str = "muster export ticket 1";
/// Parameters of an export; where a page begins and how long it is do not matter to the whole.
const KNOWN: [&str; 6] = ["q", "filter", "sort", "limit", "cursor", "format"];

/// The right to one export, proven by the seal.
#[derive(Debug, Serialize, Deserialize)]
struct Ticket {
    tenant: String,
    dataset: String,
    query: String,
    expires_at: Timestamp,
}

impl ExportUrl {
    /// Reads `EXPORT_URL`.
    ///
    /// # Errors
    /// When it is missing or wrong.
    pub fn from_env() -> Result<Self, SettingError> {
        let text = std::env::var(EXPORT_URL).map_err(|_| SettingError::Missing(EXPORT_URL))?;
        let url = text
            .parse()
            .map_err(|e| SettingError::Wrong(EXPORT_URL, format!("{e}")))?;
        Ok(Self(url))
    }

    /// On to the export that was asked for, for a caller who was let in.
    ///
    /// # Errors
    /// When there is no key to seal the ticket with.
    pub(crate) async fn redirect(
        &self,
        secret: &PortalSecret,
        tenant: TenantId,
        dataset: &Dataset,
        query: Option<&str>,
        now: Timestamp,
    ) -> Result<Response, PortalSecretError> {
        let ticket = Ticket {
            tenant: tenant.to_string(),
            dataset: dataset.name.to_owned(),
            query: query.unwrap_or_default().to_owned(),
            expires_at: now.checked_add(LIFE).unwrap_or(now),
        };
        let plain = serde_json::to_vec(&ticket).unwrap_or_default();
        let sealed = secret.sealing_key().await?.seal(PURPOSE, &plain);
        let mut url = self.0.clone();
        let ticket = BASE64_URL_SAFE_NO_PAD.encode(sealed);
        url.query_pairs_mut().append_pair("ticket", &ticket);
        Ok(Redirect::to(url.as_str()).into_response())
    }
}

/// What the streaming function serves: exports by ticket, and nothing else.
pub fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/", get(stream))
        .fallback(|| async { Problem::no_such_path() })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&context),
            response::layer,
        ))
        .with_state(context)
}

async fn stream(
    State(context): State<Arc<Context>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let now = muster_platform::now();
    let ticket = open(&context.services.portal_secret, query.as_deref(), now).await?;
    let (tenant, dataset) = (tenant(&ticket.tenant)?, dataset(&ticket.dataset)?);
    let parameters = Parameters::read(Some(&ticket.query), &KNOWN)?;
    let query = records::query(dataset, &parameters)?;
    let view = about(&context, tenant, dataset).await?;
    csv(&context, tenant, query, &view, now).await
}

async fn open(
    secret: &PortalSecret,
    query: Option<&str>,
    now: Timestamp,
) -> Result<Ticket, Problem> {
    let ticket = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(name, value)| (name == "ticket").then(|| value.into_owned()));
    let sealed = ticket.and_then(|ticket| BASE64_URL_SAFE_NO_PAD.decode(ticket).ok());
    // Without anything to open, the key is not asked for.
    let sealed = sealed
        .filter(|sealed| !sealed.is_empty())
        .ok_or_else(no_ticket)?;
    let plain = secret.sealing_key().await?.open(PURPOSE, &sealed);
    let ticket: Option<Ticket> = plain.ok().and_then(|p| serde_json::from_slice(&p).ok());
    ticket
        .filter(|ticket| clock_ahead::is_to_come(ticket.expires_at, LIFE, now))
        .ok_or_else(no_ticket)
}

fn no_ticket() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "This download link is older than a minute, or was not made here. Go back to the table and choose Download CSV again; a program asks the API again and follows its redirect.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::datasets;
    use muster_platform::seal::KeyBytes;

    fn secret(key: u8) -> PortalSecret {
        PortalSecret::given(&KeyBytes([key; 32]))
    }

    async fn link(secret: &PortalSecret, now: Timestamp) -> String {
        let exports = ExportUrl("https://export.example/".parse().expect("a URL"));
        let users = datasets::find("users").expect("a dataset");
        let tenant = "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
            .parse()
            .expect("a GUID");
        let query = Some("format=csv&q=a%26b");
        let on = exports.redirect(secret, tenant, users, query, now);
        let on = on.await.expect("a redirect");
        let to = on.headers()[axum::http::header::LOCATION].to_str();
        to.expect("a text").to_owned()
    }

    #[tokio::test]
    async fn a_ticket_is_for_what_was_asked_for_a_minute_and_of_this_key() {
        let (own, now) = (secret(1), muster_platform::now());
        let link = link(&own, now).await;
        let query = link.split_once('?').expect("a query").1;
        let ticket = open(&own, Some(query), now).await.expect("good");
        assert_eq!(ticket.dataset, "users");
        assert_eq!(ticket.query, "format=csv&q=a%26b");
        let last = now + LIFE - SignedDuration::from_secs(1);
        assert!(open(&own, Some(query), last).await.is_ok());
        let forged = format!("{query}A");
        for (secret, query, at) in [
            (&own, Some(query), now + LIFE),
            (&secret(2), Some(query), now),
            (&own, Some(forged.as_str()), now),
            (&own, Some("ticket="), now),
            (&own, None, now),
        ] {
            let refused = open(secret, query, at).await.expect_err("refused");
            assert_eq!(refused.status, StatusCode::FORBIDDEN);
        }
    }
}
