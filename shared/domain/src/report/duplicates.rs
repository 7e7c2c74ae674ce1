//! Finds the names that rows of a large report share, before the rows are read in parts.

use super::shared_names::{names_somebody, spelled};
use crate::{index, page::NotAPage};
use std::collections::HashSet;

/// The most rows that are held in memory until all of the report is read: those that share their names.
const MOST_ROWS: usize = 50_000;

/// The names met so far, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    seen: HashSet<u64>,
    shared: HashSet<u64>,
    /// Rows of shared names, and rows whose name names nobody.
    rows: usize,
}

impl Duplicates {
    /// Takes note of a row's name.
    pub fn note(&mut self, name: String) {
        let name = spelled(name);
        let hash = index::name(&name);
        if !names_somebody(&name) {
            self.rows += 1;
        } else if !self.seen.insert(hash) {
            // The first row of the name counts, too.
            self.rows += 1 + usize::from(self.shared.insert(hash));
        }
    }

    /// Returns the hashes of the names that rows share.
    pub fn names(self) -> Result<HashSet<u64>, NotAPage> {
        match self.rows > MOST_ROWS {
            true => Err(NotAPage::Csv(format!(
                "more than {MOST_ROWS} of its rows share their names"
            ))),
            false => Ok(self.shared),
        }
    }
}
