//! OpenID discovery and the client-credentials token (RFC 6749, 4.4).

use super::{Microsoft, jitter, wire_trouble};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use muster_domain::{
    ClientId, TenantId,
    aadsts::{self, SignInError},
    cloud::Cloud,
    http_status,
    retry::{Tries, retry_after},
    token::{Claims, NotProof},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;
use uuid::Uuid;

/// A token for Graph, and what it says.
#[derive(Debug, Clone)]
pub struct Token {
    /// The claims.
    pub claims: Claims,
    /// The token itself.
    pub bearer: SecretString,
}

/// What a directory's OpenID configuration says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// The cloud the directory is in; `None` where Microsoft names one that Muster does not know.
    pub cloud: Option<Cloud>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum SignInFailure {
    /// The service refused; its code tells why.
    #[error("the sign-in service refused")]
    Refused(SignInError),
    /// It answered with a token that proves nothing.
    #[error("the sign-in service's token proves nothing")]
    NotProof(#[source] NotProof),
    /// It asks to wait, or has trouble that passes by itself: try again later.
    #[error("the sign-in service has trouble that passes by itself: {why}")]
    Passing {
        /// In words.
        why: &'static str,
        /// The wait that it named.
        named: Option<Duration>,
    },
    /// It did not answer properly: try again later.
    #[error("the sign-in service did not answer: {0}")]
    Unreachable(String),
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    cloud_instance_name: String,
    #[serde(default)]
    tenant_region_sub_scope: Option<String>,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: SecretString,
}

/// A sign-in answer that has not come whole by then does not come.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A sign-in answer is a few kilobytes; more is not read.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Trouble that passes is waited for so long in all, and so often: a person may be waiting. What lasts
/// longer is put off by whoever asks.
const PATIENCE: Duration = Duration::from_secs(8);
const RETRIES: u32 = 4;

impl Microsoft {
    /// Looks a directory up; `None` when the cloud's sign-in service does not know it.
    ///
    /// # Errors
    /// When the service does not answer properly.
    pub async fn discover(
        &self,
        cloud: Cloud,
        directory: Uuid,
    ) -> Result<Option<Discovery>, SignInFailure> {
        let path = format!(
            "/{}/v2.0/.well-known/openid-configuration",
            directory.hyphenated()
        );
        let url = self.hosts(cloud).login(&path);
        let request = self.client()?.get(url);
        let (status, body) = self.patiently(&request).await?;
        if status == 200 {
            let found: Configuration = serde_json::from_slice(&body).map_err(|_| unreadable())?;
            let sub_scope = found.tenant_region_sub_scope.unwrap_or_default();
            let cloud = Cloud::of_discovery(&found.cloud_instance_name, &sub_scope);
            return Ok(Some(Discovery { cloud }));
        }
        let error = SignInError::read(&body);
        let unknown = matches!(error.code(), Some(90_002 | 900_023 | 90_013))
            || error.error == "invalid_tenant";
        if unknown {
            Ok(None)
        } else {
            Err(SignInFailure::Refused(error))
        }
    }

    /// Mints a token with the credential that the vault keeps, and reads from it what was granted.
    /// Trouble that passes is waited for, some seconds in all.
    ///
    /// # Errors
    /// When the service refuses or does not answer, or the token is for another directory or app.
    pub async fn mint(
        &self,
        cloud: Cloud,
        tenant: TenantId,
        client: ClientId,
        secret: &SecretString,
    ) -> Result<Token, SignInFailure> {
        let url = self
            .hosts(cloud)
            .login(&format!("/{tenant}/oauth2/v2.0/token"));
        let client_id = client.to_string();
        let scope = cloud.scope();
        let proof = self
            .proof(cloud, tenant, client, url.as_str(), secret)
            .await?;
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id.as_str()),
            ("scope", scope.as_str()),
        ];
        form.extend(
            proof
                .iter()
                .map(|(name, value)| (*name, value.expose_secret())),
        );
        let request = self.client()?.post(url).form(&form);
        let (status, body) = self.patiently(&request).await?;
        if status != 200 {
            return Err(SignInFailure::Refused(SignInError::read(&body)));
        }
        let response: TokenResponse = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let payload = payload(response.access_token.expose_secret());
        let claims = payload
            .ok_or(NotProof::Unreadable)
            .and_then(|payload| Claims::read(&payload, tenant, client))
            .map_err(SignInFailure::NotProof)?;
        Ok(Token {
            claims,
            bearer: response.access_token,
        })
    }

    fn client(&self) -> Result<&reqwest::Client, SignInFailure> {
        self.http.client().map_err(broken)
    }

    /// Sends a request again, after a growing delay, where the answer is trouble that passes.
    async fn patiently(
        &self,
        request: &reqwest::RequestBuilder,
    ) -> Result<(u16, Vec<u8>), SignInFailure> {
        let (mut tries, mut patience) = (Tries::default(), PATIENCE);
        loop {
            let again = request.try_clone().ok_or_else(unreadable)?;
            let failure = match self.ask(again).await {
                Err(failure) => failure,
                answered => return answered,
            };
            let delay = match &failure {
                // More of the same is what Microsoft calls a loop.
                SignInFailure::Passing { why: LOOP, .. } => None,
                SignInFailure::Passing { named, .. } => {
                    tries.again(*named, RETRIES, patience, jitter())
                }
                _ => None,
            };
            let Some(delay) = delay else {
                return Err(failure);
            };
            patience = patience.saturating_sub(delay);
            tokio::time::sleep(delay).await;
        }
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), SignInFailure> {
        let request = request.timeout(ANSWER_WITHIN);
        let mut response = request.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let named = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| retry_after(value.to_str().ok()?, crate::now()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(unreadable());
            }
            body.extend_from_slice(&chunk);
        }
        if (300..400).contains(&status) {
            return Err(SignInFailure::Unreachable(
                "its answer leads to another address".to_owned(),
            ));
        }
        let error = match status {
            200 => return Ok((status, body)),
            _ => SignInError::read(&body),
        };
        if !error.passes(status) {
            return Ok((status, body));
        }
        let code = error.code();
        tracing::info!(
            status,
            code,
            ?named,
            "the sign-in service has passing trouble"
        );
        let why = match code {
            Some(aadsts::LOOP_DETECTED) => LOOP,
            _ if status < 500 && status != 429 => "it says so itself",
            _ => http_status::in_words(status),
        };
        Err(SignInFailure::Passing { why, named })
    }
}

/// AADSTS50196.
const LOOP: &str = "it has had too many of the same request";

fn broken(error: reqwest::Error) -> SignInFailure {
    SignInFailure::Unreachable(wire_trouble(&error).to_owned())
}

fn unreadable() -> SignInFailure {
    SignInFailure::Unreachable("its answer cannot be read".to_owned())
}

/// The decoded payload of a compact JWT.
fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    BASE64_URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .ok()
}
