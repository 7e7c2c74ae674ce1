//! Which datasets a sync reads, from where, and why not the others. A plan is a value.

use crate::{Dataset, DatasetState, Integration, Verdict, clock_ahead, datasets, state::Phase};
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// One sync's plan, in the order its datasets begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// One step for every dataset.
    pub steps: Vec<Step>,
}

/// What is done about one dataset.
#[derive(Debug, Clone)]
pub struct Step {
    /// The dataset.
    pub dataset: &'static Dataset,
    /// What its permissions allow.
    pub verdict: Verdict,
    /// What is done.
    pub action: Action,
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.dataset.name == other.dataset.name
            && self.verdict == other.verdict
            && self.action == other.action
    }
}

/// Read it, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Read it from here.
    Read(From),
    /// A permission is missing: say so, keep what is held.
    Block,
    /// Switched off by a person.
    Off,
    /// Not due before then.
    NotDue(Timestamp),
}

/// Where reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// At the first page.
    Start,
    /// At what changed since the last round.
    DeltaLink(String),
    /// At the next page of a first enumeration that was interrupted.
    NextLink(String),
}

/// A delta token lives seven days; six is safe, and the weekly whole enumeration comes of it.
const DELTA_LIFE: SignedDuration = SignedDuration::from_hours(6 * 24);
/// A page token lives minutes.
const PAGE_LIFE: SignedDuration = SignedDuration::from_mins(4);
/// A delta link is replaced by a whole enumeration at least this often.
const WHOLE_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Plans a sync.
pub fn plan(integration: &Integration, states: &[DatasetState], now: Timestamp) -> Plan {
    let mut ordered: Vec<&'static Dataset> = datasets::ALL.to_vec();
    ordered.sort_by_key(|dataset| dataset.priority);
    let steps = ordered.into_iter().map(|dataset| {
        let state = states.iter().find(|state| state.dataset == dataset.name);
        let verdict = Verdict::of_roles(dataset, &integration.roles);
        let action = if integration
            .datasets_off
            .iter()
            .any(|name| name == dataset.name)
        {
            Action::Off
        } else if !verdict.allows() {
            Action::Block
        } else {
            match due_at(dataset, state, integration, now) {
                Some(at) if at > now => Action::NotDue(at),
                _ => Action::Read(from(dataset, state, now)),
            }
        };
        Step {
            dataset,
            verdict,
            action,
        }
    });
    Plan {
        steps: steps.collect(),
    }
}

/// When a dataset is due; `None` is at once.
fn due_at(
    dataset: &Dataset,
    state: Option<&DatasetState>,
    integration: &Integration,
    now: Timestamp,
) -> Option<Timestamp> {
    let state = state?;
    let again = integration.read_again_since(dataset.name, now);
    if again.is_some_and(|asked| state.is_older_than(asked)) {
        return None;
    }
    let asked = integration.sync.requested_at;
    let last = state.last_attempt_at?;
    // A row that cannot be read comes again with the next download, which is no reason to hurry it.
    let rows_are_missing = state.phase == Phase::Incomplete && state.rows.unreadable > 0;
    let ended = matches!(state.phase, Phase::Fresh) || rows_are_missing;
    let unfinished = !ended && state.verdict.allows();
    let granted_since = matches!(state.verdict, Verdict::MissingPermission { .. });
    // A time in the future is of another clock: the dataset is due now.
    if last > now || asked.is_some_and(|asked| asked >= last) || state.removal_allowed {
        return None;
    }
    // Throttled: asking earlier would only make Microsoft refuse for longer.
    if let Some(next) = state.next_try.filter(|next| next.holds(now)) {
        return Some(next.at);
    }
    if unfinished || granted_since {
        return None;
    }
    // A tenth of slack, so that a schedule that fires a little early does not skip a turn.
    let every = i64::from(dataset.due_every_minutes) * 54;
    last.checked_add(SignedDuration::from_secs(every)).ok()
}

fn from(dataset: &Dataset, state: Option<&DatasetState>, now: Timestamp) -> From {
    let Some(state) = state else {
        return From::Start;
    };
    let young =
        |at: Option<Timestamp>, life| at.is_some_and(|at| clock_ahead::is_younger(at, life, now));
    let place = &state.checkpoint;
    let whole = state.complete.as_ref();
    if let Some(link) = &place.next_link
        && whole.is_none()
        && young(place.next_link_at, PAGE_LIFE)
    {
        return From::NextLink(link.clone());
    }
    if let Some(link) = &place.delta_link
        && dataset.enumeration.is_delta()
        && young(place.delta_link_at, DELTA_LIFE)
        && young(whole.map(|whole| whole.ended_at), WHOLE_EVERY)
        && state.held_removal.is_none()
        && !state.removal_allowed
        // A run that never ended may have written more than the count and the link know of.
        && state.phase != Phase::Running
    {
        return From::DeltaLink(link.clone());
    }
    From::Start
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "{:<18} ", step.dataset.name)?;
            match &step.action {
                Action::Read(From::Start) => writeln!(f, "read whole"),
                Action::Read(From::DeltaLink(_)) => writeln!(f, "read what changed"),
                Action::Read(From::NextLink(_)) => writeln!(f, "read on from the next page"),
                Action::Block => writeln!(f, "{}", step.verdict.label()),
                Action::Off => writeln!(f, "off"),
                Action::NotDue(at) => writeln!(f, "due {at}"),
            }?;
        }
        Ok(())
    }
}
