//! Signals, the limit of open files, and what is written where no terminal is.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, Options, Simulator};
use muster_it::{Served, on, serve_arguments, tenant};
use std::{fs, time::Duration};
use tempfile::TempDir;
use tokio::process::Command;

async fn send(served: &Served, signal: &str) -> Result<()> {
    let id = served.id().context("it runs")?.to_string();
    let sent = Command::new("kill").args([signal, &id]).status().await?;
    ensure!(sent.success(), "kill {signal}: {sent}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_within_seconds_though_microsoft_is_silent() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 20);
    let simulator = Simulator::start(Options {
        tenants: vec![fabrikam.clone()],
        faults: Fault::parse_schedule("users#1x*=hang:200")?,
        ..Options::default()
    })
    .await?;
    let folder = TempDir::new()?;
    let mut served = Served::start(folder.path(), &simulator).await?;
    served.connect(&fabrikam).await?;
    let syncs = |integration: &serde_json::Value| integration["sync"]["running"] == true;
    served.until(fabrikam.id, syncs).await?;
    send(&served, "-HUP").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    ensure!(served.runs()?, "SIGHUP ended it: {}", served.said()?);
    served.integration(fabrikam.id).await?;
    served.terminate().await?;
    let ended = tokio::time::timeout(Duration::from_secs(20), served.ended()).await;
    ensure!(
        ended.context("it does not stop")??.success(),
        "{}",
        served.said()?
    );
    let said = served.said()?;
    ensure!(!said.contains('\u{1b}'), "colors in a file: {said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_open_files_is_raised() -> Result<()> {
    let simulator = Simulator::start(Options::default()).await?;
    let folder = TempDir::new()?;
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -Sn 200 && exec \"$@\"", "sh"]);
    command
        .arg(muster_it::binary("muster")?)
        .args(serve_arguments(&simulator));
    on(&mut command, folder.path());
    let data = folder.path().join("data");
    let mut served = Served::of(command, folder.path(), |_| data).await?;
    let id = served.id().context("it runs")?;
    let limits = fs::read_to_string(format!("/proc/{id}/limits"))?;
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut cells = files.context("a limit")?.split_whitespace().skip(3);
    let (soft, hard) = (cells.next().context("soft")?, cells.next().context("hard")?);
    assert_eq!(soft, hard);
    served.kill().await
}
