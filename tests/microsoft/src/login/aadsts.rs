//! The errors of the token endpoint.
//!
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use uuid::Uuid;

use crate::json::date_time;

/// A refusal of sign-in.
#[derive(Debug)]
pub struct Aadsts {
    status: StatusCode,
    error: &'static str,
    code: u32,
    message: String,
    at: i64,
}

impl Aadsts {
    /// A refusal at `at`; `message` goes behind `AADSTS{code}: `.
    pub fn new(status: u16, error: &'static str, code: u32, message: String, at: i64) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self {
            status,
            error,
            code,
            message,
            at,
        }
    }

    /// 90002.
    pub fn tenant_not_found(error: &'static str, tenant: &str, at: i64) -> Self {
        let message = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are \
             signing into the correct cloud. Check with your subscription administrator, this may \
             happen if there are no active subscriptions for the tenant."
        );
        Self::new(400, error, 90002, message, at)
    }

    /// A refusal with any code, in Microsoft's shape; its message is the simulator's own.
    pub fn simulated(status: u16, code: u32, at: i64) -> Self {
        let error = match (status, code) {
            (500.., _) | (_, 429 | 90_033 | 90_024) => "temporarily_unavailable",
            (401, _) => "invalid_client",
            _ => "invalid_request",
        };
        Self::new(status, error, code, "A simulated refusal.".to_owned(), at)
    }

    /// `AADSTS…: …`, as pages show it.
    pub fn text(&self) -> String {
        format!("AADSTS{}: {}", self.code, self.message)
    }
}

impl IntoResponse for Aadsts {
    fn into_response(self) -> Response {
        let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
        let timestamp = date_time(self.at).replace('T', " ");
        let description = format!(
            "{} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            self.text()
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        (self.status, axum::Json(body)).into_response()
    }
}
