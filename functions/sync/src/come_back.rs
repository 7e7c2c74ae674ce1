//! Coming back: at once with what the deadline cut off, or later with what was put off.

use crate::{
    attempts::End,
    run::Run,
    tenant::{Outcome, SyncError},
};
use jiff::Timestamp;
use muster_domain::{
    DatasetState,
    plan::{Action, Plan},
};
use muster_platform::queue::SyncMessage;

/// When a run comes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Back {
    /// At once, with what the deadline cut off.
    cut_off: bool,
    /// The time at which the first of the datasets that were put off is read again.
    at: Option<Timestamp>,
}

impl Back {
    /// Decides from how the datasets ended. `put_off` is when the first of those that were put off by
    /// an earlier run is due: a process that started again since has forgotten it.
    pub fn of(ends: &[End], put_off: Option<Timestamp>) -> Self {
        let ended = ends.iter().filter_map(|end| end.come_back_at);
        Self {
            cut_off: ends.iter().any(|end| end.cut_off),
            at: ended.chain(put_off).min(),
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

/// The time at which the first dataset is due that an earlier run put off.
pub(crate) fn put_off(plan: &Plan, states: &[DatasetState]) -> Option<Timestamp> {
    let is_put_off = |name: &str| {
        let mut states = states.iter();
        states.any(|state| state.dataset == name && state.next_try.is_some())
    };
    let waiting = plan.steps.iter().filter_map(|step| match step.action {
        Action::NotDue(at) => is_put_off(step.dataset.name).then_some(at),
        _ => None,
    });
    waiting.min()
}
