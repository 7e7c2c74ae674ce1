//! A sign-in that Microsoft puts off: it asks to wait, or has trouble that passes by itself.

use super::Integration;
use crate::retry::NextTry;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// After this long a person is asked to look: it has not passed.
const LONG: SignedDuration = SignedDuration::from_hours(6);

/// How a sign-in is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInWait {
    /// Since when no token was to be had.
    pub since: Timestamp,
    /// When one was last asked for.
    pub tried_at: Timestamp,
    /// When one is asked for next.
    pub next_try: NextTry,
}

impl SignInWait {
    /// True if it has lasted too long to pass by itself.
    pub fn is_long(&self, now: Timestamp) -> bool {
        now.duration_since(self.since) >= LONG
    }

    /// Says what happened and when a token is asked for again.
    pub fn sentence(&self, now: Timestamp) -> String {
        let when = self.next_try.when(now);
        match self.is_long(now) {
            false => format!(
                "Microsoft's sign-in service gives no access token just now; such trouble passes by itself. Muster tries again {when}. What was read before is kept."
            ),
            true => format!(
                "Microsoft's sign-in service has given no access token since {}. Look at Microsoft's service health (https://status.cloud.microsoft), and whether another program signs in with the same app registration. Muster tries again {when}. What was read before is kept.",
                self.since.strftime("%-d %B, %H:%M UTC")
            ),
        }
    }
}

impl Integration {
    /// Puts the sign-in off: `named` is the wait that Microsoft named, `jitter` a random number from
    /// 0 up to 1. Returns when it is tried again.
    pub fn put_sign_in_off(
        &mut self,
        named: Option<Duration>,
        now: Timestamp,
        jitter: f64,
    ) -> Timestamp {
        let before = self.sign_in_wait;
        let next_try = NextTry::after(before.map(|wait| wait.next_try), named, now, jitter);
        self.sign_in_wait = Some(SignInWait {
            since: before.map_or(now, |wait| wait.since),
            tried_at: now,
            next_try,
        });
        next_try.at
    }

    /// When the sign-in is tried again, where it is put off and no person has asked for a sync since.
    pub fn sign_in_put_off(&self, now: Timestamp) -> Option<Timestamp> {
        let wait = self.sign_in_wait.filter(|wait| wait.next_try.holds(now))?;
        let asked = self.sync.requested_at;
        let asked_since = asked.is_some_and(|asked| asked >= wait.tried_at);
        (!asked_since).then_some(wait.next_try.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integration::Status;

    fn at(minutes: i64) -> Timestamp {
        let began: Timestamp = "2026-01-01T08:00:00Z".parse().expect("a date");
        began + SignedDuration::from_mins(minutes)
    }

    fn integration() -> Integration {
        serde_json::from_value(serde_json::json!({
            "tenant_id": "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c",
            "client_id": "0c5e6f1c-7a0b-4f4a-559c-0a1b2c2f6d8f",
            "name": "Contoso", "cloud": "global", "cadence_minutes": 60, "created_at": at(0),
            "credential": crate::expiry::Credential::client_secret("abc".into(), at(0)),
        }))
        .expect("an integration")
    }

    #[test]
    fn trouble_that_passes_needs_no_attention_at_once_and_says_when_it_is_tried_again() {
        let mut it = integration();
        let again = it.put_sign_in_off(Some(Duration::from_secs(600)), at(0), 0.0);
        assert_eq!(it.sign_in_put_off(at(1)), Some(again));
        assert_eq!(it.status(&[], at(1)), Status::AwaitingConsent);
        let said = &it.problems(&[], at(1))[0];
        assert_eq!((said.kind, said.attention), ("sign_in_waits", false));
        assert!(said.sentence.contains("at 08:11 UTC"), "{}", said.sentence);
        assert_eq!(it.sign_in_put_off(at(11)), None);
    }

    #[test]
    fn each_time_it_is_put_off_for_longer_and_in_the_end_a_person_is_told() {
        let mut it = integration();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..5 {
            let again = it.put_sign_in_off(None, now, 0.0);
            waits.push(again.duration_since(now).as_mins());
            now = again;
        }
        assert!(waits.is_sorted() && waits[0] < waits[4], "{waits:?}");
        assert_eq!(it.sign_in_wait.map(|wait| wait.since), Some(at(0)));
        assert_eq!(it.status(&[], at(359)), Status::AwaitingConsent);
        assert_eq!(it.status(&[], at(361)), Status::NeedsAttention);
    }

    #[test]
    fn a_person_who_asks_does_not_wait_and_a_token_ends_it() {
        let mut it = integration();
        it.put_sign_in_off(None, at(0), 0.0);
        it.sync.requested_at = Some(at(1));
        assert_eq!(it.sign_in_put_off(at(1)), None);
        it.saw_roles(Vec::new(), at(1));
        assert_eq!(it.sign_in_wait, None);
    }
}
