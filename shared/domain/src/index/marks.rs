//! What the state of a dataset says of its stored index.

use super::{MOST_RUNS, PAIR_BYTES};
use crate::clock_ahead;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// However well an index is kept, it is made anew from the records this often.
const MADE_ANEW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Which runs of an index are stored, and what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexMark {
    /// When it was made from the stored records.
    pub made_at: Timestamp,
    /// The runs, in their order.
    pub runs: Vec<IndexRun>,
}

impl IndexMark {
    /// Whether it is young enough to be believed.
    pub fn is_young(&self, now: Timestamp) -> bool {
        clock_ahead::is_younger(self.made_at, MADE_ANEW, now)
    }

    /// Whether one more run may be added without loading the index: few are read in few requests.
    pub fn takes_a_run(&self) -> bool {
        !self.runs.is_empty() && self.runs.len() <= MOST_RUNS
    }
}

/// One stored run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRun {
    /// Records it tells of.
    #[serde(rename = "n")]
    pub records: u64,
    /// The digest of its bytes.
    #[serde(rename = "d")]
    pub digest: u64,
}

/// What a run is known by, while its bytes go by.
#[derive(Default)]
pub struct RunDigest {
    bytes: usize,
    hasher: Xxh3,
}

impl RunDigest {
    /// Takes the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.hasher.update(bytes);
    }

    /// What the run is known by.
    pub fn run(&self) -> IndexRun {
        IndexRun {
            records: (self.bytes / PAIR_BYTES) as u64,
            digest: self.hasher.digest(),
        }
    }
}
