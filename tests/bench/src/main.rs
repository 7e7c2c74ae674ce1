//! `make bench`: prints a table of what syncs cost.

use anyhow::{Context, Result};
use microsoft_simulator::{Options, Simulator, TenantOptions};
use muster_bench::{cost, muster::Muster, process::used, reference};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const SIZES: [u32; 2] = [1_000, 50_000];

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [word, folder, login, graph, tenant, client, secret] = args.as_slice()
        && word == "reference"
    {
        return reference::run(Path::new(folder), login, graph, tenant, client, secret).await;
    }
    if let Some((word, sizes)) = args.split_first()
        && word == "cost"
    {
        let mut users: Vec<u32> = Vec::new();
        for size in sizes {
            users.push(size.parse().context("a number of users")?);
        }
        return cost::run(&users).await;
    }
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>8} {:>12} {:>8}",
        "", "records", "requests", "wall s", "CPU s", "rec/CPU s", "peak MB"
    );
    for users in SIZES {
        measure_muster(users).await?;
        measure_reference(users).await?;
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

/// The straightforward way, in a process of its own: the users alone.
async fn measure_reference(users: u32) -> Result<()> {
    let (simulator, tenant) = world(users, Duration::ZERO).await?;
    simulator.tenant(tenant.id).consent();
    let folder = tempfile::tempdir()?;
    let mut child = Command::new(std::env::current_exe()?)
        .args([
            "reference",
            &folder.path().to_string_lossy(),
            simulator.login_url().as_str(),
            simulator.graph_url().as_str(),
        ])
        .args([
            tenant.id.to_string(),
            tenant.client_id.to_string(),
            tenant.client_secret.clone(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let pid = child.id();
    let mut out = BufReader::new(child.stdout.take().context("its output")?);
    let mut to = child.stdin.take().context("its input")?;
    let mut before = 0.0;
    for name in ["first", "unchanged"] {
        let began = Instant::now();
        let (line, back) = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            out.read_line(&mut line).map(|_| (line, out))
        })
        .await??;
        out = back;
        let numbers: Vec<f64> = line
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let [_, records, requests] = numbers[..] else {
            anyhow::bail!("the reference said {line:?}")
        };
        let now = used(pid)?;
        print_row(
            &format!("reference, {users} users, {name}"),
            records,
            requests,
            began.elapsed(),
            now.cpu_seconds - before,
            now.peak_megabytes,
        );
        before = now.cpu_seconds;
        writeln!(to)?;
    }
    child.wait()?;
    Ok(())
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
