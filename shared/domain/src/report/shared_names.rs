//! Gives the rows of a report keys of their own where several bear the same name.
//!
//! - A sign-in name that one row bears is its key, in lower case: the directory does not tell case
//!   apart, and a report may spell a name differently the next day.
//! - Of the rows that share a sign-in name, the one that matters to a person keeps it: one that is
//!   not deleted, then the one with the latest activity. The others get the name and a fingerprint
//!   of their steady columns. A row that equals another in everything is a repetition and is merged.
//! - A row whose name names nobody, such as `(Unknown)`, always gets the fingerprint, so that its key
//!   is the same on a day on which it is the only one. Rows with the same fingerprint are numbered.

use super::ReportRows;
use crate::{
    dataset::{Dataset, SharedName},
    index,
    page::Entry,
    record::Record,
};
use serde_json::Value;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet, hash_map},
};

/// The key of a row without a name.
pub const NO_NAME: &str = "(no name)";

/// The names met so far.
#[derive(Debug)]
pub(super) struct Names<'d> {
    dataset: &'d Dataset,
    shared: &'d SharedName,
    /// The place of each sign-in name's first row among the entries.
    first: HashMap<u64, usize>,
    /// The rows that need a key of their own, by name.
    apart: BTreeMap<String, Vec<Record>>,
    /// The names that rows share, where a first pass has found them. The rows of all others are released
    /// at once.
    known: Option<HashSet<u64>>,
}

/// Whether a name can name a user: a sign-in name has an `@` (RFC 822 form, Microsoft Entra ID,
/// "userPrincipalName"). Reports write `(Unknown)` and the like in its place.
pub(super) fn names_somebody(name: &str) -> bool {
    name.contains('@')
}

/// Returns a name as it is in keys: in lower case.
pub(super) fn spelled(name: String) -> String {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) || !name.is_ascii() {
        true => name.to_lowercase(),
        false => name,
    }
}

impl<'d> Names<'d> {
    pub fn new(dataset: &'d Dataset, shared: &'d SharedName) -> Self {
        Self {
            dataset,
            shared,
            first: HashMap::new(),
            apart: BTreeMap::new(),
            known: None,
        }
    }

    /// Begins a second pass, with the hashes of the names that rows share.
    pub fn known(dataset: &'d Dataset, shared: &'d SharedName, names: HashSet<u64>) -> Self {
        Self {
            known: Some(names),
            ..Self::new(dataset, shared)
        }
    }

    /// Takes a row: its entry at once where nobody else bears its name so far.
    pub fn take(&mut self, mut record: Record, entries: &mut Vec<Entry>) {
        record.key = spelled(record.key);
        if names_somebody(&record.key) {
            let name = index::name(&record.key);
            let alone = match &self.known {
                Some(shared) => !shared.contains(&name),
                None => match self.first.entry(name) {
                    hash_map::Entry::Vacant(place) => {
                        place.insert(entries.len());
                        true
                    }
                    hash_map::Entry::Occupied(_) => false,
                },
            };
            if alone {
                entries.push(Entry::Is(record.into()));
                return;
            }
        }
        let rows = self.apart.entry(record.key.clone()).or_default();
        rows.push(record);
    }

    /// Gives the rows that were set apart their keys.
    pub fn finish(self, entries: &mut Vec<Entry>, rows: &mut ReportRows) {
        for (name, mut records) in self.apart {
            if !names_somebody(&name) {
                rows.nameless += records.len() as u64;
                records.sort_by_cached_key(Record::to_text);
                with_fingerprints(self.dataset, self.shared, &name, records, entries);
                continue;
            }
            let place = self.first.get(&index::name(&name)).copied();
            if let Some(Entry::Is(row)) = place.map(|place| &entries[place]) {
                records.extend(row.record(self.dataset).ok());
            }
            let before = records.len();
            records.sort_by_cached_key(|record| {
                (
                    Reverse(weight(self.dataset, self.shared, record)),
                    record.to_text(),
                )
            });
            records.dedup_by(|one, other| one.values == other.values);
            rows.merged += (before - records.len()) as u64;
            let mut others = records.into_iter();
            if let Some(winner) = others.next() {
                let key = name.clone();
                let entry = Entry::Is(Record { key, ..winner }.into());
                match place {
                    Some(place) => entries[place] = entry,
                    None => entries.push(entry),
                }
            }
            let others: Vec<Record> = others.collect();
            if !others.is_empty() {
                rows.sharing += 1 + others.len() as u64;
            }
            with_fingerprints(self.dataset, self.shared, &name, others, entries);
        }
    }
}

/// What makes one row of a name matter more than another: it is not deleted; its latest activity.
fn weight(dataset: &Dataset, shared: &SharedName, record: &Record) -> (bool, String) {
    let deleted = record.get(dataset, shared.deleted) == &Value::Bool(true);
    let days = shared.activity.iter().map(|name| record.get(dataset, name));
    let latest = days.filter_map(Value::as_str).max().unwrap_or_default();
    (!deleted, latest.to_owned())
}

/// Adds the rows of a name, each under the name and the fingerprint of its steady columns. Rows with
/// one fingerprint are numbered in the order of what they hold, whatever order the report has.
fn with_fingerprints(
    dataset: &Dataset,
    shared: &SharedName,
    name: &str,
    records: Vec<Record>,
    entries: &mut Vec<Entry>,
) {
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    for record in records {
        let beside: Vec<&Value> = shared
            .beside
            .iter()
            .map(|column| record.get(dataset, column))
            .collect();
        let text = serde_json::to_string(&beside).unwrap_or_default();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "half of the hash tells rows of one name apart"
        )]
        let fingerprint = index::name(&text) as u32;
        let number = numbers.entry(fingerprint).or_default();
        *number += 1;
        let key = match *number {
            1 => format!("{name}#{fingerprint:08x}"),
            more => format!("{name}#{fingerprint:08x}.{more}"),
        };
        entries.push(Entry::Is(Record { key, ..record }.into()));
    }
}
