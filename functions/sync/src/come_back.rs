//! Coming back: at once with what the deadline cut off, or at the time that Microsoft named.

use crate::{
    attempts::End,
    run::Run,
    tenant::{Outcome, SyncError},
};
use jiff::Timestamp;
use muster_platform::queue::SyncMessage;

/// When a run comes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back {
    /// At once, with what the deadline cut off.
    cut_off: bool,
    /// At the time that Microsoft named, with what it put off.
    at: Option<Timestamp>,
}

impl Back {
    pub fn of(ends: &[End]) -> Self {
        Self {
            cut_off: ends.iter().any(|end| end.cut_off),
            at: ends.iter().filter_map(|end| end.come_back_at).min(),
        }
    }

    /// Sends the tenant's message again, now or then. A queue that keeps its order cannot delay one
    /// message, so that a later time is a schedule's.
    pub async fn come(self, run: &Run<'_>) -> Result<Outcome, SyncError> {
        if let Some(at) = self.at {
            run.services.schedule.once(run.tenant, at).await?;
        }
        if !self.cut_off {
            return Ok(Outcome::Done);
        }
        // A process that is stopping finds the rest due when it starts again.
        if !run.clock.stopping() {
            let message = SyncMessage {
                tenant_id: run.tenant,
            };
            run.services.queue.send(message).await?;
        }
        Ok(Outcome::ToBeContinued)
    }
}
