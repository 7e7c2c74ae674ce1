//! Several calls at a time, none of which is left behind.

use super::{StoreError, Units};
use futures::{StreamExt, stream::FuturesUnordered};

/// Makes these calls, so many at a time, and waits for each that was begun, even where one fails: a write
/// that nobody waits for arrives all the same, perhaps after another worker has removed what it writes.
///
/// # Errors
/// The first, after which no more are begun.
pub(super) async fn all<F>(
    calls: impl IntoIterator<Item = F>,
    at_a_time: usize,
) -> Result<Units, StoreError>
where
    F: Future<Output = Result<Units, StoreError>>,
{
    let mut calls = calls.into_iter();
    let mut under_way: FuturesUnordered<F> = calls.by_ref().take(at_a_time).collect();
    let mut sum = Ok(Units::default());
    while let Some(ended) = under_way.next().await {
        match (&mut sum, ended) {
            (Ok(sum), Ok(units)) => *sum += units,
            (Ok(_), failed) => sum = failed,
            (Err(_), _) => {}
        }
        if sum.is_ok() {
            under_way.extend(calls.next());
        }
    }
    sum
}
