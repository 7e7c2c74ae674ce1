//! What is packed of records, against a map of all of them: many chunks, cut while they grow, and
//! stores that fail in the middle of it.

use anyhow::{Context, Result, ensure};
use muster_domain::{
    Record,
    datasets::sign_in_activity::SIGN_IN_ACTIVITY,
    moving::{Moved, Moving},
};
use muster_platform::{
    Store, now,
    store::{Batch, Lease, Put, StoreError},
};
use muster_soak::{
    dice::Dice,
    door::{Calls, StoreFault},
    judge::right,
    own_time,
    rig::{Delivery, Rig, Setup, Worker},
    witness::sign_in,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Model = BTreeMap<String, String>;

fn signed_in(key: &str, second: u32) -> Record {
    let user = json!({"id": key, "userPrincipalName": format!("{key}@soak.example"),
        "signInActivity": {"lastSignInDateTime": format!("2026-01-01T00:00:{:02}.{second:07}Z", second % 60)}});
    Record::from_object(&SIGN_IN_ACTIVITY, &user).expect("it has an id")
}

fn key(dice: &mut Dice) -> String {
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        dice.between(0, 4000) * 1_000_003,
        7
    )
}

async fn held(rig: &Rig) -> Result<Model> {
    let held = rig.held("sign_in_activity").await?;
    let text =
        |object: serde_json::Map<String, Value>| serde_json::to_string(&object).unwrap_or_default();
    Ok(held
        .into_iter()
        .map(|(key, object)| (key, text(object)))
        .collect())
}

fn shown(record: &Record) -> String {
    serde_json::to_string(&record.to_object(&SIGN_IN_ACTIVITY)).unwrap_or_default()
}

/// Writes new records whole, as a first sync does.
async fn write(rig: &Rig, lease: &Lease, model: &mut Model, records: &[Record]) -> Result<()> {
    let puts = records.iter().map(|record| Put {
        key: record.key.clone(),
        text: record.to_text(),
        held: false,
    });
    let batch = Batch {
        puts: puts.collect(),
        ..Batch::default()
    };
    rig.store.write(lease, &SIGN_IN_ACTIVITY, &batch).await?;
    model.extend(
        records
            .iter()
            .map(|record| (record.key.clone(), shown(record))),
    );
    Ok(())
}

async fn story(seed: u64) -> Result<()> {
    let rig = Rig::new(&Setup::small(1, &["organization"])).await?;
    let worker = rig.worker(0).await?;
    let store = Store::embedded(worker.door.address());
    let lease: Lease = store
        .acquire_lease(rig.tenant, "test", now())
        .await?
        .context("it is free")?;
    let (mut dice, mut model, moving) =
        (Dice::of(seed), Model::new(), Moving::of(&SIGN_IN_ACTIVITY));
    let keys: BTreeSet<String> = (0..1500).map(|_| key(&mut dice)).collect();
    let all: Vec<Record> = keys.iter().map(|key| signed_in(key, 0)).collect();
    write(&rig, &lease, &mut model, &all).await?;
    for round in 1..12 {
        let many = *dice.one(&[1, 40, 150, 300, 300]);
        let keys: Vec<String> = (0..many).map(|_| dice.one(&all).key.clone()).collect();
        let (mut moved, mut after) = (Moved::new(), model.clone());
        for key in keys {
            let record = signed_in(&key, round * 1000 + dice.between(0, 900));
            after.insert(key.clone(), shown(&record));
            moved.insert(key, Some(moving.cells(&record.to_text())));
        }
        if dice.percent(80) {
            worker.door.add_fault(
                Calls::RecordWrites,
                dice.between(1, 4),
                99,
                StoreFault::ServerError,
            );
            let failed = store.pack(&lease, &SIGN_IN_ACTIVITY, &moved).await;
            worker.door.clear();
            for (key, shown) in held(&rig).await? {
                let (before, after) = (&model[&key], &after[&key]);
                ensure!(
                    shown == *before || shown == *after,
                    "{key} never was {shown}; {failed:?}"
                );
            }
        }
        store.pack(&lease, &SIGN_IN_ACTIVITY, &moved).await?;
        model = after;
        ensure!(held(&rig).await? == model, "round {round}");
        let some = dice.one(&all).key.clone();
        let one = rig
            .store
            .record(rig.tenant, &SIGN_IN_ACTIVITY, &some)
            .await?;
        ensure!(
            shown(&one.context("it is held")?) == model[&some],
            "{some} by itself"
        );
    }
    let (index, ..) = rig.store.index_anew(rig.tenant, &SIGN_IN_ACTIVITY).await?;
    ensure!(index.len() == model.len() as u64);
    Ok(())
}

#[test]
fn what_is_packed_is_what_a_map_would_hold_through_failures_too() {
    muster_soak::log();
    for seed in 0..4 {
        if let Err(why) = own_time::run(|| story(seed)) {
            panic!("seed {seed}: {why:#}");
        }
    }
}

#[test]
fn a_stale_worker_packs_nothing_over_a_newer_one() {
    muster_soak::log();
    let story = async || {
        let rig = Rig::new(&Setup::small(1, &["organization"])).await?;
        let stale = rig
            .store
            .acquire_lease(rig.tenant, "same", now())
            .await?
            .context("it is free")?;
        let newer = rig
            .store
            .acquire_lease(rig.tenant, "same", now())
            .await?
            .context("its own")?;
        let moved = |cells: &str| Moved::from([("k".to_owned(), Some(cells.to_owned()))]);
        rig.store
            .pack(&newer, &SIGN_IN_ACTIVITY, &moved("new"))
            .await?;
        let refused = rig
            .store
            .pack(&stale, &SIGN_IN_ACTIVITY, &moved("old"))
            .await;
        ensure!(matches!(refused, Err(StoreError::LeaseLost)), "{refused:?}");
        rig.store
            .pack(&newer, &SIGN_IN_ACTIVITY, &moved("newest"))
            .await?;
        Ok(())
    };
    own_time::run(story).expect("it is refused");
}

/// Everything is asked for and read.
async fn sync(rig: &mut Rig, worker: &Worker) -> Result<()> {
    let asked = now();
    rig.change(|integration| integration.sync.requested_at = Some(asked))
        .await?;
    ensure!(rig.deliver(worker, Delivery::default()).await, "it failed");
    right(rig).await
}

#[test]
fn what_is_packed_of_a_record_never_comes_before_what_is_written_of_it_later() {
    muster_soak::log();
    let story = async || -> Result<()> {
        let mut rig = Rig::new(&Setup::small(3, &["sign_in_activity"])).await?;
        let worker = rig.worker(0).await?;
        sync(&mut rig, &worker).await?;
        let users = rig.truth("sign_in_activity")?;
        let (user, record) = users.first_key_value().context("there are three")?;
        let (user, name) = (user.parse()?, record["user_principal_name"].clone());
        for (second, name) in [
            (1, name.clone()),
            (2, "another@soak.example".into()),
            (3, name),
        ] {
            sign_in(&rig.microsoft, user, second);
            rig.microsoft
                .set_user_property(user, "userPrincipalName", name);
            sync(&mut rig, &worker).await?;
        }
        Ok(())
    };
    own_time::run(story).expect("it is as it was last");
}

#[test]
fn nothing_stays_packed_of_a_record_that_is_gone() {
    muster_soak::log();
    let story = async || -> Result<()> {
        let mut rig = Rig::new(&Setup::small(2, &["sign_in_activity"])).await?;
        let worker = rig.worker(0).await?;
        sync(&mut rig, &worker).await?;
        let users = rig.truth("sign_in_activity")?;
        for (second, user) in (1..).zip(users.keys()) {
            sign_in(&rig.microsoft, user.parse()?, second);
        }
        sync(&mut rig, &worker).await?;
        let partition = format!("TENANT#{}#moving", rig.tenant);
        let packed = |worker: &Worker| {
            let chunks = worker.door.assets(&partition);
            let bytes = chunks
                .iter()
                .map(|chunk| chunk["m"]["B"].as_str().map_or(0, str::len));
            (chunks.len(), bytes.sum::<usize>())
        };
        let both = packed(&worker);
        rig.microsoft.delete_users(1);
        sync(&mut rig, &worker).await?;
        let one = packed(&worker);
        ensure!(
            both.0 == 1 && one.0 == 1 && one.1 < both.1,
            "{both:?}, {one:?}"
        );
        Ok(())
    };
    own_time::run(story).expect("it goes");
}
