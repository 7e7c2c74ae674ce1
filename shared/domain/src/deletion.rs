//! The deletion of an integration: how far it is, and the receipt that remains of it.
//!
//! Keys are counted before they are deleted, and the place up to which they are counted is stored with
//! the counts. A deletion that is cut off and goes on counts nothing twice and misses nothing.

use crate::{Integration, datasets};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The time for which the receipt is kept after the end of a deletion.
pub const RECEIPT_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A deletion under way, or the receipt of one that ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deletion {
    /// The client's name.
    pub name: String,
    /// The time at which the deleted integration was connected: a tenant may be connected again.
    pub connected_at: Option<Timestamp>,
    /// The time at which the deletion was requested.
    pub asked_at: Option<Timestamp>,
    /// The time at which everything was gone.
    pub finished_at: Option<Timestamp>,
    /// True if a secret was deleted.
    pub secret: bool,
    /// True if a schedule was deleted.
    pub schedule: bool,
    /// Records deleted, by dataset.
    pub records: BTreeMap<String, u64>,
    /// Change records deleted.
    pub changes: u64,
    /// Daily summaries deleted.
    pub summaries: u64,
    /// Dataset states deleted.
    pub states: u64,
    /// Control items deleted: the integration, its states, its lease.
    pub control_items: u64,
    /// About how many records there were to delete, by the datasets' own counts.
    pub expected: u64,
    /// The reason for which it does not go on, for a person.
    pub trouble: Option<String>,
    /// A number above that of the tenant's last lease. A tenant that is connected again goes on from it.
    pub lease: u64,
    /// True if a worker was busy when the deletion began: its late writes are looked for once more.
    pub worker_was_busy: bool,
    /// True if the schedule was about to be removed.
    pub removing_schedule: bool,
    /// Parts that are counted whole.
    pub counted: BTreeSet<String>,
    /// The part that is being counted, and its last key that is counted.
    pub through: Option<(String, String)>,
}

/// A part of what is stored of a tenant, in the order of deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A dataset's records.
    Records(&'static str),
    /// Change records.
    Changes,
    /// Daily summaries.
    Summaries,
    /// The packed moves, which belong to records that are counted.
    Moving,
    /// Indexes, which are no data of the tenant's.
    Index,
    /// Control items but the integration and its deletion.
    Control,
}

impl Part {
    /// Every part, the control items last.
    pub fn all() -> impl Iterator<Item = Self> {
        let records = datasets::ALL
            .iter()
            .map(|dataset| Self::Records(dataset.name));
        records.chain([
            Self::Changes,
            Self::Summaries,
            Self::Moving,
            Self::Index,
            Self::Control,
        ])
    }

    /// Its name: for all but the control items, the end of its partition key.
    pub fn name(self) -> &'static str {
        match self {
            Self::Records(dataset) => dataset,
            Self::Changes => "changes",
            Self::Summaries => "summary",
            Self::Moving => "moving",
            Self::Index => "index",
            Self::Control => "control",
        }
    }
}

impl Deletion {
    /// A deletion that begins.
    pub fn begin(
        integration: &Integration,
        expected: u64,
        (last_lease, worker_was_busy): (u64, bool),
        now: Timestamp,
    ) -> Self {
        Self {
            // A worker that has not seen yet that the integration is being deleted may take some more.
            lease: last_lease + 100,
            worker_was_busy,
            name: integration.name.clone(),
            connected_at: Some(integration.created_at),
            asked_at: Some(now),
            expected,
            ..Self::default()
        }
    }

    /// Returns true if it is the deletion of this integration, and not of an earlier one of the same tenant.
    pub fn is_of(&self, integration: &Integration) -> bool {
        self.connected_at == Some(integration.created_at)
    }

    /// Counts keys of a part that are about to be deleted, in ascending order; whether any were new.
    pub fn count(&mut self, part: Part, keys: &[&str]) -> bool {
        let name = part.name();
        if self.counted.contains(name) {
            return false;
        }
        let through = self.through.as_ref();
        let through = through.filter(|(part, _)| part == name);
        let through = through.map(|(_, key)| key.as_str());
        let is_new = |key: &&&str| through.is_none_or(|through| **key > through);
        let new: Vec<&str> = keys.iter().filter(is_new).copied().collect();
        let Some(last) = new.last() else {
            return false;
        };
        let number = new.len() as u64;
        match part {
            Part::Records(dataset) => {
                *self.records.entry(dataset.to_owned()).or_default() += number;
            }
            Part::Changes => self.changes += number,
            Part::Summaries => self.summaries += number,
            Part::Moving | Part::Index => {}
            Part::Control => {
                self.control_items += number;
                let states = new.iter().filter(|key| key.starts_with("dataset#"));
                self.states += states.count() as u64;
            }
        }
        self.through = Some((name.to_owned(), (*last).to_owned()));
        true
    }

    /// Notes that nothing of a part is left.
    pub fn emptied(&mut self, part: Part) {
        self.counted.insert(part.name().to_owned());
    }

    /// Notes that everything is gone, the integration itself included.
    pub fn finish(&mut self, now: Timestamp) {
        self.finished_at = Some(now);
        self.control_items += 1;
        self.trouble = None;
        self.through = None;
        self.counted.clear();
    }

    /// Until when the receipt is kept; `None` while the deletion is under way.
    pub fn kept_until(&self) -> Option<Timestamp> {
        self.finished_at?.checked_add(RECEIPT_LIFE).ok()
    }

    /// Records deleted so far.
    pub fn deleted_records(&self) -> u64 {
        self.records.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: Part = Part::Records("users");

    #[test]
    fn keys_are_counted_once_however_often_a_deletion_is_cut_off() {
        let mut deletion = Deletion::default();
        assert!(deletion.count(USERS, &["a", "b", "c"]));
        // Cut off after "a" was deleted; "d" came with the next page.
        assert!(deletion.count(USERS, &["b", "c", "d"]));
        assert!(!deletion.count(USERS, &["c", "d"]));
        deletion.emptied(USERS);
        assert!(deletion.count(Part::Changes, &["1"]));
        // A late write of another worker is deleted, and was counted before.
        assert!(!deletion.count(USERS, &["b"]));
        assert!(deletion.count(Part::Changes, &["1", "2"]));
        assert_eq!(deletion.records["users"], 4);
        assert_eq!(deletion.changes, 2);
    }

    #[test]
    fn states_are_counted_among_the_control_items() {
        let mut deletion = Deletion::default();
        deletion.count(Part::Control, &["alerts", "dataset#users", "datasets"]);
        deletion.finish(Timestamp::UNIX_EPOCH);
        assert_eq!((deletion.states, deletion.control_items), (1, 4));
        assert!(deletion.kept_until().is_some());
    }

    #[test]
    fn every_part_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Part::all().map(Part::name).collect();
        assert_eq!(names.len(), Part::all().count());
    }
}
