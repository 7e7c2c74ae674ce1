//! A Muster and a Microsoft whose days pass as told: months of weekly operation within seconds.

use crate::{FakeSts, Hook, World};
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use microsoft_simulator::{Origin, TenantHandle, TenantOptions};
use muster_domain::{
    Integration, TenantId, alert::ChannelKind, connect::MOST_CADENCE_MINUTES, datasets,
    renewal::Automatic,
};
use muster_platform::{
    Services, alerting, clock::ahead, http::Http, microsoft::Microsoft, now,
    tenant_sessions::TenantSessions,
};
use muster_sync::Outcome;
use secrecy::SecretString;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// One connected tenant, and the days.
#[derive(Debug)]
pub struct Calendar {
    /// Both sides.
    pub world: World,
    /// The tenant's id.
    pub tenant: TenantId,
    /// Where alerts arrive.
    pub hook: Hook,
    /// Store, ports and Microsoft; AWS vouches for this Muster.
    pub services: Services,
    sts: FakeSts,
    options: TenantOptions,
    sync: Arc<muster_sync::Context>,
    expiry: muster_secret_expiry::Context,
    days: i64,
    _switch: watch::Sender<bool>,
}

/// What is read in a rehearsal: the registration, and a little more.
const READ: [&str; 2] = ["applications", "organization"];

impl Calendar {
    /// A tenant that has just been connected and synced.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn start(options: TenantOptions) -> anyhow::Result<Self> {
        let world = World::synced(options.clone()).await?;
        let tenant = TenantId::from(options.id);
        let sts = FakeSts::start().await?;
        let hook = Hook::start().await?;
        let microsoft = Microsoft::new(
            Http::default(),
            Some(world.simulator.login_url()),
            Some(world.simulator.graph_url()),
        );
        let sessions = TenantSessions::of_administrator(sts.config().await);
        let services = Services {
            microsoft: microsoft.with_web_identity(sessions),
            ..world.muster().services().clone()
        };
        let url = SecretString::from(hook.url.clone());
        alerting::add_channel(&services, ChannelKind::Webhook, "test", url).await?;
        let off: Vec<String> = datasets::ALL
            .iter()
            .map(|dataset| dataset.name.to_owned())
            .filter(|name| !READ.contains(&name.as_str()))
            .collect();
        services
            .store
            .update_integration(tenant, |integration| {
                integration.datasets_off.clone_from(&off);
                integration.cadence_minutes = MOST_CADENCE_MINUTES;
            })
            .await?;
        let (switch, stopping) = watch::channel(false);
        let sync = muster_sync::Context::sole_worker(services.clone(), stopping);
        Ok(Self {
            expiry: muster_secret_expiry::Context::new(services.clone()),
            sync: Arc::new(sync),
            services,
            world,
            tenant,
            hook,
            sts,
            options,
            days: 0,
            _switch: switch,
        })
    }

    /// The simulated tenant.
    pub fn microsoft(&self) -> TenantHandle {
        self.world.tenant(&self.options)
    }

    /// Lets days pass, on both sides.
    pub fn pass(&mut self, days: u32) {
        self.days += i64::from(days);
        let step = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
        self.world.simulator.advance(step);
        self.sts.set_time(self.world.simulator.now());
    }

    /// Does something today.
    pub async fn today<F: Future>(&self, what: F) -> F::Output {
        ahead(SignedDuration::from_hours(24 * self.days), Box::pin(what)).await
    }

    /// The time it is.
    pub async fn now(&self) -> Timestamp {
        self.today(async { now() }).await
    }

    /// How many days have passed.
    pub fn day(&self) -> i64 {
        self.days
    }

    /// One scheduled sync.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn sync(&self) -> anyhow::Result<Outcome> {
        let sync = Box::pin(muster_sync::sync_tenant(
            &self.sync,
            self.tenant,
            None,
            None,
        ));
        Ok(self.today(sync).await?)
    }

    /// The daily look, delivered twice at once and once more: a schedule delivers at least once.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn look(&self) -> anyhow::Result<()> {
        let look = || Box::pin(async { muster_secret_expiry::handle(&self.expiry, now()).await });
        let (one, other) = self.today(async { tokio::join!(look(), look()) }).await;
        one?;
        other?;
        self.today(look()).await?;
        Ok(())
    }

    /// Lets Muster renew its own secret, each to live so many days.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn renew_by_itself(&self, life_days: u32) -> anyhow::Result<()> {
        let chosen = Automatic {
            life_days,
            allowed_days: None,
            tried_at: None,
            trouble: None,
        };
        let store = &self.services.store;
        store
            .update_integration(self.tenant, |i| i.automatic = Some(chosen.clone()))
            .await?;
        Ok(())
    }

    /// The alerts since the last time this was asked: kind, state, and the day.
    pub fn alerts(&self) -> Vec<(String, String)> {
        let text = |alert: &Value, name: &str| alert[name].as_str().unwrap_or_default().to_owned();
        let taken = self.hook.taken();
        taken
            .iter()
            .map(|alert| (text(alert, "kind"), text(alert, "state")))
            .collect()
    }

    /// The integration as it is stored.
    ///
    /// # Errors
    /// When there is none.
    pub async fn integration(&self) -> anyhow::Result<Integration> {
        let found = self.services.store.integration(self.tenant).await?;
        found.context("an integration")
    }

    /// Token requests that were refused since the log was last cleared.
    pub fn refused(&self) -> usize {
        let requests = self.world.simulator.requests();
        let tokens = requests
            .iter()
            .filter(|r| r.origin == Origin::Login && r.path.ends_with("/token"));
        tokens.filter(|r| r.status >= 400).count()
    }
}
