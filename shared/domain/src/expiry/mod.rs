//! What is known of a credential: which one it is, when it lapses, and how sure that is.

pub mod key_identifier;
mod listed;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

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
    /// The credential's place in the app registration's list.
    #[serde(default, skip_serializing_if = "Listing::is_unread")]
    pub listing: Listing,
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

/// A credential's place in the app registration's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listing {
    /// The app registration has not been read, or does not tell: of a federated credential it never does.
    #[default]
    Unread,
    /// An entry is it.
    Listed,
    /// No entry is it for certain, and some may be.
    NotKnown,
    /// No entry can be it.
    Absent,
}

impl Listing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unread, Self::Listed, Self::NotKnown, Self::Absent];

    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unread => "unread",
            Self::Listed => "listed",
            Self::NotKnown => "not_known",
            Self::Absent => "absent",
        }
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_unread(&self) -> bool {
        *self == Self::Unread
    }
}

/// Where an expiry date comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpirySource {
    /// The app registration says so; of a certificate, the certificate itself.
    Entra,
    /// A person entered it.
    Entered,
    /// Nobody knows: six months from connection, the shortest of Entra's usual choices. A word that
    /// only a newer version knows is read as this.
    #[serde(other)]
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
    /// Nothing proves it. A word that only a newer version knows is read as this.
    #[default]
    #[serde(other)]
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
/// Whole days left; negative when lapsed.
pub fn days_left(expires_at: Timestamp, now: Timestamp) -> i64 {
    expires_at
        .duration_since(now)
        .as_secs()
        .div_euclid(24 * 60 * 60)
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
            listing: Listing::Unread,
            deleted_since: None,
            longer: None,
        }
    }

    /// Counts it as stored at `now`: the time that was noted was wrong. An assumed expiry follows.
    pub fn stored_again(&mut self, now: Timestamp) {
        self.stored_at = now;
        if self.expires_at.is_some() && self.expiry_source == ExpirySource::Assumed {
            self.expires_at = now.checked_add(ASSUMED_LIFE).ok();
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

    /// What was learned of the same credential by another hand.
    pub fn take_over(&mut self, learned: &Self) {
        if self.stored_at == learned.stored_at {
            self.clone_from(learned);
        }
    }
}
