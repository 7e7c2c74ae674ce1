//! Past events that are dated in the future: a clock was ahead when they were stored. They count as due
//! now, and never park a schedule.

use crate::{DatasetState, Integration, latest::Latest};
use jiff::{SignedDuration, Timestamp};

/// The most by which the clocks of two workers differ. A past event that is dated further ahead was dated
/// by a wrong clock.
pub const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(15);

/// Returns true if a past event is dated in the future, by more than clocks differ.
pub fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at.duration_since(now) > CLOCKS_DIFFER
}

/// Returns true if an event at `at` is younger than `life`. The age of an event in the future is not
/// known: it is not young.
pub fn is_younger(at: Timestamp, life: SignedDuration, now: Timestamp) -> bool {
    !is_ahead(at, now) && now.duration_since(at) < life
}

/// Returns true if a deadline that was set `longest` ahead at most is still to come. One that lies further
/// ahead was set by a wrong clock, and is over.
pub fn is_to_come(deadline: Timestamp, longest: SignedDuration, now: Timestamp) -> bool {
    let left = deadline.duration_since(now);
    left > SignedDuration::ZERO && left <= longest.saturating_add(CLOCKS_DIFFER)
}

/// Mends times, and keeps the latest of those that were ahead.
struct Mending {
    now: Timestamp,
    latest: Option<Timestamp>,
}

impl Mending {
    fn new(now: Timestamp) -> Self {
        Self { now, latest: None }
    }

    fn is_ahead(&mut self, at: Timestamp) -> bool {
        let ahead = is_ahead(at, self.now);
        if ahead {
            self.latest = self.latest.max(Some(at));
        }
        ahead
    }

    /// Forgets a time that is ahead.
    fn forget(&mut self, time: &mut Option<Timestamp>) {
        if time.is_some_and(|at| self.is_ahead(at)) {
            *time = None;
        }
    }

    /// Replaces a time that is ahead by now.
    fn replace(&mut self, time: &mut Timestamp) {
        if self.is_ahead(*time) {
            *time = self.now;
        }
    }
}

impl DatasetState {
    /// Forgets the times that are ahead, with what rests on them: the dataset is due now, and its list is
    /// read from the start. Returns the latest of them.
    pub fn mend_times(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut mending = Mending::new(now);
        for time in [
            &mut self.last_attempt_at,
            &mut self.last_success_at,
            &mut self.counted_at,
            &mut self.checkpoint.delta_link_at,
            &mut self.checkpoint.next_link_at,
            &mut self.checkpoint.began_at,
            &mut self.asking.learned_at,
        ] {
            mending.forget(time);
        }
        if let Some(whole) = &mut self.complete {
            if mending.is_ahead(whole.ended_at) || mending.is_ahead(whole.began_at) {
                self.checkpoint.delta_link_at = None;
                self.last_attempt_at = None;
            }
            mending.replace(&mut whole.began_at);
            mending.replace(&mut whole.ended_at);
        }
        self.index.take_if(|index| mending.is_ahead(index.made_at));
        let since = [
            self.held_removal.as_mut().map(|held| &mut held.since),
            self.answered_removal.as_mut().map(|answer| &mut answer.at),
            self.repaired.as_mut().map(|repaired| &mut repaired.at),
            self.repeated.as_mut().map(|repeated| &mut repeated.since),
            self.kept.as_mut().map(|kept| &mut kept.since),
        ];
        since
            .into_iter()
            .flatten()
            .for_each(|time| mending.replace(time));
        self.times_mended = mending.latest.is_some();
        mending.latest
    }
}

impl Latest {
    /// Forgets when the latest sync began and ended, where that is ahead. Returns the latest of those
    /// times.
    pub fn mend_times(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut mending = Mending::new(now);
        for time in [
            &mut self.sync.last_started_at,
            &mut self.sync.finished_at,
            &mut self.roles_at,
        ] {
            mending.forget(time);
        }
        mending.latest
    }
}

impl Integration {
    /// Forgets the times that are ahead where that makes something due, and otherwise replaces them by
    /// now. Returns the latest of them.
    pub fn mend_times(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut mending = Mending::new(now);
        let sync = &mut self.sync;
        for time in [
            &mut sync.requested_at,
            &mut sync.queued_at,
            &mut sync.last_started_at,
            &mut sync.finished_at,
            &mut self.roles_at,
            &mut self.consent_hint_at,
            &mut self.credential.deleted_since,
        ] {
            mending.forget(time);
        }
        if mending.is_ahead(self.credential.stored_at) {
            self.credential.stored_again(now);
        }
        if let Some(previous) = &mut self.previous {
            mending.forget(&mut previous.needed_at);
            mending.replace(&mut previous.replaced_at);
        }
        if let Some(automatic) = &mut self.automatic {
            mending.forget(&mut automatic.tried_at);
        }
        if let Some(wait) = &mut self.sign_in_wait {
            mending.replace(&mut wait.since);
            mending.replace(&mut wait.tried_at);
        }
        if let Some(failure) = &mut self.sync_failure {
            mending.replace(&mut failure.since);
            mending.replace(&mut failure.at);
        }
        let others = [
            Some(&mut self.created_at),
            self.connected_at.as_mut(),
            self.read_again_at.as_mut(),
            self.sign_in_trouble.as_mut().map(|it| &mut it.since),
            self.fell_back.as_mut().map(|it| &mut it.since),
            self.renewal.as_mut().map(|it| &mut it.began_at),
            self.offered.as_mut().map(|it| &mut it.made_at),
            self.secret_policy.as_mut().map(|it| &mut it.known_at),
        ];
        let others = others.into_iter().flatten();
        others
            .chain(self.damaged.values_mut())
            .for_each(|time| mending.replace(time));
        mending.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connect::{Checked, Proof},
        datasets::users::USERS,
        expiry::Credential,
        index::IndexMark,
        integration::Trouble,
        plan::{self, Action, From},
        state::{Completeness, Phase},
    };
    use secrecy::SecretString;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("a time")
    }

    fn minutes(more: i64) -> Timestamp {
        now() + SignedDuration::from_mins(more)
    }

    const YEAR: i64 = 365 * 24 * 60;

    fn integration() -> Integration {
        let form = Checked {
            name: "Contoso".into(),
            tenant_id: "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
                .parse()
                .expect("a GUID"),
            client_id: "0c5e6f1c-7a0b-4f4a-559c-0a1b2c2f6d8f"
                .parse()
                .expect("a GUID"),
            proof: Proof::Secret(SecretString::from("not kept")),
            cloud: None,
            cadence_minutes: 60,
            secret_expires_at: None,
        };
        let credential = Credential::client_secret("abc".into(), now());
        let cloud = crate::cloud::Cloud::Global;
        let mut it = Integration::new(&form, cloud, credential, now());
        it.saw_roles(crate::Permission::required().collect(), now());
        it
    }

    /// Users as a sync at `at` left them.
    fn read_at(at: Timestamp) -> DatasetState {
        let mut state = DatasetState::new(&USERS);
        state.phase = Phase::Fresh;
        state.last_attempt_at = Some(at);
        state.last_success_at = Some(at);
        state.counted_at = Some(at);
        state.checkpoint.delta_link = Some("https://graph.microsoft.com/link".to_owned());
        state.checkpoint.delta_link_at = Some(at);
        state.index = Some(IndexMark {
            made_at: at,
            runs: Vec::new(),
        });
        state.complete = Some(Completeness {
            began_at: at,
            ended_at: at,
            objects: 7,
            proof: "deltaLink".to_owned(),
            counted: None,
        });
        state
    }

    fn action(state: &DatasetState) -> Action {
        let plan = plan::plan(&integration(), std::slice::from_ref(state), now());
        let mut steps = plan.steps.into_iter();
        let step = steps.find(|step| step.dataset.name == state.dataset);
        step.expect("every dataset is planned").action
    }

    #[test]
    fn a_dataset_that_was_read_in_the_future_is_due_now_and_read_from_its_start() {
        let mut state = read_at(minutes(YEAR));
        assert_eq!(state.mend_times(now()), Some(minutes(YEAR)));
        assert_eq!(action(&state), Action::Read(From::Start));
        assert_eq!(state.index, None, "nobody knows how old it is");
        assert_eq!(state.complete_as_of(), Some(now()));
        assert_eq!(state.mend_times(now()), None);
        let mut whole_alone = read_at(now());
        whole_alone.complete = read_at(minutes(YEAR)).complete;
        whole_alone.mend_times(now());
        assert_eq!(action(&whole_alone), Action::Read(From::Start));
    }

    #[test]
    fn clocks_that_differ_a_little_cost_no_more_than_an_early_turn() {
        let mut state = read_at(minutes(10));
        assert_eq!(state.mend_times(now()), None);
        assert!(matches!(action(&state), Action::Read(From::DeltaLink(_))));
        "organization".clone_into(&mut state.dataset);
        assert!(matches!(action(&state), Action::Read(_)));
        state.last_attempt_at = Some(minutes(-1));
        assert!(matches!(action(&state), Action::NotDue(_)), "once a day");
    }

    #[test]
    fn what_an_integration_dates_in_the_future_holds_nothing_back() {
        let mut it = integration();
        it.sync.request(minutes(YEAR));
        it.credential.stored_at = minutes(YEAR);
        it.credential.expires_at = Some(minutes(2 * YEAR));
        it.damaged.insert("users".to_owned(), minutes(YEAR));
        it.sign_in_trouble = Some(Trouble {
            sentence: "Refused.".to_owned(),
            since: minutes(YEAR),
        });
        assert_eq!(it.mend_times(now()), Some(minutes(YEAR)));
        assert_eq!((it.sync.requested_at, it.sync.queued_at), (None, None));
        assert_eq!(it.credential.stored_at, now());
        let fresh = Credential::client_secret("abc".into(), now());
        assert_eq!(it.credential.expires_at, fresh.expires_at, "it was assumed");
        assert_eq!(it.read_again_since("users", now()), Some(now()));
        assert_eq!(it.sign_in_trouble.as_ref().map(|it| it.since), Some(now()));
        assert_eq!(it.mend_times(now()), None);
    }

    #[test]
    fn a_deadline_beyond_the_longest_is_over() {
        let hour = SignedDuration::from_hours(1);
        assert!(is_to_come(minutes(60), hour, now()));
        assert!(!is_to_come(now(), hour, now()));
        assert!(is_to_come(minutes(70), hour, now()), "clocks differ");
        assert!(!is_to_come(minutes(YEAR), hour, now()));
    }

    #[test]
    fn an_age_that_is_not_known_is_not_young() {
        let hour = SignedDuration::from_hours(1);
        assert!(is_younger(minutes(-30), hour, now()));
        assert!(is_younger(minutes(10), hour, now()));
        assert!(!is_younger(minutes(-60), hour, now()));
        assert!(!is_younger(minutes(60), hour, now()));
    }
}
