//! Everything a person should know about an integration, in sentences.

use super::{Integration, Problem};
use crate::{DatasetState, Permission};
use jiff::Timestamp;

impl Integration {
    /// Everything a person should know about, the most pressing first.
    pub fn problems(&self, states: &[DatasetState], now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut say = |kind, attention, sentence: String, since| {
            problems.push(Problem {
                kind,
                sentence,
                since,
                attention,
            });
        };
        if let Some(trouble) = &self.sign_in_trouble {
            say(
                "sign_in_refused",
                true,
                trouble.sentence.clone(),
                Some(trouble.since),
            );
        }
        if let Some(failure) = &self.sync.failure {
            say(
                "sync_failed",
                true,
                failure.told(self.cadence_minutes, now),
                Some(failure.since),
            );
        }
        if let Some(at) = self.sync.ahead {
            say(
                "clock_ahead",
                false,
                format!(
                    "Stored times of this client lie in the future, up to {}: a clock was ahead when they were stored, or this machine's clock is behind now. They count as due now, and the next sync replaces them. Check that the clock is right.",
                    at.strftime("%-d %B %Y, %H:%M UTC")
                ),
                None,
            );
        }
        if let Some(fell_back) = &self.fell_back {
            say(
                "credential_refused",
                true,
                fell_back.sentence.clone(),
                Some(fell_back.since),
            );
        }
        for (kind, attention, sentence, since) in crate::alert::of_credential(self, now) {
            say(kind, attention, sentence, since);
        }
        if self.connected_at.is_none() {
            match self.consent_hint_at {
                Some(at) if self.roles_may_lag(now) => say("waiting_for_roles", false, "Consent was given. Microsoft takes up to some minutes to pass it on; Muster keeps looking and starts by itself.".to_owned(), Some(at)),
                Some(at) => say("no_roles", true, "Consent was given, but no permission has arrived for half an hour. In Entra, open the app's API permissions, check that they are of type Application and granted for the tenant, then choose Check again.".to_owned(), Some(at)),
                None => say("awaiting_consent", false, "An administrator of the tenant has to consent: choose Authorize.".to_owned(), None),
            }
        } else {
            let missing: Vec<&str> = Permission::required()
                .filter(|p| !self.roles.contains(p))
                .map(Permission::value)
                .collect();
            if missing.len() == Permission::required().count() {
                say("consent_withdrawn", true, "The tenant no longer grants any permission: consent was withdrawn or the app removed. What was read before is kept. Choose Authorize to ask for consent again.".to_owned(), self.roles_at);
            } else if !missing.is_empty() && self.roles_may_lag(now) {
                say(
                    "waiting_for_roles",
                    false,
                    format!(
                        "Still waiting for {}; everything else is being read. Microsoft takes up to some minutes to pass consent on.",
                        missing.join(", ")
                    ),
                    self.consent_hint_at,
                );
            } else if !missing.is_empty() {
                say(
                    "missing_permissions",
                    false,
                    format!(
                        "Not granted: {}. What they feed is shown as missing; everything else works. Add them in Entra under API permissions, grant admin consent, then choose Check again.",
                        missing.join(", ")
                    ),
                    self.roles_at,
                );
            }
        }
        let runs = self.sync.running(now);
        for state in states {
            let mut state = state.clone();
            state.broke_off(runs);
            let title = crate::datasets::find(&state.dataset).map_or("", |dataset| dataset.title);
            if let Some(held) = state.held_removal {
                say(
                    "removal_held",
                    true,
                    format!(
                        "{title}: {} of {} records are no longer in Microsoft's answer. That is more than usual, so nothing was removed. Answer whether they are really gone.",
                        held.records, held.of
                    ),
                    Some(held.since),
                );
            }
            if let Some(trouble) = state.trouble
                && state.phase == crate::state::Phase::Incomplete
            {
                say(
                    "incomplete",
                    true,
                    format!("{title}: {trouble}"),
                    state.last_attempt_at,
                );
            }
        }
        problems
    }
}
