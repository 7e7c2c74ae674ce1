//! Checks what an installation does on a disk that takes nothing more, and on one that is read-only.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Options, Simulator, TenantOptions};
use muster_domain::TenantId;
use muster_it::{Served, binary, on, ran, serve_arguments, tenant};
use serde_json::Value;
use std::{fs, path::Path};
use tempfile::TempDir;
use tokio::process::Command;

async fn microsoft(tenant: &TenantOptions) -> Result<Simulator> {
    let options = Options {
        tenants: vec![tenant.clone()],
        ..Options::default()
    };
    Ok(Simulator::start(options).await?)
}

/// A command in namespaces of its own, before which a script prepares its disks. `$MUSTER_DATA` is the data
/// directory, `$1` the folder.
fn prepared(folder: &Path, script: &str, arguments: &[String]) -> Result<Command> {
    let script = format!("folder=$1; shift; {script}; exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-ec", &script, "sh"]);
    command.arg(folder).arg(binary("muster")?).args(arguments);
    on(&mut command, folder);
    Ok(command)
}

/// A folder in which a client was connected and synced by a `muster serve` that has ended.
async fn installation(simulator: &Simulator, tenant: &TenantOptions) -> Result<TempDir> {
    let folder = TempDir::new()?;
    let mut served = Served::start(folder.path(), simulator).await?;
    served.connect(tenant).await?;
    served.finished(tenant.id, &Value::Null).await?;
    served.terminate().await?;
    ensure!(served.ended().await?.success(), "it stops");
    Ok(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory_is_exported() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 9);
    let simulator = microsoft(&fabrikam).await?;
    let folder = installation(&simulator, &fabrikam).await?;
    let read_only =
        "mount --bind \"$MUSTER_DATA\" \"$MUSTER_DATA\"; mount -o remount,ro,bind \"$MUSTER_DATA\"";
    let id = TenantId::from(fabrikam.id).to_string();
    let arguments = ["export", &id, "users"].map(str::to_owned);
    let exported = ran(&mut prepared(folder.path(), read_only, &arguments)?).await?;
    let said = String::from_utf8_lossy(&exported.stderr).into_owned();
    ensure!(exported.status.success(), "{said}");
    assert!(said.contains("is read-only; a copy"), "{said}");
    let lines = String::from_utf8(exported.stdout)?.lines().count();
    assert_eq!(lines, 10, "a header and nine people");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_starts_on_a_full_disk() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 9);
    let simulator = microsoft(&fabrikam).await?;
    let folder = installation(&simulator, &fabrikam).await?;
    let full = "cp -a \"$MUSTER_DATA\" \"$folder/kept\"; \
        mount -t tmpfs -o size=12m,mode=700 tmpfs \"$MUSTER_DATA\"; \
        cp -a \"$folder/kept/.\" \"$MUSTER_DATA\"; \
        cat /dev/zero > \"$MUSTER_DATA/ballast\" 2>/dev/null || true";
    let command = prepared(folder.path(), full, &serve_arguments(&simulator))?;
    let data = folder.path().join("data");
    let mut served = Served::of(command, folder.path(), |id| {
        let inside = data.strip_prefix("/").unwrap_or(&data);
        Path::new(&format!("/proc/{id}/root")).join(inside)
    })
    .await
    .context("it starts")?;
    assert_eq!(served.records(fabrikam.id, "users").await?.len(), 9);
    assert!(fs::metadata(served.data().join("ballast"))?.len() > 0);
    served.kill().await
}
