//! The data directory: one process at a time, nothing lost to a bad vault, a crash or a stop.

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use microsoft_simulator::{Options, Simulator, TenantOptions};
use muster_it::{Served, World, dataset, muster, ran, serve_arguments, tenant, truth};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

async fn microsoft(tenant: &TenantOptions, latency: Duration) -> Result<Simulator> {
    let options = Options {
        tenants: vec![tenant.clone()],
        latency,
        ..Options::default()
    };
    Ok(Simulator::start(options).await?)
}

fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.insert(path.clone(), fs::read(path)?);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_muster_on_the_same_directory_says_who_has_it() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 8);
    let simulator = microsoft(&fabrikam, Duration::ZERO).await?;
    let folder = TempDir::new()?;
    let mut served = Served::start(folder.path(), &simulator).await?;
    served.connect(&fabrikam).await?;
    let mut second = muster(folder.path())?;
    let ran = ran(second.args(serve_arguments(&simulator))).await?;
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8(ran.stderr)?;
    let data = folder.path().join("data").display().to_string();
    let address = fs::read_to_string(served.data().join("address"))?;
    for part in ["another muster", &data, &address, "--data"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(served.runs()?);
    let synced = served
        .finished(fabrikam.id, &serde_json::Value::Null)
        .await?;
    assert_eq!(synced["status"], "connected");
    served.terminate().await?;
    assert!(served.ended().await?.success());
    let mut served = Served::start(folder.path(), &simulator).await?;
    assert_eq!(served.records(fabrikam.id, "users").await?.len(), 8);
    served.kill().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_vault_or_key_is_said_and_changes_no_byte() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 4);
    let mut world = World::synced(fabrikam.clone()).await?;
    world.stop().await;
    // The store's file is closed, and its log gone, when the last connection to it has ended.
    let log = world.folder().join("data/muster.db-wal");
    for _ in 0..200 {
        if !log.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (vault, key) = (
        world.folder().join("data/vault"),
        world.folder().join("keys/vault.key"),
    );
    let (sealed, right) = (fs::read(&vault)?, fs::read(&key)?);
    let other = BASE64_STANDARD.encode([7; 32]);
    let mut tampered = sealed.clone();
    let middle = tampered.len() / 2;
    tampered[middle] ^= 1;
    let refused = async |said: &[&str], variable: Option<&str>| -> Result<()> {
        let before = files(world.folder())?;
        for words in [
            serve_arguments(&world.simulator),
            vec!["integrations".to_owned()],
        ] {
            let mut command = muster(world.folder())?;
            if let Some(key) = variable {
                command.env("MUSTER_VAULT_KEY", key);
            }
            let ran = ran(command.args(words)).await?;
            let err = String::from_utf8(ran.stderr)?;
            assert_eq!(ran.status.code(), Some(1), "{err}");
            for part in said {
                assert!(err.contains(part), "{part}: {err}");
            }
            assert!(!err.contains("panicked"), "{err}");
            let after = files(world.folder())?;
            let names =
                |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&after), names(&before));
            assert!(after == before, "a file has changed");
        }
        Ok(())
    };
    let vault_name = vault.display().to_string();
    let opened = [vault_name.as_str(), "Nothing was changed", "backup"];
    fs::write(&vault, &tampered)?;
    refused(&opened, None).await?;
    fs::write(&vault, &sealed[..sealed.len() - 1])?;
    refused(&opened, None).await?;
    fs::write(&vault, b"")?;
    refused(&opened, None).await?;
    fs::write(&vault, &sealed)?;
    refused(&opened, Some(&other)).await?;
    refused(&["MUSTER_VAULT_KEY is not a vault key"], Some("not a key")).await?;
    fs::write(&key, &other)?;
    refused(&opened, None).await?;
    fs::write(&key, "not a key")?;
    refused(&["vault.key is not a vault key"], None).await?;
    fs::remove_file(&key)?;
    refused(&[&vault_name, "its key is not", "Put the key back"], None).await?;
    // The right key by the environment opens it; put back in its file, it does as well.
    let mut command = muster(world.folder())?;
    command.env("MUSTER_VAULT_KEY", String::from_utf8(right.clone())?);
    let ran = ran(command.arg("integrations")).await?;
    assert!(ran.status.success(), "{ran:?}");
    fs::write(&key, &right)?;
    world.start().await?;
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(integration["status"], "connected");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_its_owners_alone() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 8);
    let simulator = microsoft(&fabrikam, Duration::ZERO).await?;
    let folder = TempDir::new()?;
    let mut served = Served::start(folder.path(), &simulator).await?;
    served.connect(&fabrikam).await?;
    served
        .finished(fabrikam.id, &serde_json::Value::Null)
        .await?;
    let data = folder.path().join("data");
    let mode = |path: &Path| Ok::<_, anyhow::Error>(fs::metadata(path)?.permissions().mode());
    let assert_owners = |paths: Vec<PathBuf>| -> Result<()> {
        for path in paths {
            let mode = mode(&path)?;
            assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
        }
        Ok(())
    };
    let key = folder.path().join("keys/vault.key");
    assert_owners(
        files(&data)?
            .into_keys()
            .chain([data.clone(), key])
            .collect(),
    )?;
    served.terminate().await?;
    assert!(served.ended().await?.success());
    assert_owners(files(&data)?.into_keys().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_killed_in_the_middle_goes_on_and_ends_whole() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 10_000);
    let simulator = microsoft(&fabrikam, Duration::from_millis(60)).await?;
    let folder = TempDir::new()?;
    let mut served = Served::start(folder.path(), &simulator).await?;
    served.connect(&fabrikam).await?;
    for users in [500, 4000] {
        served
            .until(fabrikam.id, |i| {
                dataset(i, "users")["progress"]["read"].as_u64() >= Some(users)
            })
            .await?;
        served.kill().await?;
        served = Served::start(folder.path(), &simulator).await?;
        let killed = served.integration(fabrikam.id).await?;
        assert_eq!(killed["sync"]["finished_at"], serde_json::Value::Null);
    }
    let integration = served
        .finished(fabrikam.id, &serde_json::Value::Null)
        .await?;
    assert_eq!(integration["status"], "connected", "{integration:#}");
    let handle = simulator.tenant(fabrikam.id);
    for (name, path) in [
        ("users", "/users"),
        ("managed_devices", "/deviceManagement/managedDevices"),
        ("subscribed_skus", "/subscribedSkus"),
    ] {
        let (held, truth) = (
            served.records(fabrikam.id, name).await?,
            truth(&handle, name, path)?,
        );
        assert_eq!(dataset(&integration, name)["state"], "fresh", "{name}");
        assert_eq!(
            dataset(&integration, name)["records"],
            truth.len(),
            "{name}"
        );
        assert!(held == truth, "{name}: {} of {}", held.len(), truth.len());
    }
    let changes = format!("/api/v1/integrations/{}/changes", fabrikam.id);
    let changes = served.api().await?.get(&changes).await?;
    assert_eq!(
        changes["items"],
        serde_json::json!([]),
        "a first reading changes nothing"
    );
    let again = served.sync(fabrikam.id).await?;
    assert_eq!(again["sync"]["last"]["written"], 0, "{again:#}");
    assert_eq!(again["sync"]["last"]["removed"], 0, "{again:#}");
    assert!(!served.said()?.contains("panicked"));
    served.kill().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_a_sync_takes_seconds_and_the_sync_goes_on_later() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 6000);
    let simulator = microsoft(&fabrikam, Duration::from_millis(150)).await?;
    let folder = TempDir::new()?;
    let mut served = Served::start(folder.path(), &simulator).await?;
    served.connect(&fabrikam).await?;
    served
        .until(fabrikam.id, |i| {
            dataset(i, "users")["progress"]["read"].as_u64() >= Some(900)
        })
        .await?;
    let asked = Instant::now();
    served.terminate().await?;
    let status = served.ended().await?;
    let took = asked.elapsed();
    assert_eq!(status.code(), Some(0), "{}", served.said()?);
    assert!(took < Duration::from_secs(8), "{took:?}");
    let served = Served::start(folder.path(), &simulator).await?;
    let stopped = served.integration(fabrikam.id).await?;
    assert_eq!(stopped["sync"]["finished_at"], serde_json::Value::Null);
    let integration = served
        .finished(fabrikam.id, &serde_json::Value::Null)
        .await?;
    assert_eq!(integration["status"], "connected", "{integration:#}");
    assert!(
        served.records(fabrikam.id, "users").await?
            == truth(&simulator.tenant(fabrikam.id), "users", "/users")?
    );
    let said = served.said().context("its words")?;
    assert!(!said.contains("panicked"), "{said}");
    Ok(())
}
