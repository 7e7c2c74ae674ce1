//! Bringing a tenant's data from one store to another.

use anyhow::Result;
use muster_domain::{TenantId, datasets};
use muster_it::{World, tenant};
use muster_platform::{
    Store, now,
    store::{Batch, Put},
};
use tokio::net::TcpListener;

async fn another_store() -> Result<Store> {
    let database = dynoxide::Database::memory()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let store = Store::embedded(listener.local_addr()?);
    tokio::spawn(async move {
        dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()).await
    });
    store.ensure_tables().await?;
    Ok(store)
}

#[tokio::test]
async fn a_tenant_arrives_whole_and_a_second_time_writes_nothing() -> Result<()> {
    let contoso = tenant("Contoso", 120);
    let world = World::synced(contoso.clone()).await?;
    let id = TenantId::from(contoso.id);
    let here = &world.muster().services().store;
    let there = another_store().await?;
    let before = here.tally(id).await?;
    let copied = there.take_over(here, id).await?;
    assert!(copied.items > 120, "{copied:?}");
    assert_eq!(copied.written, copied.items);
    let held = there.tally(id).await?;
    assert_eq!((held.items, held.digest), (copied.items, copied.digest));
    let again = there.take_over(here, id).await?;
    assert_eq!(
        (again.items, again.written, again.removed),
        (copied.items, 0, 0)
    );
    assert_eq!(here.tally(id).await?, before, "the source is as it was");
    assert!(there.integration(id).await?.is_none(), "that comes last");
    Ok(())
}

#[tokio::test]
async fn a_tenant_that_arrived_is_written_there_under_leases_that_go_on_counting() -> Result<()> {
    let contoso = tenant("Contoso", 5);
    let world = World::synced(contoso.clone()).await?;
    let id = TenantId::from(contoso.id);
    let there = another_store().await?;
    there
        .take_over(&world.muster().services().store, id)
        .await?;
    let later = now().checked_add(jiff::SignedDuration::from_mins(5))?;
    let lease = there.acquire_lease(id, "there", later).await?;
    let lease = lease.expect("nobody holds it there");
    for state in there.states(id).await? {
        there.put_state(&lease, &state).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_differs_there_is_seen_and_mended() -> Result<()> {
    let contoso = tenant("Contoso", 30);
    let world = World::synced(contoso.clone()).await?;
    let id = TenantId::from(contoso.id);
    let here = &world.muster().services().store;
    let there = another_store().await?;
    let copied = there.take_over(here, id).await?;
    let users = datasets::find("users").expect("a dataset");
    let records = here.records_after(id, users, None).await?.records;
    let put = |key: &str, held| Put {
        key: key.to_owned(),
        text: "[]".to_owned(),
        held,
    };
    let stray = Batch {
        puts: vec![put("00-not-there", false), put(&records[3].key, true)],
        deletes: vec![records[5].key.clone(), records[29].key.clone()],
        changes: Vec::new(),
    };
    let lease = there.acquire_lease(id, "test", now()).await?;
    let lease = lease.expect("it is free");
    there.write(&lease, users, &stray).await?;
    assert_ne!(there.tally(id).await?.digest, copied.digest);
    let mended = there.take_over(here, id).await?;
    // The lease that was taken to write is brought back as well.
    assert_eq!((mended.written, mended.removed), (4, 1));
    assert_eq!(there.tally(id).await?.digest, copied.digest);
    Ok(())
}
