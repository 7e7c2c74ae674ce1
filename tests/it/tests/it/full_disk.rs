//! A disk that fills up during a sync: said in words, nothing lost, and over when there is room.

use anyhow::{Context, Result};
use microsoft_simulator::{Options, Simulator};
use muster_it::{Served, binary, dataset, on, serve_arguments, tenant, truth};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, path::Path};
use tempfile::TempDir;
use tokio::process::Command;

/// Large enough to start on, too small for the tenant while the ballast is there.
const DISK: &str = "24m";
const BALLAST: usize = 20 * 1024 * 1024;
const SENTENCE: &str = "the disk that holds the data is full; free some space";

/// `muster serve` whose data directory is a small disk of its own.
async fn on_a_small_disk(folder: &Path, simulator: &Simulator) -> Result<Served> {
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let script = format!(
        "mount -t tmpfs -o size={DISK},mode=700 tmpfs \"$MUSTER_DATA\" && \
         head -c {BALLAST} /dev/zero > \"$MUSTER_DATA/ballast\" && exec \"$@\""
    );
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-ec", &script, "sh"]);
    command
        .arg(binary("muster")?)
        .args(serve_arguments(simulator));
    on(&mut command, folder);
    let inside = data.clone();
    Served::of(command, folder, |id| {
        let inside = inside.strip_prefix("/").unwrap_or(&inside);
        Path::new(&format!("/proc/{id}/root")).join(inside)
    })
    .await
    .context("a disk of its own takes unshare(1) with user and mount namespaces")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_nothing_is_lost() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 4000);
    let simulator = Simulator::start(Options {
        tenants: vec![fabrikam.clone()],
        ..Options::default()
    })
    .await?;
    let folder = TempDir::new()?;
    let mut served = on_a_small_disk(folder.path(), &simulator).await?;
    served.connect(&fabrikam).await?;
    let mut said = String::new();
    for _ in 0..600 {
        said = served.said()?;
        if said.contains(SENTENCE) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(said.contains(SENTENCE), "{said}");
    assert!(served.runs()?, "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let integration = served.integration(fabrikam.id).await?;
    assert_ne!(dataset(&integration, "users")["state"], "fresh");
    let health = served.caller()?.get("/healthz").await?;
    assert_eq!(health.status.as_u16(), 200);
    // What cannot be stored is refused in the same words.
    let path = format!("/api/v1/integrations/{}", fabrikam.id);
    let long = json!({"name": "Fabrikam".repeat(12)});
    let refused = served.caller()?.json(Method::PATCH, &path, &long).await?;
    assert!(
        [200, 507].contains(&refused.status.as_u16()),
        "{}",
        refused.text
    );

    fs::remove_file(served.data().join("ballast"))?;
    let ask = format!("{path}/sync");
    let asked = served.caller()?.send(Method::POST, &ask, None).await?;
    assert_eq!(asked.status.as_u16(), 202, "{}", asked.text);
    let integration = served.finished(fabrikam.id, &Value::Null).await?;
    let state = dataset(&integration, "users");
    assert_eq!(state["state"], "fresh", "{state:#}");
    let handle = simulator.tenant(fabrikam.id);
    for (name, path) in [
        ("users", "/users"),
        ("managed_devices", "/deviceManagement/managedDevices"),
    ] {
        let held = served.records(fabrikam.id, name).await?;
        assert!(held == truth(&handle, name, path)?, "{name}");
    }
    let again = served.sync(fabrikam.id).await?;
    assert_eq!(again["sync"]["last"]["written"], 0, "{again:#}");
    assert!(served.runs()?);
    assert!(!served.said()?.contains("panicked"));
    served.kill().await
}
