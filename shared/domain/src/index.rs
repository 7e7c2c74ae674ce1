//! The index of a dataset: for every record that is stored, the hash of its key and the digest of
//! its text, 16 bytes in all. An enumeration in which nothing changed reads it instead of the records.
//!
//! It is stored in runs, each a list of such pairs: the first holds all that there was, each later one
//! what has changed since. The mark in the dataset's state says which runs there are and what they
//! hold; while a dataset is being written there is no mark, so that an index which a crash left
//! behind is never believed.

mod blocks;
mod marks;

pub use marks::{IndexMark, IndexRun, RunDigest};

use crate::record::Digest;
use blocks::Blocks;
use xxhash_rust::xxh3::xxh3_64;

/// What is known of one record: the hash of its key, and its mark.
type Pair = [u64; 2];

/// Bytes that a record takes in an index, stored or in memory.
pub const PAIR_BYTES: usize = 16;
/// A mark is the digest's upper 63 bits; the lowest is whether this enumeration has shown it.
const SHOWN: u64 = 1;
/// The mark of a record that is gone.
const GONE: u64 = 0;
/// Runs beside the first before all is written anew.
const MOST_RUNS: usize = 12;
/// Changes beside the stored runs before all is written anew: a megabyte, since they are kept beside the
/// records.
const MOST_MOVED: u64 = 1 << 16;

/// What has to be stored of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsaved {
    /// Nothing: what is stored is so.
    Nothing,
    /// One more run.
    Run(Vec<u8>),
    /// All of it, in place of every run.
    All,
}

/// What an index remembers of a record's stored form: 63 bits, of which the lowest bit's place tells
/// whether this enumeration has shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

impl Mark {
    /// That of a stored form with this digest, where nothing of it moves by itself.
    pub fn of(digest: Digest) -> Self {
        Self::new(digest.short())
    }

    pub(crate) fn new(bits: u64) -> Self {
        // Never that of a record that is gone.
        Self((bits & !SHOWN).max(2))
    }
}

/// What an index knew of a record that an enumeration shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing: it is new.
    New,
    /// It is stored just so.
    Same,
    /// It is stored otherwise in columns that move by themselves, and in nothing else; where a dataset
    /// has none, it is stored otherwise.
    Moved,
    /// It is stored otherwise.
    Differs,
}

/// The index of one dataset, in memory.
#[derive(Debug, Clone, Default)]
pub struct Index {
    held: Blocks,
    /// What differs from the stored runs; `None` once that is as much as there is, or too much.
    moved: Option<Vec<Pair>>,
    runs: usize,
    stored: u64,
}

/// The hash of a record's key.
pub fn name(key: &str) -> u64 {
    xxh3_64(key.as_bytes())
}

impl Index {
    /// An index of what is stored, and which no run holds yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The index that these runs hold, in their order.
    pub fn of_runs<'a>(runs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut index = Self::default();
        for run in runs {
            index.read_run(run);
            index.end_run();
        }
        index
    }

    /// Reads a part of the next stored run.
    pub fn read_run(&mut self, part: &[u8]) {
        self.stored += (part.len() / PAIR_BYTES) as u64;
        for pair in pairs(part) {
            self.held.set(pair[0], pair[1]);
        }
    }

    /// Ends it.
    pub fn end_run(&mut self) {
        self.moved.get_or_insert_default();
        self.runs += 1;
    }

    /// Takes note of a record that is stored: when the index is made anew from the store.
    pub fn stored(&mut self, key: u64, mark: Mark) {
        self.held.set(key, mark.0);
    }

    /// Takes note that an enumeration shows a record so, and that it will be stored so; says what
    /// was stored before, and whether this enumeration has shown it before.
    pub fn show(&mut self, key: u64, mark: Mark) -> (Shown, bool) {
        let now = mark.0;
        let before = self.held.set(key, now | SHOWN);
        let again = before & SHOWN != 0;
        let shown = match before & !SHOWN {
            GONE => Shown::New,
            before if before == now => Shown::Same,
            before if before >> 32 == now >> 32 => Shown::Moved,
            _ => Shown::Differs,
        };
        if shown != Shown::Same {
            self.note([key, now]);
        }
        (shown, again)
    }

    /// Returns whether a record is stored with another mark.
    pub fn holds_otherwise(&self, key: u64, mark: Mark) -> bool {
        let before = self.held.get(key) & !SHOWN;
        before != GONE && before != mark.0
    }

    /// Takes note that an enumeration says a record is gone; whether it had shown it before.
    pub fn unshow(&mut self, key: u64) -> bool {
        let before = self.held.get(key);
        if before & SHOWN != 0 {
            self.held.set(key, before & !SHOWN);
        }
        before & SHOWN != 0
    }

    /// Counts all there is as shown: what a broken-off enumeration had shown, when it goes on.
    pub fn show_all(&mut self) {
        for pair in self.held.pairs_mut().filter(|pair| pair[1] != GONE) {
            pair[1] |= SHOWN;
        }
    }

    /// Takes note that a record is stored no more.
    pub fn remove(&mut self, key: u64) {
        if self.held.get(key) != GONE {
            self.held.set(key, GONE);
            self.note([key, GONE]);
        }
    }

    /// Takes note that no record is stored that this enumeration has not shown.
    pub fn remove_unseen(&mut self) {
        let unseen = self.held.pairs().filter(|pair| pair[1] & SHOWN == 0);
        let keys: Vec<u64> = unseen.map(|pair| pair[0]).collect();
        keys.into_iter().for_each(|key| self.remove(key));
    }

    /// Whether this enumeration has shown a record.
    pub fn has_shown(&self, key: u64) -> bool {
        self.held.get(key) & SHOWN != 0
    }

    /// How many records there are.
    pub fn len(&self) -> u64 {
        self.held.live()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.held.live() == 0
    }

    /// How many records this enumeration has not shown.
    pub fn unseen(&self) -> u64 {
        let unseen = |pair: &&Pair| pair[1] != GONE && pair[1] & SHOWN == 0;
        self.held.pairs().filter(unseen).count() as u64
    }

    /// What has to be stored, so that the stored runs hold what this does.
    pub fn unsaved(&mut self) -> Unsaved {
        match &self.moved {
            Some(moved) if moved.is_empty() => Unsaved::Nothing,
            Some(moved) if self.runs <= MOST_RUNS => Unsaved::Run(pack(moved.iter().copied())),
            _ => Unsaved::All,
        }
    }

    /// All of it, as a first run holds it, where all is unsaved: record by record, so that it never is
    /// in memory twice.
    pub fn all(&self) -> impl Iterator<Item = [u8; PAIR_BYTES]> {
        let live = self.held.pairs().filter(|pair| pair[1] != GONE);
        live.map(|pair| bytes([pair[0], pair[1] & !SHOWN]))
    }

    /// Bytes that it takes in memory.
    pub fn memory(&self) -> usize {
        let moved = self.moved.as_ref().map_or(0, Vec::capacity);
        self.held.memory() + moved * PAIR_BYTES
    }

    fn note(&mut self, pair: Pair) {
        if let Some(moved) = &mut self.moved {
            moved.push(pair);
            if moved.len() as u64 > self.stored.clamp(64, MOST_MOVED) {
                self.moved = None;
            }
        }
    }
}

/// A run of what a delta round changed: each record's key hash, with the mark it is stored with
/// now, or without one where it is gone.
pub fn run_of(changed: &[(u64, Option<Mark>)]) -> Vec<u8> {
    let pair = |(key, mark): &(u64, Option<Mark>)| [*key, mark.map_or(GONE, |mark| mark.0)];
    pack(changed.iter().map(pair))
}

fn pack(pairs: impl Iterator<Item = Pair>) -> Vec<u8> {
    pairs.flat_map(bytes).collect()
}

fn bytes([key, mark]: Pair) -> [u8; PAIR_BYTES] {
    (u128::from(mark) << 64 | u128::from(key)).to_le_bytes()
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = Pair> {
    let (pairs, _) = bytes.as_chunks::<PAIR_BYTES>();
    pairs.iter().map(|pair| {
        let pair = u128::from_le_bytes(*pair);
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
        [pair as u64, (pair >> 64) as u64]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn mark(content: u8) -> Mark {
        Mark::of(crate::record::digest(&content.to_string()))
    }

    /// What happens to an index: a record shown, said to be gone, or removed.
    #[derive(Debug, Clone)]
    enum Step {
        Show(u16, u8),
        Unshow(u16),
        Remove(u16),
        RemoveUnseen,
        SaveAndLoad,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0_u16..40, 0_u8..3).prop_map(|(key, content)| Step::Show(key, content)),
            1 => (0_u16..40).prop_map(Step::Unshow),
            2 => (0_u16..40).prop_map(Step::Remove),
            1 => Just(Step::SaveAndLoad),
            1 => Just(Step::RemoveUnseen),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// The store of an index, as simple as can be.
    fn save(index: &mut Index, runs: &mut Vec<Vec<u8>>) {
        match index.unsaved() {
            Unsaved::Nothing => {}
            Unsaved::Run(run) => runs.push(run),
            Unsaved::All => *runs = vec![index.all().flatten().collect()],
        }
        *index = Index::of_runs(runs.iter().map(Vec::as_slice));
    }

    proptest! {
        #[test]
        fn an_index_knows_what_a_map_of_all_records_would(steps in steps()) {
            let (mut index, mut runs) = (Index::new(), Vec::new());
            let mut truth: BTreeMap<u64, u8> = BTreeMap::new();
            let mut shown: BTreeSet<u64> = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Show(key, content) => {
                        let key = name(&key.to_string());
                        let expected = match truth.insert(key, content) {
                            None => Shown::New,
                            Some(before) if before == content => Shown::Same,
                            Some(_) => Shown::Differs,
                        };
                        let again = !shown.insert(key);
                        prop_assert_eq!(index.show(key, mark(content)), (expected, again));
                    }
                    Step::Unshow(key) => {
                        let key = name(&key.to_string());
                        prop_assert_eq!(index.unshow(key), shown.remove(&key));
                    }
                    Step::Remove(key) => {
                        let key = name(&key.to_string());
                        index.remove(key);
                        truth.remove(&key);
                        shown.remove(&key);
                    }
                    Step::RemoveUnseen => {
                        index.remove_unseen();
                        truth.retain(|key, _| shown.contains(key));
                    }
                    Step::SaveAndLoad => {
                        save(&mut index, &mut runs);
                        shown.clear();
                    }
                }
                prop_assert_eq!(index.len(), truth.len() as u64);
                prop_assert_eq!(index.unseen(), (truth.len() - shown.len()) as u64);
            }
            save(&mut index, &mut runs);
            for (key, content) in truth {
                prop_assert_eq!(index.show(key, mark(content)).0, Shown::Same);
            }
        }
    }

    #[test]
    fn a_large_index_takes_little_more_than_its_pairs() {
        let mut index = Index::new();
        for record in 0..200_000_u32 {
            index.show(name(&record.to_string()), mark(1));
        }
        assert_eq!(index.len(), 200_000);
        let bytes = index.memory() / 200_000;
        assert!(bytes < 2 * PAIR_BYTES, "{bytes} bytes a record");
        assert_eq!(index.unsaved(), Unsaved::All, "nothing of it is stored");
        let all: Vec<u8> = index.all().flatten().collect();
        assert_eq!(all.len(), 200_000 * PAIR_BYTES);
        let mut again = Index::of_runs([all.as_slice()]);
        for record in 0..200_000_u32 {
            let shown = again.show(name(&record.to_string()), mark(1));
            assert_eq!(shown, (Shown::Same, false));
        }
        assert_eq!(again.unsaved(), Unsaved::Nothing);
        for record in 0..200_000_u32 {
            again.show(name(&record.to_string()), mark(2));
        }
        let bytes = again.memory() / 200_000;
        assert!(bytes < 2 * PAIR_BYTES, "{bytes} bytes a changed record");
        assert_eq!(again.unsaved(), Unsaved::All);
    }

    #[test]
    fn a_few_changes_are_one_more_run_and_many_are_all_anew() {
        let mut index = Index::new();
        for record in 0..1000_u32 {
            index.show(name(&record.to_string()), mark(1));
        }
        let mut runs = Vec::new();
        save(&mut index, &mut runs);
        for round in 2..4 {
            index.show(name("7"), mark(round));
            save(&mut index, &mut runs);
        }
        assert_eq!(
            runs.iter().map(Vec::len).collect::<Vec<_>>(),
            [16_000, 16, 16]
        );
        for record in 0..1000_u32 {
            index.show(name(&record.to_string()), mark(9));
        }
        for more in ["one", "two", "three"] {
            index.show(name(more), mark(9));
        }
        save(&mut index, &mut runs);
        assert_eq!(runs.len(), 1);
    }
}
