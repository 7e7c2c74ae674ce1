//! Plays a schedule, and judges what the engine made of it.

use crate::{
    door::{Calls, Fencing},
    rig::{Delivery, Records, Rig, Worker, truth},
    schedule::{Edit, Event, Round, Schedule, Workers},
};
use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use microsoft_simulator::TenantHandle;
use muster_domain::{
    datasets, removal,
    state::{DatasetState, Phase},
    summary::{Counter, Counts},
};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
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
}

impl std::ops::AddAssign for Played {
    fn add_assign(&mut self, other: Self) {
        self.deliveries += other.deliveries;
        self.failed += other.failed;
        self.crashes += other.crashes;
        self.fresh += other.fresh;
        self.told += other.told;
        self.fencing += other.fencing;
    }
}

/// What each record of a dataset ever was.
type Versions = BTreeMap<String, Vec<Map<String, Value>>>;

/// Everything that was ever true of a tenant, so that nothing else is ever held.
#[derive(Debug, Default)]
struct Past {
    versions: BTreeMap<&'static str, Versions>,
    /// How often the tenant has changed.
    changes: u64,
    /// Keys that were missing at some time since this round began.
    missing: BTreeMap<&'static str, BTreeSet<String>>,
}

#[derive(Debug, Clone)]
struct Witness {
    microsoft: TenantHandle,
    datasets: Vec<&'static str>,
    past: Arc<Mutex<Past>>,
}

impl Witness {
    fn of(rig: &Rig) -> Result<Self> {
        let witness = Self {
            microsoft: rig.microsoft.clone(),
            datasets: rig.datasets.clone(),
            past: Arc::default(),
        };
        witness.look()?;
        Ok(witness)
    }

    fn look(&self) -> Result<()> {
        for name in &self.datasets {
            let now = truth(&self.microsoft, name)?;
            let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            let known: Vec<String> = past
                .versions
                .entry(name)
                .or_default()
                .keys()
                .cloned()
                .collect();
            let gone = known.into_iter().filter(|key| !now.contains_key(key));
            past.missing
                .entry(name)
                .or_default()
                .extend(gone.collect::<Vec<_>>());
            for (key, object) in now {
                let versions = past
                    .versions
                    .entry(name)
                    .or_default()
                    .entry(key)
                    .or_default();
                if !versions.contains(&object) {
                    versions.push(object);
                }
            }
        }
        Ok(())
    }

    /// Changes the tenant; what it was in the middle of the change is known, too.
    fn edit(&self, edit: Edit) -> Result<()> {
        let users = self.microsoft.objects("/users");
        let id = users
            .get(users.len() / 2)
            .and_then(|user| user["id"].as_str()?.parse().ok());
        let left = u32::try_from(users.len()).unwrap_or(0).saturating_sub(1);
        match (edit, id) {
            (Edit::Change(count), _) => {
                let changed = self.microsoft.change_users(count);
                for (nth, id) in (0..).zip(changed) {
                    let at = (self.changes() + 1) * 100 + nth;
                    sign_in(&self.microsoft, id, at);
                    self.look()?;
                }
            }
            (Edit::Add(count), _) => drop(self.microsoft.add_users(count)),
            (Edit::Delete(count), _) => drop(self.microsoft.delete_users(count.min(left))),
            (Edit::DeleteAndRestore, Some(id)) => {
                self.microsoft.delete_user(id);
                self.look()?;
                self.microsoft.restore_user(id);
            }
            (Edit::Purge, Some(id)) if left > 0 => drop(self.microsoft.purge_user(id)),
            (Edit::License, Some(id)) => drop(self.microsoft.assign_licence(id, "SPE_E5")),
            _ => {}
        }
        self.look()?;
        self.past
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .changes += 1;
        Ok(())
    }

    /// Every record held was once so.
    fn nothing_invented(&self, name: &'static str, held: &Records) -> Result<()> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = past.versions.get(name);
        for (key, object) in held {
            let known = versions.and_then(|versions| versions.get(key));
            ensure!(
                known.is_some_and(|known| known.contains(object)),
                "{name} holds a {key} that never was so: {object:?}"
            );
        }
        Ok(())
    }

    /// What was held, and was never gone in this round, is held.
    fn nothing_lost(&self, name: &'static str, before: &Records, held: &Records) -> Result<()> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = past.missing.get(name);
        for key in before.keys() {
            let stayed = missing.is_none_or(|missing| !missing.contains(key));
            ensure!(
                !stayed || held.contains_key(key),
                "{name} has lost {key}, which was never gone"
            );
        }
        Ok(())
    }

    fn changes(&self) -> u64 {
        self.past
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .changes
    }

    fn new_round(&self) {
        self.past
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .missing
            .clear();
    }
}

/// A user signs in, in a second of its own.
pub fn sign_in(microsoft: &TenantHandle, user: uuid::Uuid, second: u64) {
    let at = Timestamp::from_second(1_750_000_000 + i64::try_from(second).unwrap_or(0));
    let at = at.unwrap_or_default().to_string();
    let activity = json!({"lastSignInDateTime": at, "lastSuccessfulSignInDateTime": at});
    microsoft.set_user_property(user, "signInActivity", activity);
}

/// Plays a schedule to its end.
///
/// # Errors
/// What the engine did wrong, in words.
pub async fn play(schedule: &Schedule) -> Result<Played> {
    let mut rig = Rig::new(&schedule.setup).await?;
    let witness = Witness::of(&rig)?;
    let mut played = Played::default();
    let workers = match schedule.workers {
        Workers::Sole => vec![rig.sole_worker().await?],
        Workers::Two { skew } => vec![rig.worker(0).await?, rig.worker(skew).await?],
    };
    for (number, round) in schedule.rounds.iter().enumerate() {
        let at = format!("after round {}", number + 1);
        play_round(&mut rig, &witness, &workers, round, &mut played)
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
    workers: &[Worker],
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
        let asked = muster_platform::now();
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
    let ended = deliver(rig, workers, round, &running).await;
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
    for worker in workers {
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

/// Hands the message to whoever gets it, and waits for all; `None` is a process that died.
async fn deliver(
    rig: &mut Rig,
    workers: &[Worker],
    round: &Round,
    running: &Running,
) -> Vec<Option<bool>> {
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
        for task in tasks {
            ends.push(task.await.ok());
        }
    }
    ends
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

/// Each dataset is right, or says that it is not and has kept what it had.
async fn judge(
    rig: &Rig,
    witness: &Witness,
    before: &BTreeMap<&'static str, Records>,
    began: Timestamp,
    moved: bool,
    played: &mut Played,
) -> Result<()> {
    let states = rig.states().await?;
    for name in &rig.datasets {
        let held = rig.held(name).await?;
        witness.nothing_invented(name, &held)?;
        witness.nothing_lost(name, &before[name], &held)?;
        let Some(state) = states.get(*name) else {
            ensure!(held.is_empty(), "{name} holds records without a state");
            continue;
        };
        if state.phase == Phase::Incomplete {
            ensure!(
                state.trouble.is_some(),
                "{name} is incomplete and does not say why"
            );
        }
        if state.phase == Phase::Fresh {
            played.fresh += 1;
        } else {
            played.told += 1;
        }
        // An enumeration that began in an earlier round is of that time.
        let resumed = state
            .complete
            .as_ref()
            .is_some_and(|whole| whole.began_at < began && whole.ended_at >= began);
        let just_now = state.last_attempt_at.is_some_and(|at| at >= began) && !resumed;
        if state.phase == Phase::Fresh && just_now && !moved && state.held_removal.is_none() {
            same(name, &held, &rig.truth(name)?).context("it is called fresh")?;
        }
    }
    Ok(())
}

/// What was held and is still at Microsoft's is held, and nothing that is nowhere; and what was read since
/// `began` and is called fresh is as it is at Microsoft's: for a tenant that has not changed since.
///
/// # Errors
/// What is lost or invented.
pub async fn kept(
    rig: &Rig,
    before: &BTreeMap<&'static str, Records>,
    began: Timestamp,
) -> Result<()> {
    for (name, before) in before {
        let (held, truth) = (rig.held(name).await?, rig.truth(name)?);
        for (key, object) in &held {
            let known = before.get(key) == Some(object) || truth.get(key) == Some(object);
            ensure!(known, "{name} holds a {key} that never was so: {object:?}");
        }
        let lost = before
            .keys()
            .find(|key| truth.contains_key(*key) && !held.contains_key(*key));
        ensure!(lost.is_none(), "{name} has lost {lost:?}");
        let state = rig.states().await?.remove(*name);
        let read = |state: &DatasetState| state.last_attempt_at.is_some_and(|at| at >= began);
        if state.is_some_and(|state| state.phase == Phase::Fresh && read(&state)) {
            same(name, &held, &truth).context("it is called fresh")?;
        }
    }
    Ok(())
}

/// Everything is as it is at Microsoft's, and says so.
///
/// # Errors
/// What is not.
pub async fn right(rig: &Rig) -> Result<()> {
    let states = rig.states().await?;
    for name in &rig.datasets {
        let state = states
            .get(*name)
            .with_context(|| format!("{name} has no state"))?;
        is_fresh(state).with_context(|| format!("{state:#?}"))?;
        let held = rig.held(name).await?;
        same(name, &held, &rig.truth(name)?)?;
        ensure!(
            state.records == held.len() as u64,
            "{name} counts {} records and holds {}",
            state.records,
            held.len()
        );
    }
    let integration = rig.change(|_| {}).await?;
    counted(rig, &states, &integration.glance).await?;
    ensure!(integration.sync.finished_at.is_some(), "no sync has ended");
    ensure!(
        integration.sync.started_at.is_none(),
        "a sync is still under way"
    );
    Ok(())
}

/// The summary counts what is held.
async fn counted(
    rig: &Rig,
    states: &BTreeMap<String, DatasetState>,
    summary: &Counts,
) -> Result<()> {
    let mut truth = summary.clone();
    for name in Counter::DATASETS {
        let (Some(state), Some(dataset)) = (states.get(name), datasets::find(name)) else {
            continue;
        };
        let mut counter = Counter::new(dataset, muster_platform::now());
        let records = rig.records(dataset).await?;
        records.iter().for_each(|record| counter.count(record));
        counter.finish(state, &mut truth);
    }
    ensure!(
        *summary == truth,
        "counted are {summary:?}, and held {truth:?}"
    );
    Ok(())
}

fn is_fresh(state: &DatasetState) -> Result<()> {
    let name = &state.dataset;
    ensure!(
        state.phase == Phase::Fresh,
        "{name} is {}",
        state.phase.name()
    );
    ensure!(state.verdict.allows(), "{name}: {}", state.verdict.label());
    ensure!(
        state.complete.is_some(),
        "{name} has no proof that it is complete"
    );
    ensure!(state.held_removal.is_none(), "{name} waits for an answer");
    Ok(())
}

fn same(name: &str, held: &Records, truth: &Records) -> Result<()> {
    for (key, object) in truth {
        match held.get(key) {
            None => bail!("{name} lacks {key}"),
            Some(other) if other != object => {
                bail!("{name} holds an older {key}: {other:?}, which is now {object:?}")
            }
            Some(_) => {}
        }
    }
    match held.keys().find(|key| !truth.contains_key(*key)) {
        Some(key) => bail!("{name} still holds {key}, which is gone"),
        None => Ok(()),
    }
}
