//! What is held of a dataset, and what a page changes in it.

use jiff::Timestamp;
use muster_domain::{
    Dataset, Record,
    change::Change,
    page::Entry,
    record::{self, Digest},
    state::Counters,
};
use muster_platform::store::Batch;
use std::collections::HashMap;

/// What is known of the records held.
#[derive(Debug)]
pub(crate) enum Held {
    /// All of them, by digest, each with whether this enumeration has shown it.
    Whole(HashMap<String, (Digest, bool)>),
    /// Only those of the page in hand, by text: a delta round names few.
    Page(HashMap<String, String>),
}

/// A page's entries, the last one for each key: a page may repeat an object.
pub(crate) fn last_of_each(entries: Vec<Entry>) -> Vec<Entry> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut last: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        match places.get(key(&entry)) {
            Some(&place) => last[place] = entry,
            None => {
                places.insert(key(&entry).to_owned(), last.len());
                last.push(entry);
            }
        }
    }
    last
}

pub(crate) fn key(entry: &Entry) -> &str {
    match entry {
        Entry::Is(record) => &record.key,
        Entry::Gone(key) => key,
    }
}

impl Held {
    /// The keys whose stored text is needed to tell what changed.
    pub fn wanted(&self, entries: &[Entry], history: bool) -> Vec<String> {
        let wanted = entries.iter().filter(|entry| match (self, entry) {
            (Self::Page(_), _) => true,
            (Self::Whole(held), Entry::Is(record)) => {
                history
                    && held
                        .get(&record.key)
                        .is_some_and(|(digest, _)| *digest != record::digest(&record.to_text()))
            }
            (Self::Whole(_), Entry::Gone(_)) => false,
        });
        wanted.map(|entry| key(entry).to_owned()).collect()
    }

    /// How many records are held, where all are known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Whole(held) => Some(held.len() as u64),
            Self::Page(_) => None,
        }
    }

    /// The keys that this enumeration has not shown.
    pub fn unseen(&self) -> Vec<String> {
        match self {
            Self::Whole(held) => held
                .iter()
                .filter(|(_, (_, seen))| !seen)
                .map(|(key, _)| key.clone())
                .collect(),
            Self::Page(_) => Vec::new(),
        }
    }
}

/// Decides what a page writes; `texts` are the stored texts of the keys that were wanted.
/// `history` is whether changes are recorded: not before a first enumeration was whole.
pub(crate) fn diff(
    dataset: &Dataset,
    held: &mut Held,
    entries: Vec<Entry>,
    texts: &HashMap<String, String>,
    history: bool,
    at: Timestamp,
    counters: &mut Counters,
) -> Batch {
    let mut batch = Batch::default();
    if let Held::Page(page) = held {
        page.clone_from(texts);
    }
    for entry in entries {
        let before = texts.get(key(&entry)).map(String::as_str);
        match entry {
            Entry::Is(record) => {
                counters.read += 1;
                let text = record.to_text();
                if same(held, &record.key, &text) {
                    counters.unchanged += 1;
                    continue;
                }
                counters.written += 1;
                if history {
                    note(dataset, &mut batch, &record.key, before, Some(&record), at);
                }
                batch.puts.push((record.key, text));
            }
            // A first round names people deleted long ago, too: nothing of them is held.
            Entry::Gone(key) => {
                if forget(held, &key) {
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

/// Whether the record is held just so; it is known as shown, and as so, from now on.
fn same(held: &mut Held, key: &str, text: &str) -> bool {
    match held {
        Held::Whole(held) => {
            let digest = record::digest(text);
            let before = held.insert(key.to_owned(), (digest, true));
            before.is_some_and(|(before, _)| before == digest)
        }
        Held::Page(held) => held
            .insert(key.to_owned(), text.to_owned())
            .is_some_and(|before| before == text),
    }
}

/// Takes note that a record is gone; whether it is to be removed at once. In a whole enumeration
/// it counts as not shown, and goes at the end with all others that were not, under the same guard.
fn forget(held: &mut Held, key: &str) -> bool {
    match held {
        Held::Whole(held) => {
            if let Some((_, shown)) = held.get_mut(key) {
                *shown = false;
            }
            false
        }
        Held::Page(held) => held.remove(key).is_some(),
    }
}

fn note(
    dataset: &Dataset,
    batch: &mut Batch,
    key: &str,
    before: Option<&str>,
    after: Option<&Record>,
    at: Timestamp,
) {
    let old = before.and_then(|text| Record::from_text(dataset, key.to_owned(), text).ok());
    if let Some(change) = Change::between(dataset, old.as_ref(), after, at) {
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
        for (key, text) in &batch.puts {
            store.insert(key.clone(), text.clone());
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
            Some(name) => Entry::Is(user(*key, *name)),
            None => Entry::Gone(key.to_string()),
        };
        last_of_each(page.iter().map(entry).collect())
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
        for page in pages {
            let entries = entries(page);
            let found = texts(store, &held.wanted(&entries, true));
            let at = Timestamp::UNIX_EPOCH;
            let batch = diff(&USERS, held, entries, &found, true, at, &mut counters);
            assert_eq!(batch.changes.len(), batch.puts.len() + batch.deletes.len());
            apply(store, &batch);
        }
        counters
    }

    proptest! {
        #[test]
        fn a_whole_enumeration_makes_the_store_what_the_pages_say(before in pages(), after in pages()) {
            let mut store = truth(&before, Store::new());
            let digests = store.iter().map(|(key, text)| (key.clone(), (record::digest(text), false)));
            let mut held = Held::Whole(digests.collect());
            let counters = run(&mut store, &mut held, &after);
            for key in held.unseen() {
                store.remove(&key);
            }
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
