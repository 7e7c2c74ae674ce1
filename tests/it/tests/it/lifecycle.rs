//! What is done to an integration after it is connected: changed, paused, given another secret,
//! deleted.

use anyhow::{Context, Result};
use microsoft_simulator::{Origin, TenantOptions};
use muster_domain::{TenantId, datasets};
use muster_it::{Caller, World, dataset, form, items, tenant};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;

const CONNECT: &str = "/api/v1/integrations";

fn path(tenant: &TenantOptions) -> String {
    format!("{CONNECT}/{}", tenant.id)
}

async fn secret_in_vault(world: &World, tenant: &TenantOptions) -> Result<Option<String>> {
    let vault = &world.muster().services().vault;
    let secret = vault.get(TenantId::from(tenant.id)).await?;
    Ok(secret.map(|secret| secret.expose_secret().to_owned()))
}

/// Requests to Graph for a tenant so far.
fn asked_of_graph(world: &World, tenant: &TenantOptions) -> usize {
    let requests = world.simulator.requests();
    requests
        .iter()
        .filter(|r| r.origin == Origin::Graph && r.tenant == Some(tenant.id))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn name_cadence_and_datasets_are_changed_and_last() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let mut world = World::synced(fabrikam.clone()).await?;
    let patch = json!({
        "name": "  Fabrikam & Søn  ", "cadence_minutes": 240,
        "datasets": {"managed_devices": false, "detected_apps": false},
    });
    let changed = Caller::of(&world)?
        .json(Method::PATCH, &path(&fabrikam), &patch)
        .await?;
    assert_eq!(changed.status.as_u16(), 200, "{}", changed.text);
    assert_eq!(changed.json["name"], "Fabrikam & Søn");
    assert_eq!(changed.json["cadence_minutes"], 240);
    let held = world.records(fabrikam.id, "managed_devices").await?;
    assert!(!held.is_empty());
    world.simulator.clear_requests();
    let integration = world.sync(fabrikam.id).await?;
    for off in ["managed_devices", "detected_apps"] {
        let state = dataset(&integration, off);
        assert_eq!(
            (&state["state"], &state["enabled"]),
            (&json!("off"), &json!(false))
        );
    }
    assert_eq!(dataset(&integration, "users")["state"], "fresh");
    let requests = world.simulator.requests();
    let read = requests
        .iter()
        .find(|r| r.path.ends_with("/managedDevices") && !r.path.contains("detectedApps"));
    assert!(read.is_none(), "what is off is not read: {read:?}");
    assert_eq!(world.records(fabrikam.id, "managed_devices").await?, held);
    world.stop().await;
    world.start().await?;
    let after = world.integration(fabrikam.id).await?;
    assert_eq!(after["name"], "Fabrikam & Søn");
    assert_eq!(after["cadence_minutes"], 240);
    assert_eq!(dataset(&after, "managed_devices")["enabled"], false);
    let on = json!({"datasets": {"managed_devices": true}});
    world
        .api()?
        .call(Method::PATCH, &path(&fabrikam), Some(&on))
        .await?;
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(dataset(&integration, "managed_devices")["state"], "fresh");
    assert_eq!(dataset(&integration, "detected_apps")["state"], "off");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_is_not_synced_until_it_is_resumed() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let mut world = World::synced(fabrikam.clone()).await?;
    let paused = json!({"paused": true});
    let answer = Caller::of(&world)?
        .json(Method::PATCH, &path(&fabrikam), &paused)
        .await?;
    assert_eq!(answer.json["status"], "paused");
    let asked = asked_of_graph(&world, &fabrikam);
    let refused = Caller::of(&world)?
        .json(
            Method::POST,
            &format!("{}/sync", path(&fabrikam)),
            &json!({}),
        )
        .await?;
    assert_eq!(refused.status.as_u16(), 409, "{}", refused.text);
    // A message that was on its way already is not acted on either.
    let message = muster_platform::queue::SyncMessage {
        tenant_id: TenantId::from(fabrikam.id),
    };
    world.muster().services().queue.send(message).await?;
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.stop().await;
    world.start().await?;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(asked_of_graph(&world, &fabrikam), asked, "Graph was asked");
    assert_eq!(world.records(fabrikam.id, "users").await?.len(), 12);
    let resumed = json!({"paused": false});
    world
        .api()?
        .call(Method::PATCH, &path(&fabrikam), Some(&resumed))
        .await?;
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(integration["status"], "connected");
    assert!(asked_of_graph(&world, &fabrikam) > asked);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_new_secret_leaves_the_old_one_at_work() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let world = World::synced(fabrikam.clone()).await?;
    let before = world.integration(fabrikam.id).await?;
    let caller = Caller::of(&world)?;
    let credential = format!("{}/credential", path(&fabrikam));
    let old = fabrikam.client_secret.as_str();
    for wrong in [
        json!("wrong~secret~that~has~the~right~shape~00"),
        json!("11111111-2222-4333-8444-555555555555"),
        json!(""),
        json!(null),
        json!(5),
    ] {
        let body = json!({"client_secret": wrong});
        let answer = caller.json(Method::PUT, &credential, &body).await?;
        assert_eq!(answer.status.as_u16(), 422, "{wrong}: {}", answer.text);
        assert_eq!(answer.json["errors"][0]["field"], "client_secret");
        let kept = secret_in_vault(&world, &fabrikam).await?;
        assert_eq!(kept.as_deref(), Some(old), "{wrong}");
    }
    world
        .simulator
        .add_fault("oauth2/v2.0/token#1x99=503".parse()?);
    let other = "oTh8Q~another-secret.0123456789-abcdefgh";
    let half_a_year = Duration::from_secs(180 * 24 * 60 * 60);
    world.tenant(&fabrikam).add_secret(other, half_a_year);
    let body = json!({"client_secret": other});
    let answer = caller.json(Method::PUT, &credential, &body).await?;
    assert_eq!(answer.status.as_u16(), 502, "{}", answer.text);
    world.simulator.clear_faults();
    assert_eq!(world.integration(fabrikam.id).await?, before);
    assert_eq!(
        secret_in_vault(&world, &fabrikam).await?.as_deref(),
        Some(fabrikam.client_secret.as_str())
    );
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(integration["status"], "connected", "{integration:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_new_secret_is_used_from_the_next_sync_on() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let world = World::synced(fabrikam.clone()).await?;
    let new = "nEw8Q~another-secret.0123456789-abcdefgh";
    let half_a_year = Duration::from_secs(180 * 24 * 60 * 60);
    world.tenant(&fabrikam).set_secret(new, half_a_year);
    let ask = format!("{}/sync", path(&fabrikam));
    world.api()?.call(Method::POST, &ask, None).await?;
    let refused = world
        .until(fabrikam.id, |i| {
            i["problems"][0]["kind"] == "sign_in_refused"
        })
        .await?;
    assert_eq!(refused["status"], "needs_attention", "{refused:#}");
    let before = refused["sync"]["finished_at"].as_str().map(str::to_owned);
    let answer = Caller::of(&world)?
        .json(
            Method::PUT,
            &format!("{}/credential", path(&fabrikam)),
            &json!({"client_secret": new}),
        )
        .await?;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(answer.json["credential"]["hint"], "nEw");
    let integration = world.finished(fabrikam.id, before).await?;
    assert_eq!(integration["status"], "connected", "{integration:#}");
    assert_eq!(integration["credential"]["expiry_source"], "entra");
    assert_eq!(
        secret_in_vault(&world, &fabrikam).await?.as_deref(),
        Some(new)
    );
    Ok(())
}

/// How often a tenant, or one of its secrets, is named in what is stored.
fn naming<'a>(stored: &'a [Value], tenant: &TenantOptions) -> Vec<&'a Value> {
    let names = [tenant.id.to_string(), tenant.id.simple().to_string()];
    let of = |item: &&Value| {
        let text = item.to_string();
        names.iter().any(|name| text.contains(name))
    };
    stored.iter().filter(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tenant_leaves_nothing_and_takes_nothing_of_anothers() -> Result<()> {
    let (fabrikam, other) = (tenant("Fabrikam", 30), tenant("Tailspin", 14));
    let mut world = World::new(vec![fabrikam.clone(), other.clone()]).await?;
    for tenant in [&fabrikam, &other] {
        world.connect(tenant).await?;
        world.finished(tenant.id, None).await?;
    }
    world.tenant(&fabrikam).change_users(4);
    world.sync(fabrikam.id).await?;
    let integration = world.integration(fabrikam.id).await?;
    let kept = world.integration(other.id).await?;
    let mut held = Vec::new();
    for name in datasets::ALL.iter().map(|dataset| dataset.name) {
        held.push((name, world.records(fabrikam.id, name).await?.len()));
    }
    let changes = format!("{}/changes?limit=1000", path(&fabrikam));
    let changes = world.api()?.get(&changes).await?["items"].clone();
    let changes = changes.as_array().context("changes")?.len();
    assert!(changes >= 4);
    assert!(!naming(&stored(&mut world).await?, &fabrikam).is_empty());

    let answer = Caller::of(&world)?
        .send(Method::DELETE, &path(&fabrikam), None)
        .await?;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let receipt = answer.json;
    for (name, count) in held {
        assert_eq!(receipt["records"][name], count, "{name}: {receipt:#}");
    }
    assert_eq!(receipt["changes"], changes, "{receipt:#}");
    assert_eq!(receipt["tenant_id"], json!(fabrikam.id));
    assert_eq!(
        (&receipt["schedule"], &receipt["secret"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(receipt["summaries"], 1);
    assert!(
        receipt["control_items"].as_u64() > Some(10),
        "{integration:#} {receipt:#}"
    );

    assert_eq!(secret_in_vault(&world, &fabrikam).await?, None);
    let gone = Caller::of(&world)?;
    for (method, path) in [
        (Method::GET, path(&fabrikam)),
        (Method::GET, format!("{}/assets/users", path(&fabrikam))),
        (Method::DELETE, path(&fabrikam)),
    ] {
        assert_eq!(gone.send(method, &path, None).await?.status.as_u16(), 404);
    }
    let asked = asked_of_graph(&world, &fabrikam);
    let message = muster_platform::queue::SyncMessage {
        tenant_id: TenantId::from(fabrikam.id),
    };
    world.muster().services().queue.send(message).await?;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(
        asked_of_graph(&world, &fabrikam),
        asked,
        "a late message syncs nothing"
    );
    let stored = stored(&mut world).await?;
    let left = naming(&stored, &fabrikam);
    let items: Vec<&Value> = left.iter().map(|item| &item["item"]["S"]).collect();
    assert_eq!(items, [&json!("deletion")], "the receipt alone: {left:#?}");
    assert!(!naming(&stored, &other).is_empty());
    assert_eq!(world.integration(other.id).await?, kept);
    assert_eq!(world.records(other.id, "users").await?.len(), 14);
    assert_eq!(
        secret_in_vault(&world, &other).await?.as_deref(),
        Some(other.client_secret.as_str())
    );
    world.connect(&fabrikam).await?;
    let back = world.finished(fabrikam.id, None).await?;
    assert_eq!(back["status"], "connected", "it can be connected again");
    Ok(())
}

/// Everything in both tables.
async fn stored(world: &mut World) -> Result<Vec<Value>> {
    world.stop().await;
    let stored = items(world.data()?.path())?;
    world.start().await?;
    Ok(stored)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_connected_once() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let world = World::synced(fabrikam.clone()).await?;
    let before = world.integration(fabrikam.id).await?;
    let mut again = form(&fabrikam);
    again["name"] = json!("Another name");
    let answer = Caller::of(&world)?
        .json(Method::POST, CONNECT, &again)
        .await?;
    assert_eq!(answer.status.as_u16(), 409, "{}", answer.text);
    assert_eq!(world.integration(fabrikam.id).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_connect_a_tenant_at_once_one_wins() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 5);
    let world = World::new(vec![fabrikam.clone()]).await?;
    let other = "oTh8Q~another-secret.0123456789-abcdefgh";
    let half_a_year = Duration::from_secs(180 * 24 * 60 * 60);
    world.tenant(&fabrikam).add_secret(other, half_a_year);
    let caller = Caller::of(&world)?;
    let attempts = (0..6).map(|n| {
        let mut body = form(&fabrikam);
        body["name"] = json!(format!("Attempt {n}"));
        if n % 2 == 1 {
            body["client_secret"] = json!(other);
        }
        let caller = caller.clone();
        async move { caller.json(Method::POST, CONNECT, &body).await }
    });
    let answers = futures::future::try_join_all(attempts).await?;
    let won: Vec<&Value> = answers
        .iter()
        .filter(|answer| answer.status.as_u16() == 201)
        .map(|answer| &answer.json)
        .collect();
    assert_eq!(won.len(), 1, "{answers:#?}");
    for answer in &answers {
        assert!(
            [201, 409].contains(&answer.status.as_u16()),
            "{}",
            answer.text
        );
    }
    let integration = world.integration(fabrikam.id).await?;
    assert_eq!(integration["name"], won[0]["name"]);
    let secret = secret_in_vault(&world, &fabrikam).await?;
    let secret = secret.context("a secret")?;
    assert_eq!(
        integration["credential"]["hint"],
        secret[..3],
        "the winner's own secret is kept"
    );
    Ok(())
}
