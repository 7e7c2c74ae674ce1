//! The sync queue: SQS FIFO on AWS, an in-process channel locally. At least once, one message at a
//! time for each tenant. A message names the tenant and nothing else.

mod local;
mod sqs;

pub use local::{LocalQueue, LocalReceiver, Which};
pub use sqs::SqsQueue;

use muster_domain::TenantId;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The message: whose sync is due. Everything else is in the store. A scheduled one also carries
/// the id of its execution, which nobody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncMessage {
    /// The tenant.
    pub tenant_id: TenantId,
}

/// Where sync messages go.
#[derive(Debug, Clone)]
pub enum Queue {
    /// A channel in this process.
    Local(LocalQueue),
    /// An SQS FIFO queue.
    Sqs(SqsQueue),
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
#[error("the sync queue did not take the message: {0}")]
pub struct QueueError(pub String);

impl Queue {
    /// Asks for a sync of a tenant.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub async fn send(&self, message: SyncMessage) -> Result<(), QueueError> {
        match self {
            Self::Local(queue) => queue.send(message),
            Self::Sqs(queue) => queue.send(message).await,
        }
    }

    /// Asks for a sync that a person waits for. Locally it goes before what the schedule has sent; SQS hands
    /// out the messages of each tenant as soon as the function has a free place.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub async fn send_asked(&self, message: SyncMessage) -> Result<(), QueueError> {
        match self {
            Self::Local(queue) => queue.send_asked(message),
            Self::Sqs(queue) => queue.send(message).await,
        }
    }

    /// How many messages were set aside; `None` where nobody knows. Locally none are: that a sync was given up
    /// is stored with its integration.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn dead_letters(&self) -> Result<Option<u64>, QueueError> {
        match self {
            Self::Local(_) => Ok(Some(0)),
            Self::Sqs(queue) => queue.dead_letters().await,
        }
    }

    /// Lets a message that failed come again in `delay`, instead of after the whole visibility
    /// timeout. `receipt` is the handle it was received with.
    ///
    /// # Errors
    /// When the queue does not take it; the message comes again later then.
    pub async fn retry_in(&self, receipt: &str, delay: Duration) -> Result<(), QueueError> {
        match self {
            // The local worker sends it again itself.
            Self::Local(_) => Ok(()),
            Self::Sqs(queue) => queue.retry_in(receipt, delay).await,
        }
    }
}
