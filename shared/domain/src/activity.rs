//! Decides whether a person uses an account, by the sign-ins that Microsoft reports.
//!
//! Three facts decide ("signInActivity resource type",
//! <https://learn.microsoft.com/graph/api/resources/signinactivity>):
//!
//! - `lastSignInDateTime` and `lastNonInteractiveSignInDateTime` are attempts. A password spray renews
//!   them on an account that nobody uses.
//! - `lastSuccessfulSignInDateTime` is the proof of use, of either kind.
//! - Microsoft records that proof since 1 December 2023 and did not fill in what came before. Where it
//!   is absent, nothing follows from it alone: only the absence of attempts shows that nobody came.

use jiff::{SignedDuration, Timestamp};

/// Whoever has not signed in for so long is inactive.
pub const INACTIVE_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The sign-ins of an account, as Microsoft reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SignIns {
    /// The last sign-in that succeeded.
    pub successful: Option<Timestamp>,
    /// The last attempt of any kind, successful or not.
    pub attempt: Option<Timestamp>,
    /// The time at which the account was created.
    pub created: Option<Timestamp>,
}

/// The use of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// A sign-in succeeded within the last 90 days.
    Active,
    /// The last sign-in is longer ago, or there never was one.
    Inactive,
    /// There were attempts within the last 90 days, and Microsoft has recorded no success. That is a
    /// person whose success Microsoft did not record, or somebody who guesses passwords.
    AttemptsOnly,
    /// The account is younger than 90 days and nobody has tried to sign in: its owner may not have
    /// started yet.
    New,
}

impl SignIns {
    /// Decides whether the account is in use at that time.
    pub fn activity(&self, now: Timestamp) -> Activity {
        let recent = |at: Timestamp| now.duration_since(at) < INACTIVE_AFTER;
        if let Some(successful) = self.successful {
            return match recent(successful) {
                true => Activity::Active,
                false => Activity::Inactive,
            };
        }
        match (self.attempt, self.created) {
            (Some(attempt), _) if recent(attempt) => Activity::AttemptsOnly,
            (None, Some(created)) if recent(created) => Activity::New,
            _ => Activity::Inactive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(days: i64) -> Option<Timestamp> {
        let ago = SignedDuration::from_hours(24 * days);
        Some("2026-06-01T00:00:00Z".parse::<Timestamp>().expect("a time") - ago)
    }

    fn activity(
        successful: Option<Timestamp>,
        attempt: Option<Timestamp>,
        created: Option<Timestamp>,
    ) -> Activity {
        let told = SignIns {
            successful,
            attempt,
            created,
        };
        told.activity(days(0).expect("now"))
    }

    #[test]
    fn failed_attempts_keep_nobody_active() {
        assert_eq!(activity(days(400), days(1), days(900)), Activity::Inactive);
        assert_eq!(activity(days(90), days(0), days(900)), Activity::Inactive);
        assert_eq!(activity(days(89), days(89), days(900)), Activity::Active);
        assert_eq!(activity(days(1), None, days(900)), Activity::Active);
        assert_eq!(
            activity(days(-1), None, None),
            Activity::Active,
            "a clock ahead"
        );
    }

    #[test]
    fn the_absence_of_a_success_alone_proves_nothing() {
        assert_eq!(activity(None, days(1), days(900)), Activity::AttemptsOnly);
        assert_eq!(activity(None, days(1), None), Activity::AttemptsOnly);
        assert_eq!(activity(None, days(1), days(2)), Activity::AttemptsOnly);
        assert_eq!(activity(None, days(200), days(900)), Activity::Inactive);
        assert_eq!(activity(None, days(1_500), days(2_000)), Activity::Inactive);
    }

    #[test]
    fn an_account_that_is_younger_than_90_days_and_was_never_tried_is_new() {
        assert_eq!(activity(None, None, days(10)), Activity::New);
        assert_eq!(activity(None, None, days(90)), Activity::Inactive);
        assert_eq!(activity(None, None, None), Activity::Inactive);
    }
}
