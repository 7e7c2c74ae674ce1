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

    /// Returns true if the entry has this key ID, in any casing.
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

    /// Returns true if the facts of an entry fit this secret.
    fn fits(&self, listed: &Listed) -> bool {
        listed.hint.as_deref() == Some(&self.hint) && listed.end.is_some() && self.dates_fit(listed)
    }

    /// Returns true if an entry says too little to be told from this secret. Secrets made long ago have no
    /// hint. Once a key ID is known, only an entry without one can be ours.
    fn may_be(&self, listed: &Listed) -> bool {
        if self.key_id.is_some() && listed.key_id.is_some() {
            return false;
        }
        match &listed.hint {
            None => true,
            Some(hint) => hint.eq_ignore_ascii_case(&self.hint) && self.dates_fit(listed),
        }
    }

    /// Returns true if the entry began before the secret was stored here and was good then, as far as its
    /// dates are given.
    fn dates_fit(&self, listed: &Listed) -> bool {
        let stored_at = self.stored_at;
        let latest = stored_at.checked_add(CLOCKS_DIFFER).unwrap_or(stored_at);
        listed.start.is_none_or(|start| start <= latest)
            && listed.end.is_none_or(|end| end > stored_at)
    }
}

#[cfg(test)]
mod tests;
