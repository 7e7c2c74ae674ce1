//! The local side of the event source mapping: takes messages off the queue and calls the sync
//! handler, one message at a time for each tenant, five tries each.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use jiff::Timestamp;
use muster_domain::{TenantId, sync_failure::TRIES};
use muster_platform::{
    now,
    queue::{LocalQueue, LocalReceiver, SyncMessage},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// Tenants synced at the same time.
const AT_ONCE: usize = 8;

/// The tries of a message so far, and when the first began.
#[derive(Debug, Clone, Copy)]
struct Tries {
    made: u32,
    since: Timestamp,
}

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
    let mut tries: HashMap<TenantId, Tries> = HashMap::new();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(message) = receiver.receive(), if running.len() < AT_ONCE => {
                let tenant = message.tenant_id;
                if busy.insert(tenant) {
                    let begin = || Tries { made: 0, since: now() };
                    let tries = tries.entry(tenant).or_insert_with(begin);
                    tries.made += 1;
                    running.spawn(sync(Arc::clone(&context), message, *tries));
                } else {
                    again.insert(tenant);
                }
            }
            Some(ended) = running.join_next() => {
                let Ok((tenant, done)) = ended else { continue };
                busy.remove(&tenant);
                let made = tries.get(&tenant).map_or(0, |tries| tries.made);
                if done || made >= TRIES {
                    // The handler has scheduled the next sync of one that it gave up.
                    tries.remove(&tenant);
                } else {
                    retry(&queue, tenant, made);
                }
                if again.remove(&tenant) && queue.send(SyncMessage { tenant_id: tenant }).is_err() {
                    break;
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

async fn sync(
    context: Arc<muster_sync::Context>,
    message: SyncMessage,
    tries: Tries,
) -> (TenantId, bool) {
    let mut record = SqsMessage::default();
    record.message_id = Some(message.tenant_id.to_string());
    record.body = serde_json::to_string(&message).ok();
    let attributes = [
        ("ApproximateReceiveCount", tries.made.to_string()),
        (
            "ApproximateFirstReceiveTimestamp",
            tries.since.as_millisecond().to_string(),
        ),
    ];
    record
        .attributes
        .extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    let mut event = SqsEvent::default();
    event.records.push(record);
    // In a task of its own, so that a panic fails this message and no more, as on AWS.
    let handled =
        tokio::spawn(async move { muster_sync::handle(&context, event, None).await }).await;
    let done = handled.is_ok_and(|response| response.batch_item_failures.is_empty());
    (message.tenant_id, done)
}

fn retry(queue: &LocalQueue, tenant_id: TenantId, made: u32) {
    let pause = Duration::from_secs(2u64.pow(made));
    let queue = queue.clone();
    tokio::spawn(async move {
        tokio::time::sleep(pause).await;
        // An error is the process shutting down: the next start finds the sync unfinished.
        queue.send(SyncMessage { tenant_id }).ok();
    });
}
