//! The in-process queue, with the semantics of a FIFO queue whose message group is the tenant: a
//! tenant's next message waits until the one in hand is done.

use super::{QueueError, SyncMessage};
use muster_domain::TenantId;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;

/// The sending side.
#[derive(Debug, Clone)]
pub struct LocalQueue {
    sender: mpsc::UnboundedSender<SyncMessage>,
    waiting: Arc<Mutex<HashSet<TenantId>>>,
}

/// The receiving side.
#[derive(Debug)]
pub struct LocalReceiver {
    receiver: mpsc::UnboundedReceiver<SyncMessage>,
    waiting: Arc<Mutex<HashSet<TenantId>>>,
}

impl LocalQueue {
    /// A queue and its receiver.
    pub fn new() -> (Self, LocalReceiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(HashSet::new()));
        (
            Self {
                sender,
                waiting: Arc::clone(&waiting),
            },
            LocalReceiver { receiver, waiting },
        )
    }

    /// Queues a message; one that waits already for the same tenant serves for both, since it
    /// carries nothing but the tenant.
    ///
    /// # Errors
    /// When the process is shutting down.
    pub fn send(&self, message: SyncMessage) -> Result<(), QueueError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.contains(&message.tenant_id) {
            return Ok(());
        }
        self.sender
            .send(message)
            .map_err(|_| QueueError("it is shutting down".to_owned()))?;
        waiting.insert(message.tenant_id);
        Ok(())
    }
}

impl LocalReceiver {
    /// The next message; `None` when no sender is left.
    pub async fn receive(&mut self) -> Option<SyncMessage> {
        let message = self.receiver.recv().await?;
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&message.tenant_id);
        Some(message)
    }
}
