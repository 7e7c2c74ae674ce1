//! Heavy reads: those that pass a whole table by, for a search, a sort, a filter or an export.
//!
//! A handful run at a time in one process; whoever comes then waits briefly, and is then asked to come
//! again. On AWS each request has a function's environment to itself, and the functions' concurrency is
//! the bound.

use crate::{Context, problem::Problem};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use muster_domain::TenantId;
use muster_platform::store::{ChangePage, ChangeQuery, StoreError};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The turns that heavy reads take.
#[derive(Debug, Clone)]
pub struct HeavyReads(Arc<Semaphore>);

/// A turn, for as long as it is kept.
#[derive(Debug)]
pub struct Turn(
    #[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit,
);

impl HeavyReads {
    /// How many run at a time: a scan keeps the embedded store busy, and syncs need it, too.
    pub const AT_ONCE: usize = 4;
    /// How long a read waits for its turn.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// Waits briefly for a turn.
    ///
    /// # Errors
    /// 503 with `Retry-After` when all turns are taken.
    pub async fn begin(&self) -> Result<Turn, Problem> {
        let turn = Arc::clone(&self.0).acquire_owned();
        match tokio::time::timeout(Self::PATIENCE, turn).await {
            Ok(Ok(turn)) => Ok(Turn(turn)),
            _ => Err(Problem::too_many_heavy_reads()),
        }
    }
}

impl Default for HeavyReads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(Self::AT_ONCE)))
    }
}

/// One page of a tenant's changes. Those of one record or dataset are found by passing all others by.
///
/// # Errors
/// When there is no turn for it, or the store does not answer.
pub async fn changes(
    context: &Context,
    tenant: TenantId,
    query: &ChangeQuery,
) -> Result<ChangePage, Problem> {
    let _turn = match query.dataset.is_some() || query.record.is_some() {
        true => Some(context.heavy_reads.begin().await?),
        false => None,
    };
    Ok(context.services.store.changes(tenant, query).await?)
}

/// A client that takes nothing of its export for so long loses it: the turn is for the others.
const STALLED: Duration = Duration::from_secs(30);

type Chunk = Result<Bytes, StoreError>;

/// The same stream, read by a task of its own that keeps the turn to its end. An export that is cut off
/// ends with an error, so that no part is taken for the whole.
pub fn streamed(
    turn: Turn,
    chunks: impl Stream<Item = Chunk> + Send + 'static,
) -> impl Stream<Item = Chunk> + Send {
    let (give, take) = mpsc::channel::<Option<Chunk>>(1);
    tokio::spawn(async move {
        let mut chunks = pin!(chunks);
        while let Some(chunk) = chunks.next().await {
            if give.send_timeout(Some(chunk), STALLED).await.is_err() {
                return;
            }
        }
        drop(turn);
        let _ = give.send(None).await;
    });
    stream::unfold(Some(take), |take| async {
        let mut take = take?;
        match take.recv().await {
            Some(Some(chunk)) => Some((chunk, Some(take))),
            Some(None) => None,
            None => Some((Err(stalled()), None)),
        }
    })
}

fn stalled() -> StoreError {
    tracing::warn!("an export was cut off: its client took nothing for half a minute");
    StoreError::Unavailable("the export was cut off, nothing was taken of it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(count: u8) -> impl Stream<Item = Chunk> + Send + 'static {
        stream::iter((0..count).map(|n| Ok(Bytes::from(vec![n]))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_comes_back_when_its_export_has_ended_or_its_client_is_gone() {
        let reads = HeavyReads(Arc::new(Semaphore::new(1)));
        let turn = reads.begin().await.expect("the first");
        let all: Vec<Chunk> = streamed(turn, chunks(9)).collect().await;
        assert!(all.len() == 9 && all.iter().all(Result::is_ok));
        let turn = reads.begin().await.expect("given back");
        drop(streamed(turn, chunks(9)));
        assert!(reads.begin().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_loses_its_turn_and_never_sees_a_whole_export() {
        let reads = HeavyReads(Arc::new(Semaphore::new(1)));
        let turn = reads.begin().await.expect("the first");
        let export = streamed(turn, chunks(9));
        assert!(reads.begin().await.is_err(), "the export has the turn");
        tokio::time::sleep(STALLED).await;
        assert!(reads.begin().await.is_ok());
        let taken: Vec<Chunk> = export.collect().await;
        assert!(taken.len() < 9 && taken.last().is_some_and(Result::is_err));
    }
}
