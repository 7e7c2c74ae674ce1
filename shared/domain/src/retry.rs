//! Retry decisions: when a request is tried again, and when a dataset or a sign-in that gave up is.
//!
//! Microsoft, "Microsoft Graph throttling guidance" (<https://learn.microsoft.com/graph/throttling>):
//! wait as `Retry-After` says, and back off exponentially where it is missing. A service that keeps
//! answering `Retry-After: 1` is not believed: delays grow whatever it says, and each request has a
//! bound in tries and in time.

use crate::fault::Fault;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The first delay, and the most that doubling makes of it.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const MOST_DOUBLINGS: u32 = 7;
/// A request that is throttled so often in a row is given up.
const MOST_THROTTLED: u32 = 6;
/// A request that fails in another passing way so often in a row is given up.
const MOST_PASSING: u32 = 5;
/// One request is not waited for longer than this in all.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// `Retry-After` is believed up to a day.
const LONGEST_NAMED: Duration = Duration::from_secs(24 * 60 * 60);

/// The failed tries of one request. It counts those in a row: every request begins anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    failed: u32,
    waited: Duration,
}

impl Tries {
    /// Returns the delay before the next try after this fault, or `None` to give the request up.
    /// `patience` is the time left in the run, `jitter` a random number from 0 up to 1.
    pub fn after(&mut self, fault: &Fault, patience: Duration, jitter: f64) -> Option<Duration> {
        let (named, most) = match fault {
            Fault::Throttled(named) => (*named, MOST_THROTTLED),
            Fault::Passing(_) => (None, MOST_PASSING),
            Fault::Silent => (None, 1),
            _ => return None,
        };
        self.again(named, most, patience, jitter)
    }

    /// Returns the delay before the next try where the service asked for `named`, or `None` to give
    /// up after `most` tries, or where the delay is beyond `patience`.
    pub fn again(
        &mut self,
        named: Option<Duration>,
        most: u32,
        patience: Duration,
        jitter: f64,
    ) -> Option<Duration> {
        let delay = delay(named, self.failed, jitter);
        self.failed += 1;
        if self.failed > most || delay > patience || self.waited + delay > LONGEST_WAIT {
            return None;
        }
        self.waited += delay;
        Some(delay)
    }
}

/// Returns the delay after `failed` earlier failures: at least what was named, and at least the
/// exponential backoff. Half of the backoff is random, and up to a tenth is added to what was named,
/// so that clients that were refused together do not come back together.
pub fn delay(named: Option<Duration>, failed: u32, jitter: f64) -> Duration {
    let jitter = jitter.clamp(0.0, 1.0);
    let backoff = FIRST_DELAY * 2u32.pow(failed.min(MOST_DOUBLINGS));
    let backoff = backoff.mul_f64(0.5 + jitter / 2.0);
    let named = named.unwrap_or_default();
    let spread = (named / 10).min(Duration::from_secs(5)).mul_f64(jitter);
    backoff.max(named + spread)
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds or a date. A fraction is rounded up, a date in the
/// past is zero, more than a day is a day, and anything else is `None`.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let is_number = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let dots = text.bytes().filter(|byte| *byte == b'.').count();
        digits > 0 && dots <= 1 && digits + dots == text.len()
    };
    if is_number(text) {
        let seconds = text.parse::<f64>().ok()?.ceil();
        let most = LONGEST_NAMED.as_secs_f64();
        return Some(Duration::from_secs_f64(seconds.min(most)));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    let seconds = date.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).min(LONGEST_NAMED))
}

/// A dataset or a sign-in that gave up waits at least this long, and twice as long each time in a row.
const FIRST_TURN: Duration = Duration::from_secs(5 * 60);
const MOST_TURN_DOUBLINGS: u32 = 6;
/// A wait that is named for this long is not asked into again and again: it is believed the first time.
const BELIEVED: Duration = Duration::from_secs(15);
/// A schedule fires by another clock: so much too early is on time.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(30);

/// No turn is put off for longer: the longest wait that is believed, its jitter, and a whole minute.
pub const LONGEST_OFF: SignedDuration = SignedDuration::from_hours(25);

/// The next try of what gave up its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextTry {
    /// Not before then; a whole minute, as a person is told it.
    pub at: Timestamp,
    /// The number of turns in a row that were given up.
    pub given_up: u32,
}

impl NextTry {
    /// Puts off what gave up at `now`: at least as long as Microsoft named, and longer each time in a
    /// row. `before` is the last time it was put off, `None` where it went well since.
    pub fn after(
        before: Option<Self>,
        named: Option<Duration>,
        now: Timestamp,
        jitter: f64,
    ) -> Self {
        let given_up = before.map_or(0, |before| before.given_up);
        let turn = FIRST_TURN * 2u32.pow(given_up.min(MOST_TURN_DOUBLINGS));
        let turn = match named {
            Some(named) if before.is_none() && named >= BELIEVED => named,
            named => turn.max(named.unwrap_or_default()),
        };
        let turn = turn.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 10.0);
        let wait = turn.min(LONGEST_NAMED);
        let seconds = i64::try_from(wait.as_secs()).unwrap_or_default();
        // Up to the next whole minute: what is told to the minute is then true.
        let at = (now.as_second() + seconds).div_euclid(60) * 60 + 60;
        Self {
            at: Timestamp::from_second(at).unwrap_or(now),
            given_up: given_up.saturating_add(1),
        }
    }

    /// Whether it is not tried yet at `now`. One that is further off than any wait was set by a clock
    /// that was ahead, and holds nothing.
    pub fn holds(&self, now: Timestamp) -> bool {
        let left = self.at.duration_since(now);
        left > CLOCKS_DIFFER && left <= LONGEST_OFF
    }

    /// Words the time for a sentence: `at 14:05 UTC`, with the day where that is another one.
    pub fn when(&self, now: Timestamp) -> String {
        when(self.at, now)
    }
}

/// Words a time for a sentence: `at 14:05 UTC`, with the day where that is another one.
pub fn when(at: Timestamp, now: Timestamp) -> String {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    let form = match day(at) == day(now) {
        true => "at %H:%M UTC",
        false => "on %-d %B at %H:%M UTC",
    };
    at.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DatasetState, datasets::users::USERS};

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a date")
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The delays until the request is given up.
    fn delays(fault: &Fault, jitter: f64) -> Vec<Duration> {
        let mut tries = Tries::default();
        std::iter::from_fn(|| tries.after(fault, HOUR, jitter)).collect()
    }

    #[test]
    fn retry_after_is_seconds_a_date_or_nothing() {
        for (text, read) in [
            ("10", Some(10)),
            (" 10 ", Some(10)),
            ("0", Some(0)),
            ("1.5", Some(2)),
            ("0.2", Some(1)),
            ("1000000000000", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("Thu, 01 Jan 2026 00:01:00 GMT", Some(60)),
            ("Thu, 01 Jan 2015 00:01:00 GMT", Some(0)),
            ("Tue, 01 Jan 2126 00:01:00 GMT", Some(86_400)),
            ("-5", None),
            ("1e3", None),
            ("inf", None),
            ("NaN", None),
            (".", None),
            ("1.2.3", None),
            ("", None),
            ("soon", None),
            ("Thu, 01 Jan 2126 00:01:00 GMT", None),
            ("120, 120", None),
        ] {
            assert_eq!(retry_after(text, now()), read.map(seconds), "{text:?}");
        }
    }

    #[test]
    fn delays_grow_whatever_is_named_and_end() {
        for named in [None, Some(0), Some(1)] {
            for jitter in [0.0, 0.5, 0.999] {
                let delays = delays(&Fault::Throttled(named.map(seconds)), jitter);
                assert_eq!(delays.len(), 6, "{named:?} {jitter}");
                let grew = delays.windows(2).all(|pair| pair[0] <= pair[1]);
                assert!(grew && delays[0] < delays[5], "{named:?} {delays:?}");
                let least = seconds(named.unwrap_or_default());
                assert!(delays.iter().all(|delay| *delay >= least), "{delays:?}");
                assert!(delays.iter().sum::<Duration>() < seconds(60), "{delays:?}");
            }
        }
    }

    #[test]
    fn jitter_spreads_what_was_refused_together() {
        let fault = Fault::Throttled(None);
        assert_ne!(delays(&fault, 0.1), delays(&fault, 0.9));
        let named = Fault::Throttled(Some(seconds(100)));
        assert!(delays(&named, 0.1)[0] >= seconds(100));
        assert_ne!(delays(&named, 0.1)[0], delays(&named, 0.9)[0]);
    }

    #[test]
    fn one_request_is_not_waited_for_longer_than_five_minutes_in_all() {
        let named = Fault::Throttled(Some(seconds(97)));
        assert_eq!(delays(&named, 0.0).len(), 3);
        assert_eq!(delays(&Fault::Throttled(Some(HOUR)), 0.0).len(), 0);
    }

    #[test]
    fn no_delay_outlasts_the_patience() {
        let named = Fault::Throttled(Some(seconds(100)));
        assert_eq!(Tries::default().after(&named, seconds(60), 0.0), None);
        assert_eq!(Tries::default().after(&Fault::Forbidden, HOUR, 0.0), None);
        assert_eq!(delays(&Fault::Passing("broken".into()), 0.0).len(), 5);
    }

    #[test]
    fn what_gives_up_again_and_again_comes_back_later_and_later() {
        let mut before = None;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let next = NextTry::after(before, Some(seconds(1)), now(), 0.0);
            waits.push(next.at.duration_since(now()).as_mins());
            before = Some(next);
        }
        assert_eq!(waits, [6, 11, 21, 41, 81, 161, 321, 321, 321]);
        let (one, other) = [0.1, 0.9]
            .map(|jitter| NextTry::after(before, None, now(), jitter).at)
            .into();
        assert_ne!(one, other, "what was refused together comes back apart");
    }

    #[test]
    fn the_time_that_was_named_is_not_cut_short_and_is_told_to_the_minute() {
        let named = NextTry::after(None, Some(HOUR), now(), 0.0);
        assert!(named.at.duration_since(now()) >= SignedDuration::from_hours(1));
        assert_eq!(named.when(now()), "at 01:01 UTC");
        let again = NextTry::after(Some(named), Some(HOUR), now(), 0.0);
        assert!(again.at.duration_since(now()) >= SignedDuration::from_hours(1));
        let near = NextTry::after(None, Some(seconds(40)), now(), 0.0);
        assert_eq!(near.when(now()), "at 00:01 UTC");
        let late: Timestamp = "2026-01-01T23:59:30Z".parse().expect("a date");
        let next = NextTry::after(None, None, late, 0.0);
        assert_eq!(next.when(late), "on 2 January at 00:05 UTC");
        assert_eq!(next.at.as_second() % 60, 0);
    }

    #[test]
    fn a_clock_that_was_ahead_puts_nothing_off() {
        let ahead = now() + SignedDuration::from_hours(24 * 365);
        let next = NextTry::after(None, None, ahead, 0.0);
        assert!(next.holds(ahead) && !next.holds(now()));
        let longest = NextTry::after(None, Some(LONGEST_NAMED), now(), 1.0);
        assert!(longest.holds(now()));
        // A schedule whose clock is some seconds ahead has not come in vain.
        let early = |seconds: i64| longest.at - SignedDuration::from_secs(seconds);
        assert!(longest.holds(early(31)) && !longest.holds(early(30)));
    }

    #[test]
    fn a_dataset_that_was_put_off_is_read_then_or_when_a_person_asks() {
        use crate::{integration::Integration, plan};
        let mut state = DatasetState::new(&USERS);
        state.phase = crate::state::Phase::Incomplete;
        state.last_attempt_at = Some(now());
        state.next_try = Some(NextTry::after(None, None, now(), 0.0));
        let mut integration: Integration = serde_json::from_value(serde_json::json!({
            "tenant_id": "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c",
            "client_id": "0c5e6f1c-7a0b-4f4a-559c-0a1b2c2f6d8f",
            "name": "Contoso", "cloud": "global", "cadence_minutes": 60,
            "created_at": now(), "roles": ["User.Read.All"],
            "credential": crate::expiry::Credential::client_secret("abc".into(), now()),
        }))
        .expect("an integration");
        let action = |integration: &Integration, minutes: i64| {
            let at = now() + SignedDuration::from_mins(minutes);
            let plan = plan::plan(integration, std::slice::from_ref(&state), at);
            let step = plan.steps.into_iter().find(|s| s.dataset.name == "users");
            step.expect("users are planned").action
        };
        let due = state.next_try.map(|next| next.at).expect("it is put off");
        assert_eq!(action(&integration, 2), plan::Action::NotDue(due));
        assert!(matches!(action(&integration, 6), plan::Action::Read(_)));
        integration.sync.requested_at = Some(now() + SignedDuration::from_mins(1));
        assert!(matches!(action(&integration, 2), plan::Action::Read(_)));
    }
}
