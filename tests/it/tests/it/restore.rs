//! Checks that the copy which the README describes is one to start from.

use anyhow::{Result, ensure};
use microsoft_simulator::{Options, Simulator};
use muster_it::{Served, muster, ran, serve_arguments, tenant};
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

fn copy(from: &Path, to: &Path) -> Result<()> {
    let done = Command::new("cp").arg("-a").args([from, to]).status()?;
    ensure!(done.success(), "cp -a {}", from.display());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_data_directory_and_the_key_is_restored() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let simulator = Simulator::start(Options {
        tenants: vec![fabrikam.clone()],
        ..Options::default()
    })
    .await?;
    let lost = TempDir::new()?;
    let mut served = Served::start(lost.path(), &simulator).await?;
    served.connect(&fabrikam).await?;
    served
        .finished(fabrikam.id, &serde_json::Value::Null)
        .await?;
    let users = served.records(fabrikam.id, "users").await?;
    ensure!(users.len() == 12, "it has {} users", users.len());
    served.terminate().await?;
    ensure!(served.ended().await?.success(), "it stops");

    let (copied, restored) = (TempDir::new()?, TempDir::new()?);
    copy(&lost.path().join("data"), copied.path())?;
    copy(&lost.path().join("keys"), copied.path())?;
    lost.close()?;
    copy(&copied.path().join("data"), restored.path())?;
    // Without the key the secrets stay closed, which is said, and nothing is changed.
    let mut without = muster(restored.path())?;
    let refused = ran(without.args(serve_arguments(&simulator))).await?;
    ensure!(!refused.status.success(), "it started without its key");
    fs::remove_dir_all(restored.path().join("keys")).ok();
    copy(&copied.path().join("keys"), restored.path())?;

    let mut served = Served::start(restored.path(), &simulator).await?;
    assert_eq!(served.records(fabrikam.id, "users").await?, users);
    let synced = served.sync(fabrikam.id).await?;
    assert_eq!(synced["status"], "connected", "{synced:#}");
    served.kill().await
}
