//! Who signed in since the first reading: packed apart from the records, and seen as one with them by
//! everybody who reads.

use anyhow::{Context, Result};
use muster_domain::{TenantId, datasets::sign_in_activity::SIGN_IN_ACTIVITY, deletion::Part};
use muster_it::{Caller, World, tenant};
use muster_platform::Store;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const WHEN: &str = "2031-02-03T04:05:06Z";
const COLUMN: &str = "sign_in_activity_last_sign_in_date_time";

async fn another_store() -> Result<Store> {
    let database = dynoxide::Database::memory()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let store = Store::embedded(listener.local_addr()?);
    tokio::spawn(async move { dynoxide::server::serve_on(listener, database).await });
    store.ensure_tables().await?;
    Ok(store)
}

#[tokio::test]
async fn who_signed_in_since_is_seen_in_lists_filters_exports_and_after_a_move() -> Result<()> {
    let contoso = tenant("Contoso", 60);
    let world = World::synced(contoso.clone()).await?;
    let (id, store) = (TenantId::from(contoso.id), &world.muster().services().store);
    let held = store
        .records_after(id, &SIGN_IN_ACTIVITY, None)
        .await?
        .records;
    let user = held.get(17).context("there are sixty")?.key.clone();
    let activity = json!({"lastSignInDateTime": WHEN, "lastSuccessfulSignInDateTime": WHEN});
    let microsoft = world.tenant(&contoso);
    microsoft.set_user_property(user.parse()?, "signInActivity", activity);
    world.sync(contoso.id).await?;
    let states = store.states(id).await?;
    let state = states
        .iter()
        .find(|state| state.dataset == SIGN_IN_ACTIVITY.name);
    let run = state.context("it was read")?.run;
    assert_eq!((run.written, run.changes), (1, 0), "{run:?}");

    let caller = Caller::of(&world)?;
    let path = format!(
        "/api/v1/integrations/{}/assets/sign_in_activity",
        contoso.id
    );
    let list = caller
        .get(&format!("{path}?sort=-{COLUMN}&limit=1"))
        .await?;
    assert_eq!(
        list.json["items"][0]["key"],
        Value::from(user.clone()),
        "{}",
        list.text
    );
    let list = caller
        .get(&format!("{path}?filter={COLUMN}+eq+{WHEN}"))
        .await?;
    assert_eq!(
        list.json["items"].as_array().map(Vec::len),
        Some(1),
        "{}",
        list.text
    );
    let list = caller.get(&format!("{path}?limit=1000")).await?;
    assert_eq!(
        list.text.matches(WHEN).count(),
        2,
        "in two columns of one record"
    );
    let csv = caller.get(&format!("{path}?format=csv")).await?;
    let line = csv
        .text
        .lines()
        .find(|line| line.starts_with(&user))
        .context("a line")?;
    assert_eq!(line.matches(WHEN).count(), 2, "{line}");
    let one = caller.get(&format!("{path}/{user}")).await?;
    assert_eq!(one.json["record"][COLUMN], WHEN, "{}", one.text);

    let there = another_store().await?;
    there.take_over(store, id).await?;
    let moved = there
        .record(id, &SIGN_IN_ACTIVITY, &user)
        .await?
        .context("it is there")?;
    assert_eq!(moved.get(&SIGN_IN_ACTIVITY, COLUMN), WHEN);
    there
        .create_integration(&store.integration(id).await?.context("it is here")?)
        .await?;
    for part in Part::all() {
        let keys = there.keys_to_erase(id, part).await?;
        there.erase(id, part, &keys).await?;
    }
    assert_eq!(there.tally(id).await?.items, 0, "nothing of it stays");
    Ok(())
}
