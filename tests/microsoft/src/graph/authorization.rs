//! Who may read what, and the shapes in which each service refuses.

use axum::http::{HeaderMap, header};
use serde_json::json;
use uuid::Uuid;

use super::error::GraphError;
use crate::world::{Issued, World};

/// The service behind a resource: each refuses in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Entra.
    Directory,
    /// Sign-in reports of Entra.
    EntraReports,
    /// Intune's devices.
    IntuneDevices,
    /// Intune's apps.
    IntuneApps,
    /// Usage reports and their settings.
    UsageReports,
    /// Secure score.
    Security,
}

impl Service {
    /// The refusal of a token without the permission.
    pub fn denied(self, needs: &[&str]) -> GraphError {
        match self {
            Self::Directory => GraphError::of_status(403),
            Self::EntraReports => missing_permission(needs),
            // <https://learn.microsoft.com/intune/intune-service/developer/intune-graph-apis>
            Self::IntuneDevices => GraphError::new(403, "Forbidden", intune_message(needs)),
            Self::IntuneApps => {
                let inner = json!({
                    "_version": 3,
                    "Message": intune_message(needs),
                    "CustomApiErrorPhrase": "",
                    "RetryAfter": null,
                    "ErrorSourceService": "",
                    "HttpHeaders": "{}",
                });
                let message = json!({ "ErrorCode": "Unauthorized", "Message": inner.to_string() });
                GraphError::new(401, "UnknownError", message.to_string())
            }
            Self::UsageReports => {
                let message = json!({
                    "error": { "code": "S2SUnauthorized", "message": "Invalid permission." },
                });
                GraphError::new(403, "UnknownError", message.to_string())
            }
            Self::Security => {
                let message = "Auth token does not contain valid permissions or user does not have valid \
                               roles.";
                GraphError::new(403, "UnknownError", message)
            }
        }
    }

    /// The refusal of an option.
    pub fn unsupported(self, message: String) -> GraphError {
        match self {
            Self::Directory => GraphError::new(400, "Request_UnsupportedQuery", message),
            _ => GraphError::new(400, "BadRequest", message),
        }
    }
}

/// The refusal of the sign-in reports, which name what is missing.
pub fn missing_permission(needs: &[&str]) -> GraphError {
    let message = format!(
        "Calling principal does not have required MSGraph permissions {}",
        needs.join(",")
    );
    GraphError::new(403, "Authentication_MSGraphPermissionMissing", message)
}

fn intune_message(needs: &[&str]) -> String {
    format!(
        "Application is not authorized to perform this operation. Application must have one of the \
         following scopes: {} - Operation ID (for customer support): {} - Activity ID: {} - Url: \
         https://fef.manage.microsoft.example/ - CustomApiErrorPhrase: ",
        needs.join(", "),
        Uuid::nil(),
        Uuid::new_v4(),
    )
}

/// What the bearer token stands for.
pub fn token(world: &World, headers: &HeaderMap) -> Result<Issued, GraphError> {
    let refuse = |message| Err(GraphError::new(401, "InvalidAuthenticationToken", message));
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|header| {
        let (scheme, token) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let Some(token) = bearer.filter(|token| !token.is_empty()) else {
        return refuse("Access token is empty.");
    };
    match world.token(token) {
        Some(issued) => Ok(issued),
        None if token.split('.').count() == 3 => {
            refuse("Lifetime validation failed, the token is expired.")
        }
        None => refuse("IDX14100: JWT is not well formed, there are no dots (.)."),
    }
}
