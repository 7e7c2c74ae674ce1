//! What an answer of Microsoft Graph that is no page means for the engine.

use crate::{Dataset, page::mend, verdict::Licence};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// One variant for each thing the engine does about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Asked too often: wait as told, else back off.
    #[error("Microsoft asks to wait")]
    Throttled(Option<Duration>),
    /// A passing trouble of the service or the wire: try again.
    #[error("Microsoft Graph did not answer properly ({0})")]
    Passing(String),
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
    /// The request itself is refused; trying again changes nothing.
    #[error("Microsoft Graph refused the request with {status} {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Graph's error code, cut to 80 characters of plain text.
        code: String,
    },
}

impl Fault {
    /// Whether the same request may succeed later in the same sync.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Passing(_))
    }
}

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: GraphError,
}

#[derive(Deserialize, Default)]
struct GraphError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// Classifies an answer with a status of 400 or above.
///
/// `retry_after` is the header as it came; `now` is needed to read a date in it.
pub fn classify(
    dataset: &Dataset,
    status: u16,
    retry_after: Option<&str>,
    body: &[u8],
    now: jiff::Timestamp,
) -> Fault {
    let error = read(body).unwrap_or_default().error;
    let code = error.code.unwrap_or_default();
    let message = error.message.unwrap_or_default();
    let has = |needle: &str| {
        let needle = needle.to_ascii_lowercase();
        code.to_ascii_lowercase().contains(&needle)
            || message.to_ascii_lowercase().contains(&needle)
    };
    let intune = dataset.licence == Some(Licence::Intune);
    match status {
        429 => Fault::Throttled(retry_after.and_then(|text| wait(text, now))),
        503 | 504 if retry_after.is_some() => {
            Fault::Throttled(retry_after.and_then(|text| wait(text, now)))
        }
        500 | 502..=504 | 507 | 509 | 408 | 409 => Fault::Passing(status.to_string()),
        410 => Fault::StateLost,
        _ if has("syncStateNotFound") || has("resyncRequired") => Fault::StateLost,
        400 if has("ExpiredPageToken") || has("skiptoken") => Fault::StateLost,
        400 | 403 if has("NonPremiumTenant") => Fault::NotLicensed(Licence::EntraIdP1),
        400 if intune && has("not applicable to target tenant") => {
            Fault::NotLicensed(Licence::Intune)
        }
        // Intune answers 401 with code UnknownError and JSON in the message: no token loop.
        401 if intune && !has("InvalidAuthenticationToken") => refused_by_intune(&message),
        401 => Fault::TokenRefused,
        403 => Fault::Forbidden,
        404 if has("segment") => Fault::NotInCloud,
        501 => Fault::NotInCloud,
        _ => Fault::Refused {
            status,
            code: plain(&code),
        },
    }
}

/// One value that cannot be read does not hide what the answer says.
fn read(body: &[u8]) -> Option<Envelope> {
    serde_json::from_slice(body)
        .ok()
        .or_else(|| serde_json::from_str(&mend(body)?).ok())
}

/// The JSON that Intune hides inside `message` tells a missing licence from a missing permission.
fn refused_by_intune(message: &str) -> Fault {
    let inner: Value = serde_json::from_str(message).unwrap_or(Value::Null);
    let text = inner.to_string().to_ascii_lowercase();
    if text.contains("not applicable") || text.contains("license") || text.contains("licence") {
        Fault::NotLicensed(Licence::Intune)
    } else {
        Fault::Forbidden
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds or a date; nonsense is nothing. At most a day.
pub fn wait(text: &str, now: jiff::Timestamp) -> Option<Duration> {
    let day = Duration::from_secs(24 * 60 * 60);
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(day));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    let seconds = date.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).min(day))
}

/// How long to wait before the next try of the same request: as told, else doubling from half a
/// second; `None` when it is not worth waiting for inside this sync.
pub fn pause(fault: &Fault, tries: u32, patience: Duration) -> Option<Duration> {
    let pause = match fault {
        Fault::Throttled(told) => told.unwrap_or_else(|| back_off(tries)),
        Fault::Passing(_) if tries < 5 => back_off(tries),
        _ => return None,
    };
    (pause <= patience && tries < 8).then_some(pause)
}

/// How long to wait where nobody said: doubling from half a second.
pub fn back_off(tries: u32) -> Duration {
    Duration::from_millis(500) * 2u32.pow(tries.min(6))
}

fn plain(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "._- ".contains(*c))
        .take(80)
        .collect()
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
    fn a_code_is_read_beside_a_message_that_cannot_be() {
        let body = b"{\"error\":{\"message\":\"\xff \\ud83d\x01\",\"code\":\"syncStateNotFound\"}}";
        let fault = classify(&USERS, 404, None, body, now());
        assert_eq!(fault, Fault::StateLost);
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

    #[test]
    fn retry_after_is_seconds_a_date_or_nothing() {
        assert_eq!(wait("10", now()), Some(Duration::from_secs(10)));
        assert_eq!(
            wait("Thu, 01 Jan 2026 00:01:00 GMT", now()),
            Some(Duration::from_secs(60))
        );
        assert_eq!(
            wait("Thu, 01 Jan 2015 00:01:00 GMT", now()),
            Some(Duration::ZERO)
        );
        assert_eq!(wait("soon", now()), None);
    }

    #[test]
    fn no_wait_outlasts_the_patience() {
        let told = Fault::Throttled(Some(Duration::from_secs(100)));
        assert_eq!(pause(&told, 0, Duration::from_secs(60)), None);
        assert_eq!(pause(&Fault::Forbidden, 0, Duration::from_secs(60)), None);
        assert!(pause(&Fault::Passing("500".into()), 4, Duration::from_secs(60)).is_some());
        assert!(pause(&Fault::Passing("500".into()), 5, Duration::from_secs(60)).is_none());
    }
}
