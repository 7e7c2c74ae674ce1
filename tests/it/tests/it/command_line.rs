//! The `muster` command as a user types it.

use anyhow::{Context, Result};
use muster_domain::datasets;
use muster_it::{Served, World, muster, ran, tenant, truth};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// What a command wrote, and how it ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

async fn run(folder: &Path, words: &[&str]) -> Result<Ran> {
    let mut command = muster(folder)?;
    let output = ran(command.args(words)).await?;
    Ok(Ran {
        code: output.status.code().context("no signal")?,
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

async fn done(folder: &Path, words: &[&str]) -> Result<String> {
    let ran = run(folder, words).await?;
    assert_eq!(ran.code, 0, "{words:?}: {ran:#?}");
    Ok(ran.out)
}

/// The lines of a sync's table: dataset, read, written.
fn table(out: &str) -> Vec<(&str, u64, u64)> {
    let rows = out.lines().filter_map(|line| {
        let mut cells = line.split_whitespace();
        let name = cells.next()?;
        datasets::find(name).filter(|_| line.starts_with("  "))?;
        Some((
            name,
            cells.next()?.parse().ok()?,
            cells.next()?.parse().ok()?,
        ))
    });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_brings_three_tenants_in_and_the_second_time_writes_nothing() -> Result<()> {
    let folder = TempDir::new()?;
    let data = folder.path().join("data").display().to_string();
    let words = ["demo", "--once", "--data", &data];
    let first = done(folder.path(), &words).await?;
    for tenant in ["Fabrikam Engineering", "Tailspin Toys", "Northwind Academy"] {
        assert!(first.contains(tenant), "{first}");
    }
    let rows = table(&first);
    assert_eq!(rows.len(), 3 * datasets::ALL.len(), "{first}");
    let users: Vec<(u64, u64)> = rows
        .iter()
        .filter(|(name, ..)| *name == "users")
        .map(|(_, read, written)| (*read, *written))
        .collect();
    assert_eq!(users, [(412, 412), (38, 38), (1260, 1260)], "{first}");
    for said in ["not licensed", "names concealed"] {
        assert!(first.contains(said), "{said}: {first}");
    }
    let second = done(folder.path(), &words).await?;
    let rows = table(&second);
    assert_eq!(rows.len(), 3 * datasets::ALL.len(), "{second}");
    for (name, _, written) in rows {
        assert_eq!(written, 0, "{name}: {second}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_answer_the_same_whether_muster_runs_or_not() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 40);
    let mut world = World::synced(fabrikam.clone()).await?;
    let id = fabrikam.id.to_string();
    let (login, graph) = (world.simulator.login_url(), world.simulator.graph_url());
    let sync = [
        "sync",
        &id,
        "--login-url",
        login.as_str(),
        "--graph-url",
        graph.as_str(),
    ];
    let (csv, json) = (
        ["export", &id, "users", "--format", "csv"],
        ["export", &id, "users", "--format", "json"],
    );
    world.stop().await;
    let folder = world.folder();

    let listed = done(folder, &["integrations"]).await?;
    let line = listed.lines().find(|line| line.starts_with(&id));
    let line = line.context("the tenant is listed")?;
    assert!(
        line.contains("connected") && line.contains("Fabrikam"),
        "{line}"
    );
    let stopped = (done(folder, &csv).await?, done(folder, &json).await?);
    let synced = done(folder, &sync).await?;
    let rows = table(&synced);
    assert_eq!(rows.len(), datasets::ALL.len(), "{synced}");
    assert!(rows.iter().all(|(_, _, written)| *written == 0), "{synced}");
    world.tenant(&fabrikam).change_users(3);
    let synced = done(folder, &sync).await?;
    let users = table(&synced)
        .into_iter()
        .find(|(name, ..)| *name == "users");
    assert_eq!(users.map(|(_, _, written)| written), Some(3), "{synced}");

    let mut served = Served::start(folder, &world.simulator).await?;
    assert!(done(folder, &["integrations"]).await?.contains(&id));
    world.tenant(&fabrikam).change_users(2);
    let synced = done(folder, &["sync", &id]).await?;
    let users = table(&synced)
        .into_iter()
        .find(|(name, ..)| *name == "users");
    assert_eq!(users.map(|(_, _, written)| written), Some(2), "{synced}");
    let running = (done(folder, &csv).await?, done(folder, &json).await?);
    assert_ne!(running, stopped, "what was synced meanwhile is exported");
    served.terminate().await?;
    assert!(served.ended().await?.success());

    let expected = truth(&world.tenant(&fabrikam), "users", "/users")?;
    let exported: Vec<Value> = serde_json::from_str(&running.1)?;
    assert_eq!(exported.len(), expected.len());
    for record in &exported {
        let key = record["key"].as_str().context("a key")?;
        assert_eq!(Some(record), expected.get(key));
    }
    let text = running.0.trim_start_matches('\u{feff}');
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers()?.clone();
    let name = headers.iter().position(|h| h == "user_principal_name");
    let name = name.with_context(|| format!("{headers:?}"))?;
    let mut names = Vec::new();
    for row in reader.records() {
        names.push(row?.get(name).context("a name")?.to_owned());
    }
    let mut known: Vec<String> = expected
        .values()
        .filter_map(|user| user["user_principal_name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    known.sort();
    assert_eq!(names, known);
    let default = done(folder, &["export", &id, "users"]).await?;
    assert_eq!(
        default, running.0,
        "CSV is the default, and nothing changed"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_words_is_2_and_a_failure_1() -> Result<()> {
    let folder = TempDir::new()?;
    let folder = folder.path();
    let nobody = "11111111-2222-4333-8444-555555555555";
    for words in [
        &["frobnicate"][..],
        &[],
        &["serve", "--listen", "here"],
        &["serve", "--graph-url", "ftp://x"],
        &["serve", "--public-url", "http://localhost/path"],
        &["sync"],
        &["sync", "contoso.com"],
        &["export", nobody],
        &["export", nobody, "nonsense"],
        &["export", nobody, "users", "--format", "xml"],
        &["simulate", "--users", "0"],
        &["demo", "--twice"],
    ] {
        let ran = run(folder, words).await?;
        assert_eq!(ran.code, 2, "{words:?}: {ran:#?}");
        assert!(
            ran.err.contains("--help") || ran.err.contains("Usage"),
            "{words:?}: {ran:#?}"
        );
        assert!(ran.out.is_empty(), "{words:?}: {ran:#?}");
    }
    assert!(!folder.join("data").exists(), "nothing was made");
    for words in [&["sync", nobody][..], &["export", nobody, "users"]] {
        let ran = run(folder, words).await?;
        assert_eq!(ran.code, 1, "{words:?}: {ran:#?}");
        assert!(ran.err.starts_with("muster: "), "{words:?}: {ran:#?}");
        assert!(
            ran.err.contains("No integration has this tenant ID"),
            "{ran:#?}"
        );
        assert!(ran.out.is_empty(), "{ran:#?}");
    }
    let listed = done(folder, &["integrations"]).await?;
    assert!(listed.starts_with("No tenant is connected yet"), "{listed}");
    for words in [&["--help"][..], &["--version"], &["serve", "--help"]] {
        done(folder, words).await?;
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let ran = run(folder, &["serve", "--listen", &address]).await?;
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.err.contains(&address) && ran.err.contains("--listen"),
        "{ran:#?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_refused_says_why_and_is_1() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 8);
    let mut world = World::synced(fabrikam.clone()).await?;
    world.stop().await;
    world.tenant(&fabrikam).expire_secret();
    let id = fabrikam.id.to_string();
    let (login, graph) = (world.simulator.login_url(), world.simulator.graph_url());
    let words = ["sync", &id, "--login-url", login.as_str()];
    let words = [&words[..], &["--graph-url", graph.as_str()]].concat();
    let ran = run(world.folder(), &words).await?;
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.err.contains("This client secret has expired"),
        "{ran:#?}"
    );
    Ok(())
}
