//! What the steps of one run share: the tenant, its lease, Graph, and how much time is left.

use crate::fetch::Graph;
use jiff::Timestamp;
use muster_domain::TenantId;
use muster_platform::{Services, store::Lease};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::Instant};

/// What every dataset of one run shares.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub services: &'a Services,
    pub tenant: TenantId,
    pub lease: Lease,
    pub graph: Graph<'a>,
    /// When this sync began; the time of every change it sees.
    pub began: Timestamp,
    pub clock: Clock,
}

/// When to stop. The clock of the machine may be set; this one never jumps.
#[derive(Debug)]
pub(crate) struct Clock {
    ends_at: Instant,
    pages: AtomicU32,
    stopping: watch::Receiver<bool>,
}

/// Kept in hand before the deadline, to write what was read and the checkpoint.
const RESERVE: Duration = Duration::from_secs(20);
/// The longest run where no deadline is given. The next one goes on with what is left.
const LONGEST_RUN: Duration = Duration::from_secs(60 * 60);
/// The most pages that one run reads.
const MOST_PAGES: u32 = 50_000;

impl Clock {
    pub fn new(deadline: Option<SystemTime>, stopping: watch::Receiver<bool>) -> Self {
        let left = deadline.map_or(LONGEST_RUN, |deadline| {
            let left = deadline.duration_since(SystemTime::now());
            left.unwrap_or_default().saturating_sub(RESERVE)
        });
        Self {
            ends_at: Instant::now() + left,
            pages: AtomicU32::new(0),
            stopping,
        }
    }

    /// Counts one page more.
    pub fn page_read(&self) {
        self.pages.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the process is stopping.
    pub fn stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// How long there is left to wait for something.
    pub fn left(&self) -> Duration {
        self.ends_at.saturating_duration_since(Instant::now())
    }

    /// Whether to stop after the page in hand.
    pub fn over(&self) -> bool {
        self.stopping() || self.left().is_zero() || self.pages.load(Ordering::Relaxed) >= MOST_PAGES
    }
}
