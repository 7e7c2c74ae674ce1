//! The run over one tenant: load, plan, read all that is due, sum up.

use crate::{
    Context, attempts,
    come_back::{self, Back},
    fetch::Graph,
    load::{self, Loaded},
    run::{Clock, Run},
    sum_up,
};
use futures::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use muster_domain::{
    Dataset, DatasetState, Integration, TenantId,
    plan::{self, Action, Plan},
    state::{Counters, Phase},
};
use muster_platform::{
    Services, alerting,
    disconnect::{self, DisconnectError},
    now,
    queue::{QueueError, SyncMessage},
    schedule::ScheduleError,
    store::{Lease, StoreError},
    vault::VaultError,
};
use std::time::{Duration, SystemTime};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is nothing to sync: the tenant was deleted or is paused.
    Nothing,
    /// The message is older than the last sync, which did what it asks for.
    Overtaken,
    /// No token could be had, or it grants nothing yet; the integration says why.
    NoAccess,
    /// Everything that was due has been looked at.
    Done,
    /// Some of it is left; the message was sent again.
    ToBeContinued,
    /// The integration was being deleted, and is gone now.
    Deleted,
}

/// Why a run failed as a whole; its message comes again.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Another worker has the tenant.
    #[error("another worker is syncing this tenant")]
    Busy,
    /// The sign-in service did not answer.
    #[error("Microsoft's sign-in service did not answer: {0}")]
    SignIn(String),
    /// The store did not answer.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// The vault did not answer.
    #[error("the vault: {0}")]
    Vault(#[from] VaultError),
    /// The queue did not take the message that goes on.
    #[error("the queue: {0}")]
    Queue(#[from] QueueError),
    /// The deletion of the integration stopped; it goes on with the next message.
    #[error("the deletion: {0}")]
    Deletion(#[from] DisconnectError),
    /// The schedule did not take the time to come back at.
    #[error("the schedule: {0}")]
    Schedule(#[from] ScheduleError),
}

/// Datasets read at the same time.
const AT_ONCE: usize = 6;
/// How often the lease is renewed: a quarter of its life.
const RENEW_EVERY: Duration = Duration::from_secs(15);

/// Syncs one tenant, as a message asks that was sent at `sent_at`, where that is known.
///
/// # Errors
/// When the run as a whole could not be made; its message should come again.
pub async fn sync_tenant(
    context: &Context,
    tenant: TenantId,
    sent_at: Option<Timestamp>,
    deadline: Option<SystemTime>,
) -> Result<Outcome, SyncError> {
    let services = &context.services;
    let clock = Clock::new(deadline, context.stopping.clone());
    let known = services.store.integration(tenant).await?;
    if known.as_ref().is_none_or(|known| known.deleting) {
        return delete(services, tenant, &clock).await;
    }
    let Some(known) = known.filter(|known| !known.paused && known.unreadable.is_none()) else {
        tracing::info!(tenant.id = %tenant, "nothing to sync: the tenant is paused, or its item cannot be read");
        return Ok(Outcome::Nothing);
    };
    if sent_at.is_some_and(|sent_at| known.sync.overtook(sent_at)) {
        tracing::info!(tenant.id = %tenant, "nothing to sync: the message is older than the last sync");
        return Ok(Outcome::Overtaken);
    }
    if let Some(at) = known.sign_in_put_off(now()) {
        tracing::info!(tenant.id = %tenant, %at, "nothing to sync: the sign-in is put off");
        services.schedule.once(tenant, at).await?;
        return Ok(Outcome::NoAccess);
    }
    let lease = services
        .store
        .begin_sync(tenant, &context.owner, now())
        .await?
        .ok_or(SyncError::Busy)?;
    let ended = tokio::select! {
        ended = run(services, &known, lease.clone(), clock) => ended,
        lost = keep(services, &lease) => Err(lost),
    };
    match &ended {
        Ok(Outcome::ToBeContinued) => services.store.release_lease(&lease).await?,
        Ok(_) => services.store.end_sync(&lease).await?,
        // Nothing was begun that another would have to go on with.
        Err(SyncError::SignIn(_) | SyncError::Vault(_)) if !lease.goes_on => {
            services.store.end_sync(&lease).await?;
        }
        Err(_) => services.store.release_lease(&lease).await?,
    }
    // What this sync saw is told at once; what could not be told now is at the daily look. A failed one is
    // told of where it is given up.
    if ended.is_ok()
        && let Err(error) = Box::pin(alerting::look_at(services, tenant, now())).await
    {
        tracing::error!(tenant.id = %tenant, %error, "alerts were not looked at");
    }
    ended
}

/// Goes on with the deletion of a tenant. A message for a tenant that is gone, or was never there, is
/// about nothing.
async fn delete(
    services: &Services,
    tenant: TenantId,
    clock: &Clock,
) -> Result<Outcome, SyncError> {
    let deletion = match disconnect::go_on(services, tenant, || clock.over()).await {
        Err(DisconnectError::Unknown) => {
            tracing::info!(tenant.id = %tenant, "nothing to sync: the tenant is gone");
            return Ok(Outcome::Nothing);
        }
        deletion => deletion?,
    };
    if deletion.finished_at.is_some() {
        return Ok(Outcome::Deleted);
    }
    // A process that is stopping goes on when it starts again.
    if !clock.stopping() {
        let message = SyncMessage { tenant_id: tenant };
        services.queue.send(message).await?;
    }
    Ok(Outcome::ToBeContinued)
}

/// Keeps the lease for as long as it can; returns when it is lost.
async fn keep(services: &Services, lease: &Lease) -> SyncError {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        match services.store.renew_lease(lease, now()).await {
            Ok(()) => {}
            Err(StoreError::LeaseLost) => return StoreError::LeaseLost.into(),
            // The lease outlives three missed renewals.
            Err(error) => {
                tracing::warn!(tenant.id = %lease.tenant, %error, "the lease was not renewed");
            }
        }
    }
}

async fn run(
    services: &Services,
    known: &Integration,
    lease: Lease,
    clock: Clock,
) -> Result<Outcome, SyncError> {
    let tenant = lease.tenant;
    let Some(loaded) = load::load(services, known, now()).await? else {
        return Ok(Outcome::NoAccess);
    };
    let Loaded {
        integration,
        mut standing,
        token,
        secret,
    } = loaded;
    let states = &mut standing.states;
    if let Some(contested_at) = lease.contested_at {
        states
            .iter_mut()
            .for_each(|state| state.distrust(contested_at));
    }
    for state in states.iter_mut() {
        if let Some(asked) = integration.read_again_since(&state.dataset, now()) {
            state.read_again(asked);
        }
    }
    let began = lease.began_at.unwrap_or_else(now);
    let plan = plan::plan(&integration, states, now());
    let hosts = services.microsoft.hosts(integration.cloud);
    let graph = Graph::new(
        &services.microsoft,
        hosts,
        integration.client_id,
        tenant,
        token,
        secret,
    );
    let run = Run {
        services,
        tenant,
        lease,
        graph,
        began,
        clock,
    };
    // Side by side, so that Microsoft is asked at once; and both to their ends, even where one fails.
    let (ends, marked) = tokio::join!(
        read_all(&run, &plan, &standing.states),
        mark_unread(&run, &plan, &standing.states),
    );
    let (ends, ()) = (ends?, marked?);
    let mut sum = Counters::default();
    for end in &ends {
        sum += end.state.run;
    }
    sum.took_ms = u64::try_from(now().duration_since(began).as_millis()).unwrap_or(0);
    let back = Back::of(&ends, come_back::put_off(&plan, &standing.states));
    sum_up::sum_up(&run, &integration, standing, ends, sum).await?;
    back.come(&run).await
}

/// Writes down why a dataset is not read.
async fn mark_unread(run: &Run<'_>, plan: &Plan, states: &[DatasetState]) -> Result<(), SyncError> {
    for step in &plan.steps {
        let phase = match step.action {
            Action::Block => Phase::Blocked,
            Action::Off => Phase::Off,
            Action::Read(_) | Action::NotDue(_) => continue,
        };
        let mut state = state_of(step.dataset, states);
        state.times_mended = false;
        state.verdict = step.verdict.clone();
        state.phase = phase;
        state.trouble = None;
        if states.iter().all(|before| *before != state) {
            run.services.store.put_state(&run.lease, &state).await?;
        }
    }
    Ok(())
}

/// Reads what is due, a few datasets at a time, in the plan's order. Where one fails, no more are begun,
/// and those under way are read on: the lease may only be given back when nothing is on its way.
async fn read_all(
    run: &Run<'_>,
    plan: &Plan,
    states: &[DatasetState],
) -> Result<Vec<attempts::End>, SyncError> {
    let mut due = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Read(from) => Some((step.dataset, from.clone())),
        Action::Block | Action::Off | Action::NotDue(_) => None,
    });
    let mut ends = Ok(Vec::new());
    let mut running = FuturesUnordered::new();
    loop {
        while ends.is_ok()
            && running.len() < AT_ONCE
            && let Some((dataset, from)) = due.next()
        {
            running.push(attempts::read(
                run,
                dataset,
                state_of(dataset, states),
                from,
            ));
        }
        let Some(end) = running.next().await else {
            return ends;
        };
        match (&mut ends, end) {
            (Ok(ends), Ok(end)) => ends.push(end),
            (Ok(_), Err(error)) => ends = Err(error),
            (Err(_), end) => drop(end),
        }
    }
}

fn state_of(dataset: &'static Dataset, states: &[DatasetState]) -> DatasetState {
    states
        .iter()
        .find(|state| state.dataset == dataset.name)
        .cloned()
        .unwrap_or_else(|| DatasetState::new(dataset))
}
