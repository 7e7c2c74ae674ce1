//! Where a tenant's sync stands.

use crate::state::Counters;
use jiff::Timestamp;
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
}

impl SyncState {
    /// True if a message that asks for a sync is in the queue, and no sync has begun since.
    pub fn is_queued(&self) -> bool {
        // The beginning of a sync is stored to the millisecond.
        let began = self.last_started_at.map(Timestamp::as_millisecond);
        self.started_at.is_none()
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
    fn a_sync_is_queued_from_the_message_until_it_begins_or_the_message_is_answered() {
        let mut state = SyncState::default();
        assert!(!state.is_queued());
        state.requested_at = at(100);
        assert!(!state.is_queued(), "no message was sent");
        state.request(at(100).expect("a time"));
        assert!(state.is_queued());
        state.answered(at(99));
        assert!(state.is_queued(), "an older message was answered");
        let begun = |started_at, last_started_at| SyncState {
            started_at,
            last_started_at,
            ..state.clone()
        };
        assert!(!begun(at(101), None).is_queued(), "it is under way");
        assert!(begun(None, at(99)).is_queued());
        assert!(!begun(None, at(100)).is_queued() && !begun(None, at(101)).is_queued());
        state.answered(at(100));
        assert!(!state.is_queued());
        assert_eq!(state.requested_at, at(100), "the next sync serves it");
    }
}
