//! A message that failed as often as the queue allows: the failure is stored with its integration,
//! a time to try again is set, and a person is told.

use crate::SyncError;
use jiff::{SignedDuration, Timestamp};
use muster_domain::{Integration, TenantId, sync_failure::SyncFailure};
use muster_platform::{Services, alerting, now, store::StoreError};

/// What a person reads where a process ended in the middle of each try.
pub(crate) const DIED: &str = "Each try ended without a word: the process that read this client was stopped, ran out of memory, or ran out of time.";
/// What a person reads where the code itself failed.
pub(crate) const PANICKED: &str = "Muster stopped at an internal error while it read this client.";

/// When Muster tries again where the failure cannot be stored.
const WITHOUT_STORE: SignedDuration = SignedDuration::from_mins(1);

/// One message on its last try.
#[derive(Debug)]
pub(crate) struct LastTry {
    tenant: TenantId,
    /// The failure that was stored before.
    before: Option<SyncFailure>,
    /// When the message was first received.
    failing_since: Timestamp,
}

impl LastTry {
    /// Stores that all tries before this one ended without a word, until this one ends: a process
    /// that dies now cannot say so.
    pub async fn begin(services: &Services, tenant: TenantId, failing_since: Timestamp) -> Self {
        let known = services.store.integration(tenant).await.ok().flatten();
        let last = Self {
            tenant,
            before: known.and_then(|known| known.sync.failure),
            failing_since,
        };
        if let Err(error) = last.store(services, DIED).await {
            tracing::warn!(tenant.id = %tenant, %error, "the last try is not noted");
        }
        last
    }

    /// Takes back what `begin` stored: there was nothing to sync.
    pub async fn take_back(&self, services: &Services) {
        let restore = |known: &mut Integration| known.sync.failure.clone_from(&self.before);
        let restored = services.store.update_integration(self.tenant, restore);
        if let Err(error) = restored.await {
            tracing::warn!(tenant.id = %self.tenant, %error, "the last try is still noted as failed");
        }
    }

    /// Stores why the sync was given up, sets the time of the next try, and tells a person.
    pub async fn give_up(&self, services: &Services, sentence: &str) {
        let tenant = self.tenant;
        let next = match self.store(services, sentence).await {
            Ok(stored) => stored.and_then(|known| Some(known.sync.failure?.next_try_at)),
            Err(error) => {
                tracing::error!(tenant.id = %tenant, %error, "that the sync was given up could not be stored");
                now().checked_add(WITHOUT_STORE).ok()
            }
        };
        // Gone or paused since: nothing is tried again.
        let Some(next) = next else { return };
        tracing::error!(tenant.id = %tenant, next_try_at = %next, "the sync was given up");
        if let Err(error) = services.schedule.once(tenant, next).await {
            tracing::error!(tenant.id = %tenant, %error, "the sync is tried again only with its regular schedule");
        }
        if let Err(error) = Box::pin(alerting::look_at(services, tenant, now())).await {
            tracing::error!(tenant.id = %tenant, %error, "alerts were not looked at");
        }
    }

    async fn store(
        &self,
        services: &Services,
        sentence: &str,
    ) -> Result<Option<Integration>, StoreError> {
        let now = now();
        let note = |known: &mut Integration| {
            known.sync.failure = Some(SyncFailure::given_up(
                self.before.as_ref(),
                sentence.to_owned(),
                self.failing_since,
                known.cadence_minutes,
                now,
            ));
        };
        services.store.update_integration(self.tenant, note).await
    }
}

impl SyncError {
    /// What happened, for a person.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Busy => {
                "Another worker kept this client, so that no sync could begin.".to_owned()
            }
            Self::SignIn(why) => format!("Microsoft's sign-in service did not answer ({why})."),
            Self::Store(StoreError::DiskFull) => {
                "The disk that holds Muster's data is full. Free some space on it.".to_owned()
            }
            Self::Store(StoreError::LeaseLost) => {
                "Another worker took this client over in the middle of the sync.".to_owned()
            }
            Self::Store(StoreError::Unreadable(what)) => {
                format!("A stored item of this client cannot be read ({what}).")
            }
            Self::Store(error) => format!("Muster's store failed ({error})."),
            Self::Vault(error) => format!("The vault that keeps the credential failed ({error})."),
            Self::Queue(error) => format!("The sync could not be continued ({error})."),
            Self::Schedule(error) => format!("The sync could not be scheduled ({error})."),
        }
    }
}
