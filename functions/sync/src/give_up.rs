//! A sync that failed as often as the queue allows: the failure is stored with the integration, the next
//! try is scheduled, and a person is told.

use crate::SyncError;
use jiff::{SignedDuration, Timestamp};
use muster_domain::TenantId;
use muster_platform::{Services, alerting, disconnect::DisconnectError, now, store::StoreError};

/// Tells a person that the code itself failed.
pub(crate) const PANICKED: &str = "Muster stopped at an internal error while it read this client.";

/// The delay of the next try where the failure cannot be stored.
const WITHOUT_STORE: SignedDuration = SignedDuration::from_mins(1);

/// A sync that failed for the last time.
#[derive(Debug)]
pub(crate) struct GivenUp<'a> {
    pub tenant: TenantId,
    /// What happened, for a person; `None` where another worker is at the tenant, which is no failure.
    pub sentence: Option<&'a str>,
    /// The time at which the first try began.
    pub failing_since: Timestamp,
    /// The time at which the message was sent.
    pub sent_at: Timestamp,
}

impl GivenUp<'_> {
    /// Stores the failure, schedules the next try, and tells a person.
    pub async fn note(&self, services: &Services) {
        let tenant = self.tenant;
        let Some(next) = self.next_try(services).await else {
            return;
        };
        tracing::error!(tenant.id = %tenant, next_try_at = %next, "the sync was given up");
        if let Err(error) = services.schedule.once(tenant, next).await {
            tracing::error!(tenant.id = %tenant, %error, "the sync is tried again only with its regular schedule");
        }
        if let Err(error) = Box::pin(alerting::look_at(services, tenant, now())).await {
            tracing::error!(tenant.id = %tenant, %error, "alerts were not looked at");
        }
    }

    /// Returns the time of the next try; `None` where the tenant is gone, or paused.
    async fn next_try(&self, services: &Services) -> Option<Timestamp> {
        let now = now();
        let soon = now.checked_add(WITHOUT_STORE).ok();
        let Some(sentence) = self.sentence else {
            return soon;
        };
        let stored = services.store.update_integration(self.tenant, |known| {
            known.gave_up_sync(sentence, self.failing_since, self.sent_at, now);
        });
        match stored.await {
            Ok(stored) => stored
                .filter(|known| !known.paused)
                .and_then(|known| Some(known.sync_failure?.next_try_at)),
            Err(error) => {
                tracing::error!(tenant.id = %self.tenant, %error, "that the sync was given up could not be stored");
                soon
            }
        }
    }
}

impl SyncError {
    /// Tells a person what happened; `None` where another worker is at the tenant.
    pub(crate) fn sentence(&self) -> Option<String> {
        Some(match self {
            Self::Busy => return None,
            Self::SignIn(why) => format!("Microsoft's sign-in service did not answer ({why})."),
            Self::Store(error) | Self::Deletion(DisconnectError::Store(error)) => store(error),
            Self::Vault(error) => format!("The vault that keeps the credential failed ({error})."),
            Self::Queue(error) => format!("The sync could not be continued ({error})."),
            Self::Deletion(error) => format!("The deletion of this client stopped ({error})."),
            Self::Schedule(error) => format!("The sync could not be scheduled ({error})."),
        })
    }
}

fn store(error: &StoreError) -> String {
    match error {
        StoreError::DiskFull => {
            "The disk that holds Muster's data is full. Free some space on it.".to_owned()
        }
        StoreError::LeaseLost => {
            "Another worker took this client over in the middle of the sync.".to_owned()
        }
        StoreError::Unreadable(what) => {
            format!("A stored item of this client cannot be read ({what}).")
        }
        error => format!("Muster's store failed ({error})."),
    }
}
