//! The index of a dataset: believed only while it is what its mark says.

use anyhow::{Context, Result};
use muster_domain::{
    DatasetState, TenantId,
    datasets::{self, users},
    state::Phase,
};
use muster_it::{World, tenant};
use muster_platform::{
    now,
    store::{Batch, Put},
};
use serde_json::Value;

/// Reads a dataset of the world's tenant whole, after its state was changed so.
async fn read_whole(
    world: &World,
    id: TenantId,
    name: &str,
    change: impl Fn(&mut DatasetState),
) -> Result<DatasetState> {
    let store = &world.muster().services().store;
    let lease = store.acquire_lease(id, "local", now()).await?;
    let lease = lease.context("nobody else syncs")?;
    let mut state = state(world, id, name).await?;
    state.checkpoint.delta_link = None;
    change(&mut state);
    store.put_state(&lease, &state).await?;
    store.release_lease(&lease).await?;
    world.sync(id.uuid()).await?;
    self::state(world, id, name).await
}

async fn state(world: &World, id: TenantId, name: &str) -> Result<DatasetState> {
    let states = world.muster().services().store.states(id).await?;
    let found = states.into_iter().find(|state| state.dataset == name);
    found.context("it was read")
}

async fn world() -> Result<(World, TenantId)> {
    let contoso = tenant("Contoso", 40);
    let world = World::synced(contoso.clone()).await?;
    Ok((world, contoso.id.into()))
}

/// Writes a record that Microsoft does not know so, behind the index's back.
async fn falsify(world: &World, id: TenantId) -> Result<String> {
    let store = &world.muster().services().store;
    let users = datasets::find("users").context("a dataset")?;
    let mut record = store
        .records_after(id, users, None)
        .await?
        .records
        .remove(3);
    record.values[1] = Value::from("not the name");
    let batch = Batch {
        puts: vec![Put {
            key: record.key.clone(),
            text: record.to_text(),
            held: true,
        }],
        ..Batch::default()
    };
    let lease = store.acquire_lease(id, "test", now()).await?;
    let lease = lease.context("it is free")?;
    store.write(&lease, users, &batch).await?;
    store.release_lease(&lease).await?;
    Ok(record.key)
}

async fn name_of(world: &World, id: TenantId, key: &str) -> Result<Value> {
    let store = &world.muster().services().store;
    let users = datasets::find("users").context("a dataset")?;
    let record = store.record(id, users, key).await?.context("it is held")?;
    Ok(record.get(users, "display_name").clone())
}

#[tokio::test]
async fn what_is_unchanged_is_known_without_reading_the_records() -> Result<()> {
    let (world, id) = world().await?;
    let mark = state(&world, id, "users").await?.index;
    let mark = mark.context("a whole enumeration leaves an index")?;
    assert_eq!(mark.runs.len(), 1);
    let read = read_whole(&world, id, "users", |_| {}).await?;
    assert_eq!((read.run.unchanged, read.run.written), (read.records, 0));
    assert_eq!(read.index.as_ref(), Some(&mark), "nothing of it moved");
    Ok(())
}

#[tokio::test]
async fn an_index_that_is_not_what_its_mark_says_is_made_anew() -> Result<()> {
    let (world, id) = world().await?;
    let key = falsify(&world, id).await?;
    // Believed, the index hides what was written behind its back.
    read_whole(&world, id, "users", |_| {}).await?;
    assert_eq!(name_of(&world, id, &key).await?, "not the name");
    let read = read_whole(&world, id, "users", |state| {
        let mark = state.index.as_mut().expect("there is a mark");
        mark.runs[0].digest ^= 1;
    })
    .await?;
    assert_eq!((read.run.written, read.phase), (1, Phase::Fresh));
    assert_ne!(name_of(&world, id, &key).await?, "not the name");
    Ok(())
}

#[tokio::test]
async fn a_state_without_a_mark_has_its_index_made_anew() -> Result<()> {
    let (world, id) = world().await?;
    let key = falsify(&world, id).await?;
    // As before there were indexes, and as a crash in the middle of a run leaves it.
    let read = read_whole(&world, id, "users", |state| state.index = None).await?;
    assert_eq!(read.run.written, 1);
    assert_ne!(name_of(&world, id, &key).await?, "not the name");
    assert!(read.index.is_some());
    Ok(())
}

#[tokio::test]
async fn a_delta_round_that_writes_is_in_the_index_after_it() -> Result<()> {
    let (world, id) = world().await?;
    let microsoft = world.simulator.tenant(id.uuid());
    microsoft.change_users(3);
    microsoft.delete_users(2);
    world.sync(id.uuid()).await?;
    let round = state(&world, id, "users").await?;
    assert_eq!((round.run.written, round.run.removed), (3, 2));
    assert_eq!(round.index.context("there is a mark")?.runs.len(), 2);
    let whole = read_whole(&world, id, "users", |_| {}).await?;
    assert_eq!((whole.run.written, whole.run.removed), (0, 0));
    assert_eq!((whole.records, whole.run.unchanged), (38, 38));
    Ok(())
}

#[tokio::test]
async fn what_a_whole_enumeration_does_not_show_is_found_and_removed() -> Result<()> {
    let (world, id) = world().await?;
    world.simulator.tenant(id.uuid()).delete_users(2);
    let whole = read_whole(&world, id, "users", |_| {}).await?;
    assert_eq!((whole.run.removed, whole.records), (2, 38));
    let users = datasets::find("users").context("a dataset")?;
    let store = &world.muster().services().store;
    let held = store.records_after(id, users, None).await?.records.len();
    assert_eq!(held, 38);
    let again = read_whole(&world, id, "users", |_| {}).await?;
    assert_eq!((again.run.written, again.run.removed), (0, 0));
    Ok(())
}

#[tokio::test]
async fn the_counts_of_a_delta_round_are_those_of_all_records() -> Result<()> {
    let (world, id) = world().await?;
    let microsoft = world.simulator.tenant(id.uuid());
    let store = &world.muster().services().store;
    let users = microsoft.change_users(6);
    for (number, user) in users.iter().enumerate() {
        microsoft.set_user_property(*user, "accountEnabled", (number % 2 == 0).into());
    }
    microsoft.delete_users(3);
    microsoft.add_users(5);
    world.sync(id.uuid()).await?;
    let round = store.integration(id).await?.context("it is there")?.glance;
    read_whole(&world, id, "users", |_| {}).await?;
    let whole = store.integration(id).await?.context("it is there")?.glance;
    assert_eq!(round.get(&users::ALL_USERS), Some(42));
    assert_eq!(round, whole);
    Ok(())
}
