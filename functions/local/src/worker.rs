//! The local side of the event source mapping: takes messages off the queue and calls the sync
//! handler, one message at a time for each tenant, five tries each.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use muster_domain::TenantId;
use muster_platform::queue::{LocalQueue, LocalReceiver, SyncMessage};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// Tenants synced at the same time.
const AT_ONCE: usize = 8;
/// Tries before a message is given up, as the queue on AWS gives it to its dead letters.
const TRIES: u32 = 5;

/// Works until told to stop, and then until the pages in hand are done.
pub(crate) async fn work(
    context: Arc<muster_sync::Context>,
    mut receiver: LocalReceiver,
    queue: LocalQueue,
    mut stopping: watch::Receiver<bool>,
) {
    let mut running: JoinSet<(TenantId, bool)> = JoinSet::new();
    let mut busy: HashSet<TenantId> = HashSet::new();
    let mut again: HashSet<TenantId> = HashSet::new();
    let mut tries: HashMap<TenantId, u32> = HashMap::new();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(message) = receiver.receive(), if running.len() < AT_ONCE => {
                let tenant = message.tenant_id;
                if busy.insert(tenant) {
                    running.spawn(sync(Arc::clone(&context), message));
                } else {
                    again.insert(tenant);
                }
            }
            Some(ended) = running.join_next() => {
                let Ok((tenant, done)) = ended else { continue };
                busy.remove(&tenant);
                if done {
                    tries.remove(&tenant);
                    queue.gave_up(tenant, false);
                } else {
                    retry(&queue, tenant, tries.entry(tenant).or_default());
                }
                if again.remove(&tenant) && queue.send(SyncMessage { tenant_id: tenant }).is_err() {
                    break;
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

async fn sync(context: Arc<muster_sync::Context>, message: SyncMessage) -> (TenantId, bool) {
    let mut record = SqsMessage::default();
    record.message_id = Some(message.tenant_id.to_string());
    record.body = serde_json::to_string(&message).ok();
    let mut event = SqsEvent::default();
    event.records.push(record);
    // In a task of its own, so that a panic fails this message and no more, as on AWS.
    let handled =
        tokio::spawn(async move { muster_sync::handle(&context, event, None).await }).await;
    let done = handled.is_ok_and(|response| response.batch_item_failures.is_empty());
    (message.tenant_id, done)
}

fn retry(queue: &LocalQueue, tenant_id: TenantId, tries: &mut u32) {
    *tries += 1;
    if *tries >= TRIES {
        tracing::error!(tenant.id = %tenant_id, tries, "the sync failed too often and waits for its next turn");
        *tries = 0;
        queue.gave_up(tenant_id, true);
        return;
    }
    let pause = Duration::from_secs(2u64.pow(*tries));
    let queue = queue.clone();
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        // An error is the process shutting down: the next start finds the sync unfinished.
        queue.send(SyncMessage { tenant_id }).ok();
    });
}
