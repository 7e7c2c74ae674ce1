//! The one place the clock is read; the domain takes the time as an argument.

use jiff::{SignedDuration, Timestamp};

tokio::task_local! {
    static AHEAD: SignedDuration;
}

/// The time now.
pub fn now() -> Timestamp {
    let ahead = AHEAD.try_with(|by| *by).unwrap_or_default();
    let now = Timestamp::now();
    now.checked_add(ahead).unwrap_or(now)
}

/// Does something as if it were so much later: how a year is rehearsed within a minute. What it
/// spawns is not ahead.
pub async fn ahead<F: Future>(by: SignedDuration, what: F) -> F::Output {
    AHEAD.scope(by, what).await
}
