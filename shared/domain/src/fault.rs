//! What an answer of Microsoft Graph that is no page means for the engine.

mod classify;
mod said;

pub use classify::classify;

use crate::verdict::Licence;
use std::time::Duration;

/// One variant for each thing the engine does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Asked too often: wait as told, else back off.
    #[error("Microsoft asks to wait")]
    Throttled(Option<Duration>),
    /// A passing trouble of the service or the wire: try again.
    #[error("Microsoft Graph did not answer properly: {0}")]
    Passing(String),
    /// No answer came in time: another try would hold up the other tenants.
    #[error("Microsoft Graph did not answer in time")]
    Silent,
    /// The token is not accepted: mint another, once.
    #[error("the access token was not accepted")]
    TokenRefused,
    /// A permission is not granted, or not known everywhere yet.
    #[error("Microsoft refused for lack of a permission")]
    Forbidden,
    /// The tenant has no licence for the call.
    #[error("the tenant has no {} licence", .0.name())]
    NotLicensed(Licence),
    /// The delta token or page token is no longer known: enumerate anew.
    #[error("the place in the list is no longer known to Microsoft")]
    StateLost,
    /// The cloud does not have the call.
    #[error("this cloud does not have the call")]
    NotInCloud,
    /// The answer came whole and cannot be read: another try brings the same.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// Changes are not offered for this tenant: the whole list has to be read.
    #[error("Microsoft does not offer changes for this tenant")]
    NoChanges,
    /// The page size is refused. The numbers that the answer names may say which one is taken.
    #[error("Microsoft refused the page size")]
    PageSize(Vec<u16>),
    /// A property that was selected is not known there.
    #[error("Microsoft does not know the property {0}")]
    UnknownProperty(&'static str),
    /// The request itself is refused; trying again changes nothing.
    #[error("Microsoft Graph refused the request with {status} {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Graph's error code, cut to 80 characters of plain text; empty where it is none, or a number.
        code: String,
    },
}

impl Fault {
    /// Whether the same request may succeed later in the same sync.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Passing(_) | Self::Silent)
    }

    /// Returns true if a request is refused for what it asks. A link of Microsoft's cannot be asked
    /// otherwise: the list is read from its start.
    pub fn is_about_the_query(&self) -> bool {
        matches!(
            self,
            Self::NoChanges
                | Self::PageSize(_)
                | Self::UnknownProperty(_)
                | Self::Refused {
                    status: 400 | 404,
                    ..
                }
        )
    }
}

/// Returns an error code as plain text. A number is no word: it repeats the status.
fn word(code: &str) -> String {
    let plain = code
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "._- ".contains(*c));
    let plain: String = plain.take(80).collect();
    match plain.contains(|c: char| c.is_ascii_alphabetic()) {
        true => plain,
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::users::USERS;

    fn now() -> jiff::Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a date")
    }

    fn of(status: u16, body: &str) -> Fault {
        classify(&USERS, status, None, body.as_bytes(), now())
    }

    #[test]
    fn lost_state_is_known_in_any_casing_and_status() {
        for (status, body) in [
            (410, ""),
            (400, r#"{"error":{"code":"SyncStateNotFound"}}"#),
            (404, r#"{"error":{"code":"syncstatenotfound"}}"#),
            (400, r#"{"error":{"code":"Directory_ExpiredPageToken"}}"#),
        ] {
            assert_eq!(of(status, body), Fault::StateLost, "{status} {body}");
        }
    }

    #[test]
    fn a_missing_licence_is_no_missing_permission() {
        let body = r#"{"error":{"code":"Authentication_RequestFromNonPremiumTenantOrB2CTenant"}}"#;
        assert_eq!(of(403, body), Fault::NotLicensed(Licence::EntraIdP1));
        assert_eq!(
            of(403, r#"{"error":{"code":"Authorization_RequestDenied"}}"#),
            Fault::Forbidden
        );
        assert_eq!(of(403, "<html>"), Fault::Forbidden);
    }
}
