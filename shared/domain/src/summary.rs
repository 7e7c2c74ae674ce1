//! The counts of a tenant on one day; their history draws the trends.
//!
//! The datasets declare the counts (`Dataset::counts`). This module adds them up and keeps them.

use crate::{
    Dataset, DatasetState,
    count::{Cells, Count, Tally, columns_of},
    datasets,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is counted, by the names of the counts. A count that is not there is not known, which is
/// never zero.
///
/// As JSON it is an object with one member for each declared count, `null` where it is not known, and
/// the member `as_of` with the dates of the counts that have a date of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    known: BTreeMap<String, u64>,
    as_of: BTreeMap<String, Timestamp>,
}

impl Counts {
    /// The value of a count; `None` is "not known".
    pub fn get(&self, count: &Count) -> Option<u64> {
        self.known.get(count.name).copied()
    }

    /// The date of a count that has a date of its own, such as the day of the secure score.
    pub fn as_of(&self, count: &Count) -> Option<Timestamp> {
        self.as_of.get(count.name).copied()
    }

    /// Sets a count; `None` is "not known".
    pub fn set(&mut self, count: &Count, value: Option<u64>) {
        self.put(count, Running { value, at: None });
    }

    fn put(&mut self, count: &Count, running: Running) {
        set(&mut self.known, count.name, running.value);
        set(&mut self.as_of, count.name, running.at);
    }

    fn running(&self, count: &Count) -> Running {
        Running {
            value: self.get(count),
            at: self.as_of(count),
        }
    }
}

fn set<T>(map: &mut BTreeMap<String, T>, name: &str, value: Option<T>) {
    match value {
        Some(value) => drop(map.insert(name.to_owned(), value)),
        None => drop(map.remove(name)),
    }
}

/// The member with the dates of counts.
const AS_OF: &str = "as_of";

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for count in declared() {
            map.serialize_entry(count.name, &self.get(count))?;
        }
        if !self.as_of.is_empty() {
            map.serialize_entry(AS_OF, &self.as_of)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut members = BTreeMap::<String, Value>::deserialize(from)?;
        let as_of = members.remove(AS_OF).unwrap_or_default();
        let known = members.into_iter();
        Ok(Self {
            known: known
                .filter_map(|(name, value)| Some((name, value.as_u64()?)))
                .collect(),
            as_of: serde_json::from_value(as_of).unwrap_or_default(),
        })
    }
}

/// The counts of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The day, in UTC: `2026-01-31`.
    pub date: String,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Data that is older than this is called old beside every figure that is made of it.
pub const OLD_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Every count of every dataset, in the order they are shown.
pub fn declared() -> impl Iterator<Item = &'static Count> {
    datasets::ALL.iter().flat_map(|dataset| dataset.counts)
}

/// The datasets that feed a count.
pub fn counted_datasets() -> impl Iterator<Item = &'static Dataset> {
    (datasets::ALL.iter().copied()).filter(|dataset| !dataset.counts.is_empty())
}

/// A count while its records are read.
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    value: Option<u64>,
    /// The date of the record that it is of.
    at: Option<Timestamp>,
}

/// Counts one dataset, record by record, and then sets the counts that it feeds.
#[derive(Debug)]
pub struct Counter {
    dataset: &'static Dataset,
    now: Timestamp,
    columns: Vec<(usize, &'static str)>,
    /// One for each count of the dataset, in their order.
    running: Vec<Running>,
}

impl Counter {
    /// Begins to count a dataset.
    pub fn new(dataset: &'static Dataset, now: Timestamp) -> Self {
        Self {
            dataset,
            now,
            columns: columns_of(dataset),
            running: vec![Running::default(); dataset.counts.len()],
        }
    }

    /// Goes on from what was counted before.
    pub fn go_on(&mut self, counted: &Counts) {
        for (count, running) in self.dataset.counts.iter().zip(&mut self.running) {
            *running = counted.running(count);
        }
    }

    /// What is counted so far.
    pub fn counted(&self) -> Counts {
        let mut counts = Counts::default();
        for (count, running) in self.dataset.counts.iter().zip(&self.running) {
            counts.put(count, *running);
        }
        counts
    }

    /// Counts one record in its stored form. It looks only at the columns that are counted and
    /// allocates nothing: every user of a tenant comes by here.
    pub fn count(&mut self, text: &str) {
        if self.running.is_empty() {
            return;
        }
        let cells = Cells::of(text, &self.columns, self.now);
        for (count, running) in self.dataset.counts.iter().zip(&mut self.running) {
            match count.tally {
                Tally::Sum(of) => running.value = Some(running.value.unwrap_or(0) + of(&cells)),
                Tally::Newest { date, value } => {
                    if let (Some(value), Some(at)) = (value(&cells), cells.time(date))
                        && running.at.is_none_or(|held| held <= at)
                    {
                        (running.value, running.at) = (Some(value), Some(at));
                    }
                }
                Tally::Joined => {}
            }
        }
    }

    /// Changes the counts of a dataset by what a delta round brought and took away. Returns `false`,
    /// and changes nothing, where they are not known and have to be counted anew.
    pub fn shift(counts: &mut Counts, gained: &Self, lost: &Self) -> bool {
        let mut shifted = counts.clone();
        let changes = gained.running.iter().zip(&lost.running);
        for (count, (gained, lost)) in gained.dataset.counts.iter().zip(changes) {
            let value = match count.tally {
                Tally::Joined => continue,
                Tally::Sum(_) => counts.get(count),
                Tally::Newest { .. } => None,
            };
            let value = value
                .and_then(|held| held.checked_add(gained.value.unwrap_or(0)))
                .and_then(|held| held.checked_sub(lost.value.unwrap_or(0)));
            if value.is_none() {
                return false;
            }
            shifted.set(count, value);
        }
        *counts = shifted;
        true
    }

    /// Sets the counts of the dataset. A sum of what was never read whole stays unknown. The newest of
    /// dated records gives way only to a newer one: Microsoft's list ends where its days are over, and
    /// the records stay.
    pub fn finish(self, state: &DatasetState, counts: &mut Counts) {
        for (count, running) in self.dataset.counts.iter().zip(self.running) {
            match count.tally {
                Tally::Sum(_) => {
                    // What Microsoft does not know here is not counted as none.
                    let mut columns = count.columns.iter().filter_map(|name| {
                        let column = self.dataset.column(name)?;
                        self.dataset.columns.get(column)
                    });
                    let known = state.countable()
                        && !columns.any(|column| state.asking.leaves_out(column.source));
                    counts.set(count, known.then(|| running.value.unwrap_or(0)));
                }
                Tally::Newest { .. } => {
                    let held = counts.running(count);
                    if held.at.is_none() || running.at >= held.at {
                        counts.put(count, running);
                    }
                }
                Tally::Joined if state.countable() => {}
                Tally::Joined => counts.set(count, None),
            }
        }
    }
}
