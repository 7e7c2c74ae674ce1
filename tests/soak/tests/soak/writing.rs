//! What DynamoDB leaves over or refuses of a batch is written after all.

use anyhow::{Context, ensure};
use muster_domain::{
    Record,
    datasets::users::USERS,
    index::{self, Index, Mark},
    record::digest,
};
use muster_platform::{
    Store, now,
    store::{Batch, ChangeQuery, Put},
};
use muster_soak::{
    door::{Calls, StoreFault},
    judge::right,
    own_time::test,
    rig::{Delivery, Rig, Setup},
};
use serde_json::json;
use std::time::Duration;

#[test]
fn changes_that_are_left_over_are_told_of_all_the_same() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(30, &["users"])).await?;
        rig.sync().await?;
        rig.microsoft.change_users(30);
        let asked = now();
        rig.change(|integration| integration.sync.requested_at = Some(asked))
            .await?;
        let worker = rig.worker(0).await?;
        let half = StoreFault::HalfProcessed;
        worker.door.add_fault(Calls::RecordWrites, 1, 6, half);
        ensure!(rig.deliver(&worker, Delivery::default()).await);
        right(&rig).await?;
        let query = ChangeQuery {
            limit: 100,
            ..ChangeQuery::default()
        };
        let told = rig.store.changes(rig.tenant, &query).await?.changes.len();
        ensure!(told == 30, "{told} of 30 changes");
        Ok(())
    });
}

#[test]
fn a_record_that_is_there_though_it_was_not_believed_to_be_is_written_over() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(2, &["users"])).await?;
        rig.sync().await?;
        let users = rig.truth("users")?;
        let there = users.keys().next().context("a user")?.as_str();
        let lease = rig.store.acquire_lease(rig.tenant, "another", now());
        let lease = lease.await?.context("nobody holds it")?;
        // One is there and is not believed to be; of the other the reverse is so.
        let mut batch = Batch::default();
        for (key, held) in [(there, false), ("absent", true)] {
            let object = json!({"id": key, "displayName": "as told now"});
            let record = Record::from_object(&USERS, &object).context("a key")?;
            batch.puts.push(Put {
                key: key.to_owned(),
                text: record.to_text(),
                held,
            });
        }
        rig.store.write(&lease, &USERS, &batch).await?;
        let held = rig.held("users").await?;
        for key in [there, "absent"] {
            let record = held.get(key).with_context(|| format!("{key} is gone"))?;
            ensure!(record["display_name"] == "as told now", "{record:?}");
        }
        Ok(())
    });
}

#[test]
fn a_write_that_fails_leaves_nothing_on_its_way() {
    test(async || {
        let rig = Rig::new(&Setup::small(0, &["users"])).await?;
        let door = rig.worker(0).await?.door;
        let store = Store::embedded(door.address());
        let lease = store.acquire_lease(rig.tenant, "another", now());
        let lease = lease.await?.context("nobody holds it")?;
        let mut batch = Batch::default();
        for number in 0..60 {
            let object = json!({"id": format!("user {number}")});
            let record = Record::from_object(&USERS, &object).context("a key")?;
            batch.puts.push(Put {
                key: record.key.clone(),
                text: record.to_text(),
                held: false,
            });
        }
        // Of three calls the first takes long, and the others fail however often they are tried.
        let held_up = StoreFault::Late(Duration::from_secs(40));
        door.add_fault(Calls::RecordWrites, 1, 1, held_up);
        door.add_fault(Calls::RecordWrites, 2, 99, StoreFault::ServerError);
        ensure!(store.write(&lease, &USERS, &batch).await.is_err());
        let written = rig.held("users").await?.len();
        ensure!(written == 25, "{written} of the first call's 25");
        Ok(())
    });
}

#[test]
fn a_run_that_fails_leaves_nothing_on_its_way() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(4, &["users", "applications"])).await?;
        let worker = rig.worker(0).await?;
        let held_up = StoreFault::Late(Duration::from_secs(40));
        let door = &worker.door;
        door.add_fault(Calls::RecordWrites, 1, 1, held_up);
        door.add_fault(Calls::RecordWrites, 2, 99, StoreFault::ServerError);
        ensure!(!rig.deliver(&worker, Delivery::default()).await);
        let held = async || Ok((rig.held("users").await?, rig.held("applications").await?));
        let at_its_end: (_, _) = held().await?;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let later: anyhow::Result<_> = held().await;
        ensure!(at_its_end == later?, "a write arrived after the run");
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn every_stored_key_is_looked_at_on_whatever_page_it_is() {
    test(async || {
        let rig = Rig::new(&Setup::small(0, &["users"])).await?;
        let lease = rig.store.acquire_lease(rig.tenant, "another", now());
        let lease = lease.await?.context("nobody holds it")?;
        // More than DynamoDB gives in one page of a query, a megabyte.
        let (mut batch, mut index) = (Batch::default(), Index::new());
        for number in 10..40 {
            let key = format!("user {number}");
            let object = json!({"id": key, "displayName": "x".repeat(50_000)});
            let record = Record::from_object(&USERS, &object).context("a key")?;
            let text = record.to_text();
            if number < 39 {
                index.show(index::name(&key), Mark::of(digest(&text)));
            }
            let held = false;
            batch.puts.push(Put { key, text, held });
        }
        rig.store.write(&lease, &USERS, &batch).await?;
        let (unseen, _) = rig.store.unseen(rig.tenant, &USERS, &index).await?;
        ensure!(unseen.of == 30 && unseen.keys == ["user 39"], "{unseen:?}");
        Ok(())
    });
}
