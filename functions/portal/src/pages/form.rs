//! Forms as browsers send them.

use crate::{auth::Caller, problem::Problem};
use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use bytes::Bytes;
use std::collections::BTreeMap;

/// The fields of a form, of which each was sent once (of more, the last counts).
#[derive(Debug, Default)]
pub struct Form(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    /// The form of a session: 403 when it does not carry the session's CSRF token, 415 when it is no
    /// form, 413 when it is too large.
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, state).await?;
        let headers = parts.headers.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), state);
        let body = body
            .await
            .map_err(|refused| Problem::of_status(refused.into_response().status()))?;
        let form = Self::read_open(&headers, &body)?;
        if caller.csrf_matches(form.get("csrf")) {
            Ok(form)
        } else {
            Err(Problem::csrf())
        }
    }
}

impl Form {
    /// Reads a form of nobody's session.
    ///
    /// # Errors
    /// 403 when another site sent it; 415 when it is no form.
    pub fn read_open(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if header("sec-fetch-site") == Some("cross-site") {
            return Err(Problem::csrf());
        }
        let kind = header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "This address takes the form on its page.",
            ));
        }
        let fields = url::form_urlencoded::parse(body);
        Ok(Self(fields.into_owned().collect()))
    }

    /// A field; absent is empty.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Takes a field out; absent is empty.
    pub fn take(&mut self, name: &str) -> String {
        self.0.remove(name).unwrap_or_default()
    }

    /// Whether a box was ticked.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}
