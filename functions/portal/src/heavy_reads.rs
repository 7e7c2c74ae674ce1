//! Limits how many heavy reads run at a time: those that scan a whole table, for a search, a sort, a filter
//! or an export.
//!
//! A handful run in one process. The next ones wait briefly, and are then answered 503 with `Retry-After`.
//! On AWS each request has an environment of its function to itself; there the functions' concurrency is the
//! limit.

use crate::{Context, problem::Problem};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use muster_domain::TenantId;
use muster_platform::store::{ChangePage, ChangeQuery, StoreError};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The semaphore that heavy reads pass.
#[derive(Debug, Clone)]
pub struct HeavyReads(Arc<Semaphore>);

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

    /// Waits briefly for a permit.
    ///
    /// # Errors
    /// 503 with `Retry-After` when all permits are taken.
    pub async fn acquire(&self) -> Result<Permit, Problem> {
        let permit = Arc::clone(&self.0).acquire_owned();
        match tokio::time::timeout(Self::LONGEST_WAIT, permit).await {
            Ok(Ok(permit)) => Ok(Permit(permit)),
            _ => Err(Problem::too_many_heavy_reads()),
        }
    }
}

impl Default for HeavyReads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(Self::AT_ONCE)))
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
    let _permit = match query.dataset.is_some() || query.record.is_some() {
        true => Some(context.heavy_reads.acquire().await?),
        false => None,
    };
    Ok(context.services.store.changes(tenant, query).await?)
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

    #[tokio::test(start_paused = true)]
    async fn a_permit_comes_back_when_its_export_has_ended_or_its_client_is_gone() {
        let reads = HeavyReads(Arc::new(Semaphore::new(1)));
        let permit = reads.acquire().await.expect("the first");
        let all: Vec<Chunk> = stream_export(permit, chunks(9)).collect().await;
        assert!(all.len() == 9 && all.iter().all(Result::is_ok));
        let permit = reads.acquire().await.expect("given back");
        drop(stream_export(permit, chunks(9)));
        assert!(reads.acquire().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_loses_its_permit_and_never_sees_a_whole_export() {
        let reads = HeavyReads(Arc::new(Semaphore::new(1)));
        let permit = reads.acquire().await.expect("the first");
        let export = stream_export(permit, chunks(9));
        assert!(reads.acquire().await.is_err(), "the export has the permit");
        tokio::time::sleep(STALLED).await;
        assert!(reads.acquire().await.is_ok());
        let taken: Vec<Chunk> = export.collect().await;
        assert!(taken.len() < 9 && taken.last().is_some_and(Result::is_err));
    }
}
