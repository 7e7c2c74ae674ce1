//! Many tenants due in the same minute, on one worker that syncs a few of them at a time, as the
//! queue hands them out: none waits for another longer than its turn.

use crate::{engine, secrets::Secrets};
use anyhow::{Result, ensure};
use futures::{StreamExt, stream};
use microsoft_simulator::{Options, Simulator, TenantOptions};
use muster_domain::{TenantId, connect::Form};
use muster_platform::{connect, vault::Vault};
use muster_sync::{Context, Outcome, sync_tenant};
use secrecy::SecretString;
use std::time::Instant;
use tokio::net::TcpListener;

/// Tenants synced at the same time, as by `muster serve`.
const AT_ONCE: usize = 8;

/// Prints how long tenants of equal size take when all are due at once.
///
/// # Errors
/// When a sync fails.
pub async fn run(tenants: u32, users: u32) -> Result<()> {
    let options: Vec<TenantOptions> = (0..tenants)
        .map(|number| TenantOptions::sample(11, &format!("Client {number}"), users))
        .collect();
    let simulator = Simulator::start(Options {
        tenants: options.clone(),
        ..Options::default()
    })
    .await?;
    let database = dynoxide::Database::memory()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { dynoxide::server::serve_on(listener, database).await });
    let folder = tempfile::tempdir()?;
    let (login, graph) = (simulator.login_url(), simulator.graph_url());
    let (mut services, _receiver) = engine::services(folder.path(), login, graph, address)?;
    let secrets = Secrets::serve().await?;
    services.vault = Vault::SecretsManager(secrets.vault());
    services.store.ensure_tables().await?;
    for tenant in &options {
        simulator.tenant(tenant.id).consent();
        let form = Form {
            name: tenant.name.clone(),
            tenant_id: tenant.id.to_string(),
            client_id: tenant.client_id.to_string(),
            secret_expires_on: None,
            client_secret: SecretString::from(tenant.client_secret.clone()),
            kind: None,
            cloud: None,
            cadence_minutes: Some(60),
        };
        connect::connect(&services, form).await?;
    }
    // The syncs' environment is another than the one that connected them, and knows no secret yet.
    services.vault = Vault::SecretsManager(secrets.vault());
    let context = Context::new(services);
    let (mut took, mut done) = all(&context, &options).await?;
    println!(
        "| {tenants} tenants of {users} users, due at once | median s | slowest s | slowest by median |"
    );
    println!("|---|---:|---:|---:|");
    for (name, times) in [("a sync takes", &mut took), ("done since due", &mut done)] {
        times.sort_by(f64::total_cmp);
        let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
        println!(
            "| {name} | {median:.2} | {slowest:.2} | {:.2} |",
            slowest / median
        );
    }
    let (first, _) = secrets.reads();
    all(&context, &options).await?;
    let (both, most) = secrets.reads();
    println!(
        "secrets read: {first} by the first sync of each tenant, {both} with the second, at most {most} of one tenant"
    );
    Ok(())
}

/// Syncs all of them, a few at a time; how many seconds each took, and how many after all were due.
async fn all(context: &Context, tenants: &[TenantOptions]) -> Result<(Vec<f64>, Vec<f64>)> {
    let due = Instant::now();
    let turns = stream::iter(tenants).map(async |tenant| {
        let began = Instant::now();
        let outcome = sync_tenant(context, TenantId::from(tenant.id), None, None).await?;
        ensure!(outcome == Outcome::Done, "a sync ended as {outcome:?}");
        Ok((began.elapsed().as_secs_f64(), due.elapsed().as_secs_f64()))
    });
    let ended: Vec<Result<(f64, f64)>> = turns.buffer_unordered(AT_ONCE).collect().await;
    ended.into_iter().collect()
}
