//! What the app registration lists, and which of it is ours.
//!
//! A credential is called deleted only where no entry can be it. An entry that does not say enough to
//! be told from ours leaves it open.

use super::{
    Certainty, Credential, CredentialKind, ExpirySource, Listing, Longer,
    key_identifier::{Named, names},
};
use crate::spelling;
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
    identifier: Option<String>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Listed {
    fn read(entry: &Value) -> Self {
        let text = |name: &str| {
            let text = entry.get(name).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let time = |name: &str| text(name).and_then(|text| spelling::instant(&text));
        Self {
            key_id: text("keyId"),
            hint: text("hint"),
            identifier: text("customKeyIdentifier"),
            start: time("startDateTime"),
            end: time("endDateTime"),
        }
    }

    /// Whether it has this key id, in whatever casing.
    fn is(&self, key_id: Option<&str>) -> bool {
        let (Some(own), Some(other)) = (self.key_id.as_deref(), key_id) else {
            return false;
        };
        own.eq_ignore_ascii_case(other)
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
    /// it was stored here, and was good then. Of several that fit, the earliest date counts. A
    /// certificate is ours by its thumbprint, in whatever spelling, or by its key id.
    ///
    /// The federated identity credentials are no part of what is read: one of them is never called
    /// deleted.
    pub fn learn(&mut self, passwords: &Value, keys: &Value, now: Timestamp) {
        let listing = match self.kind {
            CredentialKind::ClientSecret => {
                read_all(passwords).map(|listed| self.learn_secret(&listed))
            }
            CredentialKind::Certificate => {
                read_all(keys).map(|listed| self.learn_certificate(&listed))
            }
            CredentialKind::Federated => None,
        };
        if let Some(listing) = listing {
            self.listing = listing;
            let young = now.duration_since(self.stored_at) < LISTED_WITHIN;
            self.deleted_since = match self.deleted_since {
                _ if listing != Listing::Absent || young => None,
                since => since.or(Some(now)),
            };
        }
    }

    fn learn_certificate(&mut self, listed: &[Listed]) -> Listing {
        let named = |c: &Listed| names(c.identifier.as_deref(), &self.hint);
        let ours = listed.iter().find(|c| named(c) == Named::This);
        let ours = ours.or_else(|| listed.iter().find(|c| c.is(self.key_id.as_deref())));
        if let Some(ours) = ours {
            self.key_id.clone_from(&ours.key_id);
            return Listing::Listed;
        }
        // A custom identifier may have the length of a thumbprint; an entry that ends when ours does
        // may be ours all the same.
        let may_be_ours = |c: &Listed| {
            named(c) == Named::NotKnown || (c.end.is_some() && c.end == self.expires_at)
        };
        match listed.iter().any(may_be_ours) {
            true => Listing::NotKnown,
            false => Listing::Absent,
        }
    }

    fn learn_secret(&mut self, listed: &[Listed]) -> Listing {
        let by_id = listed.iter().find(|c| c.is(self.key_id.as_deref()));
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
        let key_id = self.key_id.as_deref();
        let longest = listed
            .iter()
            .filter(|c| !c.is(key_id))
            .filter_map(|c| Some((c.end?, c.hint.clone().unwrap_or_default())))
            .max();
        self.longer = longest
            .filter(|(end, _)| self.certainty == Certainty::Certain && Some(*end) > self.expires_at)
            .map(|(expires_at, hint)| Longer { hint, expires_at });
        let is_there = match key_id {
            Some(_) => listed.iter().any(|c| c.is(key_id)),
            None => !fitting.is_empty(),
        };
        match () {
            () if is_there => Listing::Listed,
            () if listed.iter().any(|c| self.may_be(c)) => Listing::NotKnown,
            () => Listing::Absent,
        }
    }

    /// Whether what an entry says fits this secret.
    fn fits(&self, listed: &Listed) -> bool {
        listed.hint.as_deref() == Some(&self.hint) && listed.end.is_some() && self.dates_fit(listed)
    }

    /// Whether an entry does not say enough to be told from this secret. Secrets made long ago have
    /// no hint. Once a key id is known, only an entry without one can be ours.
    fn may_be(&self, listed: &Listed) -> bool {
        if self.key_id.is_some() && listed.key_id.is_some() {
            return false;
        }
        match &listed.hint {
            None => true,
            Some(hint) => hint.eq_ignore_ascii_case(&self.hint) && self.dates_fit(listed),
        }
    }

    /// Whether it began before it was stored here and was good then, as far as the dates are told.
    fn dates_fit(&self, listed: &Listed) -> bool {
        let stored_at = self.stored_at;
        let latest = stored_at.checked_add(CLOCKS_DIFFER).unwrap_or(stored_at);
        listed.start.is_none_or(|start| start <= latest)
            && listed.end.is_none_or(|end| end > stored_at)
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

    const OURS: &str = "A909502DD82AE41433E6F83886B00D4277A32A7B";

    fn certificate() -> Credential {
        let mut ours = Credential::certificate(
            OURS.into(),
            at("2027-01-01T00:00:00Z"),
            at("2026-01-01T00:00:00Z"),
        );
        ours.key_id = Some("7".to_owned());
        ours
    }

    #[test]
    fn a_certificate_is_ours_in_every_spelling_of_its_identifier() {
        for spelled in [
            json!(OURS),
            json!(OURS.to_lowercase()),
            json!("qQlQLdgq5BQz5vg4hrANQnejKns="),
            json!("QTkwOTUwMkREODJBRTQxNDMzRTZGODM4ODZCMDBENDI3N0EzMkE3Qg=="),
        ] {
            let mut ours = certificate();
            let keys = json!([{"keyId": "9", "customKeyIdentifier": spelled}]);
            ours.learn(&json!([]), &keys, at(LATER));
            assert_eq!(ours.key_id.as_deref(), Some("9"), "uploaded once more");
            let said = (ours.listing, ours.deleted_since);
            assert_eq!(said, (Listing::Listed, None), "{spelled}");
        }
    }

    #[test]
    fn a_certificate_is_not_called_deleted_while_an_entry_may_be_it() {
        for (entry, listing) in [
            (
                json!({"keyId": "7", "customKeyIdentifier": null}),
                Listing::Listed,
            ),
            (
                json!({"keyId": "7", "customKeyIdentifier": "inventory"}),
                Listing::Listed,
            ),
            (
                json!({"keyId": "8", "customKeyIdentifier": null}),
                Listing::NotKnown,
            ),
            (json!({"keyId": "8"}), Listing::NotKnown),
            (
                json!({"keyId": "8", "customKeyIdentifier": ""}),
                Listing::NotKnown,
            ),
            (
                json!({"keyId": "8", "customKeyIdentifier": "52534645"}),
                Listing::NotKnown,
            ),
            (
                json!({"customKeyIdentifier": OURS.replace('A', "B"), "endDateTime": "2027-01-01T00:00:00.0000000Z"}),
                Listing::NotKnown,
            ),
            (
                json!({"keyId": "8", "customKeyIdentifier": OURS.replace('A', "B"), "endDateTime": "2028-01-01T00:00:00Z"}),
                Listing::Absent,
            ),
            (
                json!({"keyId": "8", "customKeyIdentifier": "uQlQLdgq5BQz5vg4hrANQnejKns="}),
                Listing::Absent,
            ),
        ] {
            let mut ours = certificate();
            ours.learn(&json!([]), &json!([entry]), at(LATER));
            let deleted = (listing == Listing::Absent).then(|| at(LATER));
            assert_eq!(
                (ours.listing, ours.deleted_since),
                (listing, deleted),
                "{entry}"
            );
        }
    }

    #[test]
    fn a_secret_is_not_called_deleted_while_an_entry_may_be_it() {
        let known = |key_id: Option<&str>| {
            let mut ours = credential();
            ours.key_id = key_id.map(str::to_owned);
            ours
        };
        let id = "0f8dc9a1-b2c3-4d4e-8f60-718293a4b5c6";
        let upper = id.to_uppercase();
        for (key_id, entry, listing) in [
            (
                Some(id),
                json!({"keyId": upper, "hint": null}),
                Listing::Listed,
            ),
            (
                Some(id),
                json!({"keyId": null, "hint": "abc"}),
                Listing::NotKnown,
            ),
            (
                Some(id),
                json!({"keyId": "2", "hint": "abc"}),
                Listing::Absent,
            ),
            (
                None,
                json!({"keyId": "2", "hint": "abc", "endDateTime": null}),
                Listing::NotKnown,
            ),
            (
                None,
                json!({"keyId": "2", "hint": "abc", "endDateTime": "soon"}),
                Listing::NotKnown,
            ),
            (None, json!({"keyId": "2", "hint": null}), Listing::NotKnown),
            (None, json!({"keyId": "2", "hint": ""}), Listing::NotKnown),
            (None, json!("an entry in another shape"), Listing::NotKnown),
            (None, json!({"keyId": "2", "hint": "xyz"}), Listing::Absent),
            (
                None,
                json!({"keyId": "2", "hint": "abc", "endDateTime": "2027-01-01T00:00:00"}),
                Listing::Listed,
            ),
        ] {
            let mut ours = known(key_id);
            ours.learn(&json!([entry]), &json!([]), at(LATER));
            let deleted = (listing == Listing::Absent).then(|| at(LATER));
            assert_eq!(
                (ours.listing, ours.deleted_since),
                (listing, deleted),
                "{entry}"
            );
        }
    }

    #[test]
    fn a_federated_credential_is_never_called_deleted() {
        let mut ours = Credential::federated(at("2026-01-01T00:00:00Z"));
        ours.learn(&json!([]), &json!([]), at(LATER));
        assert_eq!((ours.listing, ours.deleted_since), (Listing::Unread, None));
    }
}
