//! A portal whose people sign in at an OpenID Connect issuer, as on AWS, over an embedded store.

use crate::Issuer;
use muster_platform::{
    Services, Store,
    alert::{Alerts, Webhooks},
    http::Http,
    metrics::Metrics,
    microsoft::Microsoft,
    oidc::{Oidc, Settings},
    portal_secret::PortalSecret,
    queue::{LocalQueue, LocalReceiver, Queue},
    schedule::{LocalSchedule, Schedule},
    seal::KeyBytes,
    vault::{FileVault, Vault},
};
use muster_portal::{Access, Context};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

/// A running portal. Dropping it stops it.
#[derive(Debug)]
pub struct OidcPortal {
    /// Where it is, without a slash at its end.
    pub url: String,
    server: JoinHandle<()>,
    _kept: (TempDir, LocalReceiver),
}

impl Drop for OidcPortal {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The settings of an issuer's default client.
///
/// # Errors
/// When the issuer's identifier is none.
pub fn settings(issuer: &Issuer) -> anyhow::Result<Settings> {
    Ok(Settings::new(issuer.url().parse()?, "muster".to_owned()))
}

impl OidcPortal {
    /// A public client of this issuer.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(issuer: &Issuer) -> anyhow::Result<Self> {
        let secret = PortalSecret::given(&KeyBytes([5; 32]));
        Self::with(settings(issuer)?, secret, None).await
    }

    /// A portal of these settings; `public_url` where browsers reach it by another address.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn with(
        settings: Settings,
        portal_secret: PortalSecret,
        public_url: Option<Url>,
    ) -> anyhow::Result<Self> {
        let database = dynoxide::Database::memory().map_err(|e| anyhow::anyhow!("{e}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let store = Store::embedded(listener.local_addr()?);
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        store.ensure_tables().await?;
        let folder = tempfile::tempdir()?;
        let vault = FileVault::open(folder.path().join("vault"), folder.path().join("key"), None)?;
        let (queue, receiver) = LocalQueue::new();
        // Nothing listens on this port: Microsoft cannot be reached.
        let nowhere: Url = "http://127.0.0.1:9".parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let services = Services {
            store,
            portal_secret,
            vault: Vault::File(vault),
            schedule: Schedule::Local(LocalSchedule::start(queue.clone())),
            queue: Queue::Local(queue),
            alerts: Alerts::Log,
            webhooks: Webhooks::also_private(),
            metrics: Metrics::Off,
            microsoft: Microsoft::new(Http::default(), Some(nowhere.clone()), Some(nowhere)),
            public_url: public_url.map_or_else(|| url.parse(), Ok)?,
        };
        let access = Access::by_oidc(Oidc::new(Http::default(), settings));
        let router = muster_portal::router(Arc::new(Context::new(services, access)));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.ok();
        });
        Ok(Self {
            url,
            server,
            _kept: (folder, receiver),
        })
    }
}
