//! One tenant's sync, in six steps: assume and load, plan, read, remove what is proven gone, come
//! back when told to wait, sum up. Each step is a file of its name.

mod diff;
mod fall_short;
mod fetch;
mod load;
mod read;
mod remove;
mod run;
mod sum_up;
mod tenant;

pub use tenant::{Outcome, SyncError, sync_tenant};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use muster_platform::{Services, queue::SyncMessage};
use std::time::SystemTime;
use tokio::sync::watch;

/// What the handler needs, built once per cold start.
#[derive(Debug)]
pub struct Context {
    services: Services,
    owner: String,
    stopping: watch::Receiver<bool>,
    // Kept so that a context without an outside switch is never told to stop.
    _switch: Option<watch::Sender<bool>>,
}

impl Context {
    /// A context on AWS: each environment is a worker of its own.
    pub fn new(services: Services) -> Self {
        let owner: String = muster_platform::random::<8>()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let (switch, stopping) = watch::channel(false);
        Self {
            services,
            owner,
            stopping,
            _switch: Some(switch),
        }
    }

    /// A context in a process that is the only worker of its store: after a crash it takes its
    /// leases again at once. It stops after the page in hand when the switch turns true.
    pub fn sole_worker(services: Services, stopping: watch::Receiver<bool>) -> Self {
        Self {
            services,
            owner: "local".to_owned(),
            stopping,
            _switch: None,
        }
    }

    /// The store, Microsoft and the ports.
    pub fn services(&self) -> &Services {
        &self.services
    }
}

/// Handles a batch of sync messages, each by itself: one that fails comes again, the others do
/// not. Stops reading in good time before `deadline`.
pub async fn handle(
    context: &Context,
    event: SqsEvent,
    deadline: Option<SystemTime>,
) -> SqsBatchResponse {
    let mut failed = Vec::new();
    for message in event.records {
        let id = message.message_id.unwrap_or_default();
        let body = message.body.unwrap_or_default();
        let ended = match serde_json::from_str::<SyncMessage>(&body) {
            Ok(message) => sync_tenant(context, message.tenant_id, deadline)
                .await
                .map(|_| ())
                .map_err(|e| (Some(message.tenant_id), e.to_string())),
            // It comes again until the queue gives it to the dead letters, where a person sees it.
            Err(error) => Err((None, format!("a sync message that cannot be read: {error}"))),
        };
        if let Err((tenant, error)) = ended {
            tracing::error!(
                tenant.id = tenant.map(tracing::field::display),
                message_id = id,
                error,
                "the sync did not run"
            );
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failed.push(failure);
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed;
    response
}
