//! The in-process queue, with the semantics of a FIFO queue whose message group is the tenant. What a
//! person asked for goes first; everything else goes in turn, each tenant once.

use super::{QueueError, SyncMessage};
use muster_domain::TenantId;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;

/// The sending side.
#[derive(Debug, Clone)]
pub struct LocalQueue {
    /// Rings whenever a message comes; closed when the receiver is gone.
    bell: mpsc::UnboundedSender<()>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The receiving side.
#[derive(Debug)]
pub struct LocalReceiver {
    bell: mpsc::UnboundedReceiver<()>,
    waiting: Arc<Mutex<Waiting>>,
}

/// Which messages are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those that a person asked for.
    Asked,
}

/// The tenants whose messages wait, each once.
#[derive(Debug, Default)]
struct Waiting {
    /// A person asked.
    asked: VecDeque<TenantId>,
    /// Due by the schedule, to go on, or to be tried again.
    due: VecDeque<TenantId>,
}

impl Waiting {
    fn ask(&mut self, tenant: TenantId) {
        self.due.retain(|other| *other != tenant);
        if !self.asked.contains(&tenant) {
            self.asked.push_back(tenant);
        }
    }

    fn due(&mut self, tenant: TenantId) {
        if !self.asked.contains(&tenant) && !self.due.contains(&tenant) {
            self.due.push_back(tenant);
        }
    }

    /// Takes the first tenant that may go now.
    fn take(&mut self, which: Which, may_go: impl Fn(TenantId) -> bool) -> Option<TenantId> {
        let due = (which == Which::All).then_some(&mut self.due);
        let queues = std::iter::once(&mut self.asked).chain(due);
        for queue in queues {
            if let Some(at) = queue.iter().position(|tenant| may_go(*tenant)) {
                return queue.remove(at);
            }
        }
        None
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LocalQueue {
    /// A queue and its receiver.
    pub fn new() -> (Self, LocalReceiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::<Mutex<Waiting>>::default();
        let queue = Self {
            bell: sender,
            waiting: Arc::clone(&waiting),
        };
        let bell = receiver;
        (queue, LocalReceiver { bell, waiting })
    }

    /// Queues a message behind all others. One that waits already for the same tenant serves for both,
    /// since it carries nothing but the tenant.
    ///
    /// # Errors
    /// When the process is shutting down.
    pub fn send(&self, message: SyncMessage) -> Result<(), QueueError> {
        lock(&self.waiting).due(message.tenant_id);
        self.ring()
    }

    /// Queues a message that a person waits for, before all that the schedule has sent.
    ///
    /// # Errors
    /// When the process is shutting down.
    pub fn send_asked(&self, message: SyncMessage) -> Result<(), QueueError> {
        lock(&self.waiting).ask(message.tenant_id);
        self.ring()
    }

    fn ring(&self) -> Result<(), QueueError> {
        let closed = |_| QueueError("it is shutting down".to_owned());
        self.bell.send(()).map_err(closed)
    }
}

impl LocalReceiver {
    /// Waits for the next message; `None` when no sender is left.
    pub async fn receive(&mut self) -> Option<SyncMessage> {
        self.receive_where(Which::All, |_| true).await
    }

    /// Waits for the next of these messages whose tenant may go now, and leaves the others where they are;
    /// `None` when no sender is left. Nothing is lost when the wait is dropped.
    pub async fn receive_where(
        &mut self,
        which: Which,
        may_go: impl Fn(TenantId) -> bool,
    ) -> Option<SyncMessage> {
        loop {
            let taken = lock(&self.waiting).take(which, &may_go);
            if let Some(tenant_id) = taken {
                return Some(SyncMessage { tenant_id });
            }
            self.bell.recv().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u128) -> SyncMessage {
        let tenant_id = TenantId::from(uuid::Uuid::from_u128(number));
        SyncMessage { tenant_id }
    }

    async fn rest(receiver: &mut LocalReceiver) -> Vec<SyncMessage> {
        let mut all = Vec::new();
        while let Some(message) = receiver.receive().await {
            all.push(message);
        }
        all
    }

    #[tokio::test]
    async fn what_a_person_asked_for_goes_first_and_no_tenant_waits_twice() {
        let (queue, mut receiver) = LocalQueue::new();
        for number in [1, 2, 3, 1, 2] {
            queue.send(message(number)).expect("it is open");
        }
        queue.send_asked(message(3)).expect("it is open");
        queue.send(message(3)).expect("it is open");
        drop(queue);
        assert_eq!(rest(&mut receiver).await, [3, 1, 2].map(message));
    }

    #[tokio::test]
    async fn a_tenant_that_may_not_go_now_keeps_its_place_and_no_other_from_going() {
        let (queue, mut receiver) = LocalQueue::new();
        for number in [1, 2, 3] {
            queue.send(message(number)).expect("it is open");
        }
        let busy = message(1).tenant_id;
        let next = receiver.receive_where(Which::All, |tenant| tenant != busy);
        assert_eq!(next.await, Some(message(2)));
        queue.send_asked(message(4)).expect("it is open");
        let asked = receiver.receive_where(Which::Asked, |_| true);
        assert_eq!(asked.await, Some(message(4)));
        drop(queue);
        assert_eq!(rest(&mut receiver).await, [1, 3].map(message));
    }
}
