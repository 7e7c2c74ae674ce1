//! A sync that was given up: why, since when, how often in a row, and when Muster tries again.

use crate::{Integration, clock_ahead, retry};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The last failure of a whole sync. It is stored with the integration until a sync succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncFailure {
    /// What happened, for a person.
    pub sentence: String,
    /// The time at which the first sync in a row failed.
    pub since: Timestamp,
    /// The time at which the last sync was given up.
    pub at: Timestamp,
    /// The number of syncs in a row that were given up.
    pub in_a_row: u32,
    /// The time at which Muster tries again by itself.
    pub next_try_at: Timestamp,
}

/// The tries of one sync before it is given up: `maxReceiveCount` of the queue on AWS.
pub const TRIES: u32 = 5;

/// The delay before the next sync after one was given up; it doubles with each in a row.
const FIRST_DELAY: SignedDuration = SignedDuration::from_mins(1);
const MOST_DOUBLINGS: u32 = 16;

impl SyncFailure {
    /// Records that a sync was given up at `now` whose first try failed at `failing_since`. `before` is the
    /// failure that is stored.
    #[must_use]
    pub fn given_up(
        before: Option<&Self>,
        sentence: String,
        failing_since: Timestamp,
        cadence_minutes: u32,
        now: Timestamp,
    ) -> Self {
        let in_a_row = before.map_or(0, |before| before.in_a_row).saturating_add(1);
        let since = before.map_or(failing_since, |before| before.since);
        Self {
            sentence,
            since: since.min(now),
            at: now,
            in_a_row,
            next_try_at: later(now, delay(in_a_row, cadence_minutes)),
        }
    }

    /// Returns the time of the next try. One that lies beyond the cadence was set by a wrong clock, and
    /// counts as now.
    pub fn next_try(&self, cadence_minutes: u32, now: Timestamp) -> Timestamp {
        let longest = cadence(cadence_minutes);
        match clock_ahead::is_to_come(self.next_try_at, longest, now) {
            true => self.next_try_at,
            false => now,
        }
    }

    /// Tells a person what happened, how often, and what comes next.
    pub fn told(&self, cadence_minutes: u32, now: Timestamp) -> String {
        let times = match self.in_a_row {
            1 => format!("The last sync was given up after {TRIES} tries."),
            more => format!("The last {more} syncs were given up after {TRIES} tries each."),
        };
        let next = self.next_try(cadence_minutes, now);
        let next = match next > now {
            true => format!("again {}", retry::when(next, now)),
            false => "again within minutes".to_owned(),
        };
        format!(
            "{} {times} What was read before is kept. Muster tries {next}; choose Sync now to try at once.",
            self.sentence
        )
    }
}

impl Integration {
    /// Notes that a sync was given up, and that the message which asked for it is gone. `sent_at` is when
    /// that message was sent.
    pub fn gave_up_sync(
        &mut self,
        sentence: &str,
        failing_since: Timestamp,
        sent_at: Timestamp,
        now: Timestamp,
    ) {
        self.sync_failure = Some(SyncFailure::given_up(
            self.sync_failure.as_ref(),
            sentence.to_owned(),
            failing_since,
            self.cadence_minutes,
            now,
        ));
        self.sync.queued_at.take_if(|queued| *queued <= sent_at);
    }
}

/// The delay before the next sync: short at first, then doubling up to the cadence.
fn delay(in_a_row: u32, cadence_minutes: u32) -> SignedDuration {
    let doublings = in_a_row.saturating_sub(1).min(MOST_DOUBLINGS);
    (FIRST_DELAY * 2_i32.pow(doublings)).min(cadence(cadence_minutes))
}

fn cadence(minutes: u32) -> SignedDuration {
    SignedDuration::from_mins(i64::from(minutes)).max(FIRST_DELAY)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minute).expect("a time")
    }

    #[test]
    fn tries_come_at_doubling_intervals_and_at_least_every_cadence() {
        let mut last: Option<SyncFailure> = None;
        let mut delays = Vec::new();
        for number in 0..9 {
            let now = at(1000 * number);
            let failure = SyncFailure::given_up(last.as_ref(), "No answer.".into(), at(0), 60, now);
            delays.push(failure.next_try_at.duration_since(now).as_mins());
            last = Some(failure);
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let last = last.expect("there were failures");
        assert_eq!((last.in_a_row, last.since), (9, at(0)));
    }

    #[test]
    fn a_next_try_that_a_wrong_clock_set_counts_as_now() {
        let year = at(365 * 24 * 60);
        let failure = SyncFailure::given_up(None, "No answer.".into(), year, 60, year);
        assert_eq!(failure.next_try(60, at(0)), at(0));
        let again = SyncFailure::given_up(Some(&failure), "No answer.".into(), at(0), 60, at(0));
        assert_eq!((again.since, again.next_try_at), (at(0), at(2)));
    }

    #[test]
    fn a_person_is_told_how_often_and_when_next() {
        let first = SyncFailure::given_up(None, "The disk is full.".into(), at(0), 60, at(1));
        insta::assert_snapshot!(first.told(60, at(1)), @"The disk is full. The last sync was given up after 5 tries. What was read before is kept. Muster tries again at 08:02 UTC; choose Sync now to try at once.");
        let second = SyncFailure::given_up(Some(&first), first.sentence.clone(), at(2), 60, at(3));
        insta::assert_snapshot!(second.told(60, at(9)), @"The disk is full. The last 2 syncs were given up after 5 tries each. What was read before is kept. Muster tries again within minutes; choose Sync now to try at once.");
    }
}
