//! Microsoft's own count beside a delta round: whether what is held agrees with it.

use crate::read::{Reading, Stop};
use jiff::SignedDuration;
use muster_domain::tally;
use muster_platform::now;

/// A delta round asks for the count at most this often: one more request a day.
const COUNT_EVERY: SignedDuration = SignedDuration::from_hours(24);

impl Reading<'_> {
    /// Holds what is held after a delta round against Microsoft's own count, once a day. A round that
    /// left something out is not told apart from one in which nothing happened, so that a count which
    /// differs has the whole list read.
    pub(crate) async fn hold_against_count(&mut self) -> Result<(), Stop> {
        let Some(path) = self.dataset.count else {
            return Ok(());
        };
        let asked_at = self.state.counted_at;
        if asked_at.is_some_and(|at| now().duration_since(at) < COUNT_EVERY) {
            return Ok(());
        }
        let (graph, clock) = (&self.run.graph, &self.run.clock);
        let requests = &mut self.state.run;
        let counted = graph.count(self.dataset, path, clock, requests).await;
        self.state.counted_at = Some(now());
        let whole = self.state.complete.as_ref();
        let before = whole.and_then(|whole| Some((whole.objects, whole.counted?)));
        match counted {
            Some(counted) if tally::disagrees(self.state.records, counted, before) => {
                tracing::info!(tenant.id = %self.run.tenant, dataset = self.dataset.name, held = self.state.records, counted, "delta rounds have left something out");
                Err(Stop::StartOver(
                    "Microsoft counts otherwise than the delta rounds tell",
                ))
            }
            _ => Ok(()),
        }
    }
}
