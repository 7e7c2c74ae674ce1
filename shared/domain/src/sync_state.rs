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
}
