//! An STS that vouches: answers `GetWebIdentityToken` as AWS does, with a token that only the
//! simulator reads.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::Credentials;
use axum::{Router, extract::State, http::header, routing::post};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::Timestamp;
use muster_platform::http::Http;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};

/// The issuer that it signs as.
const ISSUER: &str = "https://a1b2c3d4.tokens.sts.example";
/// The role that it vouches for.
const SUBJECT: &str = "arn:aws:iam::123456789012:role/muster-tenant";

/// Whom it vouches for: issuer and subject.
pub fn vouched_for() -> (&'static str, &'static str) {
    (ISSUER, SUBJECT)
}

/// A running STS.
#[derive(Debug)]
pub struct FakeSts {
    url: String,
    now: Arc<Mutex<Timestamp>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for FakeSts {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeSts {
    /// Starts listening.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let now = Arc::new(Mutex::new(Timestamp::now()));
        let router = Router::new()
            .route("/", post(answer))
            .with_state(Arc::clone(&now));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.ok();
        });
        Ok(Self { url, now, server })
    }

    /// What time it is for it.
    pub fn set_time(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// A configuration that leads here.
    pub async fn config(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            .endpoint_url(&self.url)
            .http_client(Http::loopback())
            .load()
            .await
    }
}

async fn answer(
    State(now): State<Arc<Mutex<Timestamp>>>,
    body: Bytes,
) -> ([(header::HeaderName, &'static str); 1], String) {
    let asked: std::collections::HashMap<String, String> =
        url::form_urlencoded::parse(&body).into_owned().collect();
    assert_eq!(asked["Action"], "GetWebIdentityToken");
    assert_eq!(asked["SigningAlgorithm"], "RS256");
    let now = now
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_second();
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!(
        "{}.{}.c2ln",
        part(json!({"alg": "RS256", "typ": "JWT", "kid": "RSA_0"})),
        part(json!({
            "iss": ISSUER, "sub": SUBJECT, "aud": asked["Audience.member.1"],
            "iat": now, "nbf": now - 60, "exp": now + 300,
        }))
    );
    let xml = format!(
        "<GetWebIdentityTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetWebIdentityTokenResult><WebIdentityToken>{token}</WebIdentityToken><Expiration>2030-01-01T00:00:00Z</Expiration></GetWebIdentityTokenResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetWebIdentityTokenResponse>"
    );
    ([(header::CONTENT_TYPE, "text/xml")], xml)
}
