//! Requests a sync: notes the request on the integration and queues the tenant's message.

use crate::{
    Services, now,
    queue::{QueueError, SyncMessage},
    store::StoreError,
};
use jiff::Timestamp;
use muster_domain::{Integration, TenantId};

/// The reasons for which no sync was requested.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The store did not take the note; nothing was queued.
    #[error("the request was not noted")]
    Store(#[from] StoreError),
    /// The queue did not take the message; the note is taken back.
    #[error("the request was not queued")]
    Queue(#[from] QueueError),
}

/// Requests a sync of a tenant and returns when; `None` when the tenant is not connected. `note` changes
/// the integration in the same write, and may run more than once.
///
/// The note comes before the message: a worker may begin as soon as the queue has it. Where the queue
/// refuses, the note is taken back, because a client is said to have a sync on its way only while its
/// message is queued.
///
/// # Errors
/// When the store or the queue does not take it.
pub async fn request_sync(
    services: &Services,
    tenant: TenantId,
    note: impl Fn(&mut Integration, Timestamp),
) -> Result<Option<(Integration, Timestamp)>, RequestError> {
    let at = now();
    let noted = services.store.update_integration(tenant, |integration| {
        note(integration, at);
        integration.sync.request(at);
    });
    let Some(integration) = noted.await? else {
        return Ok(None);
    };
    let message = SyncMessage { tenant_id: tenant };
    if let Err(error) = services.queue.send_asked(message).await {
        let taken_back = services.store.update_integration(tenant, |integration| {
            integration.sync.answered(Some(at));
        });
        if let Err(error) = taken_back.await {
            tracing::error!(tenant.id = %tenant, %error, "a request that was not queued stays noted");
        }
        return Err(error.into());
    }
    Ok(Some((integration, at)))
}
