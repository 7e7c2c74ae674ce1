//! Starting, stopping and steering a simulator from the same process.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;
use uuid::Uuid;

use crate::faults::Fault;
use crate::observed::{Observed, observe};
use crate::options::{Options, TenantOptions};
use crate::request_log::{Origin, Request};
use crate::tenant_handle::TenantHandle;
use crate::world::World;
use crate::{graph, login, reports};

/// A running simulator. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Simulator {
    world: Arc<World>,
    stopping: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
}

impl Simulator {
    /// Binds three listeners and serves on them.
    ///
    /// # Errors
    ///
    /// An address that cannot be bound, or a directory of bodies that cannot be read.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listeners = bind(options.listen).await?;
        let mut urls = Vec::new();
        for listener in &listeners {
            let url = Url::parse(&format!("http://{}", listener.local_addr()?));
            urls.push(url.map_err(io::Error::other)?);
        }
        let urls: [Url; 3] = urls
            .try_into()
            .map_err(|_| io::Error::other("three listeners"))?;
        let world = Arc::new(World::new(options, urls)?);
        let (stopping, stop) = watch::channel(false);
        let routers = [
            (Origin::Login, login::router(&world)),
            (Origin::Graph, graph::router(&world)),
            (Origin::Reports, reports::router(&world)),
        ];
        let mut servers = Vec::new();
        for (listener, (origin, router)) in listeners.into_iter().zip(routers) {
            let observed = Observed {
                world: Arc::clone(&world),
                origin,
            };
            let router = router.layer(from_fn_with_state(observed, observe));
            servers.push(tokio::spawn(serve(listener, router, stop.clone())));
        }
        Ok(Self {
            world,
            stopping,
            servers,
        })
    }

    /// The origin that stands for `https://login.microsoftonline.com`.
    #[must_use]
    pub fn login_url(&self) -> Url {
        self.world.login_url.clone()
    }

    /// The origin that stands for `https://graph.microsoft.com`; `/v1.0/…` is below it.
    #[must_use]
    pub fn graph_url(&self) -> Url {
        self.world.graph_url.clone()
    }

    /// The origin that usage reports are downloaded from.
    #[must_use]
    pub fn reports_url(&self) -> Url {
        self.world.reports_url.clone()
    }

    /// A handle on one tenant.
    ///
    /// # Panics
    ///
    /// When there is no such tenant: a mistake of the caller's.
    #[must_use]
    pub fn tenant(&self, id: Uuid) -> TenantHandle {
        match self.world.tenant(id) {
            Some(tenant) => TenantHandle::new(Arc::clone(&self.world), tenant),
            None => panic!("the simulator has no tenant {id}"),
        }
    }

    /// Every tenant.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantHandle> {
        let all = self.world.tenants().into_iter();
        all.map(|tenant| TenantHandle::new(Arc::clone(&self.world), tenant))
            .collect()
    }

    /// Adds a tenant while running.
    pub fn add_tenant(&self, options: TenantOptions) -> TenantHandle {
        TenantHandle::new(Arc::clone(&self.world), self.world.add_tenant(options))
    }

    /// Every request so far, oldest first; the control API's own are left out.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.world.log.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.world.log.clear();
    }

    /// Moves the simulator's clock: tokens, page tokens and delta tokens age by it.
    pub fn advance(&self, step: Duration) {
        self.world.clock.advance(step);
    }

    /// The simulator's time.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(self.world.clock.now()).unwrap_or_default()
    }

    /// Where bodies are served: answers `path` with the body of this name from now on.
    pub fn serve_body(&self, path: &str, name: &str) {
        if let Some(bodies) = &self.world.bodies {
            bodies.choose(path, name);
        }
    }

    /// Adds something to go wrong; matching requests are counted from now.
    pub fn add_fault(&self, fault: Fault) {
        self.world.faults.add(fault);
    }

    /// Nothing goes wrong from now on.
    pub fn clear_faults(&self) {
        self.world.faults.clear();
    }

    /// Does this when the `nth` request from now, counted from 1, comes in whose path and query
    /// contain `path`; before it is answered, and before a fault strikes it.
    pub fn at_request(&self, path: &str, nth: u32, act: impl FnOnce() + Send + 'static) {
        self.world.occasions.add(path, nth, Box::new(act));
    }

    /// Nothing happens at a request from now on.
    pub fn clear_occasions(&self) {
        self.world.occasions.clear();
    }

    /// Stops listening, and waits a moment for answers under way.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        for mut server in std::mem::take(&mut self.servers) {
            // A client may keep an idle connection open for as long as it likes.
            if tokio::time::timeout(Duration::from_millis(500), &mut server)
                .await
                .is_err()
            {
                server.abort();
            }
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn bind(listen: Option<SocketAddr>) -> io::Result<Vec<TcpListener>> {
    let first = listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let mut listeners = vec![TcpListener::bind(first).await?];
    for step in 1..3 {
        let wanted = match first.port() {
            0 => 0,
            port => port.saturating_add(step),
        };
        let listener = match TcpListener::bind((first.ip(), wanted)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((first.ip(), 0)).await?,
        };
        listeners.push(listener);
    }
    Ok(listeners)
}

async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let stopped = async move {
        let _ = stop.wait_for(|stopping| *stopping).await;
    };
    // An answer in two pieces would wait for the delayed acknowledgement of the first.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection goes on with Nagle's algorithm");
        }
    });
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await
    {
        tracing::error!(%error, "the simulator stopped listening");
    }
}
