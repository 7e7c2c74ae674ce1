//! The local side of the event source mapping: takes messages off the queue and calls the sync
//! handler, one message at a time for each tenant, five tries each.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use jiff::Timestamp;
use muster_domain::{TenantId, sync_failure::TRIES};
use muster_platform::{
    now,
    queue::{LocalQueue, LocalReceiver, SyncMessage, Which},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// Tenants synced at the same time.
const AT_ONCE: usize = 8;
/// Slots beside those, for what a person asked for.
const FOR_ASKED: usize = 2;

/// The tries of a message so far, and when the first began.
#[derive(Debug, Clone, Copy)]
struct Tries {
    made: u32,
    since: Timestamp,
}

/// Works until told to stop, and then until the pages in hand are done.
pub(crate) async fn work(
    context: Arc<muster_sync::Context>,
    receiver: LocalReceiver,
    queue: LocalQueue,
    stopping: watch::Receiver<bool>,
) {
    let handle = move |message, tries| sync(Arc::clone(&context), message, tries);
    take_turns(handle, receiver, queue, stopping).await;
}

/// Hands each message to `handle`, whose answer is whether it was done. A tenant's next message waits
/// until the one in hand is done; no other tenant waits for it.
async fn take_turns<F: Future<Output = bool> + Send + 'static>(
    handle: impl Fn(SyncMessage, Tries) -> F,
    mut receiver: LocalReceiver,
    queue: LocalQueue,
    mut stopping: watch::Receiver<bool>,
) {
    let mut running: JoinSet<(TenantId, bool)> = JoinSet::new();
    let mut busy: HashSet<TenantId> = HashSet::new();
    let mut tries: HashMap<TenantId, Tries> = HashMap::new();
    loop {
        let which = match running.len() < AT_ONCE {
            true => Which::All,
            false => Which::Asked,
        };
        let may_go = |tenant: TenantId| !busy.contains(&tenant);
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(message) = receiver.receive_where(which, may_go), if running.len() < AT_ONCE + FOR_ASKED => {
                let tenant = message.tenant_id;
                busy.insert(tenant);
                let begin = || Tries { made: 0, since: now() };
                let tries = tries.entry(tenant).or_insert_with(begin);
                tries.made += 1;
                let handled = handle(message, *tries);
                running.spawn(async move { (tenant, handled.await) });
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
            }
        }
    }
    while running.join_next().await.is_some() {}
}

async fn sync(context: Arc<muster_sync::Context>, message: SyncMessage, tries: Tries) -> bool {
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
    handled.is_ok_and(|response| response.batch_item_failures.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::time::Instant;

    const CLIENTS: u128 = 300;
    /// Every 37th of 300 clients hangs: eight.
    const HANGING: u128 = 37;
    /// A turn of a client that is well.
    const TURN: Duration = Duration::from_secs(4);

    fn message(number: u128) -> SyncMessage {
        let tenant_id = TenantId::from(uuid::Uuid::from_u128(number));
        SyncMessage { tenant_id }
    }

    fn hangs(message: SyncMessage) -> bool {
        let number = message.tenant_id.uuid().as_u128();
        number > 0 && number.is_multiple_of(HANGING)
    }

    /// Runs a turn of every client, all due at once; `hang` is how long a turn of a hanging client keeps
    /// its slot, and whether it is done then. Returns when each of the others was done.
    async fn round(hang: Option<(Duration, bool)>) -> Vec<Duration> {
        let (queue, receiver) = LocalQueue::new();
        for number in 1..=CLIENTS {
            queue.send(message(number)).expect("it is open");
        }
        let began = Instant::now();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopping) = watch::channel(false);
        let noted = Arc::clone(&ends);
        let handle = move |message: SyncMessage, _| {
            let noted = Arc::clone(&noted);
            async move {
                if let Some((keeps, done)) = hang.filter(|_| hangs(message)) {
                    tokio::time::sleep(keeps).await;
                    return done;
                }
                tokio::time::sleep(TURN).await;
                if !hangs(message) {
                    noted.lock().expect("no panic").push(began.elapsed());
                }
                true
            }
        };
        let worker = tokio::spawn(take_turns(handle, receiver, queue, stopping));
        while ends.lock().expect("no panic").len() < 292 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        stop.send_replace(true);
        worker.abort();
        let ends = ends.lock().expect("no panic");
        ends.clone()
    }

    fn mean(ends: &[Duration]) -> f64 {
        ends.iter().sum::<Duration>().as_secs_f64() / 292.0
    }

    #[tokio::test(start_paused = true)]
    async fn eight_of_300_clients_that_hang_make_no_others_sync_take_longer_than_half_as_long_again()
     {
        let alone = round(None).await;
        // The longest that the engine keeps a slot: Graph is silent, then the sign-in service.
        for hang in [(60, true), (15, false)] {
            let beside = round(Some((Duration::from_secs(hang.0), hang.1))).await;
            let last =
                [&beside, &alone].map(|ends| ends.iter().max().map_or(0.0, Duration::as_secs_f64));
            assert!(last[0] <= 1.5 * last[1], "{hang:?}: {last:?}");
            assert!(mean(&beside) <= 1.5 * mean(&alone), "{hang:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_person_asked_for_goes_first_even_where_every_slot_hangs() {
        let (queue, receiver) = LocalQueue::new();
        for number in 1..=CLIENTS {
            queue.send(message(number)).expect("it is open");
        }
        let (stop, stopping) = watch::channel(false);
        let (began, order) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&order);
        let asked = message(299);
        let handle = move |message: SyncMessage, _| {
            noted
                .lock()
                .expect("no panic")
                .push((message, began.elapsed()));
            async {
                tokio::time::sleep(Duration::from_secs(60)).await;
                true
            }
        };
        let worker = tokio::spawn(take_turns(handle, receiver, queue.clone(), stopping));
        tokio::time::sleep(Duration::from_secs(10)).await;
        queue.send_asked(asked).expect("it is open");
        tokio::time::sleep(Duration::from_secs(10)).await;
        stop.send_replace(true);
        worker.abort();
        let order = order.lock().expect("no panic");
        assert_eq!(order.len(), 9, "eight slots, and one for what was asked");
        assert_eq!(order[8], (asked, Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_has_one_sync_at_a_time_and_the_next_one_after_it() {
        let (queue, receiver) = LocalQueue::new();
        let (stop, stopping) = watch::channel(false);
        let (began, order) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&order);
        let handle = move |_, _| {
            noted
                .lock()
                .expect("no panic")
                .push(began.elapsed().as_secs());
            async {
                tokio::time::sleep(TURN).await;
                true
            }
        };
        let worker = tokio::spawn(take_turns(handle, receiver, queue.clone(), stopping));
        for _ in 0..3 {
            queue.send(message(1)).expect("it is open");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        stop.send_replace(true);
        worker.abort();
        assert_eq!(*order.lock().expect("no panic"), [0, 4]);
    }
}
