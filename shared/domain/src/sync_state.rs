//! Where a tenant's sync stands.

use crate::{clock_ahead, state::Counters, sync_failure::SyncFailure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the tenant's sync stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncState {
    /// When a person last asked for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// Since when the next sync reads everything, though no message was sent for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_due_at: Option<Timestamp>,
    /// When the sync under way began; kept over a crash, so that what it repeats has one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the last one began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_started_at: Option<Timestamp>,
    /// When the last one ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// What the last one did.
    pub last: Counters,
    /// Why the last sync was given up; absent after one that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<SyncFailure>,
    /// When a sync that was asked for ended without access to the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_at: Option<Timestamp>,
    /// Until when a worker holds the tenant's lease. The lease says it; it is not stored here.
    #[serde(skip)]
    pub lease_until: Option<Timestamp>,
    /// The latest stored time that lay in the future and was forgotten when this was read.
    #[serde(skip)]
    pub ahead: Option<Timestamp>,
}

impl SyncState {
    /// Whether the last sync began after a message was sent, ended, and left nothing that was
    /// asked for since: what the message asks for is done. A sync that seems to have begun in the
    /// future was dated by a wrong clock and overtakes nothing.
    pub fn overtook(&self, sent_at: Timestamp, now: Timestamp) -> bool {
        self.started_at.is_none()
            && self.finished_at.is_some()
            && self.last_started_at.is_some_and(|began| {
                began > sent_at
                    && !clock_ahead::is_ahead(began, now)
                    && self.requested_at.is_none_or(|asked| asked <= began)
            })
    }

    /// Whether a worker is at it now: one began, and its lease is alive.
    pub fn running(&self, now: Timestamp) -> bool {
        let alive = |until| until > now && !clock_ahead::is_ahead(until, now);
        self.started_at.is_some() && self.lease_until.is_some_and(alive)
    }

    /// Whether one was asked for and is still to come: none has begun since, and the request has
    /// neither been refused nor given up.
    pub fn queued(&self, now: Timestamp) -> bool {
        !self.running(now) && self.awaited()
    }

    /// Notes that a sync ended without access to the tenant, which the integration tells of.
    pub fn refused(&mut self, now: Timestamp) {
        self.failure = None;
        if self.awaited() {
            self.refused_at = Some(now);
        }
    }

    /// Whether none has answered what was asked for.
    fn awaited(&self) -> bool {
        let given_up_at = self.failure.as_ref().map(|failure| failure.at);
        let ends = [self.last_started_at, self.refused_at, given_up_at];
        let answered = ends.into_iter().flatten().max();
        self.requested_at
            .is_some_and(|asked| answered.is_none_or(|answered| answered < asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    #[test]
    fn a_message_is_overtaken_only_by_a_sync_that_began_after_it_and_ended() {
        let ended = SyncState {
            last_started_at: at(100),
            finished_at: at(120),
            ..SyncState::default()
        };
        let overtook = |state: &SyncState, sent: i64| {
            state.overtook(at(sent).expect("a time"), at(200).expect("a time"))
        };
        assert!(overtook(&ended, 99));
        assert!(!overtook(&ended, 100));
        assert!(!overtook(&ended, 110));
        let under_way = SyncState {
            started_at: at(100),
            ..ended.clone()
        };
        assert!(!overtook(&under_way, 99), "it may have been cut off");
        let asked_since = SyncState {
            requested_at: at(110),
            ..ended.clone()
        };
        assert!(!overtook(&asked_since, 99));
        assert!(!overtook(&SyncState::default(), 99), "none has ended");
        let ahead = SyncState {
            last_started_at: at(365 * 24 * 3600),
            ..ended.clone()
        };
        assert!(!overtook(&ahead, 99), "a wrong clock dated it");
    }

    #[test]
    fn only_a_live_lease_is_a_sync_that_runs() {
        let now = at(1000).expect("a time");
        let mut state = SyncState {
            started_at: at(900),
            ..SyncState::default()
        };
        assert!(
            !state.running(now),
            "its worker died, or gave the lease back"
        );
        for (until, runs) in [(999, false), (1060, true), (365 * 24 * 3600, false)] {
            state.lease_until = at(until);
            assert_eq!(state.running(now), runs, "{until}");
        }
    }

    #[test]
    fn what_was_refused_or_given_up_is_not_on_its_way() {
        let now = at(1000).expect("a time");
        let asked = SyncState {
            requested_at: at(500),
            last_started_at: at(400),
            ..SyncState::default()
        };
        assert!(asked.queued(now));
        let refused = SyncState {
            refused_at: at(510),
            ..asked.clone()
        };
        assert!(!refused.queued(now));
        let failure = |second| {
            let at = at(second).expect("a time");
            SyncFailure::given_up(None, "No answer.".to_owned(), at, 60, at)
        };
        let given_up = SyncState {
            failure: Some(failure(520)),
            ..asked.clone()
        };
        assert!(!given_up.queued(now));
        let asked_again = SyncState {
            requested_at: at(530),
            ..given_up
        };
        assert!(asked_again.queued(now));
    }
}
