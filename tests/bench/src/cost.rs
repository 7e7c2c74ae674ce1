//! What an installation costs a month: units counted at the store's door, times AWS's prices.

use crate::{
    door::{Door, Passed},
    engine,
};
use anyhow::{Context, Result};
use microsoft_simulator::{Options, Simulator, TenantHandle, TenantOptions};
use muster_domain::{DatasetState, TenantId, connect::Form, datasets};
use muster_platform::{connect, queue::LocalReceiver};
use muster_sync::{Context as SyncContext, Outcome, sync_tenant};
use secrecy::SecretString;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// US dollars, us-east-1, on demand, beyond any free tier; from the services' pricing pages in
/// November 2026.
mod price {
    /// Amazon DynamoDB, a million write request units.
    pub const WRITES: f64 = 0.625;
    /// Amazon DynamoDB, a million read request units.
    pub const READS: f64 = 0.125;
    /// Amazon DynamoDB, a gigabyte-month of storage, with point-in-time recovery ($0.20) on top.
    pub const STORAGE: f64 = 0.25 + 0.20;
    /// AWS Lambda, a gigabyte-second on x86.
    pub const GB_SECOND: f64 = 0.000_016_666_7;
    /// AWS Secrets Manager, a secret a month.
    pub const SECRET: f64 = 0.40;
}

const DAYS: f64 = 30.4;
const SYNC_GIGABYTES: f64 = 0.5;
/// Lambda gives one processor for 1,769 MB.
const SYNC_PROCESSOR: f64 = 512.0 / 1769.0;

/// One tenant on a store whose door counts.
struct Tenant {
    context: SyncContext,
    id: TenantId,
    microsoft: TenantHandle,
    door: Door,
    _kept: (Simulator, TempDir, LocalReceiver),
}

/// What one sync did.
struct Run {
    passed: Passed,
    states: Vec<DatasetState>,
    requests: u64,
    cpu: f64,
    wall: Duration,
}

/// Prints the table for tenants of these sizes.
///
/// # Errors
/// When a sync fails.
pub async fn run(sizes: &[u32]) -> Result<()> {
    println!("| users | | calls | write units | read units | Graph requests | CPU s | wall s |");
    println!("|---:|---|---:|---:|---:|---:|---:|---:|");
    let mut months = Vec::new();
    for users in sizes {
        months.push(measure(*users).await?);
    }
    println!("\n| users | writes | reads | storage | compute | secret | a month, US$ |");
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    months.iter().for_each(|month| println!("{month}"));
    Ok(())
}

async fn measure(users: u32) -> Result<String> {
    let tenant = Tenant::connect(users).await?;
    let first = tenant.sync(false).await?;
    row(users, "first sync", &first);
    let hourly = tenant.sync(false).await?;
    row(users, "an hour later, nothing changed", &hourly);
    let whole = tenant.sync(true).await?;
    row(users, "everything due, nothing changed", &whole);
    tenant.microsoft.change_users((users / 100).max(1));
    let changed = tenant.sync(true).await?;
    row(users, "everything due, 1 % of users changed", &changed);
    Ok(month(users, &first, &hourly, &whole, &changed))
}

/// A month of hourly syncs, each dataset read as often as it is due, 1 % of users changing a day.
fn month(users: u32, first: &Run, hourly: &Run, whole: &Run, changed: &Run) -> String {
    let daily = |of: &dyn Fn(&DatasetState) -> u64| -> f64 {
        let due = whole.states.iter().filter_map(|state| {
            let every = datasets::find(&state.dataset)?.due_every_minutes;
            (every > 0).then(|| count(of(state)) * 1440.0 / f64::from(every))
        });
        due.sum()
    };
    let changes = (changed.passed.write - whole.passed.write).max(0.0);
    let writes = DAYS * (24.0 * hourly.passed.write + daily(&|s| s.run.write_units) + changes);
    let reads = DAYS * (24.0 * hourly.passed.read + daily(&|s| s.run.read_units));
    let seconds = |run: &Run| (run.cpu / SYNC_PROCESSOR).max(run.wall.as_secs_f64());
    let compute = DAYS * (24.0 * seconds(hourly) + 2.0 * seconds(whole)) * SYNC_GIGABYTES;
    let gigabytes = first.passed.write * 1024.0 / 1e9;
    let dollars = [
        writes / 1e6 * price::WRITES,
        reads / 1e6 * price::READS,
        gigabytes * price::STORAGE,
        compute * price::GB_SECOND,
        price::SECRET,
    ];
    let [writes, reads, storage, compute, secret] = dollars;
    let sum: f64 = dollars.iter().sum();
    format!(
        "| {users} | {writes:.3} | {reads:.3} | {storage:.3} | {compute:.3} | {secret:.2} | **{sum:.2}** |"
    )
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

fn row(users: u32, name: &str, run: &Run) {
    println!(
        "| {users} | {name} | {} | {:.0} | {:.0} | {} | {:.2} | {:.2} |",
        run.passed.calls,
        run.passed.write,
        run.passed.read,
        run.requests,
        run.cpu,
        run.wall.as_secs_f64()
    );
}

impl Tenant {
    async fn connect(users: u32) -> Result<Self> {
        let options = TenantOptions::sample(11, "Cost", users);
        let simulator = Simulator::start(Options {
            tenants: vec![options.clone()],
            ..Options::default()
        })
        .await?;
        let (door, address) = Door::open().await?;
        let folder = tempfile::tempdir()?;
        let (services, receiver) = engine::services(
            folder.path(),
            simulator.login_url(),
            simulator.graph_url(),
            address,
        )?;
        services.store.ensure_tables().await?;
        let microsoft = simulator.tenant(options.id);
        microsoft.consent();
        let form = Form {
            name: options.name.clone(),
            tenant_id: options.id.to_string(),
            client_id: options.client_id.to_string(),
            client_secret: SecretString::from(options.client_secret.clone()),
            kind: None,
            cloud: None,
            cadence_minutes: Some(60),
            secret_expires_on: None,
        };
        connect::connect(&services, form).await?;
        door.take();
        Ok(Self {
            context: SyncContext::new(services),
            id: TenantId::from(options.id),
            microsoft,
            door,
            _kept: (simulator, folder, receiver),
        })
    }

    /// Syncs what is due, or everything.
    async fn sync(&self, everything: bool) -> Result<Run> {
        let store = &self.context.services().store;
        if everything {
            let now = muster_platform::now();
            store
                .update_integration(self.id, |integration| {
                    integration.sync.requested_at = Some(now);
                })
                .await?;
        }
        self.door.take();
        let before = crate::process::used(std::process::id())?.cpu_seconds;
        let began = Instant::now();
        let outcome = sync_tenant(&self.context, self.id, None, None).await?;
        anyhow::ensure!(outcome == Outcome::Done, "the sync ended as {outcome:?}");
        let (wall, passed) = (began.elapsed(), self.door.take());
        let cpu = crate::process::used(std::process::id())?.cpu_seconds - before;
        let integration = store.integration(self.id).await?;
        let last = integration.context("it is connected")?.sync.last;
        Ok(Run {
            passed,
            states: store.states(self.id).await?,
            requests: last.requests,
            cpu,
            wall,
        })
    }
}
