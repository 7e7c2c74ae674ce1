//! An integration as it is told, by the API and on the pages alike.

mod credential;
mod deletion;

pub use credential::{CredentialView, OfferedView};
pub use deletion::DeletionView;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use muster_domain::{
    ClientId, Dataset, DatasetState, Integration, Permission, TenantId, Verdict,
    cloud::Cloud,
    datasets::{self, subscribed_skus::SUBSCRIBED_SKUS, subscriptions::SUBSCRIPTIONS},
    figure::{self, Figure, Source},
    integration::{PermissionState, Problem, Status},
    report::ReportRows,
    state::{AnsweredRemoval, Completeness, Counters, HeldRemoval, Phase, Repaired},
    summary::Counts,
    sync_failure::SyncFailure,
};
use serde::Serialize;

/// One integration, whole.
#[derive(Debug, Clone, Serialize)]
pub struct IntegrationView {
    /// The directory.
    pub tenant_id: TenantId,
    /// What the MSP calls the client.
    pub name: String,
    /// The app registration.
    pub client_id: ClientId,
    /// Which hosts are spoken to.
    pub cloud: Cloud,
    /// How often to sync.
    pub cadence_minutes: u32,
    /// Whether a person has paused it.
    pub paused: bool,
    /// Where it stands.
    pub status: Status,
    /// When it was added.
    pub created_at: Timestamp,
    /// When roles were first seen.
    pub connected_at: Option<Timestamp>,
    /// Every permission.
    pub permissions: Vec<PermissionView>,
    /// Every dataset.
    pub datasets: Vec<DatasetView>,
    /// What is known of the credential.
    pub credential: CredentialView,
    /// What a person should know, the most pressing first.
    pub problems: Vec<Problem>,
    /// Where the sync stands.
    pub sync: SyncView,
}

/// One permission.
#[derive(Debug, Clone, Serialize)]
pub struct PermissionView {
    /// The name in Entra.
    pub name: &'static str,
    /// Whether it is granted.
    pub state: PermissionState,
    /// The datasets it feeds.
    pub feeds: Vec<&'static str>,
    /// Whether leaving it out is no trouble.
    pub optional: bool,
    /// The permission itself.
    #[serde(skip)]
    pub permission: Permission,
}

/// One dataset of one tenant.
#[derive(Debug, Clone, Serialize)]
pub struct DatasetView {
    /// The name in paths.
    pub name: &'static str,
    /// The name a person reads.
    pub title: &'static str,
    /// What may be read.
    pub verdict: Verdict,
    /// The verdict in a few words.
    pub label: String,
    /// The verdict in a sentence, with what to do.
    pub sentence: String,
    /// Records held; `None` until some enumeration was whole, or a report but for rows that could not
    /// be read, so that an unknown is never 0.
    pub records: Option<u64>,
    /// When the data was last known to be whole and current.
    pub last_success_at: Option<Timestamp>,
    /// The day that the data is about: a usage report's refresh date, the newest day of a daily snapshot
    /// that has a value.
    pub data_date: Option<Date>,
    /// True if that is more than seven days ago.
    pub data_old: bool,
    /// When the last run began.
    pub last_attempt_at: Option<Timestamp>,
    /// What it is doing, or how its last run ended.
    pub state: Phase,
    /// What the last or the present run did.
    pub progress: Progress,
    /// Why the last run fell short.
    pub trouble: Option<String>,
    /// Sentences about the dataset: it is read otherwise than usual, something is not known, dates were left
    /// out.
    pub notes: Vec<String>,
    /// Tells of the dates that Microsoft left out; the last of the notes.
    #[serde(skip)]
    pub kept: Option<String>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// A removal that waits for a person's answer.
    pub held_removal: Option<HeldRemoval>,
    /// Whether the answer was that the next sync may remove them.
    pub removal_allowed: bool,
    /// The last answer to such a question: what, when, by whom.
    pub answered_removal: Option<AnsweredRemoval>,
    /// The damage that the last check of the stored records found, if any.
    pub repaired: Option<Repaired>,
    /// The last enumeration that was proven complete: when, how many objects, proven how.
    pub completeness: Option<Completeness>,
    /// The time at which the stored records were last known to be complete.
    #[serde(skip)]
    pub complete_as_of: Option<Timestamp>,
    /// Counts of the last report's rows that were not simply kept.
    pub rows: ReportRows,
    /// The dataset itself.
    #[serde(skip)]
    pub dataset: &'static Dataset,
}

/// What a run did so far.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Progress {
    /// Objects read.
    pub read: u64,
    /// Records written.
    pub written: u64,
    /// Records left as they were.
    pub unchanged: u64,
    /// Records removed.
    pub removed: u64,
    /// Requests to Graph, tries included.
    pub requests: u64,
    /// Milliseconds from start to end, or so far.
    pub took_ms: u64,
}

/// Where the sync stands.
#[derive(Debug, Clone, Serialize)]
pub struct SyncView {
    /// When a person last asked for one.
    pub requested_at: Option<Timestamp>,
    /// When the one under way began, or else the last one.
    pub started_at: Option<Timestamp>,
    /// When the last one ended.
    pub finished_at: Option<Timestamp>,
    /// Whether one is under way.
    pub running: bool,
    /// True if a message that asks for a sync is queued, and none has begun since.
    pub queued: bool,
    /// The failure of the last one, where it was given up.
    pub failure: Option<SyncFailure>,
    /// What the last one did.
    pub last: LastSync,
}

/// What the last sync did.
#[derive(Debug, Clone, Serialize)]
pub struct LastSync {
    /// Objects read.
    pub read: u64,
    /// Records written.
    pub written: u64,
    /// Records left as they were.
    pub unchanged: u64,
    /// Records removed.
    pub removed: u64,
    /// Requests to Graph.
    pub requests: u64,
    /// Milliseconds from start to end.
    pub took_ms: u64,
    /// Write capacity units.
    pub write_units: u64,
    /// Read capacity units.
    pub read_units: u64,
    /// What those cost, in US cents.
    pub cost_cents: f64,
}

/// An integration in the list of all.
#[derive(Debug, Clone, Serialize)]
pub struct ListedView {
    /// The directory.
    pub tenant_id: TenantId,
    /// What the MSP calls the client.
    pub name: String,
    /// The app registration.
    pub client_id: ClientId,
    /// Which hosts are spoken to.
    pub cloud: Cloud,
    /// How often to sync.
    pub cadence_minutes: u32,
    /// Where it stands.
    pub status: Status,
    /// What a person should know.
    pub problems: Vec<Problem>,
    /// When the last sync ended.
    pub last_sync_at: Option<Timestamp>,
    /// What is known of the credential.
    pub credential: CredentialView,
    /// Where the sync stands.
    pub sync: SyncView,
    /// The latest counts; null is "not known".
    pub glance: Counts,
}

impl IntegrationView {
    /// Tells of an integration and the states of its datasets.
    pub fn new(integration: &Integration, states: &[DatasetState], now: Timestamp) -> Self {
        Self {
            tenant_id: integration.tenant_id,
            name: integration.name.clone(),
            client_id: integration.client_id,
            cloud: integration.cloud,
            cadence_minutes: integration.cadence_minutes,
            paused: integration.paused,
            status: integration.status(states, now),
            created_at: integration.created_at,
            connected_at: integration.connected_at,
            permissions: Permission::ALL
                .iter()
                .map(|permission| PermissionView {
                    name: permission.value(),
                    state: integration.permission_state(*permission),
                    feeds: permission.feeds().iter().map(|d| d.name).collect(),
                    optional: permission.optional(),
                    permission: *permission,
                })
                .collect(),
            datasets: datasets::ALL
                .iter()
                .map(|dataset| DatasetView::new(integration, dataset, states, now))
                .collect(),
            credential: CredentialView::new(integration),
            problems: integration.problems(states, now),
            sync: SyncView::new(integration, now),
        }
    }
}

impl IntegrationView {
    /// The evidence that tells trials from bought licenses, as a sentence.
    pub fn trials_told_by(&self) -> String {
        let of = |view: &&DatasetView| view.name == SUBSCRIPTIONS.name;
        let view = self.datasets.iter().find(of);
        match view.and_then(|view| view.complete_as_of) {
            Some(at) => format!(
                "Trials are told by the tenant's subscriptions, complete as of {}; what is free by the list of SKUs that Microsoft gives away.",
                at.strftime("%Y-%m-%d %H:%M UTC")
            ),
            None => format!(
                "The tenant's subscriptions are not known: {} Trials are told by Microsoft's names of SKUs alone; what is free by the list of SKUs that Microsoft gives away.",
                view.and_then(DatasetView::gap)
                    .unwrap_or_else(|| "they have not been read whole yet.".to_owned())
            ),
        }
    }

    /// Every count, with the evidence that it rests on.
    pub fn figures(&self, counts: &Counts, now: Timestamp) -> Vec<Figure> {
        let of = |view: &DatasetView| {
            let dataset = view.dataset;
            let source = Source {
                complete_as_of: view.complete_as_of,
                gap: view.gap(),
                note: match dataset.name == SUBSCRIBED_SKUS.name {
                    true => Some(self.trials_told_by()),
                    false => view.kept.clone(),
                },
            };
            let figure = |count| Figure::new(dataset, count, counts, &source, now);
            dataset.counts.iter().map(figure).collect::<Vec<_>>()
        };
        self.datasets.iter().flat_map(of).collect()
    }
}

/// Tells that a dataset's stored records were found damaged, until they are read again.
const DAMAGED: &str = "Some stored records are missing, or are not as they were written, and are left out. The next sync reads the whole dataset again. Choose Sync now to have it read at once.";

/// The day that the records held are about, where they are about one.
fn data_date(integration: &Integration, state: &DatasetState, dataset: &Dataset) -> Option<Date> {
    let newest = |count| integration.glance.as_of(count);
    let newest = dataset.counts.iter().find_map(newest);
    let newest = newest.map(|at| at.to_zoned(TimeZone::UTC).date());
    state.data_date.or(newest).filter(|_| state.records > 0)
}

impl DatasetView {
    /// Tells of one dataset; one that never ran is told of by its permissions.
    pub fn new(
        integration: &Integration,
        dataset: &'static Dataset,
        states: &[DatasetState],
        now: Timestamp,
    ) -> Self {
        let known = states.iter().find(|state| state.dataset == dataset.name);
        let by_roles = Verdict::of_roles(dataset, &integration.roles);
        let state = known.cloned().unwrap_or_else(|| DatasetState::new(dataset));
        // Roles may have been seen after the dataset was last tried: as to permissions, they know.
        let verdict = match (&state.verdict, by_roles) {
            (Verdict::Allowed | Verdict::MissingPermission { .. }, by_roles) => by_roles,
            (_, missing @ Verdict::MissingPermission { .. }) => missing,
            (other, _) => other.clone(),
        };
        let damaged = integration.damaged.get(dataset.name);
        let damaged = damaged.filter(|found| state.is_older_than(**found));
        let damaged = damaged.map(|_| DAMAGED.to_owned());
        let broke_off = state.broke_off(integration.sync.running(now));
        let broke_off = broke_off.map(str::to_owned);
        let enabled = !integration
            .datasets_off
            .iter()
            .any(|name| name == dataset.name);
        let kept = state.kept.map(|kept| kept.sentence(dataset));
        let mut notes = state.asking.notes(dataset);
        notes.extend(kept.clone());
        let data_date = data_date(integration, &state, dataset);
        notes.extend(state.size_notes());
        Self {
            name: dataset.name,
            title: dataset.title,
            label: verdict.label(),
            sentence: verdict.sentence(),
            verdict,
            records: (state.countable() || state.rows.unreadable > 0 || state.skipped > 0)
                .then_some(state.records),
            last_success_at: state.last_success_at,
            complete_as_of: state.complete_as_of(),
            data_date,
            data_old: data_date.is_some_and(|day| figure::is_old(figure::start_of(day), now)),
            last_attempt_at: state.last_attempt_at,
            state: match enabled {
                true if broke_off.is_some() => Phase::Incomplete,
                true => state.phase,
                false => Phase::Off,
            },
            progress: Progress::new(&state.run),
            trouble: broke_off.or(state.trouble).or(damaged),
            notes,
            kept,
            enabled,
            held_removal: state.held_removal,
            removal_allowed: state.removal_allowed,
            answered_removal: state.answered_removal,
            repaired: state.repaired,
            completeness: state.complete,
            rows: state.rows,
            dataset,
        }
    }

    /// The reason why it is not read now, or why its last run fell short; `None` where all is well.
    pub fn gap(&self) -> Option<String> {
        if !self.enabled {
            return Some("Reading it is switched off for this client.".to_owned());
        }
        if !self.verdict.allows() {
            return Some(self.sentence.clone());
        }
        let kept = self.kept.as_ref();
        let gap = self.notes.iter().find(|note| kept != Some(note));
        self.trouble.clone().or_else(|| gap.cloned())
    }

    /// Whether what is held is the whole of what there was at `last_success_at`, and may be read
    /// still.
    pub fn complete(&self) -> bool {
        self.completeness.is_some() && self.verdict.allows()
    }
}

impl Progress {
    fn new(run: &Counters) -> Self {
        Self {
            read: run.read,
            written: run.written,
            unchanged: run.unchanged,
            removed: run.removed,
            requests: run.requests,
            took_ms: run.took_ms,
        }
    }
}

impl SyncView {
    fn new(integration: &Integration, now: Timestamp) -> Self {
        let sync = &integration.sync;
        let failure = integration.sync_failure.as_ref();
        let failure = failure.map(|failure| SyncFailure {
            next_try_at: failure.next_try(integration.cadence_minutes, now),
            ..failure.clone()
        });
        let last = &sync.last;
        Self {
            requested_at: sync.requested_at,
            started_at: sync.started_at.or(sync.last_started_at),
            finished_at: sync.finished_at,
            running: sync.running(now),
            queued: sync.is_queued(now),
            failure,
            last: LastSync {
                read: last.read,
                written: last.written,
                unchanged: last.unchanged,
                removed: last.removed,
                requests: last.requests,
                took_ms: last.took_ms,
                write_units: last.write_units,
                read_units: last.read_units,
                cost_cents: last.cost_cents(),
            },
        }
    }
}

impl ListedView {
    /// Tells of an integration in a list.
    pub fn new(integration: &Integration, states: &[DatasetState], now: Timestamp) -> Self {
        Self {
            tenant_id: integration.tenant_id,
            name: integration.name.clone(),
            client_id: integration.client_id,
            cloud: integration.cloud,
            cadence_minutes: integration.cadence_minutes,
            status: integration.status(states, now),
            problems: integration.problems(states, now),
            last_sync_at: integration.sync.finished_at,
            credential: CredentialView::new(integration),
            sync: SyncView::new(integration, now),
            glance: integration.glance.clone(),
        }
    }
}
