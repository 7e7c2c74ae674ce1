//! How long a run waits for Microsoft. A run that waits keeps its slot from the other tenants.

use muster_domain::fault::Fault;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The longest single delay that a run waits for because Microsoft asks to. For a longer one the run ends,
/// and comes back by a schedule.
const LONGEST_DELAY: Duration = Duration::from_secs(15);
/// The longest that a run waits in all while no page comes.
const LONGEST_WITHOUT_PAGE: Duration = Duration::from_secs(60);
/// The longest single delay where giving up loses a list that was read in part.
const LONGEST_WITHIN_LIST: Duration = Duration::from_secs(60);

/// What a run loses when it gives up a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing: no page was read so far, or a later run goes on from a checkpoint.
    Nothing,
    /// The pages of this list that were read.
    List,
}

/// What one run has heard of Microsoft lately.
#[derive(Debug, Default)]
pub(crate) struct Patience(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// When a page last came whole.
    page_at: Option<Instant>,
    /// Since when Microsoft asks to wait, and no page has come.
    throttled_since: Option<Instant>,
    /// True if a request was not answered in time, and no page came meanwhile.
    silent: bool,
}

impl Patience {
    /// Notes that a page came whole.
    pub fn page_came(&self) {
        let mut heard = self.heard();
        heard.page_at = Some(Instant::now());
        heard.throttled_since = None;
    }

    /// Notes the fault of a request that was sent at `sent_at`.
    pub fn failed(&self, fault: &Fault, sent_at: Instant) {
        let mut heard = self.heard();
        match fault {
            Fault::Throttled(_) => {
                heard.throttled_since.get_or_insert(sent_at);
            }
            Fault::Silent if heard.page_at.is_none_or(|at| at < sent_at) => heard.silent = true,
            _ => {}
        }
    }

    /// Returns true if Microsoft answers nothing at all: the run sends no more requests.
    pub fn is_silent(&self) -> bool {
        self.heard().silent
    }

    /// Returns the longest delay that the run waits for now.
    pub fn longest_delay(&self, loss: Loss) -> Duration {
        if loss == Loss::List {
            return LONGEST_WITHIN_LIST;
        }
        let since = self.heard().throttled_since;
        let waited = since.map_or(Duration::ZERO, |since| since.elapsed());
        LONGEST_WITHOUT_PAGE
            .saturating_sub(waited)
            .min(LONGEST_DELAY)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
