//! What the latest sync of a tenant leaves behind though nothing changed: when each dataset was looked
//! at, which day its report is about, and what that took. It is stored once for all datasets, beside their states, so that a sync in
//! which nothing changed writes one item and no state.
//!
//! A note on a dataset carries the number of the lease it was made under, as the stored state does. It
//! holds as long as no state was stored under a later one: numbers, not clocks, say which is newer.

use crate::{DatasetState, Integration, state::Counters, sync_state::SyncState};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What moves in a dataset's state whenever it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Freshness {
    /// When the last run began.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    last_attempt_at: Option<Timestamp>,
    /// When the data was last known to be whole and current.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    last_success_at: Option<Timestamp>,
    /// When the last whole enumeration began and ended.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    whole: Option<(Timestamp, Timestamp)>,
    /// The time of the last request for Microsoft's own count.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    counted_at: Option<Timestamp>,
    /// The day that the last report is about.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    data_date: Option<Date>,
    /// What the last run did.
    #[serde(rename = "r")]
    run: Counters,
}

impl DatasetState {
    /// When it was looked at, which day its report is about, and what that took; times to the millisecond.
    pub fn freshness(&self) -> Freshness {
        let whole = self.complete.as_ref();
        Freshness {
            last_attempt_at: self.last_attempt_at.map(millisecond),
            last_success_at: self.last_success_at.map(millisecond),
            whole: whole.map(|whole| (millisecond(whole.began_at), millisecond(whole.ended_at))),
            counted_at: self.counted_at.map(millisecond),
            data_date: self.data_date,
            run: self.run,
        }
    }

    /// Returns true if it says the same as another, apart from what [`Freshness`] holds.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let fresh = Freshness::default();
        let (mut one, mut other) = (self.clone(), other.clone());
        for state in [&mut one, &mut other] {
            state.refresh(&fresh);
            if let Some(whole) = &mut state.complete {
                (whole.began_at, whole.ended_at) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
            }
        }
        one == other
    }

    fn refresh(&mut self, fresh: &Freshness) {
        self.last_attempt_at = fresh.last_attempt_at;
        self.last_success_at = fresh.last_success_at;
        self.counted_at = fresh.counted_at;
        self.data_date = fresh.data_date;
        self.run = fresh.run;
        if let (Some(whole), Some((began_at, ended_at))) = (&mut self.complete, fresh.whole) {
            (whole.began_at, whole.ended_at) = (began_at, ended_at);
        }
    }
}

impl Integration {
    /// Whether it says the same as another, but for where the sync stands and when a token was last
    /// minted: both are told by the latest sync.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let mut same = self.clone();
        same.sync = SyncState {
            requested_at: self.sync.requested_at,
            queued_at: self.sync.queued_at,
            ..other.sync.clone()
        };
        if self.roles_at.is_some() && other.roles_at.is_some() {
            same.roles_at = other.roles_at;
        }
        same == *other
    }
}

/// What the latest sync left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Latest {
    /// When it began, when the last one ended, and what it did.
    pub sync: SyncState,
    /// When its token was minted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles_at: Option<Timestamp>,
    /// The day whose summary holds the counts that the integration shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summed_up: Option<String>,
    /// The mark of the rules by which its licenses were counted (`licenses::mark`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licenses_mark: Option<String>,
    datasets: BTreeMap<String, Note>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    #[serde(rename = "n")]
    lease: u64,
    #[serde(flatten)]
    fresh: Freshness,
}

impl Latest {
    /// Notes that a dataset was looked at under a lease, and that its stored state still holds.
    pub fn note(&mut self, lease: u64, state: &DatasetState) {
        let fresh = state.freshness();
        let note = Note { lease, fresh };
        self.datasets.insert(state.dataset.clone(), note);
    }

    /// Brings stored states, each with the lease it was stored under, to what is noted of them; notes
    /// that are older than a state are dropped.
    pub fn bring(&mut self, stored: &mut [(u64, DatasetState)]) {
        self.datasets.retain(|name, note| {
            let state = stored.iter_mut().find(|(_, state)| state.dataset == *name);
            let Some((_, state)) = state.filter(|(lease, _)| *lease < note.lease) else {
                return false;
            };
            state.refresh(&note.fresh);
            true
        });
    }

    /// Tells an integration where its sync stands, apart from the one under way and from what was asked.
    pub fn tell(&self, integration: &mut Integration) {
        if self.sync.last_started_at.is_some() {
            integration.sync = SyncState {
                requested_at: integration.sync.requested_at,
                queued_at: integration.sync.queued_at,
                started_at: integration.sync.started_at,
                lease_until: integration.sync.lease_until,
                ..self.sync.clone()
            };
        }
        if integration.roles_at.is_some() {
            integration.roles_at = integration.roles_at.max(self.roles_at);
        }
    }
}

fn millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{datasets::users::USERS, state::Completeness};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn day(second: i64) -> Date {
        at(second * 86_400).to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    fn looked_at(second: i64) -> DatasetState {
        let mut state = DatasetState::new(&USERS);
        state.records = 7;
        state.last_attempt_at = Some(at(second));
        state.last_success_at = Some(at(second + 1));
        state.data_date = Some(day(second));
        state.complete = Some(Completeness {
            began_at: at(second),
            ended_at: at(second + 1),
            objects: 7,
            proof: "last page".to_owned(),
            counted: None,
        });
        state.run.requests = u64::try_from(second).expect("after 1970");
        state
    }

    #[test]
    fn a_note_holds_until_a_state_is_stored_under_a_later_lease() {
        let mut latest = Latest::default();
        latest.note(5, &looked_at(50));
        let brought = |lease: u64| {
            let (mut latest, mut stored) = (latest.clone(), [(lease, looked_at(10))]);
            latest.bring(&mut stored);
            (stored[0].1.clone(), latest.datasets.len())
        };
        assert_eq!(brought(4), (looked_at(50), 1));
        assert_eq!(brought(5), (looked_at(10), 0));
        assert_eq!(brought(6), (looked_at(10), 0));
        let mut none = latest.clone();
        none.bring(&mut []);
        assert_eq!(
            none,
            Latest::default(),
            "a state that is not there is not made up"
        );
    }

    #[test]
    fn only_times_and_counters_may_differ() {
        assert!(looked_at(10).says_the_same(&looked_at(99)));
        let changes: [fn(&mut DatasetState); 8] = [
            |state| state.records += 1,
            |state| state.complete = None,
            |state| state.trouble = Some("there is one".to_owned()),
            |state| state.checkpoint.delta_link = Some("elsewhere".to_owned()),
            |state| state.complete.as_mut().expect("it is whole").objects += 1,
            |state| state.complete.as_mut().expect("it is whole").counted = Some(7),
            |state| state.fell_short = Some(6),
            |state| state.removal_allowed = true,
        ];
        for change in changes {
            let mut other = looked_at(10);
            change(&mut other);
            assert!(!looked_at(10).says_the_same(&other), "{other:?}");
            assert!(!other.says_the_same(&looked_at(10)), "{other:?}");
        }
    }
}
