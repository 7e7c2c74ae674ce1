//! The memory that hostile answers take, and the pace of a sync beside searches and exports.

use crate::{
    muster::Muster,
    tenant::{How, Tenant},
};
use anyhow::Result;
use microsoft_simulator::{Options, Simulator, TenantOptions, ValueFault};
use serde_json::Value;
use std::time::{Duration, Instant};

const MEGABYTE: usize = 1 << 20;
const PAGE: &str = "users/delta";
const REPORT: &str = "Detail.csv";

/// Prints how much memory the engine takes for each answer, each in a process of its own.
///
/// # Errors
/// When a sync fails.
pub async fn memory() -> Result<()> {
    println!(
        "{:<44} {:>8} {:>8} {:>9}",
        "answer", "peak MB", "wall s", "records"
    );
    let rows = [
        ("users, as they are", PAGE, None),
        (
            "a page of 30 MB: one name",
            PAGE,
            Some(ValueFault::LongName(30 * MEGABYTE)),
        ),
        (
            "a page of 30 MB: what is not read",
            PAGE,
            Some(ValueFault::LongPage(30 * MEGABYTE)),
        ),
        (
            "a page of 200 MB",
            PAGE,
            Some(ValueFault::LongPage(200 * MEGABYTE)),
        ),
        ("a report, as it is", REPORT, None),
        (
            "a report of 15 MB",
            REPORT,
            Some(ValueFault::LongReport(15 * MEGABYTE)),
        ),
        (
            "a report of 60 MB",
            REPORT,
            Some(ValueFault::LongReport(60 * MEGABYTE)),
        ),
        (
            "a report of 200 MB",
            REPORT,
            Some(ValueFault::LongReport(200 * MEGABYTE)),
        ),
    ];
    for (name, path, fault) in rows {
        let permission = if path == PAGE {
            "User.Read.All"
        } else {
            "Reports.Read.All"
        };
        let tenant = Tenant::connect(1_000, &[permission]).await?;
        tenant.graph.forget();
        if let Some(fault) = fault {
            tenant.next_answer(path, fault);
        }
        let measured = tenant.sync(How::default()).await?;
        println!(
            "{name:<44} {:>8.0} {:>8.1} {:>9}",
            measured.used.peak_megabytes, measured.done.seconds, measured.done.counters.read
        );
    }
    Ok(())
}

/// Prints how long a sync takes alone, and beside so many clients that search, sort and export.
///
/// # Errors
/// When a sync fails.
pub async fn pace(users: u32, clients: u32) -> Result<()> {
    let tenant = TenantOptions::sample(11, "Bench", users);
    let simulator = Simulator::start(Options {
        tenants: vec![tenant.clone()],
        ..Options::default()
    })
    .await?;
    let folder = tempfile::tempdir()?;
    let muster = Muster::start(folder.path(), &simulator).await?;
    muster.connect(&tenant).await?;
    muster.finished(&tenant, &Value::Null).await?;
    let alone = median(&muster, &simulator, &tenant).await?;
    let readers = muster.readers(&tenant, clients);
    let beside = median(&muster, &simulator, &tenant).await?;
    let (answered, refused) = readers.stop().await;
    println!(
        "{users} users, 1 % of them changed: {:.2} s alone, {:.2} s beside {clients} clients that search, sort and export ({:.2} times); they were answered {answered} times and refused {refused} times",
        alone.as_secs_f64(),
        beside.as_secs_f64(),
        beside.as_secs_f64() / alone.as_secs_f64(),
    );
    Ok(())
}

/// The median of three syncs.
async fn median(
    muster: &Muster,
    simulator: &Simulator,
    tenant: &TenantOptions,
) -> Result<Duration> {
    let mut took = Vec::new();
    for _ in 0..3 {
        simulator.tenant(tenant.id).change_users(tenant.users / 100);
        let began = Instant::now();
        muster.sync(tenant).await?;
        took.push(began.elapsed());
    }
    took.sort();
    Ok(took[1])
}
