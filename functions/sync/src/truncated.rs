//! Records that are too large to store. They are truncated before they are compared with what is held, so
//! that a record that stays as large is unchanged. The state counts them.

use crate::{
    diff::{Held, Told},
    read::Reading,
};
use muster_domain::{item_size, page::Entry};
use muster_platform::store::Batch;
use std::collections::{HashMap, HashSet};

/// Truncates the entries that are too large, and returns their keys.
pub(crate) fn truncate(entries: &mut [Entry]) -> HashSet<String> {
    let mut keys = HashSet::new();
    for entry in entries {
        if let Entry::Is(row) = entry
            && item_size::truncate_to_fit(&mut row.text)
        {
            keys.insert(row.key.clone());
        }
    }
    keys
}

impl Reading<'_> {
    /// Counts the truncated records that a page of a whole list shows for the first time.
    pub(crate) fn count_truncated(&mut self, keys: &HashSet<String>, entries: &[Told]) {
        if keys.is_empty() || matches!(self.held, Held::Page(_)) {
            return;
        }
        let new = entries.iter().filter(|told| !told.again());
        let truncated = new.filter(|told| keys.contains(crate::diff::key(&told.entry)));
        self.state.truncated += truncated.count() as u64;
    }

    /// Shifts the count by what a page of a delta round writes; `texts` are the records as they are stored.
    pub(crate) fn shift_truncated(&mut self, batch: &Batch, texts: &HashMap<String, String>) {
        if matches!(self.held, Held::Whole(_)) {
            return;
        }
        let is_truncated = |text: &str| u64::from(item_size::is_truncated(text));
        let now: u64 = batch.puts.iter().map(|put| is_truncated(&put.text)).sum();
        let written = batch.puts.iter().map(|put| &put.key);
        let touched = written.chain(&batch.deletes);
        let stored = touched.filter_map(|key| texts.get(key));
        let before: u64 = stored.map(|text| is_truncated(text)).sum();
        self.state.truncated = (self.state.truncated + now).saturating_sub(before);
    }
}
