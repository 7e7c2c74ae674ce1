//! What moved by itself: the volatile columns of the records that a whole enumeration showed otherwise,
//! kept until there is an item's worth of them, or the reading ends.

use crate::{read::Reading, run::Run};
use muster_domain::{
    Dataset, Row, TenantId,
    moving::{Moved, Moving},
};
use muster_platform::{
    Store,
    store::{StoreError, Units},
};
use std::collections::BTreeMap;

/// What waits takes up to so many bytes, keys included: some 40,000 users who signed in.
const MOST_WAITING: usize = 4 << 20;

/// What of a dataset has moved and is not stored yet.
#[derive(Debug)]
pub(crate) struct Moves {
    pub dataset: &'static Dataset,
    pub moving: Moving,
    /// Whether anything is packed already: what is packed of a record comes before what the record
    /// itself holds, and so is renewed with it.
    packed: bool,
    waiting: Moved,
    bytes: usize,
    /// The packed cells by key, once they were loaded.
    loaded: Option<BTreeMap<String, String>>,
}

impl Moves {
    /// None, of a dataset of which nothing is packed.
    pub fn none(dataset: &'static Dataset) -> Self {
        Self {
            dataset,
            moving: Moving::of(dataset),
            packed: false,
            waiting: Moved::new(),
            bytes: 0,
            loaded: None,
        }
    }

    /// None so far.
    pub async fn begin(
        run: &Run<'_>,
        dataset: &'static Dataset,
    ) -> Result<(Self, Units), StoreError> {
        let mut moves = Self::none(dataset);
        let mut units = Units::default();
        if !moves.moving.is_empty() {
            let store = &run.services.store;
            (moves.packed, units) = store.has_packed(run.tenant, dataset).await?;
        }
        Ok((moves, units))
    }

    /// A record differs in nothing else.
    pub fn moved(&mut self, key: String, text: &str) {
        let cells = self.moving.cells(text);
        self.wait(key, Some(cells));
    }

    /// A record is written whole.
    pub fn written(&mut self, row: &Row) {
        if self.packed {
            self.moved(row.key.clone(), &row.text);
        }
    }

    /// A record is removed.
    pub fn removed(&mut self, key: &str) {
        if self.packed {
            self.wait(key.to_owned(), None);
        }
    }

    /// Loads what is packed, once.
    pub async fn load_packed(
        &mut self,
        store: &Store,
        tenant: TenantId,
    ) -> Result<Units, StoreError> {
        if !self.packed || self.loaded.is_some() {
            return Ok(Units::default());
        }
        let (cells, units) = store.all_packed(tenant, self.dataset).await?;
        self.loaded = Some(cells);
        Ok(units)
    }

    /// Returns the moved cells of a record: those that wait, else the packed ones if they were loaded.
    pub fn cells(&self, key: &str) -> Option<&String> {
        match self.waiting.get(key) {
            Some(cells) => cells.as_ref(),
            None => self.loaded.as_ref()?.get(key),
        }
    }

    fn wait(&mut self, key: String, cells: Option<String>) {
        self.bytes += key.len() + cells.as_ref().map_or(0, String::len);
        self.waiting.insert(key, cells);
    }

    /// Whether anything waits to be stored.
    pub fn wait_for_anything(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether so much waits that it should be stored.
    pub fn are_many(&self) -> bool {
        self.bytes > MOST_WAITING
    }
}

impl Reading<'_> {
    /// Stores what waits: before anything promises that it is stored.
    pub(crate) async fn pack(&mut self) -> Result<(), StoreError> {
        if !self.moves.wait_for_anything() {
            return Ok(());
        }
        self.open().await?;
        let waiting = std::mem::take(&mut self.moves.waiting);
        self.moves.bytes = 0;
        let store = &self.run.services.store;
        self.units += store.pack(&self.run.lease, self.dataset, &waiting).await?;
        self.moves.packed = true;
        // It holds more now, and is loaded anew where it is needed.
        self.moves.loaded = None;
        Ok(())
    }
}
