//! What the app registration lists, and which of it is ours.

use super::{Certainty, Credential, CredentialKind, ExpirySource, Longer};
use crate::clock_ahead;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A new secret is not always listed at once; before this, one that is missing is not called deleted.
const LISTED_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// How much earlier than it was stored here Entra's clock may say that a secret began.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// One entry of `passwordCredentials` or `keyCredentials`, as far as it can be read.
struct Listed {
    key_id: Option<String>,
    hint: Option<String>,
    thumbprint: Option<String>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Listed {
    fn read(entry: &Value) -> Self {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        let time = |name: &str| text(name).and_then(|text| text.parse().ok());
        Self {
            key_id: text("keyId"),
            hint: text("hint").filter(|hint| !hint.is_empty()),
            thumbprint: text("customKeyIdentifier"),
            start: time("startDateTime"),
            end: time("endDateTime"),
        }
    }
}

fn read_all(listed: &Value) -> Option<Vec<Listed>> {
    Some(listed.as_array()?.iter().map(Listed::read).collect())
}

impl Credential {
    /// Takes what the app registration says of it, as read at `now`: its true expiry, whether it
    /// is still there, and whether another lives longer.
    ///
    /// A secret is ours by its key id once that is known; else by hint and dates: it began before
    /// it was stored here, and was good then. Of several that fit, the earliest date counts.
    pub fn learn(&mut self, passwords: &Value, keys: &Value, now: Timestamp) {
        match self.kind {
            CredentialKind::ClientSecret => {
                if let Some(listed) = read_all(passwords) {
                    self.learn_secret(&listed, now);
                }
            }
            CredentialKind::Certificate => {
                if let Some(listed) = read_all(keys) {
                    let ours = listed.iter().find(|c| {
                        c.thumbprint
                            .as_deref()
                            .is_some_and(|t| t.eq_ignore_ascii_case(&self.hint))
                    });
                    self.key_id = ours.and_then(|c| c.key_id.clone());
                    self.is_listed(ours.is_some(), now);
                }
            }
            CredentialKind::Federated => {}
        }
    }

    fn learn_secret(&mut self, listed: &[Listed], now: Timestamp) {
        let by_id = listed
            .iter()
            .find(|c| self.key_id.is_some() && c.key_id == self.key_id);
        let fitting: Vec<&Listed> = listed.iter().filter(|c| self.fits(c)).collect();
        if let Some(end) = by_id.and_then(|c| c.end) {
            self.expires_at = Some(end);
            self.expiry_source = ExpirySource::Entra;
            self.certainty = Certainty::Certain;
        } else if self.key_id.is_none()
            && let Some(end) = fitting.iter().filter_map(|c| c.end).min()
        {
            self.expires_at = Some(end);
            self.expiry_source = ExpirySource::Entra;
            self.certainty = Certainty::Likely;
            if let [only] = fitting[..] {
                self.key_id.clone_from(&only.key_id);
                self.certainty = Certainty::Certain;
            }
        }
        let unnamed = listed.iter().any(|c| c.hint.is_none());
        let there = match self.key_id {
            Some(_) => listed.iter().any(|c| c.key_id == self.key_id),
            // Secrets made long ago have no hint: any of them may be ours.
            None => !fitting.is_empty() || unnamed,
        };
        self.is_listed(there, now);
        let longest = listed
            .iter()
            .filter(|c| c.key_id != self.key_id)
            .filter_map(|c| Some((c.end?, c.hint.clone().unwrap_or_default())))
            .max();
        self.longer = longest
            .filter(|(end, _)| self.certainty == Certainty::Certain && Some(*end) > self.expires_at)
            .map(|(expires_at, hint)| Longer { hint, expires_at });
    }

    fn fits(&self, listed: &Listed) -> bool {
        let stored_at = self.stored_at;
        let latest = stored_at.checked_add(CLOCKS_DIFFER).unwrap_or(stored_at);
        listed.hint.as_deref() == Some(&self.hint)
            && listed.start.is_none_or(|start| start <= latest)
            && listed.end.is_some_and(|end| end > stored_at)
    }

    fn is_listed(&mut self, there: bool, now: Timestamp) {
        let young = clock_ahead::is_younger(self.stored_at, LISTED_WITHIN, now);
        self.deleted_since = match self.deleted_since {
            _ if there || young => None,
            since => since.or(Some(now)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a date")
    }

    fn credential() -> Credential {
        Credential::client_secret("abc".into(), at("2026-01-01T00:00:00Z"))
    }

    fn secret(id: &str, hint: &str, start: &str, end: &str) -> Value {
        json!({"keyId": id, "hint": hint, "startDateTime": start, "endDateTime": end})
    }

    const LATER: &str = "2026-03-01T00:00:00Z";

    #[test]
    fn the_one_secret_with_our_hint_is_ours_and_is_known_by_its_id_after() {
        let mut ours = credential();
        let listed = json!([
            secret("0", "abc", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            secret("1", "abc", "2025-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
            secret("2", "xyz", "2025-12-31T00:00:00Z", "2026-06-01T00:00:00Z"),
            secret("3", "abc", "2026-02-01T00:00:00Z", "2028-02-01T00:00:00Z"),
        ]);
        ours.learn(&listed, &json!([]), at(LATER));
        assert_eq!(ours.expires_at, Some(at("2027-01-01T00:00:00Z")));
        assert_eq!(
            (ours.expiry_source, ours.certainty),
            (ExpirySource::Entra, Certainty::Certain)
        );
        assert_eq!(ours.key_id.as_deref(), Some("1"));
        assert_eq!(
            ours.longer,
            Some(Longer {
                hint: "abc".into(),
                expires_at: at("2028-02-01T00:00:00Z")
            }),
            "made after ours was stored, and lives longer"
        );
        let moved = json!([secret(
            "1",
            "",
            "2025-12-31T00:00:00Z",
            "2026-09-01T00:00:00Z"
        )]);
        ours.learn(&moved, &json!([]), at(LATER));
        assert_eq!(ours.expires_at, Some(at("2026-09-01T00:00:00Z")));
        assert_eq!(ours.longer, None);
    }

    #[test]
    fn of_two_that_could_be_ours_the_earlier_date_counts_and_is_called_likely() {
        let mut ours = credential();
        let listed = json!([
            secret("1", "abc", "2025-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
            secret("2", "abc", "2025-12-30T00:00:00Z", "2026-07-01T00:00:00Z"),
        ]);
        ours.learn(&listed, &json!([]), at(LATER));
        assert_eq!(ours.expires_at, Some(at("2026-07-01T00:00:00Z")));
        assert_eq!(ours.certainty, Certainty::Likely);
        assert_eq!((ours.key_id, ours.deleted_since), (None, None));
    }

    #[test]
    fn a_secret_that_is_listed_no_more_was_deleted_unless_it_is_new_or_may_be_unnamed() {
        let other = json!([secret(
            "2",
            "xyz",
            "2025-12-31T00:00:00Z",
            "2027-01-01T00:00:00Z"
        )]);
        let mut ours = credential();
        ours.learn(&other, &json!([]), at("2026-01-01T00:10:00Z"));
        assert_eq!(ours.deleted_since, None, "ten minutes old");
        ours.learn(&other, &json!([]), at(LATER));
        assert_eq!(ours.deleted_since, Some(at(LATER)));
        assert_eq!(ours.expiry_source, ExpirySource::Assumed);
        ours.learn(&other, &json!([]), at("2026-04-01T00:00:00Z"));
        assert_eq!(
            ours.deleted_since,
            Some(at(LATER)),
            "since it was first seen"
        );
        ours.learn(&Value::Null, &Value::Null, at("2026-04-01T00:00:00Z"));
        assert_eq!(ours.deleted_since, Some(at(LATER)), "nothing was told");
        let back = json!([secret(
            "1",
            "abc",
            "2025-12-31T00:00:00Z",
            "2027-01-01T00:00:00Z"
        )]);
        ours.learn(&back, &json!([]), at("2026-04-02T00:00:00Z"));
        assert_eq!(ours.deleted_since, None);
        let unnamed = json!([{"keyId": "9", "endDateTime": "2027-01-01T00:00:00Z"}]);
        let mut ours = credential();
        ours.learn(&unnamed, &json!([]), at(LATER));
        assert_eq!(ours.deleted_since, None, "that one may be ours");
    }

    #[test]
    fn a_certificate_is_found_by_its_thumbprint() {
        let mut ours = Credential::certificate(
            "AB01".into(),
            at("2027-01-01T00:00:00Z"),
            at("2026-01-01T00:00:00Z"),
        );
        let keys = json!([{"keyId": "7", "customKeyIdentifier": "ab01"}]);
        ours.learn(&json!([]), &keys, at(LATER));
        assert_eq!(
            (ours.key_id.as_deref(), ours.deleted_since),
            (Some("7"), None)
        );
        ours.learn(&json!([]), &json!([]), at(LATER));
        assert_eq!(ours.deleted_since, Some(at(LATER)));
    }

    #[test]
    fn what_was_stored_before_is_read() {
        let stored = json!({
            "kind": "client_secret", "hint": "abc", "stored_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-07-01T00:00:00Z", "expiry_source": "assumed", "warned": 30,
        });
        let read: Credential = serde_json::from_value(stored).expect("is read");
        assert_eq!(read.certainty, Certainty::Unproven);
    }
}
