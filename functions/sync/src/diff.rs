//! What is held of a dataset, and what a page changes in it.

use crate::moves::Moves;
use jiff::Timestamp;
use muster_domain::{
    Dataset, Enumeration, Record, Row,
    change::Change,
    index::{self, Index, Shown},
    item_size,
    moving::Moving,
    page::Entry,
    partial,
    state::Counters,
};
use muster_platform::store::{Batch, Put};
use std::collections::{HashMap, hash_map};

/// What is known of the records held.
#[derive(Debug)]
pub(crate) enum Held {
    /// All of them, by an index, which also knows what this enumeration has shown.
    Whole(Index),
    /// Only those of the page in hand, by text: a delta round names few.
    Page(HashMap<String, String>),
}

/// One entry of a page, and what is known of it.
#[derive(Debug)]
pub(crate) struct Told {
    pub entry: Entry,
    /// What the index knew, where the entry is a record and there is an index.
    shown: Option<(Shown, bool)>,
}

impl Told {
    /// The keys whose stored text is needed to tell what changed.
    pub fn wanted(entries: &[Self], history: bool) -> Vec<String> {
        let wanted = entries.iter().filter(|told| match told.shown {
            None => true,
            Some((shown, _)) => told.is_part() || history && shown == Shown::Differs,
        });
        wanted.map(|told| key(&told.entry).to_owned()).collect()
    }

    /// Whether this enumeration has shown the record before.
    pub fn again(&self) -> bool {
        self.shown.is_some_and(|(_, again)| again)
    }

    /// Returns true if the entry names a part of a record that is held, and leaves the rest as it is: in a
    /// delta round, and where a whole enumeration names a record once more.
    fn is_part(&self) -> bool {
        let names_a_part = matches!(&self.entry, Entry::Is(row) if row.missing.any());
        names_a_part && self.shown.is_none_or(|(_, again)| again)
    }
}

/// Merges what names a part of a record with the stored text of it. Returns how many name a part of a
/// record that is not held: all that is known of it then is that part.
pub(crate) fn complete(
    moves: &Moves,
    held: &mut Held,
    entries: &mut [Told],
    texts: &HashMap<String, String>,
) -> u64 {
    let mut unknown = 0;
    for told in entries.iter_mut().filter(|told| told.is_part()) {
        let Entry::Is(row) = &mut told.entry else {
            continue;
        };
        let Some(before) = texts.get(&row.key) else {
            unknown += u64::from(is_a_part(moves.dataset, row));
            continue;
        };
        row.text = partial::merge(before, row);
        item_size::truncate_to_fit(&mut row.text);
        if let (Held::Whole(index), Some((shown, _))) = (&mut *held, &mut told.shown) {
            index.show(index::name(&row.key), moves.moving.mark(&row.text));
            *shown = match *before == row.text {
                true => Shown::Same,
                false => Shown::Differs,
            };
        }
    }
    unknown
}

/// Returns true if an object that names only some columns is not whole. A whole object leaves out what was
/// never set, too.
fn is_a_part(dataset: &Dataset, row: &Row) -> bool {
    let Enumeration::Delta(delta) = dataset.enumeration else {
        return false;
    };
    let mut always = delta.always.iter().filter_map(|name| dataset.column(name));
    always.any(|column| row.missing.has(column))
}

/// A page's entries, one for each key: a page may repeat an object. A later mention replaces what it
/// names of an earlier one.
pub(crate) fn one_of_each(entries: Vec<Entry>) -> Vec<Entry> {
    let mut places: HashMap<u64, usize> = HashMap::with_capacity(entries.len());
    let mut merged: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        match places.entry(index::name(key(&entry))) {
            hash_map::Entry::Occupied(place) => {
                let place = &mut merged[*place.get()];
                *place = match (&*place, entry) {
                    (Entry::Is(earlier), Entry::Is(later)) => {
                        Entry::Is(partial::merge_mentions(earlier, later))
                    }
                    (_, later) => later,
                };
            }
            hash_map::Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(entry);
            }
        }
    }
    merged
}

pub(crate) fn key(entry: &Entry) -> &str {
    match entry {
        Entry::Is(row) => &row.key,
        Entry::Gone(key) => key,
    }
}

impl Held {
    /// Takes note of what a page shows. What a whole enumeration says is gone counts as not shown,
    /// and goes at the end with all others that were not, under the same guard; says how many it
    /// had shown before.
    pub fn show(&mut self, moving: &Moving, entries: Vec<Entry>) -> (Vec<Told>, u64) {
        let (mut all, mut hidden) = (Vec::with_capacity(entries.len()), 0);
        for entry in entries {
            let name = index::name(key(&entry));
            let shown = match (&mut *self, &entry) {
                (Self::Page(_), _) => None,
                (Self::Whole(index), Entry::Is(row)) => {
                    Some(match index.show(name, moving.mark(&row.text)) {
                        (Shown::Moved, again) if moving.is_empty() => (Shown::Differs, again),
                        shown => shown,
                    })
                }
                (Self::Whole(index), Entry::Gone(_)) => {
                    hidden += u64::from(index.unshow(name));
                    continue;
                }
            };
            all.push(Told { entry, shown });
        }
        (all, hidden)
    }

    /// How many records are held, where all are known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Whole(index) => Some(index.len()),
            Self::Page(_) => None,
        }
    }
}

/// Decides what a page writes; `texts` are the stored texts of the keys that were wanted. What only
/// moved waits among the moves. `history` is whether changes are recorded: not before a first
/// enumeration was whole.
pub(crate) fn diff(
    moves: &mut Moves,
    held: &mut Held,
    entries: Vec<Told>,
    texts: &HashMap<String, String>,
    history: bool,
    at: Timestamp,
    counters: &mut Counters,
) -> Batch {
    let dataset = moves.dataset;
    let mut batch = Batch::default();
    if let Held::Page(page) = held {
        page.clone_from(texts);
    }
    for told in entries {
        let before = texts.get(key(&told.entry)).map(String::as_str);
        match told.entry {
            Entry::Is(row) => {
                counters.read += 1;
                let same = match (&told.shown, before) {
                    (Some((Shown::Same, _)), _) => true,
                    (_, Some(before)) => before == row.text,
                    (_, None) => false,
                };
                if same {
                    counters.unchanged += 1;
                    continue;
                }
                counters.written += 1;
                if matches!(told.shown, Some((Shown::Moved, _))) {
                    moves.moved(row.key, &row.text);
                    continue;
                }
                moves.written(&row);
                if history {
                    let after = row.record(dataset).ok();
                    let after = after.as_ref().map(|after| (after, row.text.len()));
                    note(dataset, &mut batch, &row.key, before, after, at);
                }
                let held = match told.shown {
                    Some((shown, _)) => shown != Shown::New,
                    None => before.is_some(),
                };
                batch.puts.push(Put {
                    key: row.key,
                    text: row.text,
                    held,
                });
            }
            // A first round names people deleted long ago, too: nothing of them is held.
            Entry::Gone(key) => {
                if before.is_some() {
                    counters.read += 1;
                    remove(dataset, &mut batch, key, before, history, at, counters);
                }
            }
        }
    }
    counters.changes += batch.changes.len() as u64;
    batch
}

/// Removes a record, and records that.
pub(crate) fn remove(
    dataset: &Dataset,
    batch: &mut Batch,
    key: String,
    before: Option<&str>,
    history: bool,
    at: Timestamp,
    counters: &mut Counters,
) {
    counters.removed += 1;
    if history {
        note(dataset, batch, &key, before, None, at);
    }
    batch.deletes.push(key);
}

/// The largest records of which a change holds both sides whole, in bytes of their stored forms.
const LONGEST_CHANGE: usize = item_size::LONGEST_TEXT / 2;

/// Records a change. `after` comes with the length of its stored form.
fn note(
    dataset: &Dataset,
    batch: &mut Batch,
    key: &str,
    before: Option<&str>,
    after: Option<(&Record, usize)>,
    at: Timestamp,
) {
    let (after, length) = after.unzip();
    let old = before.and_then(|text| Record::from_text(dataset, key.to_owned(), text).ok());
    if let Some(mut change) = Change::between(dataset, old.as_ref(), after, at) {
        if before.map_or(0, str::len) + length.unwrap_or(0) > LONGEST_CHANGE {
            change.truncate();
        }
        batch.changes.push((change.sort_key(before), change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::datasets::users::USERS;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn user(key: u8, name: u8) -> Record {
        let object = json!({"id": format!("{key}"), "displayName": format!("name {name}")});
        Record::from_object(&USERS, &object).expect("it has an id")
    }

    /// A store as simple as can be.
    type Store = BTreeMap<String, String>;

    fn apply(store: &mut Store, batch: &Batch) {
        for put in &batch.puts {
            let before = store.insert(put.key.clone(), put.text.clone());
            assert_eq!(put.held, before.is_some(), "{}", put.key);
        }
        for key in &batch.deletes {
            store.remove(key);
        }
    }

    fn texts(store: &Store, wanted: &[String]) -> HashMap<String, String> {
        let held = wanted
            .iter()
            .filter_map(|key| Some((key.clone(), store.get(key)?.clone())));
        held.collect()
    }

    /// Pages of entries: `Some(name)` is so, `None` is gone.
    fn pages() -> impl Strategy<Value = Vec<Vec<(u8, Option<u8>)>>> {
        let entry = (0u8..12, proptest::option::weighted(0.8, 0u8..3));
        proptest::collection::vec(proptest::collection::vec(entry, 0..8), 0..5)
    }

    fn entries(page: &[(u8, Option<u8>)]) -> Vec<Entry> {
        let entry = |(key, name): &(u8, Option<u8>)| match name {
            Some(name) => Entry::Is(user(*key, *name).into()),
            None => Entry::Gone(key.to_string()),
        };
        one_of_each(page.iter().map(entry).collect())
    }

    /// What the pages say in the end, however often they repeat themselves.
    fn truth(pages: &[Vec<(u8, Option<u8>)>], mut truth: Store) -> Store {
        for (key, name) in pages.iter().flatten() {
            match name {
                Some(name) => truth.insert(key.to_string(), user(*key, *name).to_text()),
                None => truth.remove(&key.to_string()),
            };
        }
        truth
    }

    fn run(store: &mut Store, held: &mut Held, pages: &[Vec<(u8, Option<u8>)>]) -> Counters {
        let mut counters = Counters::default();
        let mut moves = Moves::none(&USERS);
        for page in pages {
            let (entries, _) = held.show(&moves.moving, entries(page));
            let found = texts(store, &Told::wanted(&entries, true));
            let at = Timestamp::UNIX_EPOCH;
            let batch = diff(&mut moves, held, entries, &found, true, at, &mut counters);
            assert_eq!(batch.changes.len(), batch.puts.len() + batch.deletes.len());
            apply(store, &batch);
        }
        counters
    }

    proptest! {
        #[test]
        fn a_whole_enumeration_makes_the_store_what_the_pages_say(before in pages(), after in pages()) {
            let mut store = truth(&before, Store::new());
            let mut index = Index::new();
            for (key, text) in &store {
                index.stored(index::name(key), Moving::of(&USERS).mark(text));
            }
            let mut held = Held::Whole(index);
            let counters = run(&mut store, &mut held, &after);
            let Held::Whole(index) = held else { unreachable!() };
            let before = store.len() as u64;
            store.retain(|key, _| index.has_shown(index::name(key)));
            prop_assert_eq!(before - store.len() as u64, index.unseen());
            prop_assert_eq!(&store, &truth(&after, Store::new()));
            prop_assert_eq!(counters.read, counters.written + counters.unchanged);
        }

        #[test]
        fn a_delta_round_changes_what_it_names_and_nothing_else(before in pages(), after in pages()) {
            let mut store = truth(&before, Store::new());
            let expected = truth(&after, store.clone());
            run(&mut store, &mut Held::Page(HashMap::new()), &after);
            prop_assert_eq!(store, expected);
        }
    }

    #[test]
    fn what_is_unchanged_is_neither_written_nor_told_of() {
        let mut store = Store::from([("1".to_owned(), user(1, 1).to_text())]);
        let mut held = Held::Page(HashMap::new());
        let counters = run(&mut store, &mut held, &[vec![(1, Some(1))]]);
        assert_eq!(
            (counters.unchanged, counters.written, counters.changes),
            (1, 0, 0)
        );
    }
}
