//! A program that calls Muster's HTTP, and looks at every answer, good or bad.

use crate::World;
use reqwest::{Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde_json::Value;

/// A caller with a token of its own, or none.
#[derive(Debug, Clone)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    authorization: Option<String>,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The content type, or nothing.
    pub content_type: String,
    /// The body as text.
    pub text: String,
    /// The body as JSON, or null.
    pub json: Value,
    /// Status line, headers and body, as they would be found in a record of the wire.
    pub wire: Vec<u8>,
}

impl Caller {
    /// A caller of the Muster at `base`, with this `Authorization` header.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(base: String, authorization: Option<String>) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            base,
            authorization,
        })
    }

    /// A caller of a world's Muster, as a manager.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn of(world: &World) -> anyhow::Result<Self> {
        let base = format!("http://{}", world.muster().address());
        let token = world.muster().token().expose_secret();
        Self::new(base, Some(format!("Bearer {token}")))
    }

    /// The same caller with another `Authorization` header.
    #[must_use]
    pub fn with(&self, authorization: Option<&str>) -> Self {
        Self {
            authorization: authorization.map(str::to_owned),
            ..self.clone()
        }
    }

    /// Calls, with a body and its content type.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> anyhow::Result<Answer> {
        let url = if path.starts_with('/') {
            format!("{}{path}", self.base)
        } else {
            path.to_owned()
        };
        let mut request = self.http.request(method, url);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some((content_type, body)) = body {
            if !content_type.is_empty() {
                request = request.header(header::CONTENT_TYPE, content_type);
            }
            request = request.body(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = response.bytes().await?;
        let wire = [format!("{status} {headers:?}\n").as_bytes(), &body].concat();
        let content_type = headers.get(header::CONTENT_TYPE);
        Ok(Answer {
            status,
            content_type: content_type
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            text: String::from_utf8_lossy(&body).into_owned(),
            json: serde_json::from_slice(&body).unwrap_or_default(),
            wire,
        })
    }

    /// Calls with a JSON body.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn json(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let body = ("application/json", serde_json::to_vec(body)?);
        self.send(method, path, Some(body)).await
    }

    /// Reads.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, None).await
    }
}
