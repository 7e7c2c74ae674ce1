//! The whole of Muster in one process, embedded store included: all datasets of a simulated tenant.

use crate::{muster::Muster, process::used};
use anyhow::Result;
use microsoft_simulator::{Options, Simulator, TenantOptions};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Prints a table for tenants of these sizes, and how soon there is something to see.
///
/// # Errors
/// When a sync fails.
pub async fn run(sizes: &[u32]) -> Result<()> {
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>8} {:>12} {:>8}",
        "", "records", "requests", "wall s", "CPU s", "rec/CPU s", "peak MB"
    );
    for users in sizes {
        measure_muster(*users).await?;
    }
    first_look().await
}

async fn world(users: u32, latency: Duration) -> Result<(Simulator, TenantOptions)> {
    let tenant = TenantOptions::sample(11, "Bench", users);
    let simulator = Simulator::start(Options {
        tenants: vec![tenant.clone()],
        latency,
        ..Options::default()
    })
    .await?;
    Ok((simulator, tenant))
}

/// The whole of Muster in one process, store included: all twelve datasets.
async fn measure_muster(users: u32) -> Result<()> {
    let (simulator, tenant) = world(users, Duration::ZERO).await?;
    let folder = tempfile::tempdir()?;
    let muster = Muster::start(folder.path(), &simulator).await?;
    let pid = muster.pid()?;
    let mut before = used(pid)?.cpu_seconds;
    let began = Instant::now();
    muster.connect(&tenant).await?;
    let first = muster.finished(&tenant, &Value::Null).await?;
    before = row(
        &format!("muster, {users} users, first"),
        &first,
        began.elapsed(),
        pid,
        before,
    )?;
    let began = Instant::now();
    let second = muster.sync(&tenant).await?;
    before = row(
        &format!("muster, {users} users, unchanged"),
        &second,
        began.elapsed(),
        pid,
        before,
    )?;
    simulator.tenant(tenant.id).change_users(users / 100);
    let began = Instant::now();
    let third = muster.sync(&tenant).await?;
    row(
        &format!("muster, {users} users, 1 % changed"),
        &third,
        began.elapsed(),
        pid,
        before,
    )?;
    Ok(())
}

fn row(name: &str, integration: &Value, wall: Duration, pid: u32, before: f64) -> Result<f64> {
    let last = &integration["sync"]["last"];
    let number = |name: &str| last[name].as_f64().unwrap_or(0.0);
    let now = used(pid)?;
    print_row(
        name,
        number("read"),
        number("requests"),
        wall,
        now.cpu_seconds - before,
        now.peak_megabytes,
    );
    Ok(now.cpu_seconds)
}

fn print_row(name: &str, records: f64, requests: f64, wall: Duration, cpu: f64, peak: f64) {
    println!(
        "{name:<34} {records:>9.0} {requests:>9.0} {:>9.2} {cpu:>8.2} {:>12.0} {peak:>8.0}",
        wall.as_secs_f64(),
        records / cpu.max(0.01)
    );
}

/// How soon there is something to see: 100 users, 100 ms a Graph request.
async fn first_look() -> Result<()> {
    let (simulator, tenant) = world(100, Duration::from_millis(100)).await?;
    let folder = tempfile::tempdir()?;
    let muster = Muster::start(folder.path(), &simulator).await?;
    let consent = muster.connect(&tenant).await?;
    let first = muster.first_user(&tenant).await?;
    muster.finished(&tenant, &Value::Null).await?;
    println!(
        "\n100 users at 100 ms a request: first users readable {:.2} s after consent, all datasets after {:.2} s",
        (first - consent).as_secs_f64(),
        consent.elapsed().as_secs_f64(),
    );
    Ok(())
}
