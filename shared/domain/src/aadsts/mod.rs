//! Microsoft's sign-in errors: which pass by themselves, and of the others which field, what
//! happened, what to do next (`explained.rs`).
//!
//! Codes: Microsoft, "Microsoft Entra authentication & authorization error codes"
//! (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>). Control flow goes by
//! the HTTP status and the OAuth `error` (RFC 6749, 5.2) first; codes tell what those leave open.

mod explained;

pub use explained::explain;

use serde::Deserialize;

/// The person at the consent page chose Cancel.
pub const CANCELLED: u32 = 65_004;
/// Too many of the same request in a short time: trying again at once makes it worse.
pub const LOOP_DETECTED: u32 = 50_196;

/// Codes of trouble that passes by itself, in the words of Microsoft's list: 50033 RetryableError,
/// 50196 LoopDetected, 90006 ExternalServerRetryableError, 90012 RequestTimeout, 90024
/// RequestBudgetExceededError ("a transient error has occurred"), 90033 MsodsServiceUnavailable, 90055
/// TenantThrottlingError, 90090 GraphRetryableError, 90091 GraphServiceUnreachable.
const PASSING: [u32; 9] = [
    50_033,
    LOOP_DETECTED,
    90_006,
    90_012,
    90_024,
    90_033,
    90_055,
    90_090,
    90_091,
];

/// OAuth errors of the same kind: the first in Microsoft's list, both in RFC 6749, 4.1.2.1.
const PASSING_ERRORS: [&str; 2] = ["temporarily_unavailable", "server_error"];

/// The body of a refused token or discovery request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct SignInError {
    /// The OAuth error: `invalid_client`, `unauthorized_client` …
    #[serde(default)]
    pub error: String,
    /// The numbers; absent from older answers.
    #[serde(default)]
    pub error_codes: Vec<u32>,
    /// For people. Not repeated to them: it holds trace ids and, at times, identifiers.
    #[serde(default)]
    pub error_description: String,
}

impl SignInError {
    /// Reads a body; anything unreadable is an error without a code.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Whether the refusal passes by itself: the service asks to wait, fails, or says so by its error
    /// or its code, whatever status that comes with.
    pub fn passes(&self, status: u16) -> bool {
        status == 429
            || status == 408
            || status >= 500
            || PASSING_ERRORS.contains(&self.error.as_str())
            || self.code().is_some_and(passes)
    }

    /// The first code, from the list or else from the description's `AADSTS…`.
    pub fn code(&self) -> Option<u32> {
        self.error_codes
            .first()
            .copied()
            .or_else(|| code_in(&self.error_description))
    }
}

/// True if a code is of trouble that passes by itself.
pub fn passes(code: u32) -> bool {
    PASSING.contains(&code)
}

/// The code that a text such as `AADSTS65004: …` begins with or holds.
pub fn code_in(text: &str) -> Option<u32> {
    let (_, after) = text.split_once("AADSTS")?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The form field that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Directory (tenant) ID.
    TenantId,
    /// Application (client) ID.
    ClientId,
    /// Client secret.
    ClientSecret,
    /// None of them.
    None,
}

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The field it is about.
    pub field: Field,
    /// What happened and what to do next.
    pub sentence: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_comes_from_the_list_or_else_from_the_description() {
        let listed = SignInError::read(br#"{"error":"invalid_client","error_codes":[7000215]}"#);
        assert_eq!(listed.code(), Some(7_000_215));
        let described = SignInError::read(br#"{"error_description":"AADSTS65004: cancelled"}"#);
        assert_eq!(described.code(), Some(65_004));
        assert_eq!(SignInError::read(b"<html>").code(), None);
    }

    #[test]
    fn trouble_that_passes_is_told_from_a_refusal_whatever_its_status() {
        let error = |error: &str, code: u32| SignInError {
            error: error.to_owned(),
            error_codes: vec![code],
            ..SignInError::default()
        };
        for code in PASSING {
            for status in [400, 401, 503] {
                assert!(
                    error("invalid_grant", code).passes(status),
                    "{code} {status}"
                );
            }
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(SignInError::read(b"<html>").passes(status), "{status}");
        }
        assert!(error("temporarily_unavailable", 1).passes(400));
        assert!(error("server_error", 1).passes(400));
        for code in [
            7_000_215, 7_000_222, 700_016, 90_002, 20_033, 53_003, 90_036,
        ] {
            assert!(!error("invalid_client", code).passes(401), "{code}");
        }
        assert!(!SignInError::read(b"<html>").passes(400));
    }
}
