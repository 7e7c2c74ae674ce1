//! What is told of a credential.

use jiff::Timestamp;
use muster_domain::{
    Integration,
    expiry::{Certainty, CredentialKind, ExpirySource, Listing, Longer},
    renewal::Offered,
    secret_policy::SecretPolicy,
};
use serde::Serialize;

/// What is known of a credential; never the credential.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialView {
    /// What it is.
    pub kind: CredentialKind,
    /// When it lapses; null where it never does.
    pub expires_at: Option<Timestamp>,
    /// Where that date comes from.
    pub expiry_source: ExpirySource,
    /// The first characters, as Entra shows them.
    pub hint: String,
    /// How sure the date is.
    pub certainty: Certainty,
    /// The credential's place in the app registration's list.
    pub listing: Listing,
    /// Since when the app registration does not list it any more.
    pub deleted_since: Option<Timestamp>,
    /// Another secret of the app registration that lives longer.
    pub longer: Option<Longer>,
    /// The one before.
    pub previous: Option<PreviousView>,
    /// Renewal by Muster itself, where chosen.
    pub automatic_renewal: Option<AutomaticView>,
    /// What is known of the tenant's policy on client secrets; null is "not known".
    pub secret_policy: Option<SecretPolicy>,
    /// A certificate that waits to be uploaded.
    pub offered_certificate: Option<OfferedView>,
}

/// The credential before the one in use.
#[derive(Debug, Clone, Serialize)]
pub struct PreviousView {
    /// What it is.
    pub kind: CredentialKind,
    /// What a person recognises it by.
    pub hint: String,
    /// When it was replaced.
    pub replaced_at: Timestamp,
    /// From when it may be deleted in Entra, if the new one keeps working.
    pub removable_from: Timestamp,
    /// Whether it may be deleted now.
    pub removable: bool,
}

/// Renewal by Muster itself.
#[derive(Debug, Clone, Serialize)]
pub struct AutomaticView {
    /// How long each new secret lives.
    pub life_days: u32,
    /// The longest life the tenant's policy allowed, where it allowed less.
    pub allowed_days: Option<u32>,
    /// So many days before the end, a new one is made.
    pub days_before: i64,
    /// Why the last try did not end well.
    pub trouble: Option<String>,
}

/// A certificate that waits to be uploaded; its key is in the vault.
#[derive(Debug, Clone, Serialize)]
pub struct OfferedView {
    /// SHA-1, as Entra shows it.
    pub thumbprint: String,
    /// The certificate, PEM.
    pub pem: String,
    /// When it lapses.
    pub expires_at: Timestamp,
}

impl From<Offered> for OfferedView {
    fn from(offered: Offered) -> Self {
        Self {
            thumbprint: offered.thumbprint,
            pem: offered.pem,
            expires_at: offered.expires_at,
        }
    }
}

impl CredentialView {
    pub(super) fn new(integration: &Integration) -> Self {
        let credential = &integration.credential;
        Self {
            kind: credential.kind,
            expires_at: credential.expires_at,
            expiry_source: credential.expiry_source,
            hint: credential.shown_hint(),
            certainty: credential.certainty,
            listing: credential.listing,
            deleted_since: credential.deleted_since,
            longer: credential.longer.clone(),
            previous: integration.previous.as_ref().map(|previous| PreviousView {
                kind: previous.kind,
                hint: previous.hint.clone(),
                replaced_at: previous.replaced_at,
                removable_from: previous.removable_from(),
                removable: previous.may_go(integration.roles_at) && integration.fell_back.is_none(),
            }),
            automatic_renewal: integration
                .automatic
                .as_ref()
                .map(|automatic| AutomaticView {
                    life_days: automatic.life_days,
                    allowed_days: automatic.allowed_days,
                    days_before: automatic.days_before(),
                    trouble: automatic.trouble.as_ref().map(|t| t.sentence.clone()),
                }),
            secret_policy: integration.secret_policy.clone(),
            offered_certificate: integration.offered.clone().map(OfferedView::from),
        }
    }
}
