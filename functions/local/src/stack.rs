//! The running system: store, handlers, worker, timers and the HTTP server, started and stopped
//! together.

use crate::{
    DataDir, allowed_hosts, allowed_hosts::AllowedHosts, data_dir::Lock, embedded::Embedded,
    http_server, http_server::Limits, reserve, store_file, worker,
};
use anyhow::Context;
use axum::middleware;
use muster_domain::Integration;
use muster_platform::{
    Services, Store,
    alert::{Alerts, Webhooks},
    http::Http,
    metrics::Metrics,
    microsoft::Microsoft,
    now,
    portal_secret::PortalSecret,
    queue::{LocalQueue, Queue, SyncMessage},
    schedule::{LocalSchedule, Schedule},
    session::Role,
    vault::Vault,
};
use muster_portal::Access;
use secrecy::SecretString;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use url::Url;

/// What a stack is started with.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The address to listen on; port 0 takes any.
    pub listen: SocketAddr,
    /// The address browsers use; `http://localhost:<port>` where none is given.
    pub public_url: Option<Url>,
    /// What replaces Microsoft's sign-in host.
    pub login_url: Option<Url>,
    /// What replaces Microsoft's Graph host.
    pub graph_url: Option<Url>,
    /// Whether what is due is synced by itself; a single command only does what it was asked.
    pub background: bool,
    /// True if webhooks may be in a private network, or on this machine.
    pub private_webhooks: bool,
}

/// The running system.
#[derive(Debug)]
pub struct Stack {
    services: Services,
    portal: Arc<muster_portal::Context>,
    address: SocketAddr,
    token: SecretString,
    viewer_token: SecretString,
    stop: watch::Sender<bool>,
    http: JoinHandle<()>,
    worker: JoinHandle<()>,
    daily: Option<JoinHandle<()>>,
    store: Embedded,
    _lock: Lock,
}

/// How often credentials are looked at: what waits for an hour of the day is told in that hour.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);
/// The longest that a stop waits for the pages in hand. Microsoft may be silent, and a service manager kills
/// what takes too long: Docker after ten seconds.
const GRACE: Duration = Duration::from_secs(5);

impl Stack {
    /// Starts everything on a data directory.
    ///
    /// # Errors
    /// When the directory is in use, the vault does not open, the store cannot be opened, or the
    /// address cannot be listened on.
    pub async fn start(data: &DataDir, options: StackOptions) -> anyhow::Result<Self> {
        let lock = data.lock()?;
        data.protect()?;
        reserve::release_if_full(data.path());
        let mut vault = data.vault()?;
        if !data.has_store() {
            vault = data.empty_store(vault)?;
        }
        let listener = TcpListener::bind(options.listen).await.with_context(|| {
            format!(
                "cannot listen on {}; choose another address with --listen",
                options.listen
            )
        })?;
        let address = listener.local_addr()?;
        let (store, embedded) = open_store(data).await?;
        if store.integrations().await?.is_empty() {
            vault = data.empty_store(vault)?;
        }
        let public_url = match options.public_url {
            Some(url) => url,
            None => format!("http://localhost:{}", address.port()).parse()?,
        };
        let hosts = AllowedHosts::new(address.ip(), &public_url);
        let (queue, receiver) = LocalQueue::new();
        let schedule = LocalSchedule::start(queue.clone());
        let services = Services {
            store,
            portal_secret: PortalSecret::given(&vault.session_key()),
            vault: Vault::File(vault),
            queue: Queue::Local(queue.clone()),
            schedule: Schedule::Local(schedule.clone()),
            metrics: Metrics::Off,
            alerts: Alerts::Log,
            webhooks: match options.private_webhooks {
                true => Webhooks::also_private(),
                false => Webhooks::public(),
            },
            microsoft: Microsoft::new(Http::default(), options.login_url, options.graph_url),
            public_url,
        };
        let (stop, stopping) = watch::channel(false);
        let sync = Arc::new(muster_sync::Context::sole_worker(
            services.clone(),
            stopping.clone(),
        ));
        let worker = tokio::spawn(worker::work(
            sync,
            receiver,
            queue.clone(),
            stopping.clone(),
        ));
        let daily = if options.background {
            resume(&services, &schedule, &queue).await?;
            Some(tokio::spawn(look_at_credentials(services.clone())))
        } else {
            None
        };
        let (token, viewer_token) = (data.token("token")?, data.token("viewer-token")?);
        let access = Access::new(Some(token.clone()), Some(viewer_token.clone()));
        let portal = muster_portal::Context::new(services.clone(), access)
            .beside_syncs()
            .with_data_directory(data.path().to_owned());
        let portal = Arc::new(portal);
        let callback = Arc::new(muster_oauth_callback::Context::new(services.clone()));
        let router = muster_portal::router(Arc::clone(&portal))
            .merge(muster_oauth_callback::router(callback))
            .layer(middleware::from_fn_with_state(
                Arc::new(hosts),
                allowed_hosts::layer,
            ));
        let http = tokio::spawn(http_server::serve(
            listener,
            router,
            Limits::default(),
            stopping,
        ));
        data.set_address(&format!("http://{address}"))?;
        reserve::keep(data.path());
        Ok(Self {
            services,
            portal,
            address,
            token,
            viewer_token,
            stop,
            http,
            worker,
            daily,
            store: embedded,
            _lock: lock,
        })
    }

    /// Store, ports and Microsoft.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The manager's API token.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    /// The viewer's API token.
    pub fn viewer_token(&self) -> &SecretString {
        &self.viewer_token
    }

    /// The address to open in a browser: signs in once.
    pub fn sign_in_link(&self) -> String {
        self.services.page(&format!(
            "/sign-in?code={}",
            self.portal.access.one_time_code(Role::Manager)
        ))
    }

    /// Finishes the pages in hand and stops.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Some(daily) = self.daily {
            daily.abort();
        }
        let mut http = self.http;
        let mut worker = self.worker;
        if tokio::time::timeout(GRACE, &mut worker).await.is_err() {
            tracing::warn!("a sync did not stop in time; it goes on at the next start");
            worker.abort();
        }
        // A browser may hold a connection open for as long as it likes.
        if tokio::time::timeout(Duration::from_secs(2), &mut http)
            .await
            .is_err()
        {
            http.abort();
        }
        self.store.close().await;
    }
}

/// Opens the directory's store, which answers until it is closed.
pub(crate) async fn open_store(data: &DataDir) -> anyhow::Result<(Store, Embedded)> {
    let path = data.store()?;
    store_file::bring_to_this_format(&path)?;
    let opened = dynoxide::Database::new(&path.to_string_lossy());
    let database = opened.map_err(|e| {
        anyhow::anyhow!(
            "cannot open the store {}: {e}. Nothing was changed",
            path.display()
        )
    })?;
    // Sets `synchronous = NORMAL` beside the write-ahead log: a commit survives a crash of this
    // process without an fsync of its own, and a power cut costs at most the last moments, which
    // the next sync reads again.
    database
        .disable_bulk_loading()
        .map_err(|e| anyhow::anyhow!("cannot set up the store {}: {e}", path.display()))?;
    let embedded = Embedded::new(database);
    let file = store_file::overwrite_on_request(path.clone(), embedded.clone());
    let store = Store::within(embedded.http_client(), path.display().to_string()).with_file(file);
    store
        .ensure_tables()
        .await
        .context("cannot set up the store")?;
    store_file::store_format(&path)?;
    Ok((store, embedded))
}

/// Sets the schedules again from the integrations, and goes on with what a stop or a crash cut off.
async fn resume(
    services: &Services,
    schedule: &LocalSchedule,
    queue: &LocalQueue,
) -> anyhow::Result<()> {
    for listed in services.store.integrations().await? {
        let integration = services.store.integration(listed.tenant_id).await?;
        let Some(integration) = integration.filter(goes_on) else {
            continue;
        };
        let sync = &integration.sync;
        let interrupted = integration.deleting
            || sync.started_at.is_some()
            || sync.requested_at > sync.last_started_at
            || integration.look_again_at(now()).is_some();
        let cadence = jiff::SignedDuration::from_mins(i64::from(integration.cadence_minutes));
        let due = sync
            .last_started_at
            .and_then(|last| last.checked_add(cadence).ok())
            .unwrap_or_else(now);
        schedule.first_due(integration.tenant_id, integration.cadence_minutes, due);
        if let Some(failure) = &integration.sync_failure {
            let next = failure.next_try(integration.cadence_minutes, now());
            schedule.once(integration.tenant_id, next)?;
        }
        if interrupted {
            queue.send(SyncMessage {
                tenant_id: integration.tenant_id,
            })?;
        }
    }
    Ok(())
}

/// Returns true if an integration has a schedule: for its syncs, or until its deletion is done.
fn goes_on(integration: &Integration) -> bool {
    integration.deleting || (!integration.paused && integration.unreadable.is_none())
}

async fn look_at_credentials(services: Services) {
    let context = muster_secret_expiry::Context::new(services);
    loop {
        if let Err(error) = muster_secret_expiry::handle(&context, now()).await {
            tracing::error!(%error, "credentials could not be looked at; tried again in an hour");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
