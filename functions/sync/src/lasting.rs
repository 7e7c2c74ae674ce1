//! Keeps the dates of events that cannot un-happen where a list leaves them out (`lasting.rs` of the
//! domain decides which).
//!
//! An entry is looked up only where it lacks such a date and the index holds another fingerprint. The
//! index remembers the record with its kept dates, so an entry that goes on lacking them is looked up at
//! each sync and then found unchanged: nothing is written.

use crate::{diff::Held, read::Reading};
use muster_domain::{Row, index, lasting::KeptDates, page::Entry, partial::Missing};
use muster_platform::store::StoreError;
use std::collections::HashMap;

impl Reading<'_> {
    /// Fills the dates that a page of a whole enumeration leaves out, before the index is shown the page.
    pub(crate) async fn keep_dates(&mut self, entries: &mut [Entry]) -> Result<(), StoreError> {
        if self.lasting.is_empty() || matches!(self.held, Held::Page(_)) {
            return Ok(());
        }
        let lacking = self.lacking(entries);
        if !lacking.is_empty() {
            let before = self.stored_now(&lacking).await?;
            let mut kept = 0;
            for row in entries.iter_mut().filter_map(row) {
                if let Some(before) = before.get(&row.key) {
                    kept += u64::from(self.lasting.keep(before, row));
                }
            }
            self.count_kept(kept);
        }
        if !self.dataset.enumeration.is_delta() {
            // What is absent elsewhere is null: nothing else is merged later.
            for row in entries.iter_mut().filter_map(row) {
                row.missing = Missing::default();
            }
        }
        Ok(())
    }

    /// The entries that lack a date which the stored record may have.
    fn lacking(&self, entries: &[Entry]) -> Vec<Row> {
        let Held::Whole(index) = &self.held else {
            return Vec::new();
        };
        // A delta query's second mention of an object is merged member by member.
        let merged_later = |name| self.dataset.enumeration.is_delta() && index.has_shown(name);
        let rows = entries.iter().filter_map(|entry| match entry {
            Entry::Is(row) if self.lasting.lacks(row) => Some(row),
            _ => None,
        });
        rows.filter(|row| {
            let name = index::name(&row.key);
            index.holds_otherwise(name, self.moves.moving.mark(&row.text)) && !merged_later(name)
        })
        .cloned()
        .collect()
    }

    /// The stored forms of these entries' records, with what moved since they were written: what waits to
    /// be packed, then what is packed, then the record itself.
    async fn stored_now(&mut self, rows: &[Row]) -> Result<HashMap<String, String>, StoreError> {
        let (store, tenant) = (&self.run.services.store, self.run.tenant);
        self.units += self.moves.load_packed(store, tenant).await?;
        let (moves, moving) = (&self.moves, &self.moves.moving);
        let mut found = HashMap::with_capacity(rows.len());
        let mut unknown = Vec::new();
        for row in rows {
            match moves
                .cells(&row.key)
                .filter(|cells| moving.are_of(&row.text, cells))
            {
                // The rest of the record is as it was: no need to read it.
                Some(cells) => drop(found.insert(row.key.clone(), moving.joined(&row.text, cells))),
                None => unknown.push(row.key.clone()),
            }
        }
        let (texts, units) = store.texts(tenant, self.dataset, &unknown).await?;
        self.units += units;
        found.extend(texts.into_iter().map(|(key, text)| {
            let now = moves.cells(&key).map(|cells| moving.joined(&text, cells));
            (key, now.unwrap_or(text))
        }));
        Ok(found)
    }

    fn count_kept(&mut self, records: u64) {
        if records == 0 {
            return;
        }
        let before = self.stored.kept.map(|kept| kept.since);
        let kept = self.state.kept.get_or_insert(KeptDates {
            records: 0,
            since: before.unwrap_or(self.enumeration_began),
        });
        kept.records += records;
    }
}

fn row(entry: &mut Entry) -> Option<&mut Row> {
    match entry {
        Entry::Is(row) => Some(row),
        Entry::Gone(_) => None,
    }
}
