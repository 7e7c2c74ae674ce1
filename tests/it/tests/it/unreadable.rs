//! A stored item that cannot be read costs its own client what it says, and nobody else anything.

use anyhow::{Context, Result, anyhow, ensure};
use dynoxide::{
    Database,
    actions::{get_item::GetItemRequest, put_item::PutItemRequest},
};
use microsoft_simulator::TenantOptions;
use muster_it::{Caller, World, dataset, muster, ran, serve_arguments, tenant};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, time::Duration};

const CONNECT: &str = "/api/v1/integrations";

async fn two() -> Result<(World, TenantOptions, TenantOptions)> {
    let (fabrikam, tailspin) = (tenant("Fabrikam", 12), tenant("Tailspin", 9));
    let world = World::new(vec![fabrikam.clone(), tailspin.clone()]).await?;
    for tenant in [&fabrikam, &tailspin] {
        world.connect(tenant).await?;
        world.finished(tenant.id, None).await?;
    }
    Ok((world, fabrikam, tailspin))
}

/// Changes the JSON text of a stored item while Muster is stopped.
async fn alter(
    world: &mut World,
    tenant: &TenantOptions,
    (item, field): (&str, &str),
    change: impl Fn(&str) -> String,
) -> Result<()> {
    world.stop().await;
    let path = world.data()?.path().join("muster.db");
    let database = Database::new(&path.to_string_lossy()).map_err(|e| anyhow!("{e}"))?;
    let key = json!({"tenant_id": {"S": tenant.id.to_string()}, "item": {"S": item}});
    let get: GetItemRequest =
        serde_json::from_value(json!({"TableName": "integrations", "Key": key}))?;
    let got = database.get_item(get).map_err(|e| anyhow!("{e}"))?;
    let mut stored = serde_json::to_value(got.item.context("it is stored")?)?;
    let text = stored[field]["S"].as_str().context("a text")?;
    stored[field]["S"] = Value::from(change(text));
    let put: PutItemRequest =
        serde_json::from_value(json!({"TableName": "integrations", "Item": stored}))?;
    database.put_item(put).map_err(|e| anyhow!("{e}"))?;
    drop(database);
    world.start().await
}

fn listed<'a>(list: &'a Value, tenant: &TenantOptions) -> &'a Value {
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    let found = items
        .iter()
        .find(|one| one["tenant_id"] == json!(tenant.id));
    found.unwrap_or(&Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_word_in_a_state_costs_that_dataset_and_is_read_anew() -> Result<()> {
    let (mut world, fabrikam, tailspin) = two().await?;
    let state = ("dataset#users", "state");
    alter(&mut world, &fabrikam, state, |_| {
        "{\"dataset\": \"users\", \"records\": \"many\"}".to_owned()
    })
    .await?;
    let list = world.api()?.get(CONNECT).await?;
    let told = listed(&list, &fabrikam)["problems"][0].clone();
    assert_eq!(told["kind"], "cannot_be_read", "{list:#}");
    assert!(
        told["sentence"]
            .as_str()
            .is_some_and(|s| s.contains("dataset#users")),
        "{told}"
    );
    assert_eq!(listed(&list, &tailspin)["status"], "connected");
    let home = world
        .browser()
        .await?
        .get(&world.muster().services().page("/"))
        .await?;
    assert!(home.status().is_success(), "{}", home.status());
    let shown = world.integration(fabrikam.id).await?;
    assert_eq!(dataset(&shown, "users")["records"], Value::Null);
    let healed = world.sync(fabrikam.id).await?;
    assert_eq!(healed["status"], "connected", "{healed:#}");
    assert_eq!(dataset(&healed, "users")["records"], 12);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_of_a_newer_version_is_read_as_incomplete() -> Result<()> {
    let (mut world, fabrikam, _) = two().await?;
    let state = ("dataset#users", "state");
    alter(&mut world, &fabrikam, state, |text| {
        text.replace("\"fresh\"", "\"dreaming\"")
    })
    .await?;
    let shown = world.integration(fabrikam.id).await?;
    assert_eq!(dataset(&shown, "users")["state"], "incomplete");
    assert_eq!(dataset(&shown, "users")["records"], 12);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_cannot_be_read_is_named_and_everybody_else_works() -> Result<()> {
    let (mut world, fabrikam, tailspin) = two().await?;
    let item = ("integration", "integration");
    alter(&mut world, &fabrikam, item, |text| {
        text.replace("\"global\"", "\"moon\"")
    })
    .await?;
    let list = world.api()?.get(CONNECT).await?;
    let one = listed(&list, &fabrikam);
    assert_eq!(one["status"], "cannot_be_read", "{list:#}");
    assert_eq!(one["name"], "Fabrikam");
    let told = one["problems"][0]["sentence"].as_str().unwrap_or_default();
    for part in ["`integration`", &fabrikam.id.to_string(), "moon"] {
        assert!(told.contains(part), "{told}");
    }
    for page in [
        "/",
        "/account/integration/microsoft365",
        "/assets/microsoft365",
    ] {
        let answer = world
            .browser()
            .await?
            .get(&world.muster().services().page(page))
            .await?;
        assert!(answer.status().is_success(), "{page}: {}", answer.status());
    }
    // The hourly look goes over all.
    let hourly = muster_secret_expiry::Context::new(world.muster().services().clone());
    muster_secret_expiry::handle(&hourly, muster_platform::now()).await?;
    let other = world.sync(tailspin.id).await?;
    assert_eq!(other["status"], "connected");
    let caller = Caller::of(&world)?;
    let own = format!("{CONNECT}/{}", fabrikam.id);
    assert_eq!(
        world.records(fabrikam.id, "users").await?.len(),
        12,
        "what is held can be read"
    );
    let patched = caller
        .json(Method::PATCH, &own, &json!({"name": "Another"}))
        .await?;
    assert_eq!(patched.status.as_u16(), 409, "{}", patched.text);
    assert!(patched.text.contains("`integration`"), "{}", patched.text);
    let deleted = caller.send(Method::DELETE, &own, None).await?;
    assert_eq!(deleted.status.as_u16(), 200, "{}", deleted.text);
    assert_eq!(deleted.json["records"]["users"], 12);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_format_is_refused_at_start() -> Result<()> {
    let mut world = World::synced(tenant("Fabrikam", 4)).await?;
    world.stop().await;
    let path = world.data()?.path().join("muster.db");
    // What is in the write-ahead log would overrule the file; the last connection that closes empties it.
    let log = path.with_extension("db-wal");
    let give_up = tokio::time::Instant::now() + Duration::from_secs(20);
    while log.exists() {
        ensure!(tokio::time::Instant::now() < give_up, "the store is open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut bytes = fs::read(&path)?;
    // SQLite, "Database File Format", 1.3: the user version is at offset 60.
    assert_eq!(bytes[60..64], [0, 0, 0, 1], "the format is stored");
    bytes[63] = 99;
    fs::write(&path, &bytes)?;
    let arguments = serve_arguments(&world.simulator);
    let refused = ran(muster(world.folder())?.args(arguments)).await?;
    let said = String::from_utf8(refused.stderr)?;
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("of format 99, which a newer version of Muster wrote"),
        "{said}"
    );
    assert!(fs::read(&path)? == bytes, "it is left alone");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_beside_a_filled_vault_is_no_first_start() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 4);
    let mut world = World::synced(fabrikam.clone()).await?;
    world.stop().await;
    let data = world.data()?.path().to_owned();
    for file in ["muster.db", "muster.db-wal", "muster.db-shm"] {
        if data.join(file).exists() {
            fs::remove_file(data.join(file))?;
        }
    }
    let refused = world
        .start()
        .await
        .expect_err("the store was lost")
        .to_string();
    for part in [
        "the secrets of 1 client",
        "Put the store back",
        "--start-empty",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
    assert!(!data.join("muster.db").exists(), "nothing was made");
    let options = muster::StackOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        public_url: None,
        login_url: Some(world.simulator.login_url()),
        graph_url: Some(world.simulator.graph_url()),
        background: true,
        private_webhooks: true,
    };
    let empty = world.data()?.starting_empty(true);
    world.stack = Some(muster::Stack::start(&empty, options).await?);
    assert_eq!(world.api()?.get(CONNECT).await?["items"], json!([]));
    world.stop().await;
    world.start().await?;
    world.connect(&fabrikam).await?;
    assert_eq!(
        world.finished(fabrikam.id, None).await?["status"],
        "connected"
    );
    Ok(())
}
