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
    index::{self, Index, IndexMark, IndexRun, Mark, Unsaved},
    plan::From,
};
use muster_platform::store::{StoreError, Units};

/// How the index of a dataset stands during a run.
#[derive(Debug)]
pub(crate) struct Indexed {
    /// The runs that are stored.
    mark: Option<IndexMark>,
    /// When the index was made from the stored records.
    made_at: Timestamp,
    /// What a delta round changed: each record's key hash, with its mark unless it is gone.
    pub changed: Vec<(u64, Option<Mark>)>,
}

impl Indexed {
    /// Takes the mark out of a state, for as long as its dataset is being written.
    pub fn open(state: &mut DatasetState, now: Timestamp) -> Self {
        let mark = state.index.take().filter(|mark| mark.is_young(now));
        Self {
            made_at: mark.as_ref().map_or(now, |mark| mark.made_at),
            mark,
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
                let (index, read) = store.index_anew(run.tenant, dataset).await?;
                units += read;
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
        self.state.index = match &mut self.held {
            Held::Whole(index) => match index.unsaved() {
                Unsaved::Nothing => mark,
                Unsaved::All(all) => Some(IndexMark {
                    made_at: self.indexed.made_at,
                    runs: vec![self.put_index_run(0, &all).await?],
                }),
                Unsaved::Run(run) => self.one_more(mark, &run).await?,
            },
            Held::Page(_) if self.indexed.changed.is_empty() => mark,
            Held::Page(_) => {
                let run = index::run_of(&self.indexed.changed);
                self.one_more(mark.filter(IndexMark::takes_a_run), &run)
                    .await?
            }
        };
        Ok(())
    }

    async fn one_more(
        &mut self,
        mark: Option<IndexMark>,
        bytes: &[u8],
    ) -> Result<Option<IndexMark>, StoreError> {
        let Some(mut mark) = mark else {
            return Ok(None);
        };
        let run = self.put_index_run(mark.runs.len(), bytes).await?;
        mark.runs.push(run);
        Ok(Some(mark))
    }

    async fn put_index_run(&mut self, number: usize, bytes: &[u8]) -> Result<IndexRun, StoreError> {
        self.open().await?;
        let store = &self.run.services.store;
        let (run, units) = store
            .put_index_run(self.run.tenant, self.dataset, number, bytes)
            .await?;
        self.units += units;
        Ok(run)
    }
}
