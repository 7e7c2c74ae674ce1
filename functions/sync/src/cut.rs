//! Records too large to store: their longest values are cut before they are compared with what is held,
//! so that a record that stays as large is unchanged. How many there are is kept in the state.

use crate::{diff::Held, read::Reading};
use muster_domain::{item_size, page::Entry};
use muster_platform::store::Batch;
use std::collections::HashMap;

/// Cuts what is too large of a page; gives how many records were.
pub(crate) fn fit(entries: &mut [Entry]) -> u64 {
    let mut cut = 0;
    for entry in entries {
        if let Entry::Is(row) = entry {
            cut += u64::from(row.fit());
        }
    }
    cut
}

impl Reading<'_> {
    /// Counts the records that are cut: in a whole list those of each page, in a delta round by what it
    /// changes.
    pub(crate) fn count_cut(&mut self, cut: u64, batch: &Batch, texts: &HashMap<String, String>) {
        let state = &mut self.state;
        match self.held {
            Held::Whole(_) => state.cut += cut,
            Held::Page(_) => {
                let is_cut = |text: &&String| item_size::is_cut(text);
                let now = batch.puts.iter().filter(|put| is_cut(&&put.text)).count();
                let puts = batch.puts.iter().map(|put| &put.key);
                let touched = puts.chain(&batch.deletes).filter_map(|key| texts.get(key));
                let before = touched.filter(is_cut).count();
                state.cut = (state.cut + now as u64).saturating_sub(before as u64);
            }
        }
    }
}
