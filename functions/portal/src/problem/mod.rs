//! Errors as RFC 9457 answers: what happened, why, and what to do next. Never a path, a stack, a
//! secret or what the store said.

mod causes;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use muster_domain::{connect::FieldError, integration::DELETING};
use muster_platform::oidc::{NotProven, Settings, Unreachable};
use serde::Serialize;

/// The content type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One error answer.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// A stable name: `about:blank`, or `urn:muster:problem:…` where a caller may want to tell
    /// one from another of the same status.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// A few words, the same for every problem of the type.
    pub title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "status")]
    pub status: StatusCode,
    /// What happened and what to do next.
    pub detail: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
    /// Headers that go with it.
    #[serde(skip)]
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemField {
    /// The field, as the body names it.
    pub field: String,
    /// What happened and what to do next.
    pub detail: String,
}

fn status<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl ProblemField {
    /// An error of a field.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            detail: detail.into(),
        }
    }
}

impl From<FieldError> for ProblemField {
    fn from(error: FieldError) -> Self {
        Self::new(error.field, error.detail)
    }
}

impl Problem {
    /// A problem of that status, of no named type.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    fn named(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            title,
            ..Self::new(status, detail)
        }
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// The request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// A query parameter or body field cannot be understood.
    pub fn bad_parameter(name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut problem = Self::bad_request(format!("{name}: {detail}"));
        problem.errors.push(ProblemField::new(name, detail));
        problem
    }

    /// Nothing is here.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// No path of this installation.
    pub fn no_such_path() -> Self {
        Self::not_found(
            "There is nothing at this address. Check it for a typing mistake, or begin at the list of clients.",
        )
    }

    /// The tenant is not connected.
    pub fn unknown_tenant() -> Self {
        Self::named(
            StatusCode::NOT_FOUND,
            "urn:muster:problem:unknown-tenant",
            "Unknown tenant",
            "No integration has this tenant ID. See the list of integrations for those that are connected.",
        )
    }

    /// The path names a tenant by something else than its GUID.
    pub fn not_a_tenant_id() -> Self {
        Self::named(
            StatusCode::BAD_REQUEST,
            "urn:muster:problem:not-a-tenant-id",
            "Not a tenant ID",
            "The tenant is named by its Directory (tenant) ID, a GUID such as 11111111-2222-3333-4444-555555555555.",
        )
    }

    /// No such dataset.
    pub fn unknown_dataset() -> Self {
        Self::named(
            StatusCode::NOT_FOUND,
            "urn:muster:problem:unknown-dataset",
            "Unknown dataset",
            "There is no dataset of this name. GET /api/v1/datasets lists all.",
        )
    }

    /// Neither a good token nor a session.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Send a valid API token as `Authorization: Bearer …`, or sign in.",
        )
        .with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"muster\"")
    }

    /// An access token that proves nothing (RFC 6750, 3.1).
    pub fn bad_token(reason: NotProven) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            format!("The access token was not accepted: {reason}. Get a new one from the issuer, for this installation's client ID, and send it as `Authorization: Bearer …`."),
        )
        .with_header(
            header::WWW_AUTHENTICATE,
            "Bearer realm=\"muster\", error=\"invalid_token\"",
        )
    }

    /// The issuer knows them, and gives them neither role.
    pub fn no_role(name: &str, settings: &Settings) -> Self {
        Self::named(
            StatusCode::FORBIDDEN,
            "urn:muster:problem:no-role",
            "No role in Muster",
            format!(
                "You are signed in as {name} but have neither the manager nor the viewer role. Ask whoever runs Muster to add you to the group or app role “{}”, to look at assets, or “{}”, to manage integrations too; then sign in again.",
                settings.viewer_value, settings.manager_value
            ),
        )
    }

    /// The issuer cannot be asked.
    pub fn issuer_unreachable(settings: &Settings, reason: Unreachable) -> Self {
        let host = settings.issuer.host();
        Self::named(
            StatusCode::SERVICE_UNAVAILABLE,
            "urn:muster:problem:issuer-unreachable",
            "The sign-in service did not answer",
            format!(
                "{host}, which signs people in to Muster, did not answer as it should ({reason}). Nothing is wrong with your account. Wait a minute and try again; if it stays so, tell whoever runs Muster."
            ),
        )
        .with_header(header::RETRY_AFTER, "60")
    }

    /// The caller may look but not change.
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This takes the right to manage integrations; you are signed in to view assets. Ask a colleague who manages integrations, or sign in as one.",
        )
    }

    /// A session's request without its CSRF token.
    pub fn csrf() -> Self {
        Self::named(
            StatusCode::FORBIDDEN,
            "urn:muster:problem:csrf",
            "The form is out of date",
            "The request did not carry this session's form token, so nothing was done. Load the page again and send the form once more.",
        )
    }

    /// Fields are wrong.
    pub fn fields(errors: impl IntoIterator<Item = impl Into<ProblemField>>) -> Self {
        let errors: Vec<ProblemField> = errors.into_iter().map(Into::into).collect();
        let detail = match errors.as_slice() {
            [one] => one.detail.clone(),
            many => format!("{} fields need your attention; see errors.", many.len()),
        };
        Self {
            errors,
            ..Self::named(
                StatusCode::UNPROCESSABLE_ENTITY,
                "urn:muster:problem:fields",
                "Some fields are wrong",
                detail,
            )
        }
    }

    /// The state of things does not allow it.
    pub fn conflict(kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self::named(StatusCode::CONFLICT, kind, title, detail)
    }

    /// There is neither a deletion under way nor a receipt.
    pub fn no_deletion() -> Self {
        Self::not_found(
            "This tenant is not being deleted, and no receipt of a deletion is kept. A receipt is kept for 30 days.",
        )
    }

    /// The integration is being deleted.
    pub fn deleting() -> Self {
        Self::conflict(
            "urn:muster:problem:deleting",
            "The integration is being deleted",
            DELETING,
        )
    }

    /// A sync has the tenant's lease.
    pub fn busy() -> Self {
        Self::conflict(
            "urn:muster:problem:sync-running",
            "A sync is running",
            "A sync of this tenant is running; try again in a moment.",
        )
    }

    /// 503: as many searches, sorts and exports run as may run at a time.
    pub fn too_many_heavy_reads() -> Self {
        Self::named(
            StatusCode::SERVICE_UNAVAILABLE,
            "urn:muster:problem:too-many-reads",
            "Too many searches and exports at once",
            "A few searches, sorts and exports may run at a time, so that syncs keep their pace, and that many run now. Nothing is wrong with your request. Try again in a few seconds.",
        )
        .with_header(header::RETRY_AFTER, "5")
    }

    /// The general words for a status that came without a problem.
    pub fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => return Self::no_such_path(),
            StatusCode::METHOD_NOT_ALLOWED => {
                "This address does not take that method; the Allow header names those it takes."
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                "The body is larger than 64 KB. Nothing Muster takes is that large; send less."
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                "The body's content type is not one that this address takes."
            }
            status if status.is_client_error() => {
                "The request cannot be understood. Check it against /api/v1/openapi.json."
            }
            _ => "Something went wrong here; it is in the log. Try again in a moment.",
        };
        Self::new(status, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (
            self.status,
            [(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON))],
            body,
        )
            .into_response();
        response.headers_mut().extend(self.headers.clone());
        // For the layer that shows people a page instead.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_rfc_9457() {
        let problem = Problem::fields([FieldError::new("name", "Enter the client's name.")]);
        let json = serde_json::to_value(&problem).expect("it serializes");
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:muster:problem:fields",
                "title": "Some fields are wrong",
                "status": 422,
                "detail": "Enter the client's name.",
                "errors": [{"field": "name", "detail": "Enter the client's name."}],
            })
        );
        let response = Problem::unauthorized().into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    }
}
