//! Where a tenant's sync stands.

use crate::{clock_ahead, state::Counters};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Where the tenant's sync stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncState {
    /// When a person last asked for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<Timestamp>,
    /// The time at which the queue took the latest message that asks for a sync; `None` once it was answered
    /// without one, and where the next scheduled sync serves the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<Timestamp>,
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
    /// The end of the lease that a worker holds, or held when it died; the lease's item tells it.
    #[serde(skip)]
    pub lease_until: Option<Timestamp>,
}

/// How long a lease holds without being renewed.
pub const LEASE_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// A worker that died this long ago has not been followed by another.
const CUT_OFF_FOR: SignedDuration = SignedDuration::from_mins(30);

impl SyncState {
    /// True if a worker is at it: a sync has begun, and its lease is alive.
    pub fn running(&self, now: Timestamp) -> bool {
        let alive = |until| clock_ahead::is_to_come(until, LEASE_LIFE, now);
        self.started_at.is_some() && self.lease_until.is_some_and(alive)
    }

    /// The time at which the worker of the sync under way died, if no other has followed it for long.
    pub fn cut_off_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.started_at?;
        // A lease that was given back ends at the epoch.
        let until = self.lease_until.filter(|until| until.as_second() > 0)?;
        (now.duration_since(until) > CUT_OFF_FOR).then_some(until)
    }

    /// True if a message that asks for a sync is in the queue, and no sync has begun since.
    pub fn is_queued(&self, now: Timestamp) -> bool {
        // The beginning of a sync is stored to the millisecond.
        let began = self.started_at.max(self.last_started_at);
        let began = began.map(Timestamp::as_millisecond);
        !self.running(now)
            && self
                .queued_at
                .is_some_and(|queued| began.is_none_or(|began| began < queued.as_millisecond()))
    }

    /// Notes a request and that its message is being sent.
    pub fn request(&mut self, now: Timestamp) {
        self.requested_at = Some(now);
        self.queued_at = Some(now);
    }

    /// Notes that the message of `queued_at` was answered without a sync, or was never queued; a later
    /// one stays. What was asked for is read by the next sync.
    pub fn answered(&mut self, queued_at: Option<Timestamp>) {
        if self.queued_at == queued_at {
            self.queued_at = None;
        }
    }

    /// Whether the last sync began after a message was sent, ended, and left nothing that was
    /// asked for since: what the message asks for is done.
    pub fn overtook(&self, sent_at: Timestamp) -> bool {
        self.started_at.is_none()
            && self.finished_at.is_some()
            && self.last_started_at.is_some_and(|began| {
                began > sent_at && self.requested_at.is_none_or(|asked| asked <= began)
            })
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
        let overtook = |state: &SyncState, sent: i64| state.overtook(at(sent).expect("a time"));
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
    }

    #[test]
    fn only_a_live_lease_is_a_sync_that_runs() {
        let now = at(10_000).expect("a time");
        let begun = |until: Option<i64>| SyncState {
            started_at: at(9_000),
            lease_until: until.and_then(at),
            ..SyncState::default()
        };
        for (until, runs, cut_off) in [
            (None, false, false),
            (Some(0), false, false),
            (Some(10_060), true, false),
            (Some(9_990), false, false),
            (Some(8_000), false, true),
            (Some(365 * 24 * 3600), false, false),
        ] {
            let state = begun(until);
            assert_eq!(state.running(now), runs, "{until:?}");
            assert_eq!(state.cut_off_at(now).is_some(), cut_off, "{until:?}");
        }
    }

    #[test]
    fn a_sync_is_queued_from_the_message_until_it_begins_or_the_message_is_answered() {
        let now = at(150).expect("a time");
        let is_queued = |state: &SyncState| state.is_queued(now);
        let mut state = SyncState::default();
        assert!(!is_queued(&state));
        state.requested_at = at(100);
        assert!(!is_queued(&state), "no message was sent");
        state.request(at(100).expect("a time"));
        assert!(is_queued(&state));
        state.answered(at(99));
        assert!(is_queued(&state), "an older message was answered");
        let begun = |started_at, last_started_at| SyncState {
            started_at,
            last_started_at,
            ..state.clone()
        };
        assert!(!is_queued(&begun(at(101), None)), "it is under way");
        assert!(
            is_queued(&begun(at(99), None)),
            "it was asked for after the last began"
        );
        assert!(is_queued(&begun(None, at(99))));
        assert!(!is_queued(&begun(None, at(100))) && !is_queued(&begun(None, at(101))));
        state.answered(at(100));
        assert!(!is_queued(&state));
        assert_eq!(state.requested_at, at(100), "the next sync serves it");
    }
}
