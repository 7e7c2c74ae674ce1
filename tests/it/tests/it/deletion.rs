//! Deleting an integration: to its end whatever happens meanwhile, with one receipt, and nothing left of
//! the client's people in any file.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::TenantOptions;
use muster_domain::TenantId;
use muster_it::{Answer, Caller, World, form, tenant};
use muster_platform::disconnect;
use reqwest::Method;
use serde_json::{Value, json};
use std::{cell::Cell, fs, path::Path, time::Duration};

const CONNECT: &str = "/api/v1/integrations";

fn path(tenant: &TenantOptions) -> String {
    format!("{CONNECT}/{}", tenant.id)
}

/// Deletes like a process that is killed after so many steps.
async fn cut_off_after(world: &World, tenant: &TenantOptions, steps: u32) -> Result<()> {
    let services = world.muster().services();
    let id = TenantId::from(tenant.id);
    services.store.mark_deleting(id).await?;
    let done = Cell::new(0);
    let stop = || done.replace(done.get() + 1) >= steps;
    let deletion = disconnect::go_on(services, id, stop).await?;
    ensure!(deletion.finished_at.is_none(), "it came to its end");
    Ok(())
}

async fn gone(world: &World, tenant: &TenantOptions) -> Result<Value> {
    let caller = Caller::of(world)?;
    for _ in 0..600 {
        let answer = caller.get(&path(tenant)).await?;
        if answer.status.as_u16() == 404 {
            let receipt = caller.get(&format!("{}/deletion", path(tenant))).await?;
            ensure!(receipt.status.as_u16() == 200, "{}", receipt.text);
            return Ok(receipt.json);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("it is still there")
}

async fn records(world: &World, tenant: &TenantOptions) -> Result<Value> {
    let integration = world.integration(tenant.id).await?;
    let datasets = integration["datasets"].as_array().context("datasets")?;
    let held = datasets.iter().filter(|d| d["records"].as_u64() > Some(0));
    let held = held.map(|d| {
        (
            d["name"].as_str().unwrap_or_default().to_owned(),
            d["records"].clone(),
        )
    });
    Ok(Value::Object(held.collect()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_was_cut_off_goes_on_at_the_next_start() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 30);
    let mut world = World::synced(fabrikam.clone()).await?;
    let held = records(&world, &fabrikam).await?;
    cut_off_after(&world, &fabrikam, 3).await?;
    let shown = world.integration(fabrikam.id).await?;
    assert_eq!(shown["status"], "deleting");
    assert_eq!(shown["problems"][0]["kind"], "deleting");
    let listed = world.api()?.get(CONNECT).await?;
    assert_eq!(listed["items"][0]["status"], "deleting");
    world.stop().await;
    world.start().await?;
    let receipt = gone(&world, &fabrikam).await?;
    assert_eq!(receipt["status"], "deleted");
    assert_eq!(receipt["records"], held, "{receipt:#}");
    assert_eq!(
        (&receipt["secret"], &receipt["schedule"]),
        (&json!(true), &json!(true))
    );
    assert!(receipt["states"].as_u64() > Some(10), "{receipt:#}");
    let browser = world.browser().await?;
    let page = format!("/account/integration/microsoft365/{}", fabrikam.id);
    let page = world.muster().services().page(&page);
    let text = browser.get(&page).await?.text().await?;
    assert!(text.contains("Fabrikam is deleted"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_deleted_every_change_and_read_is_refused_in_one_sentence() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let world = World::synced(fabrikam.clone()).await?;
    cut_off_after(&world, &fabrikam, 2).await?;
    let caller = Caller::of(&world)?;
    let own = path(&fabrikam);
    let secret = json!({"client_secret": "another.secret~of-forty-characters-or-so"});
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for (method, path, body) in [
        (Method::POST, format!("{own}/sync"), json!({})),
        (Method::POST, format!("{own}/authorize"), json!({})),
        (
            Method::POST,
            format!("{own}/credential/certificate"),
            json!({}),
        ),
        (Method::PUT, format!("{own}/credential"), secret),
        (
            Method::PUT,
            format!("{own}/credential"),
            json!({"kind": "certificate"}),
        ),
        (Method::PATCH, own.clone(), json!({"name": "Another"})),
        (Method::PATCH, own.clone(), json!({"paused": true})),
        (
            Method::PATCH,
            own.clone(),
            json!({"removals": {"users": "allow"}}),
        ),
        (Method::POST, CONNECT.to_owned(), form(&fabrikam)),
        (
            Method::POST,
            "/api/v1/setup/certificate".to_owned(),
            json!({"tenant_id": fabrikam.id}),
        ),
    ] {
        let answer = caller.json(method.clone(), &path, &body).await?;
        answers.push((format!("{method} {path} {body}"), answer));
    }
    for path in [
        "assets/users",
        "assets/users?format=csv",
        "assets/users/some",
        "summary",
        "changes",
    ] {
        let path = format!("{own}/{path}");
        answers.push((path.clone(), caller.get(&path).await?));
    }
    let sentence = answers[0].1.json["detail"].clone();
    for (asked, answer) in answers {
        assert_eq!(answer.status.as_u16(), 409, "{asked}: {}", answer.text);
        assert_eq!(
            answer.json["type"], "urn:muster:problem:deleting",
            "{asked}"
        );
        assert_eq!(answer.json["detail"], sentence, "{asked}");
    }
    let progress = caller.get(&format!("{own}/deletion")).await?;
    assert_eq!(progress.json["status"], "deleting", "{}", progress.text);
    // Asked again, it goes on to its end, and the tenant can be connected again.
    let deleted = caller.send(Method::DELETE, &own, None).await?;
    assert_eq!(deleted.status.as_u16(), 200, "{}", deleted.text);
    world.connect(&fabrikam).await?;
    let back = world.finished(fabrikam.id, None).await?;
    assert_eq!(back["status"], "connected", "{back:#}");
    assert_eq!(world.records(fabrikam.id, "users").await?.len(), 12);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_client_is_deleted_in_the_background_with_one_receipt() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 1_300);
    let world = World::synced(fabrikam.clone()).await?;
    let held = records(&world, &fabrikam).await?;
    let all: u64 = held
        .as_object()
        .context("records")?
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert!(all > 5_000, "{all} records are no large client");
    let caller = Caller::of(&world)?;
    let answer = caller.send(Method::DELETE, &path(&fabrikam), None).await?;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    assert_eq!(answer.json["status"], "deleting");
    assert_eq!(answer.json["progress"]["of"], all);
    let receipt = gone(&world, &fabrikam).await?;
    assert_eq!(receipt["records"], held, "{receipt:#}");
    assert_eq!(receipt["progress"], json!({"records": all, "of": all}));
    assert!(receipt["kept_until"].as_str() > receipt["finished_at"].as_str());
    Ok(())
}

/// The files of a folder that hold one of these texts.
fn holding(folder: &Path, texts: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(holding(&path, texts)?);
            continue;
        }
        // The write-ahead log goes when the store is closed.
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            bytes => bytes?,
        };
        for text in texts {
            if bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
            {
                found.push(format!("{} holds {text}", path.display()));
            }
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_deletion_no_name_of_the_clients_people_is_in_any_file() -> Result<()> {
    let (fabrikam, tailspin) = (tenant("Fabrikam", 60), tenant("Tailspin", 20));
    let mut world = World::new(vec![fabrikam.clone(), tailspin.clone()]).await?;
    for tenant in [&fabrikam, &tailspin] {
        world.connect(tenant).await?;
        world.finished(tenant.id, None).await?;
    }
    let names = |records: std::collections::BTreeMap<String, Value>| -> Vec<String> {
        let names = records
            .values()
            .map(|user| user["user_principal_name"].as_str());
        names
            .map(|name| name.unwrap_or_default().to_owned())
            .collect()
    };
    let mut people = names(world.records(fabrikam.id, "users").await?);
    // Some go by other names since: what was written over is of the client's people, too.
    world.tenant(&fabrikam).change_users(10);
    world.tenant(&fabrikam).delete_users(5);
    world.sync(fabrikam.id).await?;
    people.extend(names(world.records(fabrikam.id, "users").await?));
    let others = names(world.records(tailspin.id, "users").await?);
    let folder = world.data()?.path().to_owned();
    assert!(!holding(&folder, &people)?.is_empty(), "they are stored");
    let answer = Caller::of(&world)?
        .send(Method::DELETE, &path(&fabrikam), None)
        .await?;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(
        holding(&folder, &people)?,
        Vec::<String>::new(),
        "while it runs"
    );
    world.stop().await;
    assert_eq!(
        holding(&folder, &people)?,
        Vec::<String>::new(),
        "after a stop"
    );
    world.start().await?;
    assert_eq!(
        holding(&folder, &people)?,
        Vec::<String>::new(),
        "after a restart"
    );
    assert_eq!(names(world.records(tailspin.id, "users").await?), others);
    Ok(())
}
