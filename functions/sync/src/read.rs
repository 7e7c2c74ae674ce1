//! Reading one dataset: page by page, writing what changed, moving the checkpoint, to the end (`end.rs`).

use crate::{
    SyncError,
    count::Counted,
    diff::{self, Held, Told},
    indexed::Indexed,
    moves::Moves,
    run::Run,
};
use jiff::Timestamp;
use muster_domain::{
    Dataset, DatasetState, Verdict,
    fault::Fault,
    index,
    page::{Entry, Page},
    plan::From,
    report::ReportRows,
    retry::NextTry,
    state::{Checkpoint, Counters, Phase},
};
use muster_platform::{
    microsoft::jitter,
    now,
    store::{Batch, Units},
};
use std::collections::HashSet;

/// How reading a dataset ended.
#[derive(Debug)]
pub(crate) struct End {
    pub dataset: &'static Dataset,
    pub state: DatasetState,
    /// Whether the state is stored so; otherwise what is stored differs in when it was looked at alone.
    pub stored: bool,
    /// What was counted for the summary.
    pub counted: Counted,
    /// The deadline came first: there is more to read at once.
    pub cut_off: bool,
    /// It is read again then: it was throttled, or its list was too short to be believed.
    pub come_back_at: Option<Timestamp>,
}

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
    pub unkeyed: u64,
    /// Counts of a report's rows.
    pub rows: ReportRows,
    /// The hashes of the next links that were followed.
    links: HashSet<u64>,
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
    Error(SyncError),
}

impl<E: Into<SyncError>> std::convert::From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// What is said where only one more enumeration can tell what is gone.
const LEFT_OVER: &str = "Everything has been read, over several runs. An earlier try had left records, some of which may be gone by now; all is read once more, in one piece, and those are removed.";

/// Reads a dataset from where the plan says. Only trouble with the store is an error: whatever
/// Microsoft answers becomes the dataset's state.
pub(crate) async fn read(
    run: &Run<'_>,
    dataset: &'static Dataset,
    state: DatasetState,
    from: From,
) -> Result<End, SyncError> {
    let put_off_before = state.next_try;
    let (ended, mut reading) = attempt(run, dataset, state, from).await?;
    let (ended, mut reading) = match ended {
        Err(Stop::Fault(Fault::StateLost)) => {
            tracing::info!(tenant.id = %run.tenant, dataset = dataset.name, "the place in the list was lost; enumerating anew");
            reading.state.checkpoint = Checkpoint::default();
            reading.state.phase = Phase::Incomplete;
            reading.state.trouble =
                Some("Microsoft lost the place in the list; all of it is read anew.".to_owned());
            reading.close_index().await?;
            reading.close().await?;
            attempt(run, dataset, reading.state, From::Start).await?
        }
        ended => (ended, reading),
    };
    let (mut cut_off, mut come_back_at) = (false, None);
    match ended {
        Ok(()) => {}
        Err(Stop::Error(error)) => return Err(error),
        Err(Stop::Deadline) => {
            cut_off = true;
            reading.state.phase = Phase::Incomplete;
            reading.state.trouble =
                Some("The time of this run was up. Reading goes on by itself.".to_owned());
        }
        Err(Stop::LeftOver) => {
            cut_off = true;
            reading.state.checkpoint = Checkpoint::default();
            reading.state.phase = Phase::Incomplete;
            reading.state.trouble = Some(LEFT_OVER.to_owned());
        }
        Err(Stop::FellShort { listed, counted }) => {
            come_back_at = reading.is_not_believed(listed, counted);
        }
        Err(Stop::Concealed) => {
            reading.state.verdict = Verdict::Concealed;
            reading.state.phase = Phase::Blocked;
        }
        Err(Stop::Fault(fault)) => {
            if let Fault::Throttled(named) = fault {
                let next_try = NextTry::after(put_off_before, named, now(), jitter());
                reading.state.next_try = Some(next_try);
                come_back_at = Some(next_try.at);
            }
            reading.fell_short(&fault).await?;
        }
    }
    reading.close_index().await?;
    let stored = reading.close().await?;
    let (state, counted) = (reading.state, reading.counted);
    tracing::info!(
        tenant.id = %run.tenant, dataset = dataset.name, phase = state.phase.name(), verdict = state.verdict.label(),
        read = state.run.read, written = state.run.written, unchanged = state.run.unchanged, removed = state.run.removed,
        requests = state.run.requests, duration_ms = state.run.took_ms, trouble = state.trouble, "dataset read",
    );
    Ok(End {
        dataset,
        state,
        stored,
        counted,
        cut_off,
        come_back_at,
    })
}

async fn attempt<'a>(
    run: &'a Run<'a>,
    dataset: &'static Dataset,
    state: DatasetState,
    from: From,
) -> Result<(Result<(), Stop>, Reading<'a>), SyncError> {
    let first = match &from {
        From::Start => Ok(run.graph.first(dataset)),
        // The hosts were replaced since: the link is of no use, the list begins anew.
        From::DeltaLink(link) | From::NextLink(link) => {
            run.graph.follow(link).map_err(|_| Fault::StateLost)
        }
    };
    let mut asked = Counters::default();
    // Microsoft is asked at once, while what is held is looked up.
    let (reading, page) = tokio::join!(Reading::begin(run, dataset, state, &from), async {
        run.graph
            .page(dataset, &first?, &run.clock, &mut asked)
            .await
    });
    let mut reading = reading?;
    reading.state.run += asked;
    let ended = match page {
        Ok(page) => reading.enumerate(&from, page).await,
        Err(fault) => Err(Stop::Fault(fault)),
    };
    Ok((ended, reading))
}

impl<'a> Reading<'a> {
    async fn begin(
        run: &'a Run<'a>,
        dataset: &'static Dataset,
        mut state: DatasetState,
        from: &From,
    ) -> Result<Self, SyncError> {
        let (began, stored) = (now(), state.clone());
        let mut indexed = Indexed::open(&mut state, began);
        state.phase = Phase::Running;
        state.trouble = None;
        state.next_try = None;
        state.last_attempt_at = Some(began);
        state.run = Counters::default();
        let (held, mut units) = indexed.held(run, dataset, from).await?;
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
            rows: ReportRows::default(),
            links: HashSet::new(),
        };
        // A first reading is watched from its beginning.
        if !reading.history && reading.stored.phase != Phase::Blocked {
            reading.open().await?;
        }
        Ok(reading)
    }

    /// All pages from the first in hand to the end.
    async fn enumerate(&mut self, from: &From, mut page: Page) -> Result<(), Stop> {
        loop {
            let next = page.next_link.clone();
            let delta = page.delta_link.clone();
            let batch = self.take(page).await?;
            let Some(link) = next else {
                self.write(batch).await?;
                return self.end(from, delta).await;
            };
            if !self.links.insert(index::name(&link)) {
                self.write(batch).await?;
                return Err(Stop::Fault(Fault::Refused {
                    status: 200,
                    code: "a next link that leads in a circle".to_owned(),
                }));
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
            let (written, fetched) = tokio::join!(
                self.run
                    .services
                    .store
                    .write(&self.run.lease, self.dataset, &batch),
                self.run
                    .graph
                    .page(self.dataset, &url, &self.run.clock, &mut counters),
            );
            self.state.run = counters;
            self.units += written?;
            self.checkpoint(link).await?;
            page = fetched.map_err(Stop::Fault)?;
        }
    }

    /// Compares a page with what is held, and says what to write.
    async fn take(&mut self, page: Page) -> Result<Batch, Stop> {
        if page.concealed > 0 {
            return Err(Stop::Concealed);
        }
        self.empty &= page.entries.is_empty();
        self.unkeyed += page.unkeyed;
        self.rows += page.rows;
        // What is told to be gone is no object: an answer of removals alone is an empty one.
        let objects = page.entries.iter();
        self.read += objects
            .filter(|entry| matches!(entry, Entry::Is(_)))
            .count() as u64;
        let entries = diff::last_of_each(page.entries);
        let (entries, hidden) = self.held.show(&self.moves.moving, entries);
        let wanted = Told::wanted(&entries, self.history);
        let (texts, units) = self
            .run
            .services
            .store
            .texts(self.run.tenant, self.dataset, &wanted)
            .await?;
        self.units += units;
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
