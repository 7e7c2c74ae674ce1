//! What an issuer publishes of itself: its endpoints and its keys. Both are fetched at first need
//! and kept while the environment is warm.

use super::{
    Unreachable,
    settings::{Settings, is_private},
    token::Keys,
};
use crate::http::Http;
use jiff::{SignedDuration, Timestamp};
use muster_domain::clock_ahead;
use serde::Deserialize;
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, OnceCell};
use url::Url;

/// How long any answer of the issuer's is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Documents, keys and tokens are a few kilobytes; more is not read.
const LONGEST_ANSWER: usize = 256 * 1024;
/// A key that is not known may be a new one. Looked for this often at most, so that made-up keys
/// cause no storm.
const BETWEEN_LOOKS: SignedDuration = SignedDuration::from_secs(60);
/// After a failure it is tried again sooner.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(5);

/// What of the discovery document is used (OpenID Connect Discovery 1.0, 3; RP-Initiated Logout
/// 1.0, 2.1).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Document {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    jwks_uri: Url,
    pub(super) end_session_endpoint: Option<Url>,
    /// Left out, it means `client_secret_basic`.
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// The issuer, over HTTP.
#[derive(Debug)]
pub(super) struct Wire {
    http: Http,
    document: OnceCell<Document>,
    keys: RwLock<Arc<Keys>>,
    looked: Mutex<Looked>,
    failed: RwLock<Option<(Timestamp, Unreachable)>>,
}

/// When keys were asked for last, and whether they came.
#[derive(Debug, Default)]
struct Looked(Option<(Timestamp, bool)>);

impl Wire {
    /// Nothing is asked of the issuer here.
    pub(super) fn new(http: Http) -> Self {
        Self {
            http,
            document: OnceCell::new(),
            keys: RwLock::default(),
            looked: Mutex::default(),
            failed: RwLock::default(),
        }
    }

    /// The discovery document. A failure is told again for a few seconds without asking.
    pub(super) async fn document(
        &self,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<&Document, Unreachable> {
        let fetch = || async {
            if let Some((at, why)) = &*self.failed.read().unwrap_or_else(PoisonError::into_inner)
                && clock_ahead::is_younger(*at, AFTER_FAILURE, now)
            {
                return Err(*why);
            }
            let began = Instant::now();
            let fetched = self.fetch_document(settings).await;
            if let Err(why) = &fetched {
                *self.failed.write().unwrap_or_else(PoisonError::into_inner) =
                    Some((after(now, began), *why));
            }
            fetched
        };
        self.document.get_or_try_init(fetch).await
    }

    async fn fetch_document(&self, settings: &Settings) -> Result<Document, Unreachable> {
        let (status, body) = self.get(&settings.issuer.discovery()).await?;
        if status != 200 {
            return Err(Unreachable::Status(status));
        }
        let document: Document =
            serde_json::from_slice(&body).map_err(|_| Unreachable::Unreadable)?;
        // 4.3: it must be the very issuer that was asked, or it speaks for somebody else.
        if document.issuer != settings.issuer.as_str() {
            return Err(Unreachable::OtherIssuer);
        }
        let endpoints = [
            Some(&document.authorization_endpoint),
            Some(&document.token_endpoint),
            Some(&document.jwks_uri),
            document.end_session_endpoint.as_ref(),
        ];
        if !endpoints.into_iter().flatten().all(is_private) {
            return Err(Unreachable::Unreadable);
        }
        Ok(document)
    }

    /// The keys at hand, which may be none yet.
    pub(super) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the keys anew where that was not done of late; then those at hand.
    pub(super) async fn look_again(
        &self,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Arc<Keys>, Unreachable> {
        let before = self.keys();
        let mut looked = self.looked.lock().await;
        // Somebody else has fetched them while this one waited.
        if !Arc::ptr_eq(&before, &self.keys()) {
            return Ok(self.keys());
        }
        if let Looked(Some((at, came))) = *looked {
            let wait = if came { BETWEEN_LOOKS } else { AFTER_FAILURE };
            if clock_ahead::is_younger(at, wait, now) {
                return match came {
                    true => Ok(before),
                    false => Err(Unreachable::Lately),
                };
            }
        }
        let began = Instant::now();
        let fetched = self.fetch_keys(settings, now).await;
        *looked = Looked(Some(match &fetched {
            Ok(_) => (now, true),
            Err(_) => (after(now, began), false),
        }));
        let keys = Arc::new(fetched?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
        Ok(keys)
    }

    async fn fetch_keys(&self, settings: &Settings, now: Timestamp) -> Result<Keys, Unreachable> {
        let url = self.document(settings, now).await?.jwks_uri.clone();
        let (status, body) = self.get(url.as_str()).await?;
        if status != 200 {
            return Err(Unreachable::Status(status));
        }
        Keys::read(&body).ok_or(Unreachable::Unreadable)
    }

    /// Sends a request to an endpoint of the issuer's.
    pub(super) fn post(&self, url: Url) -> Result<reqwest::RequestBuilder, Unreachable> {
        Ok(self.http.client().map_err(|e| trouble(&e))?.post(url))
    }

    async fn get(&self, url: &str) -> Result<(u16, Vec<u8>), Unreachable> {
        let http = self.http.client().map_err(|e| trouble(&e))?;
        self.ask(http.get(url)).await
    }

    /// Sends, and reads an answer of bounded length.
    pub(super) async fn ask(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<(u16, Vec<u8>), Unreachable> {
        let mut response = request
            .timeout(PATIENCE)
            .send()
            .await
            .map_err(|e| trouble(&e))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| trouble(&e))? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(Unreachable::Unreadable);
            }
            body.extend_from_slice(&chunk);
        }
        if status >= 500 || status == 429 || (300..400).contains(&status) {
            return Err(Unreachable::Status(status));
        }
        Ok((status, body))
    }
}

/// The time at the end of what began at `now`: an issuer that is slow to fail has cost enough.
fn after(now: Timestamp, began: Instant) -> Timestamp {
    let took = SignedDuration::try_from(began.elapsed());
    took.ok()
        .and_then(|took| now.checked_add(took).ok())
        .unwrap_or(now)
}

/// An HTTP failure without its URL and source, which may quote what was sent.
fn trouble(error: &reqwest::Error) -> Unreachable {
    if error.is_timeout() {
        Unreachable::Slow
    } else if error.is_connect() {
        Unreachable::NoConnection
    } else {
        Unreachable::BrokeOff
    }
}
