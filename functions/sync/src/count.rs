//! Counting a dataset for the summary while it is read, so that nothing has to be read again for it.

use crate::{diff::Told, run::Run};
use jiff::Timestamp;
use muster_domain::{
    Dataset, DatasetState, Record,
    page::Entry,
    state::Phase,
    summary::{Counter, Counts},
};
use muster_platform::store::{StoreError, Units};
use std::collections::HashMap;

/// What is known of a dataset's counts when its reading has ended.
#[derive(Debug, Default)]
pub(crate) enum Counted {
    /// Every record was counted as it was shown.
    Whole(Box<Counter>),
    /// What a delta round brought, and what it took away.
    Shifted(Box<(Counter, Counter)>),
    /// Nothing certain: the stored records have to be counted.
    #[default]
    Anew,
}

impl Counted {
    /// Counts an enumeration from its first page, or on from what was counted before.
    pub fn whole(dataset: &'static Dataset, now: Timestamp, before: Option<Counts>) -> Self {
        let mut counter = Counter::new(dataset, now);
        if let Some(before) = before {
            counter.go_on(&before);
        }
        Self::Whole(Box::new(counter))
    }

    /// Counts what a delta round changes.
    pub fn shifted(dataset: &'static Dataset, now: Timestamp) -> Self {
        Self::Shifted(Box::new((
            Counter::new(dataset, now),
            Counter::new(dataset, now),
        )))
    }

    /// What is counted so far of a whole enumeration.
    pub fn so_far(&self) -> Option<Counts> {
        match self {
            Self::Whole(counter) => Some(counter.counted()),
            _ => None,
        }
    }

    /// Counts a page. `hidden` of what was counted before is gone again.
    pub fn page(&mut self, entries: &[Told], hidden: u64, texts: &HashMap<String, String>) {
        match self {
            // A record shown twice would count twice.
            Self::Whole(_) if hidden > 0 || entries.iter().any(Told::again) => *self = Self::Anew,
            Self::Whole(counter) => {
                for told in entries {
                    if let Entry::Is(row) = &told.entry {
                        counter.count(&row.text);
                    }
                }
            }
            Self::Shifted(both) => {
                let (gained, lost) = &mut **both;
                for told in entries {
                    if let Entry::Is(row) = &told.entry {
                        gained.count(&row.text);
                    }
                }
                texts.values().for_each(|text| lost.count(text));
            }
            Self::Anew => {}
        }
    }

    /// Sets the counts that a dataset feeds. They are shifted only where `shifts`: where they hold all
    /// that was changed before.
    pub async fn finish(
        self,
        run: &Run<'_>,
        dataset: &'static Dataset,
        state: &DatasetState,
        shifts: bool,
        counts: &mut Counts,
    ) -> Result<Units, StoreError> {
        if !state.countable() {
            Counter::new(dataset, run.began).finish(state, counts);
            return Ok(Units::default());
        }
        match self {
            // A part of a list says nothing of the whole: what was counted before stays.
            Self::Whole(_) if state.phase == Phase::Incomplete => return Ok(Units::default()),
            Self::Whole(counter) => {
                counter.finish(state, counts);
                return Ok(Units::default());
            }
            Self::Shifted(both) if shifts && Counter::shift(counts, &both.0, &both.1) => {
                return Ok(Units::default());
            }
            Self::Shifted(_) | Self::Anew => {}
        }
        let mut counter = Counter::new(dataset, muster_platform::now());
        let units = each(run, dataset, |record| counter.count(&record.to_text())).await?;
        counter.finish(state, counts);
        Ok(units)
    }
}

/// Shows every stored record of a dataset.
pub(crate) async fn each(
    run: &Run<'_>,
    dataset: &'static Dataset,
    mut see: impl FnMut(Record),
) -> Result<Units, StoreError> {
    let mut units = Units::default();
    let mut after: Option<String> = None;
    loop {
        let page = run
            .services
            .store
            .records_after(run.tenant, dataset, after.as_deref())
            .await?;
        units += page.units;
        page.records.into_iter().for_each(&mut see);
        after = page.next;
        if after.is_none() {
            return Ok(units);
        }
    }
}
