//! The simulator's own clock: what tokens, page tokens and delta tokens age by.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A clock that begins at an anchor and moves when told, and by itself if it is a real one.
#[derive(Debug)]
pub struct Clock {
    anchor: i64,
    started: Option<Instant>,
    advanced: AtomicI64,
}

impl Clock {
    /// Begins at `now`; `real` lets time go by on its own as well.
    #[must_use]
    pub fn new(now: Timestamp, real: bool) -> Self {
        Self {
            anchor: now.as_second(),
            started: real.then(Instant::now),
            advanced: AtomicI64::new(0),
        }
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        let elapsed = self.started.map_or(0, |started| seconds(started.elapsed()));
        self.anchor + elapsed + self.advanced.load(Ordering::Relaxed)
    }

    /// Moves on by `step`.
    pub fn advance(&self, step: Duration) {
        self.advanced.fetch_add(seconds(step), Ordering::Relaxed);
    }
}

/// Whole seconds, however long.
#[must_use]
pub fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 4)
}
