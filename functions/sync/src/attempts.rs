//! Reading one dataset to an end that its state tells of. Where Microsoft no longer knows the place in the
//! list, or a delta round cannot be trusted, the list is read once more from its start, in the same run.

use crate::{
    SyncError,
    count::Counted,
    fetch::Fetched,
    patience::Loss,
    read::{Reading, Stop},
    run::Run,
};
use jiff::Timestamp;
use muster_domain::{
    Dataset, DatasetState, Verdict,
    asking::Asking,
    fault::Fault,
    holes,
    plan::From,
    retry::NextTry,
    state::{Checkpoint, Counters, Phase},
    trouble::Cause,
};
use muster_platform::{
    microsoft::jitter,
    now,
    store::{StoreError, Units},
};

/// The end of a dataset's reading.
#[derive(Debug)]
pub(crate) struct End {
    pub dataset: &'static Dataset,
    pub state: DatasetState,
    /// True if the state is stored so; otherwise the stored state differs only in the time of the last look.
    pub stored: bool,
    /// The counts for the summary.
    pub counted: Counted,
    /// The deadline came first: there is more to read at once.
    pub cut_off: bool,
    /// It is read again then: it was throttled, or its list was too short to be believed.
    pub come_back_at: Option<Timestamp>,
}

/// The results of earlier attempts of the same run.
#[derive(Debug, Default)]
struct Spent {
    counters: Counters,
    units: Units,
    /// Their suspicion of holes in the list.
    holes: holes::Watch,
    asking_before: Option<Asking>,
}

/// Tells that only one more enumeration can show what is gone.
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
    let (mut ended, mut reading) = attempt(run, dataset, state, from, Spent::default()).await?;
    let mut lost = false;
    while let Some(why) = why_anew(&ended, &mut lost) {
        tracing::info!(tenant.id = %run.tenant, dataset = dataset.name, why, "the list is read anew");
        if let Err(Stop::Holes(Some(size))) = ended {
            reading.asks_smaller(size);
        }
        let spent = reading.starts_over().await?;
        (ended, reading) = attempt(run, dataset, reading.state, From::Start, spent).await?;
    }
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
        Err(Stop::Endless(endless)) => {
            reading.state.checkpoint = Checkpoint::default();
            reading.state.phase = Phase::Incomplete;
            let repeated = reading.state.falls_short(Cause::Endless, now());
            reading.state.trouble = Some(endless.sentence(dataset, &repeated));
        }
        Err(Stop::Holes(_)) => reading.has_holes(),
        Err(Stop::Concealed) => {
            reading.state.verdict = Verdict::Concealed;
            reading.state.phase = Phase::Blocked;
        }
        Err(Stop::StartOver(_)) => reading.fell_short(&Fault::StateLost).await?,
        Err(Stop::Fault(fault)) => {
            let wait = match fault {
                Fault::Throttled(named) => Some(named),
                Fault::Silent => Some(None),
                _ => None,
            };
            if let Some(named) = wait {
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

/// Says why the list is read anew at once, where it is. A place that is lost a second time is not looked
/// for again; a suspicion of holes ends with the smallest page size.
fn why_anew(ended: &Result<(), Stop>, lost: &mut bool) -> Option<&'static str> {
    let why = match ended {
        Err(Stop::Holes(Some(_))) => return Some("its pages may have holes"),
        Err(Stop::Fault(Fault::StateLost)) => "Microsoft no longer knows the place in it",
        Err(Stop::StartOver(why)) => why,
        _ => return None,
    };
    (!std::mem::replace(lost, true)).then_some(why)
}

async fn attempt<'a>(
    run: &'a Run<'a>,
    dataset: &'static Dataset,
    state: DatasetState,
    from: From,
    spent: Spent,
) -> Result<(Result<(), Stop>, Reading<'a>), SyncError> {
    let mut asked = Counters::default();
    let mut asking = state.asking.clone();
    // Microsoft is asked at once, while what is held is looked up.
    let (reading, page) = tokio::join!(
        Reading::begin(run, dataset, state, &from),
        first_page(run, dataset, &from, &mut asking, &mut asked),
    );
    let mut reading = reading?;
    reading.state.asking = asking;
    reading.state.run += asked;
    reading.state.run += spent.counters;
    reading.units += spent.units;
    reading.holes = spent.holes;
    reading.asking_before = spent.asking_before;
    let ended = match page {
        Ok(fetched) => {
            reading.parts = fetched.parts;
            reading.enumerate(&from, fetched.page).await
        }
        Err(fault) => Err(Stop::Fault(fault)),
    };
    Ok((ended, reading))
}

async fn first_page(
    run: &Run<'_>,
    dataset: &'static Dataset,
    from: &From,
    asking: &mut Asking,
    asked: &mut Counters,
) -> Result<Fetched, Fault> {
    let link = match from {
        From::Start => {
            let graph = &run.graph;
            return graph.first_page(dataset, asking, &run.clock, asked).await;
        }
        From::DeltaLink(link) | From::NextLink(link) => link,
    };
    // The hosts were replaced since: the link is of no use, the list begins anew.
    let url = run.graph.follow(link).map_err(|_| Fault::StateLost)?;
    let graph = &run.graph;
    let page = graph
        .page(dataset, &url, Loss::Nothing, &run.clock, asked)
        .await;
    page.map_err(|fault| match fault.is_about_the_query() {
        true => Fault::StateLost,
        false => fault,
    })
}

impl Reading<'_> {
    /// Ends an attempt that is followed by another from the start. Nobody has to do anything about it, so
    /// that the state goes on saying that the dataset is being read.
    async fn starts_over(&mut self) -> Result<Spent, StoreError> {
        self.state.checkpoint = Checkpoint::default();
        self.state.phase = Phase::Running;
        self.state.trouble = None;
        self.state.kept = self.stored.kept;
        self.state.truncated = self.stored.truncated;
        self.state.oversized_keys = self.stored.oversized_keys;
        self.close_index().await?;
        self.close().await?;
        Ok(Spent {
            counters: self.state.run,
            units: self.units,
            holes: std::mem::take(&mut self.holes).once_more(),
            asking_before: self.asking_before.take(),
        })
    }
}
