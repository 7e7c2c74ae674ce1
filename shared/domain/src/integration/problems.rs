//! Everything a person should know about an integration, in sentences.

use super::{Integration, Problem, Unreadable};
use crate::{DatasetState, Permission, state::Repaired};
use jiff::Timestamp;

/// Tells, on every page and in every refused call, that an integration is being deleted.
pub const DELETING: &str = "This integration is being deleted, so it cannot be read, changed or synced any more. The deletion goes on by itself; its progress and its receipt are on the Delete page.";

/// Tells that a worker died in the middle of a sync.
pub const CUT_OFF: &str = "The process that read this client ended without a word: it was stopped, ran out of memory, or ran out of time. What was read before is kept. Muster tries again at the client's next turn; choose Sync now to try at once. If this comes back, give the process more memory.";

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
        if self.deleting {
            say("deleting", false, DELETING.to_owned(), None);
            return problems;
        }
        if let Some(Unreadable { item, why }) = &self.unreadable {
            say(
                "cannot_be_read",
                true,
                format!(
                    "What is stored of this client cannot be read: item `{item}` of tenant {}: {why}. Its records are kept and can be looked at; nothing is synced or changed. If Muster was downgraded, run the newer version again. Otherwise delete the integration and connect the tenant again.",
                    self.tenant_id
                ),
                None,
            );
            return problems;
        }
        if let Some(trouble) = &self.sign_in_trouble {
            say(
                "sign_in_refused",
                true,
                trouble.sentence.clone(),
                Some(trouble.since),
            );
        }
        if let Some(wait) = &self.sign_in_wait {
            say(
                "sign_in_waits",
                wait.is_long(now),
                wait.sentence(now),
                Some(wait.since),
            );
        }
        if let Some(failure) = &self.sync_failure {
            let told = failure.told(self.cadence_minutes, now);
            say("sync_failed", true, told, Some(failure.since));
        } else if let Some(at) = self.sync.cut_off_at(now) {
            say("sync_cut_off", true, CUT_OFF.to_owned(), Some(at));
        }
        if let Some(at) = self.clock_was_ahead {
            say(
                "clock_was_ahead",
                false,
                format!(
                    "Stored times of this client lie in the future, up to {}. A clock was ahead when they were stored, or this machine's clock is behind now. What they concern is due now, and the next sync replaces them. Check that the clock is right.",
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
                None => say("awaiting_consent", false, "A Global Administrator or Privileged Role Administrator of the tenant has to consent: choose Authorize.".to_owned(), None),
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
        for state in states {
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
            if let Some(Repaired {
                missing,
                altered,
                at,
            }) = state.repaired
            {
                say(
                    "records_repaired",
                    false,
                    format!(
                        "{title}: {missing} stored records were missing and {altered} were altered in the store. They were read again from Microsoft. If this comes back, check the disk that holds the data."
                    ),
                    Some(at),
                );
            }
            let broke_off = state.broke_off(self.sync.running(now));
            let trouble = broke_off.or(state.trouble.as_deref());
            if let Some(trouble) = trouble
                && (broke_off.is_some() || state.phase == crate::state::Phase::Incomplete)
            {
                // Throttling passes by itself, and nobody but Microsoft can mend a row of its report.
                let mendable =
                    broke_off.is_none() && state.next_try.is_none() && state.rows.unreadable == 0;
                say(
                    match state.unreadable {
                        true => "cannot_be_read",
                        false => "incomplete",
                    },
                    mendable,
                    format!("{title}: {trouble}"),
                    state.last_attempt_at,
                );
            }
        }
        problems
    }
}
