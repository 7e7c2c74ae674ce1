//! Connect, consent, sync, read; and what happens when tenants, permissions and answers change.

use anyhow::Result;
use microsoft_simulator::{Fault, Options, TenantOptions};
use muster_domain::{Record, datasets};
use muster_it::{World, dataset, tenant};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// The tenant's users as Muster should hold them.
fn true_users(world: &World, tenant: &TenantOptions) -> BTreeMap<String, Value> {
    true_records(world, tenant, "users", "/users")
}

fn true_records(
    world: &World,
    tenant: &TenantOptions,
    name: &str,
    path: &str,
) -> BTreeMap<String, Value> {
    let dataset = datasets::find(name).expect("a dataset");
    let objects = world.tenant(tenant).objects(path);
    let records = objects
        .iter()
        .map(|object| Record::from_object(dataset, object).expect("it has a key"));
    records
        .map(|record| {
            let mut object = record.to_object(dataset);
            object.insert("key".to_owned(), json!(record.key));
            (record.key, Value::Object(object))
        })
        .collect()
}

async fn assert_users_are_true(world: &World, tenant: &TenantOptions) -> Result<()> {
    let (held, truth) = (
        world.records(tenant.id, "users").await?,
        true_users(world, tenant),
    );
    for (key, object) in &truth {
        assert_eq!(held.get(key), Some(object));
    }
    assert_eq!(held.len(), truth.len());
    Ok(())
}

fn progress(integration: &Value, name: &str, what: &str) -> u64 {
    dataset(integration, name)["progress"][what]
        .as_u64()
        .unwrap_or_else(|| panic!("{name} has {what}: {integration:#}"))
}

async fn changes(world: &World, tenant: &TenantOptions, query: &str) -> Result<Vec<Value>> {
    let page = world
        .api()?
        .get(&format!(
            "/api/v1/integrations/{}/changes?limit=1000{query}",
            tenant.id
        ))
        .await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_connected_consented_and_read_whole() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 230);
    let world = World::synced(fabrikam.clone()).await?;
    let integration = world.integration(fabrikam.id).await?;
    assert_eq!(integration["status"], "connected", "{integration:#}");
    for permission in integration["permissions"].as_array().expect("permissions") {
        let granted = permission["state"] == "granted";
        assert!(granted || permission["optional"] == true, "{permission}");
    }
    for name in datasets::ALL.iter().map(|d| d.name) {
        assert_eq!(
            dataset(&integration, name)["state"],
            "fresh",
            "{name}: {integration:#}"
        );
    }
    assert_users_are_true(&world, &fabrikam).await?;
    for (name, path) in [
        ("managed_devices", "/deviceManagement/managedDevices"),
        ("detected_apps", "/deviceManagement/detectedApps"),
        ("mobile_apps", "/deviceAppManagement/mobileApps"),
        ("subscribed_skus", "/subscribedSkus"),
    ] {
        assert_eq!(
            world.records(fabrikam.id, name).await?,
            true_records(&world, &fabrikam, name, path),
            "{name}"
        );
    }
    assert_eq!(
        integration["credential"]["expiry_source"], "entra",
        "our own app's secret was found"
    );
    let summary = world
        .api()?
        .get(&format!("/api/v1/integrations/{}/summary", fabrikam.id))
        .await?;
    assert_eq!(summary["today"]["users"], 230);
    assert!(
        changes(&world, &fabrikam, "").await?.is_empty(),
        "a first reading changes nothing"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_writes_what_changed_and_nothing_else() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 1000);
    let world = World::synced(fabrikam.clone()).await?;
    let unchanged = world.sync(fabrikam.id).await?;
    assert_eq!(unchanged["sync"]["last"]["written"], 0, "{unchanged:#}");
    assert_eq!(unchanged["sync"]["last"]["removed"], 0);
    let changed = world.tenant(&fabrikam).change_users(10);
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(
        integration["sync"]["last"]["written"], 10,
        "{integration:#}"
    );
    assert_eq!(progress(&integration, "users", "written"), 10);
    let told = changes(&world, &fabrikam, "&dataset=users").await?;
    let mut told: Vec<&str> = told
        .iter()
        .filter_map(|change| change["record"].as_str())
        .collect();
    let mut changed: Vec<String> = changed.iter().map(ToString::to_string).collect();
    told.sort_unstable();
    changed.sort_unstable();
    assert_eq!(told, changed);
    assert_users_are_true(&world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_come_go_and_come_back_are_told_of() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 60);
    let world = World::synced(fabrikam.clone()).await?;
    let handle = world.tenant(&fabrikam);
    let added = handle.add_users(2);
    let gone = handle.change_users(1)[0];
    handle.delete_user(gone);
    world.sync(fabrikam.id).await?;
    assert_users_are_true(&world, &fabrikam).await?;
    let kinds = |changes: &[Value]| {
        let mut kinds: Vec<String> = changes
            .iter()
            .filter_map(|c| c["kind"].as_str().map(str::to_owned))
            .collect();
        kinds.sort();
        kinds
    };
    assert_eq!(
        kinds(&changes(&world, &fabrikam, "&dataset=users").await?),
        ["added", "added", "removed"]
    );
    handle.restore_user(gone);
    handle.purge_user(added[0]);
    world.sync(fabrikam.id).await?;
    assert_users_are_true(&world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_permission_is_named_and_leaves_all_else_fresh() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 30);
    let world = World::synced(fabrikam.clone()).await?;
    let held = world.records(fabrikam.id, "active_users").await?;
    assert!(!held.is_empty());
    world.tenant(&fabrikam).revoke("Reports.Read.All");
    let integration = world.sync(fabrikam.id).await?;
    let report = dataset(&integration, "active_users");
    assert_eq!(report["label"], "missing Reports.Read.All");
    assert_eq!(report["verdict"]["kind"], "missing_permission");
    assert_eq!(
        world.records(fabrikam.id, "active_users").await?,
        held,
        "what was read before is kept"
    );
    for other in datasets::ALL
        .iter()
        .map(|d| d.name)
        .filter(|name| *name != "active_users")
    {
        assert_eq!(dataset(&integration, other)["state"], "fresh", "{other}");
    }
    world.tenant(&fabrikam).grant(&["Reports.Read.All"]);
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(dataset(&integration, "active_users")["state"], "fresh");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_licence_is_a_sentence_and_never_a_zero() -> Result<()> {
    let mut small = tenant("Tailspin", 20);
    small.entra_p1 = false;
    small.intune = false;
    let world = World::synced(small.clone()).await?;
    let integration = world.integration(small.id).await?;
    for name in [
        "sign_in_activity",
        "mfa_registration",
        "managed_devices",
        "detected_apps",
        "mobile_apps",
    ] {
        let state = dataset(&integration, name);
        assert_eq!(state["label"], "not licensed", "{name}: {state:#}");
        assert!(
            state["sentence"]
                .as_str()
                .is_some_and(|s| s.contains("has no Microsoft")),
            "{state}"
        );
        assert_eq!(state["records"], Value::Null, "an unknown is no zero");
        let page = world
            .api()?
            .get(&format!("/api/v1/integrations/{}/assets/{name}", small.id))
            .await?;
        assert_eq!(page["label"], "not licensed");
        assert_eq!(page["complete"], false);
    }
    assert_eq!(dataset(&integration, "users")["state"], "fresh");
    let summary = world
        .api()?
        .get(&format!("/api/v1/integrations/{}/summary", small.id))
        .await?;
    assert_eq!(summary["today"]["devices"], Value::Null);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_licence_refusal_that_comes_and_goes_is_not_believed() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 20);
    let world = World::synced(fabrikam.clone()).await?;
    world.tenant(&fabrikam).set_entra_p1(false);
    // The SKUs are held from the first sync and read again meanwhile; take the answer itself.
    let integration = world.sync(fabrikam.id).await?;
    let state = dataset(&integration, "sign_in_activity");
    assert!(
        ["blocked", "incomplete"].contains(&state["state"].as_str().unwrap_or_default()),
        "{state}"
    );
    assert_eq!(
        world.records(fabrikam.id, "sign_in_activity").await?.len(),
        20,
        "what was read is kept"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn concealed_names_are_said_and_never_kept_as_people() -> Result<()> {
    let mut school = tenant("Northwind", 25);
    school.conceal_names = true;
    let world = World::synced(school.clone()).await?;
    let integration = world.integration(school.id).await?;
    let report = dataset(&integration, "active_users");
    assert_eq!(report["label"], "names concealed");
    assert!(world.records(school.id, "active_users").await?.is_empty());
    let settings = world.records(school.id, "report_settings").await?;
    assert_eq!(settings["report_settings"]["display_concealed_names"], true);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enumeration_that_dies_half_way_deletes_nothing() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 2500);
    let world = World::synced(fabrikam.clone()).await?;
    // A lost delta token makes the next round a whole enumeration, which then breaks off.
    world
        .simulator
        .advance(Duration::from_secs(8 * 24 * 60 * 60));
    world.tenant(&fabrikam).delete_users(3);
    world
        .simulator
        .add_fault("users/delta#3x100=403".parse::<Fault>()?);
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(
        dataset(&integration, "users")["state"],
        "incomplete",
        "{integration:#}"
    );
    assert_eq!(integration["status"], "needs_attention");
    assert_eq!(
        world.records(fabrikam.id, "users").await?.len(),
        2500,
        "nobody was removed"
    );
    world.simulator.clear_faults();
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(dataset(&integration, "users")["state"], "fresh");
    assert_users_are_true(&world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_pass_are_waited_for() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 400);
    let faults = "users/delta#1=503,subscribedSkus#1=429:1,managedDevices#1=truncate,detectedApps#1=garble,organization#1=reset,secureScores#1=html";
    let faults = faults
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<Fault>, _>>()?;
    let world = World::with(Options {
        tenants: vec![fabrikam.clone()],
        faults,
        ..Options::default()
    })
    .await?;
    world.connect(&fabrikam).await?;
    let integration = world.finished(fabrikam.id, None).await?;
    for name in datasets::ALL.iter().map(|d| d.name) {
        assert_eq!(
            dataset(&integration, name)["state"],
            "fresh",
            "{name}: {:#}",
            dataset(&integration, name)
        );
    }
    assert_users_are_true(&world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_removal_waits_for_a_persons_answer() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 200);
    let world = World::synced(fabrikam.clone()).await?;
    // The list comes back whole, and short: 200 an honest 404 would not have stopped.
    world
        .simulator
        .advance(Duration::from_secs(8 * 24 * 60 * 60));
    world.tenant(&fabrikam).delete_users(90);
    let integration = world.sync(fabrikam.id).await?;
    let held = &dataset(&integration, "users")["held_removal"];
    assert_eq!(
        (&held["records"], &held["of"]),
        (&json!(90), &json!(200)),
        "{integration:#}"
    );
    assert_eq!(world.records(fabrikam.id, "users").await?.len(), 200);
    let path = format!("/api/v1/integrations/{}", fabrikam.id);
    let before = integration["sync"]["finished_at"]
        .as_str()
        .map(str::to_owned);
    world
        .api()?
        .call(
            Method::PATCH,
            &path,
            Some(&json!({"removals": {"users": "allow"}})),
        )
        .await?;
    let integration = world.finished(fabrikam.id, before).await?;
    assert_eq!(dataset(&integration, "users")["held_removal"], Value::Null);
    assert_users_are_true(&world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_never_wipes() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 15);
    let world = World::synced(fabrikam.clone()).await?;
    let skus = world.records(fabrikam.id, "subscribed_skus").await?;
    world
        .simulator
        .add_fault("subscribedSkus#1x9=empty".parse::<Fault>()?);
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(
        dataset(&integration, "subscribed_skus")["held_removal"]["records"],
        skus.len()
    );
    assert_eq!(world.records(fabrikam.id, "subscribed_skus").await?, skus);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_lag_are_waited_for_in_sight() -> Result<()> {
    let mut fabrikam = tenant("Fabrikam", 12);
    fabrikam.roles_lag = Duration::from_secs(4);
    let world = World::with(Options {
        tenants: vec![fabrikam.clone()],
        real_clock: true,
        ..Options::default()
    })
    .await?;
    world.connect(&fabrikam).await?;
    let waiting = world
        .until(fabrikam.id, |i| {
            i["problems"][0]["kind"] == "waiting_for_roles"
        })
        .await?;
    assert_eq!(waiting["status"], "awaiting_consent");
    let integration = world.finished(fabrikam.id, None).await?;
    assert_eq!(integration["status"], "connected");
    assert_users_are_true(&world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_delta_token_restarts_the_enumeration() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 120);
    let world = World::synced(fabrikam.clone()).await?;
    world
        .simulator
        .advance(Duration::from_secs(8 * 24 * 60 * 60));
    world.tenant(&fabrikam).change_users(3);
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(
        progress(&integration, "users", "read"),
        120,
        "all were read"
    );
    assert_eq!(
        progress(&integration, "users", "written"),
        3,
        "three were written"
    );
    assert_users_are_true(&world, &fabrikam).await
}

#[tokio::test(flavor = "multi_thread")]
async fn data_survives_a_restart() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 40);
    let mut world = World::synced(fabrikam.clone()).await?;
    world.stop().await;
    world.start().await?;
    assert_users_are_true(&world, &fabrikam).await?;
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(integration["sync"]["last"]["written"], 0);
    Ok(())
}
