//! The index over a run: loaded where it may be believed, made anew where not, and stored at the end
//! under the dataset's state.
//!
//! While a dataset is being written its stored state has no mark: a run that ends in the middle
//! leaves an index that is not believed. Nor is one believed that was made while a worker that had
//! been taken over may still have been writing (`DatasetState::distrust`).

use crate::{diff::Held, read::Reading, run::Run};
use jiff::Timestamp;
use muster_domain::{
    Dataset, DatasetState,
    index::{self, Index, IndexMark, Mark, PAIR_BYTES, Unsaved},
    plan::From,
    state::{Phase, Repaired},
};
use muster_platform::store::{StoreError, Units};

/// How the index of a dataset stands during a run.
#[derive(Debug)]
pub(crate) struct Indexed {
    /// The runs that are stored.
    mark: Option<IndexMark>,
    /// When the index was made from the stored records.
    made_at: Timestamp,
    /// The result of checking the stored records, if the index was made from them.
    pub checked: Option<Checked>,
    /// What a delta round changed: each record's key hash, with its mark unless it is gone.
    pub changed: Vec<(u64, Option<Mark>)>,
}

/// The stored records of a dataset, looked at one by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    /// The number of records.
    rows: u64,
    /// The number of records that are not as they were written.
    altered: u64,
}

impl Checked {
    /// Compares the records with a state that was stored after a whole run, and returns the damage.
    pub fn against(self, stored: &DatasetState, now: Timestamp) -> Option<Repaired> {
        let counted = stored.phase == Phase::Fresh && stored.complete.is_some();
        let missing = match counted {
            true => stored.records.saturating_sub(self.rows),
            false => 0,
        };
        (missing + self.altered > 0).then_some(Repaired {
            at: now,
            missing,
            altered: self.altered,
        })
    }
}

impl Indexed {
    /// Takes the mark out of a state, for as long as its dataset is being written.
    pub fn open(state: &mut DatasetState, now: Timestamp) -> Self {
        let mark = state.index.take().filter(|mark| mark.is_young(now));
        Self {
            made_at: mark.as_ref().map_or(now, |mark| mark.made_at),
            mark,
            checked: None,
            changed: Vec::new(),
        }
    }

    /// What is held of a dataset, as far as reading it from there needs to know.
    pub async fn held(
        &mut self,
        run: &Run<'_>,
        dataset: &Dataset,
        from: &From,
    ) -> Result<(Held, Units), StoreError> {
        if matches!(from, From::DeltaLink(_)) {
            return Ok((Held::Page(Default::default()), Units::default()));
        }
        let store = &run.services.store;
        let mut units = Units::default();
        let mut found: Option<Index> = None;
        if let Some(mark) = &self.mark {
            let (index, read) = store.index(run.tenant, dataset, mark).await?;
            units += read;
            found = index;
            if found.is_none() {
                tracing::warn!(tenant.id = %run.tenant, dataset = dataset.name, "the stored index is not what its mark says; it is made anew");
            }
        }
        let mut index = match found {
            Some(index) => index,
            None => {
                self.mark = None;
                self.made_at = muster_platform::now();
                let (index, read, altered) = store.index_anew(run.tenant, dataset).await?;
                units += read;
                self.checked = Some(Checked {
                    rows: index.len(),
                    altered,
                });
                index
            }
        };
        if matches!(from, From::NextLink(_)) {
            index.show_all();
        }
        Ok((Held::Whole(index), units))
    }
}

impl Reading<'_> {
    /// Stores what has changed of the index, and leaves its mark in the state.
    pub(crate) async fn close_index(&mut self) -> Result<(), StoreError> {
        self.pack().await?;
        let mark = self.indexed.mark.take();
        let unsaved = match &mut self.held {
            Held::Whole(index) => index.unsaved(),
            Held::Page(_) if self.indexed.changed.is_empty() => Unsaved::Nothing,
            Held::Page(_) => Unsaved::Run(index::run_of(&self.indexed.changed)),
        };
        self.state.index = match (unsaved, mark) {
            (Unsaved::Nothing, mark) => mark,
            (Unsaved::All, _) => Some(self.all_anew().await?),
            (Unsaved::Run(run), Some(mark)) if mark.takes_a_run() => {
                Some(self.one_more(mark, &run).await?)
            }
            (Unsaved::Run(_), _) => None,
        };
        Ok(())
    }

    async fn all_anew(&mut self) -> Result<IndexMark, StoreError> {
        self.open().await?;
        let all: Box<dyn Iterator<Item = _> + Send> = match &self.held {
            Held::Whole(index) => Box::new(index.all()),
            Held::Page(_) => Box::new(std::iter::empty()),
        };
        let store = &self.run.services.store;
        let (run, units) = store
            .put_index_run(self.run.tenant, self.dataset, 0, all)
            .await?;
        self.units += units;
        Ok(IndexMark {
            made_at: self.indexed.made_at,
            runs: vec![run],
        })
    }

    async fn one_more(&mut self, mut mark: IndexMark, run: &[u8]) -> Result<IndexMark, StoreError> {
        self.open().await?;
        let (records, _) = run.as_chunks::<PAIR_BYTES>();
        let (number, store) = (mark.runs.len(), &self.run.services.store);
        let (run, units) = store
            .put_index_run(
                self.run.tenant,
                self.dataset,
                number,
                records.iter().copied(),
            )
            .await?;
        self.units += units;
        mark.runs.push(run);
        Ok(mark)
    }
}
