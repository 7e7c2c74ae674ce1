//! Renewing a credential: what is under way, what came before, and when Muster does it by itself.

use crate::{clock_ahead, expiry::CredentialKind, integration::Trouble};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The credential before the one in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// What it is.
    pub kind: CredentialKind,
    /// What a person recognises it by.
    pub hint: String,
    /// Entra's id of it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// When it was replaced.
    pub replaced_at: Timestamp,
    /// When it was last needed because the one in use was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_at: Option<Timestamp>,
}

/// How long a new credential has to work before the old one may go.
pub const PROOF_OF_A_DAY: SignedDuration = SignedDuration::from_hours(24);

impl Previous {
    /// From when the old one may be deleted, if the new one keeps working.
    pub fn removable_from(&self) -> Timestamp {
        let since = self.needed_at.unwrap_or(self.replaced_at);
        since.checked_add(PROOF_OF_A_DAY).unwrap_or(since)
    }

    /// Whether it may be deleted: a token was had with the new one a day after it was put in use.
    pub fn may_go(&self, last_token_at: Option<Timestamp>) -> bool {
        last_token_at.is_some_and(|at| at >= self.removable_from())
    }
}

/// Renewal by Muster itself, as chosen for an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automatic {
    /// How long each new secret lives.
    pub life_days: u32,
    /// The longest life the tenant's policy allowed, where it allowed less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_days: Option<u32>,
    /// When it was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<Timestamp>,
    /// Why the last try did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// The shortest life that may be chosen: two renewals and a weekend fit in it.
pub const LEAST_LIFE_DAYS: u32 = 14;
/// The longest life that Entra's portal offers: 24 months.
pub const MOST_LIFE_DAYS: u32 = 730;

impl Automatic {
    /// So many days before the end, a new secret is made: a third of its life, at most thirty.
    pub fn days_before(&self) -> i64 {
        i64::from(
            self.life_days
                .min(self.allowed_days.unwrap_or(self.life_days))
                / 3,
        )
        .min(30)
    }

    /// Whether a try may be made: after one that did not end well, a day passes.
    pub fn may_try(&self, now: Timestamp) -> bool {
        self.trouble.is_none()
            || self
                .tried_at
                .is_none_or(|at| !clock_ahead::is_younger(at, SignedDuration::from_hours(23), now))
    }

    /// The lives to ask for, the chosen one first: a policy may allow only shorter ones.
    pub fn lives(&self) -> Vec<u32> {
        let most = self
            .allowed_days
            .unwrap_or(self.life_days)
            .min(self.life_days);
        let shorter = [365, 180, 90, 60, 30, LEAST_LIFE_DAYS];
        std::iter::once(most)
            .chain(shorter.into_iter().filter(|days| *days < most))
            .collect()
    }
}

/// A renewal under way: written down before anything is asked of Microsoft, so that a crash leaves
/// nothing behind that the next try does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// Its name, which the new secret carries in Entra.
    pub name: String,
    /// When it began.
    pub began_at: Timestamp,
    /// The new secret's id, once told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Which entry of the vault the new secret is; empty until it is staged.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mark: String,
    /// When the new secret lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// What the names of secrets begin with that Muster made: it removes no other.
pub const MADE_BY_MUSTER: &str = "Muster ";

/// A certificate that was made and is not in use yet: its key is pending in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// The SHA-1 thumbprint in upper-case hex, as Entra shows it.
    pub thumbprint: String,
    /// The certificate, PEM: public.
    pub pem: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
}

impl Offered {
    /// The certificate's DER in base64: the lines of its PEM, joined.
    pub fn base64(&self) -> String {
        let lines = self.pem.lines();
        lines.filter(|line| !line.starts_with("-----")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn automatic(life_days: u32, allowed_days: Option<u32>) -> Automatic {
        Automatic {
            life_days,
            allowed_days,
            tried_at: None,
            trouble: None,
        }
    }

    #[test]
    fn a_policy_shortens_what_is_asked_for_and_when() {
        assert_eq!(
            automatic(730, None).lives(),
            [730, 365, 180, 90, 60, 30, 14]
        );
        assert_eq!(automatic(730, Some(90)).lives(), [90, 60, 30, 14]);
        assert_eq!(automatic(730, None).days_before(), 30);
        assert_eq!(automatic(730, Some(30)).days_before(), 10);
    }

    #[test]
    fn the_old_one_goes_only_after_a_day_of_work_of_the_new_one() {
        let at = |hour: i64| Timestamp::from_second(hour * 3600).expect("a time");
        let mut before = Previous {
            kind: CredentialKind::ClientSecret,
            hint: "abc".into(),
            key_id: None,
            replaced_at: at(100),
            needed_at: None,
        };
        assert!(!before.may_go(None));
        assert!(!before.may_go(Some(at(123))));
        assert!(before.may_go(Some(at(124))));
        before.needed_at = Some(at(110));
        assert!(!before.may_go(Some(at(124))), "it was needed since");
        assert!(before.may_go(Some(at(134))));
    }
}
