//! One tenant's sync, in six steps: load, plan, read, remove what is proven gone, come back where there
//! is more to read, sum up. Each step is a file of its name (the plan is a value of the domain's,
//! `muster_domain::plan`); `tenant.rs` walks through them.

mod attempts;
mod checkpoint;
mod come_back;
mod count;
mod daily_count;
mod diff;
mod end;
mod endless;
mod fall_short;
mod fetch;
mod give_up;
mod held_back;
mod indexed;
mod lasting;
mod licenses;
mod load;
mod moves;
mod patience;
mod read;
mod remove;
mod report_parts;
mod run;
mod skipped;
mod sum_up;
mod tenant;
mod truncated;

pub use tenant::{Outcome, SyncError, sync_tenant};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt;
use give_up::{GivenUp, PANICKED};
use jiff::Timestamp;
use muster_domain::{TenantId, sync_failure::TRIES};
use muster_platform::{Services, now, queue::SyncMessage};
use std::{
    panic::AssertUnwindSafe,
    time::{Duration, SystemTime},
};
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
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let began = now();
        let Err(failed) = handle_message(context, &message, deadline).await else {
            continue;
        };
        tracing::error!(
            tenant.id = failed.tenant.map(tracing::field::display),
            message_id = message.message_id,
            tries = tries(&message),
            error = failed.why,
            "the sync did not run"
        );
        context.services.metrics.sync_failed(failed.tenant, now());
        if let Some(tenant) = failed.tenant.filter(|_| tries(&message) >= TRIES) {
            let given_up = GivenUp {
                tenant,
                sentence: failed.sentence.as_deref(),
                failing_since: failing_since(&message).unwrap_or(began),
                sent_at: sent_at(&message).unwrap_or(began),
            };
            given_up.note(&context.services).boxed().await;
        }
        come_again(context, &message, failed.tenant).await;
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = message.message_id.unwrap_or_default();
        response.batch_item_failures.push(failure);
    }
    response
}

/// A message that comes again.
struct Failed {
    tenant: Option<TenantId>,
    /// For the log.
    why: String,
    /// For a person.
    sentence: Option<String>,
}

async fn handle_message(
    context: &Context,
    message: &SqsMessage,
    deadline: Option<SystemTime>,
) -> Result<(), Failed> {
    let body = message.body.as_deref().unwrap_or_default();
    // What cannot be read comes again until the queue gives it to the dead letters, where a person
    // sees it.
    let asked: SyncMessage = serde_json::from_str(body).map_err(|error| Failed {
        tenant: None,
        why: format!("a sync message that cannot be read: {error}"),
        sentence: None,
    })?;
    let tenant = asked.tenant_id;
    // On the heap: the futures of a whole sync are nested too deep for the compiler's measure. A panic
    // fails this message and no other.
    let sync = sync_tenant(context, tenant, sent_at(message), deadline).boxed();
    let (why, sentence) = match AssertUnwindSafe(sync).catch_unwind().await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => (error.to_string(), error.sentence()),
        Err(_) => ("a panic".to_owned(), Some(PANICKED.to_owned())),
    };
    Err(Failed {
        tenant: Some(tenant),
        why,
        sentence,
    })
}

/// Without this it would come after the queue's whole visibility timeout, which is as long as the
/// longest sync. What names no tenant will not be better later, and what was given up is not tried again:
/// both go to the dead letters at once.
async fn come_again(context: &Context, message: &SqsMessage, tenant: Option<TenantId>) {
    let Some(receipt) = &message.receipt_handle else {
        return;
    };
    let delay = match tenant {
        Some(_) if tries(message) < TRIES => {
            Duration::from_secs(15) * 2u32.pow(tries(message).max(1))
        }
        _ => Duration::ZERO,
    };
    if let Err(error) = context.services.queue.retry_in(receipt, delay).await {
        tracing::warn!(message_id = message.message_id, %error, "the message comes again only after its visibility timeout");
    }
}

/// How often the message was received, this time included.
fn tries(message: &SqsMessage) -> u32 {
    attribute(message, "ApproximateReceiveCount").unwrap_or(1)
}

/// When the message was first received.
fn failing_since(message: &SqsMessage) -> Option<Timestamp> {
    let first = attribute(message, "ApproximateFirstReceiveTimestamp")?;
    Timestamp::from_millisecond(first).ok()
}

/// When the message was sent.
fn sent_at(message: &SqsMessage) -> Option<Timestamp> {
    Timestamp::from_millisecond(attribute(message, "SentTimestamp")?).ok()
}

fn attribute<T: std::str::FromStr>(message: &SqsMessage, name: &str) -> Option<T> {
    message.attributes.get(name)?.parse().ok()
}
