//! Limits how many heavy reads run at a time: those that scan a whole table, for a search, a sort, a filter
//! or an export.
//!
//! A handful run in one process. The next ones wait briefly, and are then answered 503 with `Retry-After`.
//! Where syncs use the same store, in the same process, heavy reads read one page at a time between them, and
//! rest after each page as long as it took: at least half of the store's time is for everything else. On AWS each request has an environment of its function to itself; there the functions' concurrency is the
//! limit.

use crate::{Context, problem::Problem};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use muster_domain::TenantId;
use muster_platform::store::{ChangePage, ChangeQuery, StoreError};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};

/// The semaphore that heavy reads pass, and the pace at which they read.
#[derive(Debug, Clone)]
pub struct HeavyReads {
    permits: Arc<Semaphore>,
    pace: Pace,
}

/// The pace of heavy reads. Clones share one turn.
#[derive(Debug, Clone, Default)]
pub struct Pace(Option<Arc<Mutex<()>>>);

impl Pace {
    /// The longest rest after a page. A page that took longer waited for others.
    const LONGEST_REST: Duration = Duration::from_millis(500);

    /// Reads a page when it is its turn. The turn ends after a rest, for which nobody waits who needs no
    /// other page.
    pub async fn read<T>(&self, page: impl Future<Output = T>) -> T {
        let Some(turn) = &self.0 else {
            return page.await;
        };
        let turn = Arc::clone(turn).lock_owned().await;
        let began = Instant::now();
        let page = page.await;
        let rest = began.elapsed().min(Self::LONGEST_REST);
        tokio::spawn(async move {
            tokio::time::sleep(rest).await;
            drop(turn);
        });
        page
    }
}

/// The permission for one heavy read. Dropping it gives it back.
#[derive(Debug)]
pub struct Permit(
    #[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit,
);

impl HeavyReads {
    /// The most heavy reads at a time. A scan keeps the embedded store busy, and syncs need it, too.
    pub const AT_ONCE: usize = 4;
    /// The longest wait for a permit.
    const LONGEST_WAIT: Duration = Duration::from_secs(2);

    /// Heavy reads of a process in which syncs use the same store.
    pub fn beside_syncs() -> Self {
        Self {
            pace: Pace(Some(Arc::default())),
            ..Self::default()
        }
    }

    /// Returns the pace at which pages are read.
    pub fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// Waits briefly for a permit.
    ///
    /// # Errors
    /// 503 with `Retry-After` when all permits are taken.
    pub async fn acquire(&self) -> Result<Permit, Problem> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        match tokio::time::timeout(Self::LONGEST_WAIT, permit).await {
            Ok(Ok(permit)) => Ok(Permit(permit)),
            _ => Err(Problem::too_many_heavy_reads()),
        }
    }
}

impl Default for HeavyReads {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(Self::AT_ONCE)),
            pace: Pace::default(),
        }
    }
}

/// Reads one page of a tenant's changes. Those of one record or dataset are found by a scan.
///
/// # Errors
/// When too many heavy reads run already, or the store does not answer.
pub async fn changes(
    context: &Context,
    tenant: TenantId,
    query: &ChangeQuery,
) -> Result<ChangePage, Problem> {
    let read = context.services.store.changes(tenant, query);
    if query.dataset.is_none() && query.record.is_none() {
        return Ok(read.await?);
    }
    let _permit = context.heavy_reads.acquire().await?;
    Ok(context.heavy_reads.pace().read(read).await?)
}

/// A client that takes nothing of its export for so long loses it, and its permit goes to the others.
const STALLED: Duration = Duration::from_secs(30);

type Chunk = Result<Bytes, StoreError>;

/// Streams an export from a task that holds the permit until the last chunk is taken. An export that is cut
/// off ends with an error, so that no part is taken for the whole.
pub fn stream_export(
    permit: Permit,
    chunks: impl Stream<Item = Chunk> + Send + 'static,
) -> impl Stream<Item = Chunk> + Send {
    let (sender, receiver) = mpsc::channel::<Option<Chunk>>(1);
    tokio::spawn(async move {
        let mut chunks = pin!(chunks);
        while let Some(chunk) = chunks.next().await {
            if sender.send_timeout(Some(chunk), STALLED).await.is_err() {
                return;
            }
        }
        drop(permit);
        let _ = sender.send(None).await;
    });
    stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Some(chunk)) => Some((chunk, Some(receiver))),
            Some(None) => None,
            None => Some((Err(stalled()), None)),
        }
    })
}

fn stalled() -> StoreError {
    tracing::warn!("an export was cut off: its client took nothing for half a minute");
    StoreError::Unavailable("the export was cut off: nothing was taken of it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(count: u8) -> impl Stream<Item = Chunk> + Send + 'static {
        stream::iter((0..count).map(|n| Ok(Bytes::from(vec![n]))))
    }

    fn one_at_a_time() -> HeavyReads {
        HeavyReads {
            permits: Arc::new(Semaphore::new(1)),
            pace: Pace::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn beside_syncs_pages_are_read_one_at_a_time_with_a_rest_as_long_as_each_took() {
        let (pace, began) = (HeavyReads::beside_syncs().pace(), Instant::now());
        let page = || async { tokio::time::sleep(Duration::from_millis(100)).await };
        pace.read(page()).await;
        assert_eq!(
            began.elapsed().as_millis(),
            100,
            "nobody waits for the rest"
        );
        tokio::join!(pace.read(page()), pace.read(page()));
        assert_eq!(began.elapsed().as_millis(), 500);
        let (unpaced, began) = (HeavyReads::default().pace(), Instant::now());
        tokio::join!(unpaced.read(page()), unpaced.read(page()));
        assert_eq!(began.elapsed().as_millis(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_comes_back_when_its_export_has_ended_or_its_client_is_gone() {
        let reads = one_at_a_time();
        let permit = reads.acquire().await.expect("the first");
        let all: Vec<Chunk> = stream_export(permit, chunks(9)).collect().await;
        assert!(all.len() == 9 && all.iter().all(Result::is_ok));
        let permit = reads.acquire().await.expect("given back");
        drop(stream_export(permit, chunks(9)));
        assert!(reads.acquire().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_loses_its_permit_and_never_sees_a_whole_export() {
        let reads = one_at_a_time();
        let permit = reads.acquire().await.expect("the first");
        let export = stream_export(permit, chunks(9));
        assert!(reads.acquire().await.is_err(), "the export has the permit");
        tokio::time::sleep(STALLED).await;
        assert!(reads.acquire().await.is_ok());
        let taken: Vec<Chunk> = export.collect().await;
        assert!(taken.len() < 9 && taken.last().is_some_and(Result::is_err));
    }
}
