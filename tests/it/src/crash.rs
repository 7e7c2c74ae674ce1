//! Being killed, at every point where a process can be.

use std::{future::poll_fn, task::Poll};

/// Does something until it has been woken so often, then drops it where it stands: what it asked of
/// others may have been done or not. `None` where it was cut off.
pub async fn crash_after<F: Future>(wakes: usize, what: F) -> Option<F::Output> {
    // On the heap: a whole renewal is larger than a test thread likes.
    let mut what = Box::pin(what);
    let mut left = wakes;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        what.as_mut().poll(cx).map(Some)
    })
    .await
}
