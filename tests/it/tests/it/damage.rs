//! Records that are lost or altered beneath the store are noticed, told, and read again.

use anyhow::{Context, Result, anyhow};
use dynoxide::{
    Database,
    actions::{delete_item::DeleteItemRequest, get_item::GetItemRequest, put_item::PutItemRequest},
};
use microsoft_simulator::TenantOptions;
use muster_it::{Caller, World, dataset, muster, ran, tenant};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const USERS: u32 = 18;

async fn world() -> Result<(World, TenantOptions, BTreeMap<String, Value>)> {
    let fabrikam = tenant("Fabrikam", USERS);
    let world = World::synced(fabrikam.clone()).await?;
    let users = world.records(fabrikam.id, "users").await?;
    Ok((world, fabrikam, users))
}

/// Loses three users and alters two others beneath the store, while Muster is stopped.
async fn damage(
    world: &mut World,
    tenant: &TenantOptions,
    users: &BTreeMap<String, Value>,
) -> Result<()> {
    world.stop().await;
    let path = world.data()?.path().join("muster.db");
    let database = Database::new(&path.to_string_lossy()).map_err(|e| anyhow!("{e}"))?;
    let pk = format!("TENANT#{}#users", tenant.id);
    for (place, key) in users.keys().take(5).enumerate() {
        let key = json!({"pk": {"S": pk}, "sk": {"S": key}});
        if place < 3 {
            let delete: DeleteItemRequest =
                serde_json::from_value(json!({"TableName": "assets", "Key": key}))?;
            database.delete_item(delete).map_err(|e| anyhow!("{e}"))?;
            continue;
        }
        let get: GetItemRequest =
            serde_json::from_value(json!({"TableName": "assets", "Key": key}))?;
        let got = database.get_item(get).map_err(|e| anyhow!("{e}"))?;
        let mut item = serde_json::to_value(got.item.context("it is stored")?)?;
        let text = item["c"]["S"].as_str().context("columns")?;
        item["c"]["S"] = text.replacen('a', "q", 1).into();
        let put: PutItemRequest =
            serde_json::from_value(json!({"TableName": "assets", "Item": item}))?;
        database.put_item(put).map_err(|e| anyhow!("{e}"))?;
    }
    drop(database);
    world.start().await
}

fn repaired(integration: &Value) -> (Value, Value) {
    let repaired = &dataset(integration, "users")["repaired"];
    (repaired["missing"].clone(), repaired["altered"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_again_where_that_is_asked_for() -> Result<()> {
    let (mut world, fabrikam, users) = world().await?;
    damage(&mut world, &fabrikam, &users).await?;
    let before = world.sync(fabrikam.id).await?;
    assert_eq!(
        dataset(&before, "users")["records"],
        USERS,
        "a sync sees nothing of it"
    );
    let path = format!("/api/v1/integrations/{}/sync", fabrikam.id);
    let asked = Caller::of(&world)?
        .json(Method::POST, &path, &json!({"full": true}))
        .await?;
    assert_eq!(asked.status.as_u16(), 202, "{}", asked.text);
    let ended = before["sync"]["finished_at"].as_str().map(str::to_owned);
    let healed = world.finished(fabrikam.id, ended).await?;
    assert_eq!(repaired(&healed), (json!(3), json!(2)), "{healed:#}");
    let told = healed["problems"].to_string();
    assert!(
        told.contains("3 stored records were missing and 2 were altered"),
        "{told}"
    );
    assert_eq!(world.records(fabrikam.id, "users").await?, users);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_checked_left_out_and_read_again() -> Result<()> {
    let (mut world, fabrikam, users) = world().await?;
    damage(&mut world, &fabrikam, &users).await?;
    let held = world.records(fabrikam.id, "users").await?;
    assert_eq!(held.len(), 13, "what is altered is not shown");
    assert!(held.iter().all(|(key, user)| users[key] == *user));
    let told = world.integration(fabrikam.id).await?;
    let trouble = dataset(&told, "users")["trouble"].to_string();
    assert!(
        trouble.contains("reads the whole dataset again"),
        "{trouble}"
    );
    let healed = world.sync(fabrikam.id).await?;
    assert_eq!(repaired(&healed), (json!(3), json!(2)), "{healed:#}");
    assert_eq!(dataset(&healed, "users")["trouble"], Value::Null);
    assert_eq!(world.records(fabrikam.id, "users").await?, users);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_notices_rows_that_are_gone_and_the_next_sync_reads_them_again() -> Result<()> {
    let (mut world, fabrikam, users) = world().await?;
    damage(&mut world, &fabrikam, &users).await?;
    let path = format!(
        "/api/v1/integrations/{}/assets/users?format=csv",
        fabrikam.id
    );
    let csv = Caller::of(&world)?.get(&path).await?;
    assert_eq!(csv.text.lines().count(), 1 + 13, "{}", csv.text);
    world.sync(fabrikam.id).await?;
    assert_eq!(world.records(fabrikam.id, "users").await?, users);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_reads_everything_again() -> Result<()> {
    let (mut world, fabrikam, users) = world().await?;
    damage(&mut world, &fabrikam, &users).await?;
    let id = fabrikam.id.to_string();
    let ran = ran(muster(world.folder())?.args(["sync", &id, "--full"])).await?;
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert_eq!(world.records(fabrikam.id, "users").await?, users);
    Ok(())
}
