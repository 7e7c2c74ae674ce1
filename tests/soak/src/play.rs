//! Plays a schedule: its edits, its faults, its deliveries.

use crate::{
    door::{Calls, Fencing},
    judge::{judge, right},
    rig::{Delivery, Rig, Worker, apart},
    schedule::{Event, Round, Schedule, Workers},
    witness::Witness,
};
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use muster_domain::{DatasetState, removal};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::{AbortHandle, JoinHandle};

/// What one schedule came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Played {
    /// Syncs delivered, the last included.
    pub deliveries: u64,
    /// Deliveries that failed and would come again.
    pub failed: u64,
    /// Processes that died.
    pub crashes: u64,
    /// Datasets found fresh after a round with faults.
    pub fresh: u64,
    /// Datasets found incomplete, blocked or under way after one.
    pub told: u64,
    /// What the doors saw of stale workers.
    pub fencing: Fencing,
    /// The digest of which calls came to the store in which order: the same whenever a seed is played.
    pub order: u64,
}

impl std::ops::AddAssign for Played {
    fn add_assign(&mut self, other: Self) {
        self.deliveries += other.deliveries;
        self.failed += other.failed;
        self.crashes += other.crashes;
        self.fresh += other.fresh;
        self.told += other.told;
        self.fencing += other.fencing;
        self.order ^= other.order;
    }
}

/// Plays a schedule to its end.
///
/// # Errors
/// What the engine did wrong, in words.
pub async fn play(schedule: &Schedule) -> Result<Played> {
    let mut rig = Rig::new(&schedule.setup).await?;
    // The AWS SDK draws the lengths of its waits: the same ones each time.
    fastrand::seed(schedule.seed);
    let witness = Witness::of(&rig)?;
    let mut played = Played::default();
    let mut workers = match schedule.workers {
        Workers::Sole => vec![rig.sole_worker().await?],
        Workers::Two { skew } => vec![rig.worker(0).await?, rig.worker(skew).await?],
    };
    for (number, round) in schedule.rounds.iter().enumerate() {
        let at = format!("after round {}", number + 1);
        play_round(&mut rig, &witness, &mut workers, round, &mut played)
            .await
            .with_context(|| at)?;
    }
    // What is still on its way arrives, every wait that Microsoft asked for is over, and then nothing
    // goes wrong any more.
    tokio::time::sleep(Duration::from_secs(3660)).await;
    for worker in &workers {
        played.fencing += worker.door.fencing();
    }
    ensure!(
        played.fencing.states_overwritten + played.fencing.records_overwritten == 0,
        "a stale worker overwrote what a newer one had written: {:?}",
        played.fencing
    );
    let began = Timestamp::now();
    rig.sync().await.context("the last sync")?;
    played.deliveries += 1;
    // A first enumeration that was cut off and went on is as of its first page: what changed since is
    // in the round that follows.
    let states = rig.states().await?;
    let resumed = |state: &DatasetState| {
        let whole = state.complete.as_ref();
        whole.is_some_and(|whole| whole.began_at < began && whole.ended_at >= began)
    };
    if states.values().any(resumed) {
        rig.sync().await.context("the round that follows")?;
        played.deliveries += 1;
    }
    if answer_removals(&rig).await? {
        rig.sync().await.context("the sync after the answer")?;
        played.deliveries += 1;
    }
    right(&rig).await.context("after the last sync")?;
    played.order = rig.order();
    Ok(played)
}

/// Answers yes where a dataset asks whether its records may go; whether any does. It may ask only where
/// Microsoft holds nothing of it any more, or so much less that the guard is for it.
async fn answer_removals(rig: &Rig) -> Result<bool> {
    let mut answered = false;
    for (name, state) in rig.states().await? {
        let Some(asked) = state.held_removal else {
            continue;
        };
        let (held, truth) = (rig.held(&name).await?, rig.truth(&name)?);
        let gone = held.keys().filter(|key| !truth.contains_key(*key)).count() as u64;
        ensure!(
            asked.records == gone && asked.of == held.len() as u64,
            "{name} asks about {asked:?}, and {gone} of {} are gone",
            held.len()
        );
        ensure!(
            truth.is_empty() || gone > removal::FEW,
            "{name} asks about {gone} records of {}",
            held.len()
        );
        rig.allow_removal(&name).await?;
        answered = true;
    }
    Ok(answered)
}

async fn play_round(
    rig: &mut Rig,
    witness: &Witness,
    workers: &mut [Worker],
    round: &Round,
    played: &mut Played,
) -> Result<()> {
    witness.new_round();
    for edit in &round.before {
        witness.edit(*edit)?;
    }
    rig.simulator.advance(round.ages);
    witness.look()?;
    if round.asked {
        apart();
        let asked = muster_platform::now();
        apart();
        rig.change(|integration| integration.sync.requested_at = Some(asked))
            .await?;
    }
    let before = rig.all_held().await?;
    let changes = witness.changes();
    let began = muster_platform::now();
    for fault in &round.graph {
        rig.simulator.add_fault(fault.clone());
    }
    for (worker, calls, from, count, fault) in &round.store {
        let worker = &workers[worker % workers.len()];
        worker.door.add_fault(*calls, *from, *count, *fault);
    }
    let running = Running::default();
    for event in &round.events {
        set(rig, witness, workers, *event, &running);
    }
    let ended = deliver(rig, workers, round, &running).await?;
    played.deliveries += ended.len() as u64;
    for end in ended {
        match end {
            Some(true) => {}
            Some(false) => played.failed += 1,
            None => played.crashes += 1,
        }
    }
    rig.simulator.clear_faults();
    rig.simulator.clear_occasions();
    for worker in &*workers {
        worker.door.clear();
        if let Some(stop) = &worker.stop {
            stop.send_replace(false);
        }
    }
    let moved = witness.changes() != changes;
    judge(rig, witness, &before, began, moved, played).await?;
    tokio::time::sleep(round.pause).await;
    Ok(())
}

/// Hands the message to whoever gets it, and waits for all; `None` is a process that died, and has started
/// again.
async fn deliver(
    rig: &mut Rig,
    workers: &mut [Worker],
    round: &Round,
    running: &Running,
) -> Result<Vec<Option<bool>>> {
    let delivery = Delivery {
        sent_ago: round.sent_ago,
        tries: 0,
        no_time: round.no_time,
    };
    let mut ends = Vec::new();
    let times = if round.twice { 2 } else { 1 };
    for _ in 0..times {
        let mut tasks = vec![tokio::spawn(rig.delivery(&workers[0], delivery))];
        if let (Some(later), Some(second)) = (round.both, workers.get(1)) {
            let second = rig.delivery(second, delivery);
            tasks.push(tokio::spawn(async move {
                tokio::time::sleep(later).await;
                second.await
            }));
        }
        *running.lock().unwrap_or_else(PoisonError::into_inner) =
            tasks.iter().map(JoinHandle::abort_handle).collect();
        for (task, worker) in tasks.into_iter().zip(&mut *workers) {
            let end = task.await.ok();
            if end.is_none() {
                rig.restart(worker)?;
            }
            ends.push(end);
        }
    }
    Ok(ends)
}

/// The deliveries under way, the first worker's first.
type Running = Arc<Mutex<Vec<AbortHandle>>>;

fn set(rig: &Rig, witness: &Witness, workers: &[Worker], event: Event, running: &Running) {
    let running = Arc::clone(running);
    // What dies is the first that has not ended: an engine's future is dropped where it stands.
    let die = move || {
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = running.iter().find(|handle| !handle.is_finished()) {
            first.abort();
        }
    };
    let at = |nth, act: Box<dyn FnOnce() + Send>| rig.simulator.at_request("/v1.0/", nth, act);
    match event {
        Event::CrashAtRequest(nth) => at(nth, Box::new(die)),
        Event::CrashAfterWrite(nth) => workers[0].door.after_call(Calls::Writes, nth, die),
        Event::StopAtRequest(nth) => {
            if let Some(stop) = workers[0].stop.clone() {
                at(
                    nth,
                    Box::new(move || {
                        stop.send_replace(true);
                    }),
                );
            }
        }
        Event::TokensExpireAt(nth) => {
            let microsoft = rig.microsoft.clone();
            at(nth, Box::new(move || microsoft.expire_tokens()));
        }
        Event::EditAt(nth, edit) => {
            let witness = witness.clone();
            // What cannot be looked at now is found by the next look.
            at(nth, Box::new(move || drop(witness.edit(edit))));
        }
    }
}
