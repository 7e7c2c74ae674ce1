//! Deleting an integration: secret, data, schedule, in this order and in bounded steps, with a receipt.
//!
//! `deleting` is stored first and the integration's item goes last. Every step may be repeated: whoever
//! gets a message for a tenant that is being deleted goes on with the deletion. Until the end the tenant's
//! schedule keeps sending such messages.

use crate::{
    Services,
    queue::{QueueError, SyncMessage},
    schedule::ScheduleError,
    store::{Control, StoreError},
    vault::VaultError,
};
use jiff::{SignedDuration, Timestamp};
use muster_domain::{
    Integration, TenantId,
    deletion::{Deletion, Part},
};
use std::time::{Duration, Instant};

/// The reasons for which a deletion stopped. Asking again goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum DisconnectError {
    /// There is none.
    #[error("the tenant is not connected")]
    Unknown,
    /// The store did not answer.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// The vault did not let the secret go.
    #[error("the vault: {0}")]
    Vault(#[from] VaultError),
    /// The scheduler did not answer.
    #[error("the scheduler: {0}")]
    Schedule(#[from] ScheduleError),
    /// The queue did not take the message that goes on.
    #[error("the queue: {0}")]
    Queue(#[from] QueueError),
}

/// Larger deletions run in the background from the start.
const RECORDS_IN_A_CALL: u64 = 5_000;
/// The time that a call works on a deletion before the background goes on: API Gateway waits for 30 seconds.
const TIME_IN_A_CALL: Duration = Duration::from_secs(10);
/// The time after which the background looks at a deletion that a call began, should the call have been
/// killed; and once more at a tenant that is gone, for what a worker wrote late.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(2);
/// The time that a busy worker may take to notice that its lease is gone.
const LATE_WRITES: Duration = Duration::from_secs(2);
/// The time after its end at which a deletion is looked at once more.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// Deletes an integration: to the end where that is little work, and otherwise in the background. The
/// deletion tells which by `finished_at`.
///
/// # Errors
/// When a part does not go; asking again goes on, and so does the background.
pub async fn disconnect(
    services: &Services,
    tenant: TenantId,
) -> Result<Deletion, DisconnectError> {
    let marked = services.store.mark_deleting(tenant).await?;
    let integration = marked.ok_or(DisconnectError::Unknown)?;
    let begun = begin(services, &integration).await?.value;
    let again = crate::now().checked_add(LOOK_AGAIN);
    services
        .schedule
        .once(tenant, again.unwrap_or_else(|_| crate::now()))
        .await?;
    let began = Instant::now();
    let deletion = match begun.expected > RECORDS_IN_A_CALL {
        true => begun,
        false => go_on(services, tenant, || began.elapsed() > TIME_IN_A_CALL).await?,
    };
    if deletion.finished_at.is_none() {
        let message = SyncMessage { tenant_id: tenant };
        services.queue.send(message).await?;
    }
    Ok(deletion)
}

/// Returns the progress of a tenant's deletion, or its receipt; `None` where nothing of it is known.
///
/// # Errors
/// When the store does not answer.
pub async fn progress(
    services: &Services,
    tenant: TenantId,
) -> Result<Option<Deletion>, StoreError> {
    let deletion = services.store.deletion(tenant, crate::now()).await?.value;
    Ok(deletion.asked_at.is_some().then_some(deletion))
}

/// The deletion of this integration as it is stored; stored now where it begins.
async fn begin(
    services: &Services,
    integration: &Integration,
) -> Result<Control<Deletion>, DisconnectError> {
    let (store, tenant, now) = (&services.store, integration.tenant_id, crate::now());
    loop {
        let mut deletion = store.deletion(tenant, now).await?;
        if deletion.value.is_of(integration) {
            return Ok(deletion);
        }
        let states = store.states(tenant).await?;
        let expected = states.iter().map(|state| state.records).sum();
        let lease = store.last_lease(tenant, now).await?;
        deletion.value = Deletion::begin(integration, expected, lease, now);
        if store.put_deletion(tenant, &mut deletion).await? {
            return Ok(deletion);
        }
    }
}

/// Goes on with a deletion until it is done, or until it is time to stop. Where another run of the same
/// deletion is at it, this one stops and tells how far it is.
///
/// # Errors
/// When a part does not go; the deletion then tells why.
pub async fn go_on(
    services: &Services,
    tenant: TenantId,
    time_to_stop: impl Fn() -> bool,
) -> Result<Deletion, DisconnectError> {
    let Some(integration) = services.store.integration(tenant).await? else {
        return after_the_end(services, tenant).await;
    };
    if !integration.deleting {
        return Err(DisconnectError::Unknown);
    }
    let deletion = begin(services, &integration).await?;
    let mut run = Run {
        services,
        tenant,
        deletion,
    };
    match run.delete_all(&time_to_stop).await {
        Ok(()) => Ok(run.deletion.value),
        // The other run tells how far it is.
        Err(Stop::Overtaken) => Ok(services.store.deletion(tenant, crate::now()).await?.value),
        Err(Stop::Time) => Ok(run.deletion.value),
        Err(Stop::Error(error)) => {
            run.tell(&error).await;
            Err(error)
        }
    }
}

/// Removes what was written late of a tenant that was deleted a short while ago: by a worker that was
/// busy, or by a call that was under way.
async fn after_the_end(services: &Services, tenant: TenantId) -> Result<Deletion, DisconnectError> {
    let now = crate::now();
    let deletion = services.store.deletion(tenant, now).await?.value;
    let Some(finished_at) = deletion.finished_at else {
        return Err(DisconnectError::Unknown);
    };
    if now.duration_since(finished_at) > LATE {
        return Ok(deletion);
    }
    let mut late = false;
    for part in Part::all() {
        loop {
            let keys = services.store.keys_to_erase(tenant, part).await?;
            if keys.is_empty() {
                break;
            }
            late = true;
            services.store.erase(tenant, part, &keys).await?;
        }
    }
    services.schedule.remove(tenant).await?;
    if late {
        services.store.overwrite_deleted().await?;
    }
    Ok(deletion)
}

/// The reasons for which a run of a deletion stops before the end.
enum Stop {
    /// Another run has written meanwhile.
    Overtaken,
    /// Its time is up.
    Time,
    Error(DisconnectError),
}

impl<E: Into<DisconnectError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// One run of a deletion.
struct Run<'a> {
    services: &'a Services,
    tenant: TenantId,
    deletion: Control<Deletion>,
}

impl Run<'_> {
    async fn delete_all(&mut self, time_to_stop: &impl Fn() -> bool) -> Result<(), Stop> {
        let Services {
            store,
            vault,
            schedule,
            ..
        } = self.services;
        if self.deletion.value.finished_at.is_none() {
            // First, so that nothing can be read from the tenant any more.
            if !self.deletion.value.secret && vault.get_anew(self.tenant).await?.is_some() {
                self.deletion.value.secret = true;
                self.put().await?;
            }
            vault.remove(self.tenant).await?;
            store.remove_lease(self.tenant).await?;
            self.erase(time_to_stop).await?;
            if self.deletion.value.worker_was_busy {
                tokio::time::sleep(LATE_WRITES).await;
                self.erase(time_to_stop).await?;
            }
            let removing = std::mem::replace(&mut self.deletion.value.removing_schedule, true);
            if !removing {
                self.put().await?;
            }
            // Where a run was cut off after this step, the schedule is gone already.
            let removed = schedule.remove(self.tenant).await?;
            self.deletion.value.schedule = removed || removing;
            // A call that was under way may have put another one there.
            vault.remove(self.tenant).await?;
            store.overwrite_deleted().await?;
            self.deletion.value.finish(crate::now());
            self.put().await?;
        }
        store.remove_integration(self.tenant).await?;
        tracing::info!(tenant.id = %self.tenant, records = self.deletion.value.deleted_records(), "the integration is deleted");
        Ok(())
    }

    /// Erases every part. Keys are counted, and the counts stored, before the keys are erased.
    async fn erase(&mut self, time_to_stop: &impl Fn() -> bool) -> Result<(), Stop> {
        let store = &self.services.store;
        for part in Part::all() {
            loop {
                let keys = store.keys_to_erase(self.tenant, part).await?;
                if keys.is_empty() {
                    break;
                }
                if time_to_stop() {
                    return Err(Stop::Time);
                }
                let names: Vec<&str> = keys.iter().map(String::as_str).collect();
                if self.deletion.value.count(part, &names) {
                    self.deletion.value.trouble = None;
                    self.put().await?;
                }
                store.erase(self.tenant, part, &keys).await?;
            }
            self.deletion.value.emptied(part);
        }
        Ok(())
    }

    async fn put(&mut self) -> Result<(), Stop> {
        let put = self
            .services
            .store
            .put_deletion(self.tenant, &mut self.deletion);
        match put.await? {
            true => Ok(()),
            false => Err(Stop::Overtaken),
        }
    }

    /// Stores why the deletion does not go on.
    async fn tell(&mut self, error: &DisconnectError) {
        tracing::error!(tenant.id = %self.tenant, %error, "the deletion stopped; it goes on by itself");
        let trouble = error.sentence();
        if self.deletion.value.trouble.as_deref() != Some(trouble) {
            self.deletion.value.trouble = Some(trouble.to_owned());
            self.put().await.ok();
        }
    }
}

impl DisconnectError {
    /// Explains the stop to a person.
    fn sentence(&self) -> &'static str {
        match self {
            Self::Unknown => "There is no such integration.",
            Self::Store(StoreError::DiskFull) => {
                "The disk that holds the data is full. Free some space; the deletion goes on by itself."
            }
            Self::Store(_) => "The store did not answer. The deletion goes on by itself.",
            Self::Vault(_) => {
                "The vault did not let the client secret go. The deletion goes on by itself; if it stays so, check that the vault can be written."
            }
            Self::Schedule(_) => "The scheduler did not answer. The deletion goes on by itself.",
            Self::Queue(_) => "The queue did not answer. The deletion goes on by itself.",
        }
    }
}

/// Prepares a tenant that was deleted for being connected again.
///
/// # Errors
/// When the store does not answer.
pub(crate) async fn connected_again(
    services: &Services,
    tenant: TenantId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let deletion = services.store.deletion(tenant, now).await?.value;
    match deletion.lease {
        0 => Ok(()),
        lease => services.store.leases_go_on(tenant, lease).await,
    }
}
