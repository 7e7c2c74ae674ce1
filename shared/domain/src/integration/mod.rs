//! The connection to one tenant.

mod problems;
mod salvage;
mod sign_in_wait;

pub use problems::{CUT_OFF, DELETING};
pub use sign_in_wait::SignInWait;

use crate::{
    ClientId, DatasetState, Permission, TenantId,
    cloud::Cloud,
    expiry::{Credential, CredentialKind},
    renewal::{Automatic, LEAST_LIFE_DAYS, Offered, Previous, Renewal},
    secret_policy::{PolicySource, SecretPolicy},
    sync_failure::SyncFailure,
    sync_state::SyncState,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The connection to one tenant, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// The directory: the key.
    pub tenant_id: TenantId,
    /// What the MSP calls the client.
    pub name: String,
    /// The app registration.
    pub client_id: ClientId,
    /// Which hosts are spoken to.
    pub cloud: Cloud,
    /// How often to sync, in minutes.
    pub cadence_minutes: u32,
    /// Whether a person has paused it.
    #[serde(default)]
    pub paused: bool,
    /// True while the integration is being deleted: nothing is read for it any more, and every change is
    /// refused.
    #[serde(default)]
    pub deleting: bool,
    /// The unreadable part of its stored item. Nothing is synced or changed until it can be read.
    #[serde(skip)]
    pub unreadable: Option<Unreadable>,
    /// When it was connected.
    pub created_at: Timestamp,
    /// What is known of its credential.
    pub credential: Credential,
    /// The roles of the last token. Roles that only a newer version knows are passed over.
    #[serde(default, deserialize_with = "known_permissions")]
    pub roles: Vec<Permission>,
    /// Permissions that were granted once and are not any more.
    #[serde(
        default,
        deserialize_with = "known_permissions",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub lost: Vec<Permission>,
    /// When that token was minted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles_at: Option<Timestamp>,
    /// When the consent page last came back as accepted: a hint, for patience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_hint_at: Option<Timestamp>,
    /// When roles were first seen: the proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_at: Option<Timestamp>,
    /// Datasets switched off.
    #[serde(default)]
    pub datasets_off: Vec<String>,
    /// The last refusal of the sign-in service, for a person; cleared by a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_trouble: Option<Trouble>,
    /// How the sign-in is put off, where Microsoft gave no token for a reason that passes; cleared by
    /// a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_wait: Option<SignInWait>,
    /// The failure of the last sync, where it was given up; cleared by one that succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_failure: Option<SyncFailure>,
    /// The credential before the one in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// Since when the previous credential is used because the one in use is refused, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell_back: Option<Trouble>,
    /// Renewal by Muster itself, where it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Automatic>,
    /// A renewal under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
    /// What is known of the tenant's policy on client secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_policy: Option<SecretPolicy>,
    /// A certificate that waits to be uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<Offered>,
    /// The time at which a person last asked for everything to be read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_again_at: Option<Timestamp>,
    /// Datasets of which stored records were found missing or altered, and when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub damaged: BTreeMap<String, Timestamp>,
    /// The sync.
    #[serde(default)]
    pub sync: SyncState,
    /// Counts for the list of all clients.
    #[serde(default)]
    pub glance: crate::summary::Counts,
    /// The latest stored time of this client that a clock had set ahead, where reading found one.
    #[serde(skip)]
    pub clock_was_ahead: Option<Timestamp>,
}

/// A stored item that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The item's sort key.
    pub item: String,
    /// The reason for which it cannot be read.
    pub why: String,
}

/// A trouble with when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What happened and what to do next.
    pub sentence: String,
    /// Since when.
    pub since: Timestamp,
}

/// Where an integration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No token has held roles yet.
    AwaitingConsent,
    /// All is well.
    Connected,
    /// Something waits for a person.
    NeedsAttention,
    /// A person has paused it.
    Paused,
    /// It is being deleted.
    Deleting,
    /// Its stored item cannot be read.
    CannotBeRead,
}

/// Reads permissions by name and passes over those that this version does not know.
fn known_permissions<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Vec<Permission>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    Ok(names
        .iter()
        .filter_map(|name| Permission::ALL.iter().find(|known| known.value() == name))
        .copied()
        .collect())
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::AwaitingConsent,
        Self::Connected,
        Self::NeedsAttention,
        Self::Paused,
        Self::Deleting,
        Self::CannotBeRead,
    ];

    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwaitingConsent => "awaiting_consent",
            Self::Connected => "connected",
            Self::NeedsAttention => "needs_attention",
            Self::Paused => "paused",
            Self::Deleting => "deleting",
            Self::CannotBeRead => "cannot_be_read",
        }
    }

    /// The words a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::AwaitingConsent => "Awaiting consent",
            Self::Connected => "Connected",
            Self::NeedsAttention => "Needs attention",
            Self::Paused => "Paused",
            Self::Deleting => "Deleting",
            Self::CannotBeRead => "Cannot be read",
        }
    }
}

/// Something a person should know, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A stable name.
    pub kind: &'static str,
    /// What happened and what to do next.
    pub sentence: String,
    /// Since when, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Whether it makes the integration's status `needs_attention`.
    #[serde(skip)]
    pub attention: bool,
}

/// Whether a permission is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionState {
    /// A token held it.
    Granted,
    /// A token did not hold it.
    Missing,
    /// No token has been looked at since consent.
    Unknown,
}

/// How long roles are waited for after consent: Microsoft speaks of minutes.
pub const ROLES_PATIENCE: SignedDuration = SignedDuration::from_mins(30);
/// How long the rest is waited for once some have come: they come together, and a registration may
/// ask for fewer than nine on purpose.
pub const OTHER_ROLES_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// The lead of a time over the clock beyond which that time is taken for an error.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

impl Integration {
    /// An integration just checked, without consent so far.
    pub fn new(
        form: &crate::connect::Checked,
        cloud: Cloud,
        credential: Credential,
        now: Timestamp,
    ) -> Self {
        Self {
            tenant_id: form.tenant_id,
            name: form.name.clone(),
            client_id: form.client_id,
            cloud,
            cadence_minutes: form.cadence_minutes,
            paused: false,
            deleting: false,
            unreadable: None,
            created_at: now,
            credential,
            roles: Vec::new(),
            lost: Vec::new(),
            roles_at: None,
            consent_hint_at: None,
            connected_at: None,
            datasets_off: Vec::new(),
            sign_in_trouble: None,
            sign_in_wait: None,
            sync_failure: None,
            previous: None,
            fell_back: None,
            automatic: None,
            renewal: None,
            secret_policy: None,
            offered: None,
            read_again_at: None,
            damaged: BTreeMap::new(),
            sync: SyncState::default(),
            glance: crate::summary::Counts::default(),
            clock_was_ahead: None,
        }
    }

    /// Takes note of the roles that a token held.
    pub fn saw_roles(&mut self, roles: Vec<Permission>, now: Timestamp) {
        if !roles.is_empty() && self.connected_at.is_none() {
            self.connected_at = Some(now);
        }
        let held = self.roles.iter().chain(&self.lost).copied();
        let mut lost: Vec<Permission> = held.filter(|p| !roles.contains(p)).collect();
        lost.sort_unstable();
        lost.dedup();
        self.lost = lost;
        // A policy that cannot be read any more is not known any more.
        if !roles.contains(&Permission::PolicyReadAll) {
            self.secret_policy
                .take_if(|policy| policy.source == PolicySource::Policy);
        }
        self.roles = roles;
        self.roles_at = Some(now);
        self.sign_in_trouble = None;
        self.sign_in_wait = None;
    }

    /// Puts a new credential in the place of the one in use, of which the vault keeps the secret as
    /// the previous one.
    pub fn put_in_use(&mut self, credential: Credential, now: Timestamp) {
        let before = std::mem::replace(&mut self.credential, credential);
        self.previous = Some(Previous {
            hint: before.shown_hint(),
            kind: before.kind,
            key_id: before.key_id,
            replaced_at: now,
            needed_at: None,
        });
        self.fell_back = None;
        self.renewal = None;
        if self.credential.kind == CredentialKind::Certificate {
            self.offered = None;
        }
    }

    /// Whether Muster renews this credential by itself, and has had no trouble with it.
    pub fn renews_itself(&self) -> bool {
        let able = self
            .roles
            .contains(&Permission::ApplicationReadWriteOwnedBy);
        let chosen = self.automatic.as_ref();
        able && self.credential.kind == CredentialKind::ClientSecret
            && chosen.is_some_and(|automatic| automatic.trouble.is_none())
    }

    /// Takes note of what an answer of Microsoft's gives away of the policy. Where the policy itself
    /// was read, an answer that agrees with it adds nothing.
    pub fn learn_policy(&mut self, answered: SecretPolicy) {
        let known = self.secret_policy.as_ref();
        let agrees = known.is_some_and(|known| {
            known.source == PolicySource::Policy && known.forbids == answered.forbids
        });
        if !agrees {
            let unlimited = !answered.forbids && answered.longest_days.is_none();
            self.secret_policy = (!unlimited).then_some(answered);
        }
    }

    /// Why the policy of the tenant does not let the credential in use be renewed in the way it is
    /// renewed now; `None` where it does, or is not known.
    pub fn policy_against_renewal(&self) -> Option<String> {
        let policy = self.secret_policy.as_ref()?;
        if self.credential.kind != CredentialKind::ClientSecret {
            return None;
        }
        let too_short = policy.longest_days.filter(|days| *days < LEAST_LIFE_DAYS);
        if policy.forbids {
            Some(format!(
                "{} The one in use works until it lapses, and no other can take its place. Move to a certificate, or to no secret at all, before then.",
                policy.sentence()
            ))
        } else if let (Some(_), Some(_)) = (too_short, &self.automatic) {
            Some(format!(
                "{} Muster renews by itself only secrets of {LEAST_LIFE_DAYS} days or more. Move to a certificate, or to no secret at all.",
                policy.sentence()
            ))
        } else {
            None
        }
    }

    /// Since when a dataset is to be read again from its start, whatever is stored of it. A time that
    /// lies ahead is of a clock that was wrong, and asks for nothing.
    pub fn read_again_since(&self, dataset: &str, now: Timestamp) -> Option<Timestamp> {
        let asked = [self.read_again_at, self.damaged.get(dataset).copied()];
        let asked = asked.into_iter().flatten();
        asked
            .filter(|asked| asked.duration_since(now) < CLOCKS_DIFFER)
            .max()
    }

    /// Notes that stored records of a dataset were found missing or altered; whether that is news. What
    /// was noted a short while ago is not noted again, so that one bad record is no endless sync.
    pub fn found_damage(&mut self, dataset: &str, now: Timestamp) -> bool {
        let age = |at: &Timestamp| now.duration_since(*at);
        self.damaged
            .retain(|_, at| age(at) < SignedDuration::from_hours(8 * 24));
        let known = self.damaged.get(dataset);
        if known.is_some_and(|at| age(at) < SignedDuration::from_hours(1)) {
            return false;
        }
        self.damaged.insert(dataset.to_owned(), now);
        true
    }

    /// Whether roles may still be on their way: consent was given a short while ago, and the
    /// token lacks some that it would bring.
    pub fn roles_may_lag(&self, now: Timestamp) -> bool {
        let patience = if self.roles.is_empty() {
            ROLES_PATIENCE
        } else {
            OTHER_ROLES_PATIENCE
        };
        let recent = self
            .consent_hint_at
            .is_some_and(|at| now.duration_since(at) < patience);
        recent && Permission::required().any(|p| !self.roles.contains(&p))
    }

    /// When to look for lagging roles again: soon at first, then at longer and longer intervals.
    pub fn look_again_at(&self, now: Timestamp) -> Option<Timestamp> {
        let since = now.duration_since(self.consent_hint_at.filter(|_| self.roles_may_lag(now))?);
        let pause = (since / 4).clamp(SignedDuration::from_secs(2), SignedDuration::from_mins(2));
        now.checked_add(pause).ok()
    }

    /// How a permission ended up.
    pub fn permission_state(&self, permission: Permission) -> PermissionState {
        if self.roles.contains(&permission) {
            PermissionState::Granted
        } else if self.roles_at.is_none() || self.connected_at.is_none() {
            PermissionState::Unknown
        } else {
            PermissionState::Missing
        }
    }

    /// Where it stands, for a badge.
    pub fn status(&self, states: &[DatasetState], now: Timestamp) -> Status {
        if self.deleting {
            Status::Deleting
        } else if self.unreadable.is_some() {
            Status::CannotBeRead
        } else if self.paused {
            Status::Paused
        } else if self
            .problems(states, now)
            .iter()
            .any(|problem| problem.attention)
        {
            Status::NeedsAttention
        } else if self.connected_at.is_none() {
            Status::AwaitingConsent
        } else {
            Status::Connected
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connect::{Checked, Proof},
        datasets::users::USERS,
    };
    use secrecy::SecretString;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a date")
    }

    fn integration() -> Integration {
        let form = Checked {
            name: "Contoso".into(),
            tenant_id: "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
                .parse()
                .expect("a GUID"),
            client_id: "0c5e6f1c-7a0b-4f4a-559c-0a1b2c2f6d8f"
                .parse()
                .expect("a GUID"),
            proof: Proof::Secret(SecretString::from("not kept")),
            cloud: None,
            cadence_minutes: 60,
            secret_expires_at: None,
        };
        let now = at("2026-01-01T00:00:00Z");
        Integration::new(
            &form,
            Cloud::Global,
            Credential::client_secret("abc".into(), now),
            now,
        )
    }

    #[test]
    fn status_follows_the_proof_not_the_hint() {
        let now = at("2026-01-01T00:10:00Z");
        let mut it = integration();
        assert_eq!(it.status(&[], now), Status::AwaitingConsent);
        it.consent_hint_at = Some(now);
        it.saw_roles(Vec::new(), now);
        assert_eq!(it.status(&[], now), Status::AwaitingConsent);
        assert_eq!(it.problems(&[], now)[0].kind, "waiting_for_roles");
        assert_eq!(
            it.status(&[], at("2026-01-01T01:00:00Z")),
            Status::NeedsAttention
        );
        it.saw_roles(Permission::required().collect(), now);
        assert_eq!(it.status(&[], now), Status::Connected);
        it.saw_roles(Vec::new(), now);
        assert_eq!(
            it.problems(&[], at("2026-01-02T00:00:00Z"))[0].kind,
            "consent_withdrawn"
        );
    }

    #[test]
    fn a_held_removal_and_a_lapsing_secret_need_attention() {
        let mut it = integration();
        it.saw_roles(Permission::required().collect(), it.created_at);
        let mut state = DatasetState::new(&USERS);
        state.held_removal = Some(crate::state::HeldRemoval {
            records: 30,
            of: 100,
            since: it.created_at,
        });
        assert_eq!(it.status(&[state], it.created_at), Status::NeedsAttention);
        assert_eq!(
            it.status(&[], at("2026-06-20T00:00:00Z")),
            Status::NeedsAttention
        );
    }
}
