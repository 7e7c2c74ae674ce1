//! What is known of a credential: which one it is, when it lapses, and how sure that is.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the app proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A client secret.
    #[default]
    ClientSecret,
    /// A certificate whose private key is in the vault.
    Certificate,
    /// No secret at all: a token of AWS's, which the app registration trusts.
    Federated,
}

impl CredentialKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::ClientSecret, Self::Certificate, Self::Federated];

    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientSecret => "client_secret",
            Self::Certificate => "certificate",
            Self::Federated => "federated",
        }
    }

    /// The one of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The words a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::ClientSecret => "client secret",
            Self::Certificate => "certificate",
            Self::Federated => "federated credential",
        }
    }
}

/// What is known of an integration's credential. Never the credential itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// What it is.
    pub kind: CredentialKind,
    /// The secret's first three characters, as Entra itself shows them; a certificate's SHA-1
    /// thumbprint in upper-case hex, as Entra itself shows it; empty where there is neither.
    pub hint: String,
    /// The id Entra gave it, once matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Which entry of the vault it tells of: the first bytes of a digest, which give nothing away.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mark: String,
    /// When it was stored here.
    pub stored_at: Timestamp,
    /// When it lapses; `None` where it never does.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Where that date comes from.
    pub expiry_source: ExpirySource,
    /// How sure that date is.
    #[serde(default)]
    pub certainty: Certainty,
    /// Since when the app registration does not list it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_since: Option<Timestamp>,
    /// Another secret of the app registration that lives longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longer: Option<Longer>,
}

/// Another secret, which lives longer than ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Longer {
    /// Its first three characters, where Entra tells them.
    pub hint: String,
    /// When it lapses.
    pub expires_at: Timestamp,
}

/// Where an expiry date comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpirySource {
    /// The app registration says so; of a certificate, the certificate itself.
    Entra,
    /// A person entered it.
    Entered,
    /// Nobody knows: six months from connection, the shortest of Entra's usual choices.
    Assumed,
}

impl ExpirySource {
    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Entered => "entered",
            Self::Assumed => "assumed",
        }
    }
}

/// How sure an expiry date is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It is this very credential's.
    Certain,
    /// Several could be ours: it is the earliest of their dates.
    Likely,
    /// Nothing proves it.
    #[default]
    Unproven,
}

impl Certainty {
    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Unproven => "unproven",
        }
    }
}

/// The assumed life of a secret of which nothing is known: 182 days.
pub const ASSUMED_LIFE: SignedDuration = SignedDuration::from_hours(182 * 24);
/// A new secret is not always listed at once; before this, one that is missing is not called deleted.
const LISTED_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// How much earlier than it was stored here Entra's clock may say that a secret began.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// Whole days left; negative when lapsed.
pub fn days_left(expires_at: Timestamp, now: Timestamp) -> i64 {
    expires_at
        .duration_since(now)
        .as_secs()
        .div_euclid(24 * 60 * 60)
}

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
    /// A client secret just stored, of which only its first characters are kept.
    pub fn client_secret(hint: String, now: Timestamp) -> Self {
        Self {
            kind: CredentialKind::ClientSecret,
            hint,
            key_id: None,
            mark: String::new(),
            stored_at: now,
            expires_at: now.checked_add(ASSUMED_LIFE).ok(),
            expiry_source: ExpirySource::Assumed,
            certainty: Certainty::Unproven,
            deleted_since: None,
            longer: None,
        }
    }

    /// A certificate just put in use; it says itself when it lapses.
    pub fn certificate(thumbprint: String, expires_at: Timestamp, now: Timestamp) -> Self {
        Self {
            kind: CredentialKind::Certificate,
            expires_at: Some(expires_at),
            expiry_source: ExpirySource::Entra,
            certainty: Certainty::Certain,
            ..Self::client_secret(thumbprint, now)
        }
    }

    /// No secret at all, and so nothing that lapses.
    pub fn federated(now: Timestamp) -> Self {
        Self {
            kind: CredentialKind::Federated,
            expires_at: None,
            expiry_source: ExpirySource::Entra,
            certainty: Certainty::Certain,
            ..Self::client_secret(String::new(), now)
        }
    }

    /// The same, told of an entry of the vault.
    pub fn marked(self, mark: String) -> Self {
        Self { mark, ..self }
    }

    /// The same, with the date a person entered, if one was.
    pub fn entered(mut self, expires_at: Option<Timestamp>) -> Self {
        if let Some(at) = expires_at {
            self.expires_at = Some(at);
            self.expiry_source = ExpirySource::Entered;
        }
        self
    }

    /// The beginning that a person recognises it by.
    pub fn shown_hint(&self) -> String {
        self.hint.chars().take(8).collect()
    }

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
        let young = now.duration_since(self.stored_at) < LISTED_WITHIN;
        self.deleted_since = match self.deleted_since {
            _ if there || young => None,
            since => since.or(Some(now)),
        };
    }

    /// What was learned of the same credential by another hand.
    pub fn take_over(&mut self, learned: &Self) {
        if self.stored_at == learned.stored_at {
            self.clone_from(learned);
        }
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
