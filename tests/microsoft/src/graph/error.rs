//! Refusals in Graph's envelope.
//!
//! <https://learn.microsoft.com/graph/errors>

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// A refusal.
#[derive(Debug)]
pub struct GraphError {
    status: u16,
    code: &'static str,
    message: String,
    location: Option<String>,
}

impl GraphError {
    /// A refusal with Graph's code and message.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            location: None,
        }
    }

    /// The usual code and message of a status.
    pub fn of_status(status: u16) -> Self {
        let (code, message) = match status {
            400 => ("Request_BadRequest", "The request is invalid."),
            401 => (
                "InvalidAuthenticationToken",
                "Access token validation failure.",
            ),
            403 => (
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            ),
            404 => (
                "Request_ResourceNotFound",
                "The requested resource was not found.",
            ),
            409 => (
                "Directory_ConcurrencyViolation",
                "A conflicting request is under way.",
            ),
            410 => ("resyncRequired", "Resync required."),
            429 => ("TooManyRequests", "Please retry again later."),
            500 => ("InternalServerError", "There was an internal server error."),
            501 => (
                "NotImplemented",
                "This operation target is not yet supported.",
            ),
            502 => ("BadGateway", "Failed to execute backend request."),
            503 => (
                "ServiceUnavailable",
                "The service is temporarily unavailable.",
            ),
            504 => ("UnknownError", "The request timed out."),
            _ => ("UnknownError", ""),
        };
        Self::new(status, code, message)
    }

    /// A request that makes no sense to the directory.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    /// No such object.
    pub fn no_object(id: &str) -> Self {
        let message = format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are not \
             present."
        );
        Self::new(404, "Request_ResourceNotFound", message)
    }

    /// The tenant holds no Entra ID P1. The wording is Microsoft's own.
    ///
    /// <https://learn.microsoft.com/graph/known-issues>
    pub fn not_premium() -> Self {
        let message = "Neither tenant is B2C or tenant doesn't have premium license";
        Self::new(
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            message,
        )
    }

    /// Sends the client elsewhere.
    #[must_use]
    pub fn location(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let id = Uuid::new_v4();
        let date = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let inner = json!({ "date": date, "request-id": id, "client-request-id": id });
        let body = json!({
            "error": { "code": self.code, "message": self.message, "innerError": inner },
        });
        // A delta token that has aged out is answered without a body.
        let mut response = if self.status == 410 {
            status.into_response()
        } else {
            (status, axum::Json(body)).into_response()
        };
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
            headers.insert("request-id", id);
        }
        if let Some(location) = self.location.and_then(|l| HeaderValue::from_str(&l).ok()) {
            headers.insert(header::LOCATION, location);
        }
        response
    }
}
