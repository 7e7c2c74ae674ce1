//! Record keys as path segments.
//!
//! A key may hold any character: a guest's user principal name has a `#`, an identifier of Microsoft's
//! in base64 a `/`. HTTP APIs of API Gateway decode a path before they deliver it, so a
//! percent-encoded key arrives cut in two. A key of unreserved characters therefore stands in the
//! path as it is, and any other as `~` and its base64url form.
//! Source: <https://github.com/middleapi/standard-server/pull/93>, which names the recorded events.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// Begins a key in base64url.
const ENCODED: char = '~';

/// The path segment of a key.
pub fn encode(key: &str) -> String {
    // `.` and `..` are path segments of their own.
    let stands = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if key.chars().all(stands) && key.contains(|c| c != '.') {
        return key.to_owned();
    }
    format!("{ENCODED}{}", BASE64_URL_SAFE_NO_PAD.encode(key))
}

/// The key of a path segment; `None` where it encodes none.
pub fn decode(segment: &str) -> Option<String> {
    let Some(encoded) = segment.strip_prefix(ENCODED) else {
        return Some(segment.to_owned());
    };
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_survives_a_path_whatever_decodes_it(key in ".{1,60}") {
            let segment = encode(&key);
            let whole: url::Url = format!("https://muster.example/a/{segment}").parse().expect("a URL");
            prop_assert_eq!(whole.path(), format!("/a/{segment}"));
            prop_assert_eq!(decode(&segment), Some(key));
        }
    }

    #[test]
    fn an_object_id_stays_as_it_is() {
        let id = "11111111-2222-3333-4444-555555555555";
        assert_eq!(encode(id), id);
        assert_eq!(decode(id).as_deref(), Some(id));
    }

    #[test]
    fn what_encodes_no_key_is_none() {
        for wrong in ["~!", "~a", "~_w"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
