//! A simulated Microsoft and a Muster that speaks to it.

use crate::Browser;
use anyhow::{Context, bail};
use microsoft_simulator::{Options, Simulator, TenantHandle, TenantOptions};
use muster::{DataDir, Stack, StackOptions, api::Api};
use muster_domain::TenantId;
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use tempfile::TempDir;
use uuid::Uuid;

/// A test's world.
#[derive(Debug)]
pub struct World {
    /// Microsoft.
    pub simulator: Simulator,
    /// Muster; `None` while it is stopped.
    pub stack: Option<Stack>,
    folder: TempDir,
}

/// A tenant with everything and this many users.
pub fn tenant(name: &str, users: u32) -> TenantOptions {
    TenantOptions::sample(7, name, users)
}

impl World {
    /// A world with these tenants, and nothing connected.
    ///
    /// # Errors
    /// When either side does not start.
    pub async fn new(tenants: Vec<TenantOptions>) -> anyhow::Result<Self> {
        Self::with(Options {
            tenants,
            ..Options::default()
        })
        .await
    }

    /// A world whose Microsoft is so.
    ///
    /// # Errors
    /// When either side does not start.
    pub async fn with(options: Options) -> anyhow::Result<Self> {
        let simulator = Simulator::start(options).await?;
        let mut world = Self {
            simulator,
            stack: None,
            folder: tempfile::tempdir()?,
        };
        world.start().await?;
        Ok(world)
    }

    /// A world with one tenant that is connected, consented and synced.
    ///
    /// # Errors
    /// When any step fails.
    pub async fn synced(tenant: TenantOptions) -> anyhow::Result<Self> {
        let world = Self::new(vec![tenant.clone()]).await?;
        world.connect(&tenant).await?;
        world.finished(tenant.id, None).await?;
        Ok(world)
    }

    /// The data directory, with its key beside it and not in it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn data(&self) -> anyhow::Result<DataDir> {
        let data = DataDir::open(Some(self.folder.path().join("data")), "unused")?;
        Ok(data.with_key_file(self.folder.path().join("keys/vault.key")))
    }

    /// The folder that holds the data directory and the key.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Starts Muster.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let options = StackOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: None,
            login_url: Some(self.simulator.login_url()),
            graph_url: Some(self.simulator.graph_url()),
            background: true,
            private_webhooks: true,
        };
        self.stack = Some(Stack::start(&self.data()?, options).await?);
        Ok(())
    }

    /// Stops Muster.
    pub async fn stop(&mut self) {
        if let Some(stack) = self.stack.take() {
            stack.stop().await;
        }
    }

    /// The running stack.
    ///
    /// # Panics
    /// While it is stopped.
    pub fn muster(&self) -> &Stack {
        self.stack.as_ref().expect("Muster is running")
    }

    /// The API, as a manager.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn api(&self) -> anyhow::Result<Api> {
        Api::of(self.muster())
    }

    /// A browser that is signed in.
    ///
    /// # Errors
    /// When signing in fails.
    pub async fn browser(&self) -> anyhow::Result<Browser> {
        let browser = Browser::new()?;
        let landed = browser.get(&self.muster().sign_in_link()).await?;
        if !landed.status().is_success() {
            bail!("signing in answers {}", landed.status());
        }
        Ok(browser)
    }

    /// A tenant of the simulator.
    pub fn tenant(&self, tenant: &TenantOptions) -> TenantHandle {
        self.simulator.tenant(tenant.id)
    }

    /// Connects a tenant through the API and consents on Microsoft's page.
    ///
    /// # Errors
    /// When either fails.
    pub async fn connect(&self, tenant: &TenantOptions) -> anyhow::Result<Value> {
        let created = self.create(tenant).await?;
        let url = created["authorize_url"]
            .as_str()
            .context("an authorize_url")?;
        let landed = Browser::new()?.consent(url, true).await?;
        if !landed.status().is_success() {
            bail!("the callback answers {}", landed.status());
        }
        Ok(created)
    }

    /// Connects a tenant through the API, without consent.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create(&self, tenant: &TenantOptions) -> anyhow::Result<Value> {
        self.api()?
            .call(Method::POST, "/api/v1/integrations", Some(&form(tenant)))
            .await
    }

    /// The integration as the API shows it.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn integration(&self, tenant: Uuid) -> anyhow::Result<Value> {
        self.api()?
            .get(&format!("/api/v1/integrations/{}", TenantId::from(tenant)))
            .await
    }

    /// Asks for a sync and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn sync(&self, tenant: Uuid) -> anyhow::Result<Value> {
        let before = self.integration(tenant).await?["sync"]["finished_at"]
            .as_str()
            .map(str::to_owned);
        let path = format!("/api/v1/integrations/{}/sync", TenantId::from(tenant));
        self.api()?.call(Method::POST, &path, None).await?;
        self.finished(tenant, before).await
    }

    /// Waits until a sync has ended after `before`, and gives the integration.
    ///
    /// # Errors
    /// When none ends in a minute.
    pub async fn finished(&self, tenant: Uuid, before: Option<String>) -> anyhow::Result<Value> {
        self.until(tenant, |integration| {
            let sync = &integration["sync"];
            let finished = sync["finished_at"].as_str().map(str::to_owned);
            finished.is_some() && finished != before && sync["running"] == false
        })
        .await
    }

    /// Waits until the integration is as wished.
    ///
    /// # Errors
    /// When it is not in a minute.
    pub async fn until(
        &self,
        tenant: Uuid,
        wished: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let mut last = Value::Null;
        for _ in 0..1200 {
            last = self.integration(tenant).await?;
            if wished(&last) {
                return Ok(last);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the integration did not become as wished; it is {last:#}")
    }

    /// Every record of a dataset, by key, as the API pages through them.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn records(
        &self,
        tenant: Uuid,
        dataset: &str,
    ) -> anyhow::Result<BTreeMap<String, Value>> {
        let api = self.api()?;
        let path = format!(
            "/api/v1/integrations/{}/assets/{dataset}?limit=1000",
            TenantId::from(tenant)
        );
        let mut records = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = api.get(&format!("{path}{cursor}")).await?;
            for item in page["items"].as_array().context("items")? {
                let key = item["key"].as_str().context("a key")?.to_owned();
                if records.insert(key.clone(), item.clone()).is_some() {
                    bail!("{key} came twice");
                }
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(records),
            }
        }
    }
}

/// The state of one dataset within an integration.
pub fn dataset<'a>(integration: &'a Value, name: &str) -> &'a Value {
    let datasets = integration["datasets"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    datasets
        .iter()
        .find(|dataset| dataset["name"] == name)
        .unwrap_or(&Value::Null)
}

/// The form that connects a tenant.
pub fn form(tenant: &TenantOptions) -> Value {
    json!({
        "name": tenant.name, "tenant_id": tenant.id, "client_id": tenant.client_id,
        "client_secret": tenant.client_secret,
    })
}
