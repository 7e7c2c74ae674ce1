//! What the steps of one run share: the tenant, its lease, Graph, and how much time is left.

use crate::fetch::Graph;
use jiff::Timestamp;
use muster_domain::TenantId;
use muster_platform::{Services, store::Lease};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

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

/// When to stop.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    deadline: Option<SystemTime>,
    stopping: watch::Receiver<bool>,
}

/// Kept in hand before the deadline, to write what was read and the checkpoint.
const RESERVE: Duration = Duration::from_secs(20);
/// The longest a request is waited for where there is no deadline.
const PATIENCE: Duration = Duration::from_secs(300);

impl Clock {
    pub fn new(deadline: Option<SystemTime>, stopping: watch::Receiver<bool>) -> Self {
        Self { deadline, stopping }
    }

    /// Whether the process is stopping.
    pub fn stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// How long there is left to wait for something.
    pub fn left(&self) -> Duration {
        let left = |deadline: SystemTime| {
            deadline
                .duration_since(SystemTime::now())
                .unwrap_or_default()
        };
        self.deadline.map_or(PATIENCE, |deadline| {
            left(deadline).saturating_sub(RESERVE).min(PATIENCE)
        })
    }

    /// Whether to stop after the page in hand.
    pub fn over(&self) -> bool {
        self.stopping() || self.left().is_zero()
    }
}
