//! The engine in a process of its own, so that nothing but it is measured: the binary `engine`.

use anyhow::{Context as _, Result, bail};
use muster_domain::{TenantId, state::Counters};
use muster_platform::{
    Services, Store,
    alert::{Alerts, Webhooks},
    http::Http,
    metrics::Metrics,
    microsoft::Microsoft,
    portal_secret::PortalSecret,
    queue::{LocalQueue, LocalReceiver, Queue},
    schedule::{LocalSchedule, Schedule},
    vault::{FileVault, Vault},
};
use muster_sync::{Context, Outcome, sync_tenant};
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};
use url::Url;

/// What a measured process is started with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// The vault's folder.
    pub folder: PathBuf,
    /// Where sign-in is.
    pub login: Url,
    /// Where Graph is.
    pub graph: Url,
    /// Where the store is.
    pub store: SocketAddr,
    /// Whose sync.
    pub tenant: TenantId,
    /// Seconds that an invocation may last, as Lambda's limit would have it.
    pub limit_seconds: Option<u64>,
    /// Whether the published quotas are held.
    pub within_quotas: bool,
}

/// What a measured process says when it is done.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Done {
    /// How long the sync took.
    pub seconds: f64,
    /// By how many invocations.
    pub invocations: u64,
    /// What the last invocation counted.
    pub counters: Counters,
    /// Records of all datasets that are held now.
    pub records: u64,
    /// Users that the summary counts.
    pub users: Option<u64>,
}

/// Builds the services that a sync needs, on a vault in this folder.
///
/// # Errors
/// When the vault cannot be opened.
pub fn services(
    folder: &Path,
    login: Url,
    graph: Url,
    store: SocketAddr,
) -> Result<(Services, LocalReceiver)> {
    let vault = FileVault::open(folder.join("vault"), folder.join("key"), None)?;
    let (queue, receiver) = LocalQueue::new();
    let services = Services {
        store: Store::embedded(store),
        portal_secret: PortalSecret::given(&vault.session_key()),
        vault: Vault::File(vault),
        schedule: Schedule::Local(LocalSchedule::start(queue.clone())),
        queue: Queue::Local(queue),
        metrics: Metrics::Off,
        alerts: Alerts::Log,
        webhooks: Webhooks::also_private(),
        microsoft: Microsoft::new(Http::default(), Some(login), Some(graph)),
        public_url: "http://localhost:8365".parse()?,
    };
    Ok((services, receiver))
}

/// Syncs as the task says, prints a line of JSON, and waits to be let go.
///
/// # Errors
/// When the sync fails.
pub async fn run(task: &str) -> Result<()> {
    let task: Task = serde_json::from_str(task)?;
    let (mut services, _receiver) = services(&task.folder, task.login, task.graph, task.store)?;
    if task.within_quotas {
        services.microsoft = services.microsoft.within_quotas();
    }
    let context = Context::new(services);
    let began = Instant::now();
    let mut invocations = 0;
    loop {
        invocations += 1;
        let limit = task.limit_seconds.map(Duration::from_secs);
        let deadline = limit.map(|limit| SystemTime::now() + limit);
        match sync_tenant(&context, task.tenant, None, deadline).await? {
            Outcome::Done => break,
            Outcome::ToBeContinued if invocations < 10_000 => {}
            other => bail!("the sync ended as {other:?}"),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let store = &context.services().store;
    let integration = store.integration(task.tenant).await?;
    let integration = integration.context("it is connected")?;
    let states = store.states(task.tenant).await?;
    let done = Done {
        seconds,
        invocations,
        counters: integration.sync.last,
        records: states.iter().map(|state| state.records).sum(),
        users: integration
            .glance
            .get(&muster_domain::datasets::users::ALL_USERS),
    };
    println!("{}", serde_json::to_string(&done)?);
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}
