//! Times that lie in the future although they name the past: a clock was ahead when they were
//! stored. They count as due now, and never park a schedule.

use crate::{DatasetState, Integration, latest::Latest};
use jiff::{SignedDuration, Timestamp};

/// How far the clocks of two workers may differ. A time that is further ahead is wrong.
pub const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(15);

/// Whether a time that names the past lies in the future, by more than clocks may differ.
pub fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at.duration_since(now) > CLOCKS_DIFFER
}

/// Whether something that happened at `at` is younger than `life`. What lies in the future is not:
/// its age is not known.
pub fn is_younger(at: Timestamp, life: SignedDuration, now: Timestamp) -> bool {
    !is_ahead(at, now) && now.duration_since(at) < life
}

/// Collects the latest of the times that were dropped.
struct Dropped {
    now: Timestamp,
    latest: Option<Timestamp>,
}

impl Dropped {
    fn new(now: Timestamp) -> Self {
        Self { now, latest: None }
    }

    /// Forgets a time that lies in the future: when it was is not known.
    fn forget(&mut self, time: &mut Option<Timestamp>) {
        if let Some(at) = time.filter(|at| is_ahead(*at, self.now)) {
            *time = None;
            self.latest = self.latest.max(Some(at));
        }
    }

    /// Replaces a time that lies in the future, where there must be one, by now.
    fn replace(&mut self, time: &mut Timestamp) {
        if is_ahead(*time, self.now) {
            self.latest = self.latest.max(Some(*time));
            *time = self.now;
        }
    }
}

impl DatasetState {
    /// Forgets when it was looked at, where that lies in the future: the dataset is due now then.
    /// Returns the latest time that was forgotten.
    pub fn forget_times_ahead(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut dropped = Dropped::new(now);
        dropped.forget(&mut self.last_attempt_at);
        dropped.forget(&mut self.last_success_at);
        // What is so dated is followed no longer: a list is read from its start.
        dropped.forget(&mut self.checkpoint.delta_link_at);
        dropped.forget(&mut self.checkpoint.next_link_at);
        dropped.forget(&mut self.checkpoint.began_at);
        if let Some(held) = &mut self.held_removal {
            dropped.replace(&mut held.since);
        }
        dropped.latest
    }
}

impl Latest {
    /// Forgets when the latest sync began and ended, where that lies in the future. Returns the
    /// latest time that was forgotten.
    pub fn forget_times_ahead(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut dropped = Dropped::new(now);
        dropped.forget(&mut self.sync.last_started_at);
        dropped.forget(&mut self.sync.finished_at);
        dropped.forget(&mut self.roles_at);
        dropped.latest
    }
}

impl Integration {
    /// Forgets what lies in the future although it names the past. Returns the latest time that was
    /// forgotten.
    pub fn forget_times_ahead(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut dropped = Dropped::new(now);
        let sync = &mut self.sync;
        // A request is not repeated for it: every dataset so dated is due anyway.
        for time in [
            &mut sync.requested_at,
            &mut sync.last_started_at,
            &mut sync.finished_at,
            &mut sync.refused_at,
            &mut sync.all_due_at,
            &mut self.roles_at,
        ] {
            dropped.forget(time);
        }
        if let Some(failure) = &mut sync.failure {
            dropped.replace(&mut failure.since);
            dropped.replace(&mut failure.at);
        }
        let troubles = [&mut self.sign_in_trouble, &mut self.fell_back];
        for trouble in troubles.into_iter().flatten() {
            dropped.replace(&mut trouble.since);
        }
        if let Some(at) = &mut self.connected_at {
            dropped.replace(at);
        }
        if is_ahead(self.credential.stored_at, now) {
            dropped.replace(&mut self.credential.stored_at);
            self.credential.assume_from(now);
        }
        dropped.forget(&mut self.credential.deleted_since);
        if let Some(previous) = &mut self.previous {
            dropped.replace(&mut previous.replaced_at);
            dropped.forget(&mut previous.needed_at);
        }
        dropped.forget(&mut self.consent_hint_at);
        dropped.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::users::USERS;

    #[test]
    fn what_is_ahead_by_more_than_clocks_differ_is_forgotten() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let minutes = |more| now + SignedDuration::from_mins(more);
        let mut state = DatasetState::new(&USERS);
        state.last_attempt_at = Some(minutes(10));
        state.last_success_at = Some(minutes(525_600));
        state.checkpoint.delta_link_at = Some(minutes(20));
        assert_eq!(state.forget_times_ahead(now), Some(minutes(525_600)));
        assert_eq!(state.last_attempt_at, Some(minutes(10)));
        assert_eq!(
            (state.last_success_at, state.checkpoint.delta_link_at),
            (None, None)
        );
        assert_eq!(state.forget_times_ahead(now), None);
    }

    #[test]
    fn an_age_that_is_not_known_is_not_young() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let hour = SignedDuration::from_hours(1);
        assert!(is_younger(now - hour / 2, hour, now));
        assert!(!is_younger(now - hour, hour, now));
        assert!(!is_younger(now + hour, hour, now));
    }
}
