//! How long a run waits for Microsoft: a slot that waits is a slot that no other tenant has.

use muster_domain::fault::Fault;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// The longest that a run waits in its slot because Microsoft asks to, while nothing is answered in
/// between. For a longer wait the run ends, and comes back by a schedule.
const SHORT: Duration = Duration::from_secs(20);
/// The same where giving up loses a list that was read in part and cannot be read on later.
const LONG: Duration = Duration::from_secs(300);

/// What a run loses when it gives up a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Nothing: no page was read so far, or reading goes on from a checkpoint.
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
    /// Whether a request was not answered in time, and no page came meanwhile.
    silent: bool,
}

impl Patience {
    /// Notes that a page came whole.
    pub fn page_came(&self) {
        let mut heard = self.heard();
        heard.page_at = Some(Instant::now());
        heard.throttled_since = None;
    }

    /// Notes a fault of a request that was sent at `sent_at`.
    pub fn missed(&self, fault: &Fault, sent_at: Instant) {
        let mut heard = self.heard();
        match fault {
            Fault::Throttled(_) => {
                heard.throttled_since.get_or_insert_with(Instant::now);
            }
            Fault::Silent if heard.page_at.is_none_or(|at| at < sent_at) => heard.silent = true,
            _ => {}
        }
    }

    /// Whether Microsoft answers nothing at all: the run sends no more requests then.
    pub fn is_silent(&self) -> bool {
        self.heard().silent
    }

    /// How much longer a request may wait that has waited for `waited` already.
    pub fn left(&self, loss: Loss, waited: Duration) -> Duration {
        match loss {
            Loss::List => LONG.saturating_sub(waited),
            Loss::Nothing => {
                let since = self.heard().throttled_since;
                let of_all = since.map_or(Duration::ZERO, |since| since.elapsed());
                SHORT.saturating_sub(waited.max(of_all))
            }
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_waits_for_twenty_seconds_in_all_until_a_page_comes() {
        let patience = Patience::default();
        let throttled = Fault::Throttled(Some(seconds(20)));
        assert_eq!(patience.left(Loss::Nothing, Duration::ZERO), seconds(20));
        patience.missed(&throttled, Instant::now());
        tokio::time::sleep(seconds(15)).await;
        patience.missed(&throttled, Instant::now());
        assert_eq!(patience.left(Loss::Nothing, Duration::ZERO), seconds(5));
        assert_eq!(patience.left(Loss::List, seconds(15)), seconds(285));
        patience.page_came();
        assert_eq!(patience.left(Loss::Nothing, seconds(15)), seconds(5));
        assert_eq!(patience.left(Loss::Nothing, Duration::ZERO), seconds(20));
    }

    #[tokio::test(start_paused = true)]
    async fn microsoft_is_silent_only_where_nothing_came_while_a_request_waited() {
        let patience = Patience::default();
        let sent_at = Instant::now();
        tokio::time::sleep(seconds(30)).await;
        patience.page_came();
        tokio::time::sleep(seconds(30)).await;
        patience.missed(&Fault::Silent, sent_at);
        assert!(!patience.is_silent(), "the others are answered");
        patience.missed(&Fault::Silent, Instant::now());
        assert!(patience.is_silent());
    }
}
