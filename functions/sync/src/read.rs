//! One enumeration of a dataset: page by page, writing what changed, moving the checkpoint, to the end
//! (`end.rs`).

use crate::{
    SyncError,
    count::Counted,
    diff::{self, Held, Told},
    endless::{Endless, Watch},
    indexed::Indexed,
    moves::Moves,
    patience::Loss,
    report_parts::ReportParts,
    run::Run,
    truncated,
};
use jiff::{Timestamp, civil::Date};
use muster_domain::{
    Dataset, DatasetState,
    asking::Asking,
    fault::Fault,
    holes, index,
    lasting::Lasting,
    page::{Entry, Page},
    plan::From,
    report::ReportRows,
    state::{Counters, Phase},
};
use muster_platform::{
    now,
    store::{Batch, Units},
};
use std::collections::HashSet;

/// One enumeration under way.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub run: &'a Run<'a>,
    pub dataset: &'static Dataset,
    pub state: DatasetState,
    /// The state that is stored.
    pub stored: DatasetState,
    /// Whether this run has stored one, as it does before anything else that it writes.
    pub opened: bool,
    pub held: Held,
    /// What moved by itself and is not stored yet.
    pub moves: Moves,
    pub indexed: Indexed,
    /// What is counted for the summary.
    pub counted: Counted,
    /// Whether changes are recorded: from the second whole enumeration on.
    pub history: bool,
    /// Whether every object since the first page has been seen by this very enumeration.
    pub from_start: bool,
    /// Whether a first enumeration found records of a try before it.
    pub leftovers: bool,
    /// Whether no page has named anything so far.
    pub empty: bool,
    pub units: Units,
    pub began: Timestamp,
    /// When the first page was asked for, in an earlier run perhaps.
    pub enumeration_began: Timestamp,
    pub saved_at: Timestamp,
    pub read: u64,
    /// Objects without a key.
    pub unkeyed: u64,
    /// Objects that cannot be read.
    pub unreadable: u64,
    /// The dates that stay where a list leaves them out.
    pub lasting: Lasting,
    /// Counts of a report's rows.
    pub rows: ReportRows,
    /// The day that a report is about.
    pub data_date: Option<Date>,
    /// Entries that named a part of a record that is not held.
    pub unknown_parts: u64,
    /// The hashes of the next links that were followed.
    links: HashSet<u64>,
    pub watch: Watch,
    pub holes: holes::Watch,
    /// Pages that may have holes: they are neither compared nor written until that is known.
    pub held_back: Vec<Page>,
    /// The parts of a large report that are still to be read.
    pub parts: Option<ReportParts>,
    /// The way the list was asked for before a suspicion of holes had it read in smaller pages.
    pub asking_before: Option<Asking>,
}

/// Why an enumeration ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    Fault(Fault),
    /// The rows name nobody.
    Concealed,
    Deadline,
    /// Everything there is has been read, over several runs; what a try before them left is not told
    /// apart from it, and no delta round tells of that.
    LeftOver,
    /// The list ended by itself, and Microsoft counts more than it held.
    FellShort {
        listed: u64,
        counted: u64,
    },
    /// Has the whole list read at once: a delta round cannot make right what is held.
    StartOver(&'static str),
    /// The list has no end.
    Endless(Endless),
    /// The pages may have holes. The list is read again in pages of this size, where it is given.
    Holes(Option<u16>),
    Error(SyncError),
}

impl<E: Into<SyncError>> std::convert::From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl<'a> Reading<'a> {
    pub(crate) async fn begin(
        run: &'a Run<'a>,
        dataset: &'static Dataset,
        mut state: DatasetState,
        from: &From,
    ) -> Result<Self, SyncError> {
        let (began, stored) = (now(), state.clone());
        let mut indexed = Indexed::open(&mut state, began);
        state.times_mended = false;
        state.phase = Phase::Running;
        state.trouble = None;
        state.next_try = None;
        state.last_attempt_at = Some(began);
        state.run = Counters::default();
        let (held, mut units) = indexed.held(run, dataset, from).await?;
        if let Some(checked) = indexed.checked {
            state.repaired = checked.against(&stored, began);
            if let Some(found) = state.repaired {
                tracing::error!(tenant.id = %run.tenant, dataset = dataset.name, missing = found.missing, altered = found.altered, "stored records are not as they were written; they are read again");
            }
        }
        let (moves, read) = Moves::begin(run, dataset).await?;
        units += read;
        let counted = match from {
            From::Start => Counted::whole(dataset, began, None),
            From::NextLink(_) => match state.checkpoint.counts.take() {
                Some(counts) => Counted::whole(dataset, began, Some(counts)),
                None => Counted::Anew,
            },
            From::DeltaLink(_) => Counted::shifted(dataset, began),
        };
        let history = state.complete.is_some();
        let from_start = *from == From::Start;
        if from_start {
            // Why the list is read from its start would be forgotten where this falls short, too.
            state.checkpoint.delta_link = None;
            state.checkpoint.delta_link_at = None;
            state.kept = None;
            state.truncated = 0;
            state.oversized_keys = 0;
        }
        let resumed = matches!(from, From::NextLink(_));
        let enumeration_began = state.checkpoint.began_at.filter(|_| resumed);
        let read = if resumed { state.checkpoint.objects } else { 0 };
        let leftovers = match resumed {
            true => state.checkpoint.leftovers,
            false => !history && held.len().is_some_and(|held| held > 0),
        };
        let mut reading = Self {
            run,
            dataset,
            state,
            stored,
            opened: false,
            held,
            moves,
            indexed,
            counted,
            history,
            from_start,
            leftovers,
            empty: true,
            units,
            began,
            enumeration_began: enumeration_began.unwrap_or(began),
            saved_at: Timestamp::UNIX_EPOCH,
            read,
            unkeyed: 0,
            unreadable: 0,
            lasting: Lasting::of(dataset),
            rows: ReportRows::default(),
            data_date: None,
            unknown_parts: 0,
            links: HashSet::new(),
            watch: Watch::new(from_start),
            holes: holes::Watch::default(),
            held_back: Vec::new(),
            asking_before: None,
            parts: None,
        };
        // A first reading is watched from its beginning.
        if !reading.history && reading.stored.phase != Phase::Blocked {
            reading.open().await?;
        }
        Ok(reading)
    }

    /// All pages from the first in hand to the end.
    pub(crate) async fn enumerate(&mut self, from: &From, mut page: Page) -> Result<(), Stop> {
        loop {
            let next = page.next_link.clone();
            let delta = page.delta_link.clone();
            let batch = self.weigh(page).await?;
            let Some(link) = next else {
                self.write(batch).await?;
                match self.next_part()? {
                    Some(part) => page = part,
                    None => return self.end(from, delta).await,
                }
                continue;
            };
            if !self.links.insert(index::name(&link)) {
                self.write(batch).await?;
                return Err(Stop::Endless(Endless::Circle));
            }
            if let Some(endless) = self.never_ends().await {
                self.write(batch).await?;
                return Err(Stop::Endless(endless));
            }
            let url = match self.run.graph.follow(&link) {
                Ok(url) => url,
                Err(fault) => {
                    self.write(batch).await?;
                    return Err(Stop::Fault(fault));
                }
            };
            if self.run.clock.over() {
                self.write(batch).await?;
                self.checkpoint(link).await?;
                return Err(Stop::Deadline);
            }
            self.before_writing(&batch).await?;
            // The next page is fetched while this one is written; the checkpoint moves after the
            // write, so that it never promises what is not stored.
            let mut counters = self.state.run;
            let loss = match self.resumes() {
                true => Loss::Nothing,
                false => Loss::List,
            };
            let (written, fetched) = tokio::join!(
                self.run
                    .services
                    .store
                    .write(&self.run.lease, self.dataset, &batch),
                self.run
                    .graph
                    .page(self.dataset, &url, loss, &self.run.clock, &mut counters),
            );
            self.state.run = counters;
            self.units += written?;
            self.checkpoint(link).await?;
            page = fetched.map_err(Stop::Fault)?.page;
        }
    }

    /// Returns the next part of a large report. There is no way to go on within one later.
    fn next_part(&mut self) -> Result<Option<Page>, Stop> {
        let Some(parts) = &mut self.parts else {
            return Ok(None);
        };
        let part = parts.next().map_err(|error| Stop::Fault(error.into()))?;
        match part.is_some() && self.run.clock.over() {
            true => Err(Stop::Deadline),
            false => Ok(part),
        }
    }

    /// Compares a page with what is held, and says what to write.
    pub(crate) async fn take(&mut self, page: Page) -> Result<Batch, Stop> {
        if page.concealed > 0 {
            return Err(Stop::Concealed);
        }
        self.empty &= page.entries.is_empty();
        self.unkeyed += page.unkeyed;
        self.unreadable += page.unreadable;
        self.state.oversized_keys += page.oversized_keys;
        self.rows += page.rows;
        self.data_date = self.data_date.or(page.data_date);
        // What is told to be gone is no object: an answer of removals alone is an empty one.
        let objects = page.entries.iter();
        self.read += objects
            .filter(|entry| matches!(entry, Entry::Is(_)))
            .count() as u64;
        let mut entries = diff::one_of_each(page.entries);
        self.keep_dates(&mut entries).await?;
        let truncated = truncated::truncate(&mut entries);
        let new = self.watch.names_somebody_new(&entries);
        let (mut entries, hidden) = self.held.show(&self.moves.moving, entries);
        self.count_truncated(&truncated, &entries);
        self.watch.saw(new, &entries);
        let wanted = Told::wanted(&entries, self.history);
        let (texts, units) = self
            .run
            .services
            .store
            .texts(self.run.tenant, self.dataset, &wanted)
            .await?;
        self.units += units;
        self.unknown_parts += diff::complete(&self.moves, &mut self.held, &mut entries, &texts);
        self.counted.page(&entries, hidden, &texts);
        let removed = self.state.run.removed;
        let batch = diff::diff(
            &mut self.moves,
            &mut self.held,
            entries,
            &texts,
            self.history,
            self.run.began,
            &mut self.state.run,
        );
        self.shift_truncated(&batch, &texts);
        self.state.records = self.held.len().unwrap_or_else(|| {
            let new = batch.puts.iter().filter(|put| !put.held).count() as u64;
            (self.state.records + new).saturating_sub(self.state.run.removed - removed)
        });
        if let Held::Page(_) = self.held {
            let puts = batch.puts.iter();
            let mark = |text: &String| Some(self.moves.moving.mark(text));
            let put = puts.map(|put| (index::name(&put.key), mark(&put.text)));
            let gone = batch.deletes.iter().map(|key| (index::name(key), None));
            self.indexed.changed.extend(put.chain(gone));
        }
        if self.moves.are_many() {
            self.pack().await?;
        }
        Ok(batch)
    }

    pub(crate) async fn write(&mut self, batch: Batch) -> Result<(), Stop> {
        self.before_writing(&batch).await?;
        self.units += self
            .run
            .services
            .store
            .write(&self.run.lease, self.dataset, &batch)
            .await?;
        Ok(())
    }
}
