//! `muster serve` as a user runs it: the real binary, its words kept.

use crate::{Browser, Caller, binary, form};
use anyhow::{Context, bail, ensure};
use microsoft_simulator::{Simulator, TenantOptions};
use muster::{DataDir, api::Api, command::Where};
use muster_domain::TenantId;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    time::Duration,
};
use tokio::process::{Child, Command};
use uuid::Uuid;

/// The `muster` command on a folder's data directory, its key beside it; `World` uses the same
/// places.
///
/// # Errors
/// When the binary cannot be built.
pub fn muster(folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(binary("muster")?);
    on(&mut command, folder);
    Ok(command)
}

/// Has a command use a folder's data directory and key.
pub fn on(command: &mut Command, folder: &Path) {
    command
        .env("MUSTER_DATA", folder.join("data"))
        .env("MUSTER_VAULT_KEY_FILE", folder.join("keys/vault.key"))
        .env_remove("MUSTER_VAULT_KEY")
        .env_remove("MUSTER_LOG")
        .stdin(Stdio::null())
        .kill_on_drop(true);
}

/// Runs a command to its end, and gives what it wrote.
///
/// # Errors
/// When it does not end in two minutes; it is killed then.
pub async fn ran(command: &mut Command) -> anyhow::Result<Output> {
    let ended = tokio::time::timeout(Duration::from_secs(120), command.output());
    Ok(ended.await.context("it does not end")??)
}

/// The arguments of `muster serve` on any port, against a simulated Microsoft.
pub fn serve_arguments(simulator: &Simulator) -> Vec<String> {
    let login = simulator.login_url().to_string();
    let graph = simulator.graph_url().to_string();
    let words = ["serve", "--listen", "127.0.0.1:0", "--login-url", &login];
    let words = words.into_iter().chain(["--graph-url", &graph]);
    words.map(str::to_owned).collect()
}

/// A running `muster serve`.
#[derive(Debug)]
pub struct Served {
    child: Child,
    data: PathBuf,
    said: PathBuf,
}

impl Served {
    /// Starts `muster serve` on a folder's data directory.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(folder: &Path, simulator: &Simulator) -> anyhow::Result<Self> {
        let mut command = muster(folder)?;
        command.args(serve_arguments(simulator));
        Self::of(command, folder, |_| folder.join("data")).await
    }

    /// Starts a command that ends up as `muster serve`; `data` tells from its process id where
    /// this process sees its data directory.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn of(
        mut command: Command,
        folder: &Path,
        data: impl FnOnce(u32) -> PathBuf,
    ) -> anyhow::Result<Self> {
        let said = folder.join("said");
        let mut file = OpenOptions::new();
        let file = file.create(true).append(true).open(&said)?;
        let before = fs::read_to_string(&said)?.len();
        let child = command
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().context("it runs")?;
        let mut served = Self {
            child,
            data: data(id),
            said,
        };
        for _ in 0..1200 {
            if served.said()?[before..].contains("\nOpen http") {
                return Ok(served);
            }
            if let Some(status) = served.child.try_wait()? {
                bail!("it ended ({status}) and said: {}", served.said()?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!(
            "it did not come up in a minute; it said: {}",
            served.said()?
        )
    }

    /// Everything it and those before it in the same folder wrote to stdout and stderr.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn said(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.said)?).into_owned())
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its data directory, as this process sees it.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its API.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn api(&self) -> anyhow::Result<Api> {
        let at = Where {
            data: Some(self.data.clone()),
            login_url: None,
            graph_url: None,
        };
        let (api, started) = Api::connect(&at).await?;
        ensure!(started.is_none(), "it does not run");
        Ok(api)
    }

    /// A caller of its HTTP, as a manager.
    ///
    /// # Errors
    /// When it does not run.
    pub fn caller(&self) -> anyhow::Result<Caller> {
        let data = DataDir::open(Some(self.data.clone()), "unused")?;
        let base = data.address().context("it has an address")?;
        let token = data.token("token")?;
        Caller::new(base, Some(format!("Bearer {}", token.expose_secret())))
    }

    /// Connects a tenant and consents on Microsoft's page.
    ///
    /// # Errors
    /// When either fails.
    pub async fn connect(&self, tenant: &TenantOptions) -> anyhow::Result<Value> {
        let api = self.api().await?;
        let created = api
            .call(Method::POST, "/api/v1/integrations", Some(&form(tenant)))
            .await?;
        let url = created["authorize_url"].as_str().context("a URL")?;
        let landed = Browser::new()?.consent(url, true).await?;
        ensure!(landed.status().is_success(), "it lands on {landed:?}");
        Ok(created)
    }

    /// The integration as the API shows it.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn integration(&self, tenant: Uuid) -> anyhow::Result<Value> {
        let path = format!("/api/v1/integrations/{}", TenantId::from(tenant));
        self.api().await?.get(&path).await
    }

    /// Waits until the integration is as wished.
    ///
    /// # Errors
    /// When it is not in two minutes.
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
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the integration did not become as wished; it is {last:#}")
    }

    /// Waits until a sync has ended after `before`.
    ///
    /// # Errors
    /// When none ends in two minutes.
    pub async fn finished(&self, tenant: Uuid, before: &Value) -> anyhow::Result<Value> {
        let before = before["sync"]["finished_at"].clone();
        self.until(tenant, |integration| {
            let sync = &integration["sync"];
            sync["finished_at"].is_string()
                && sync["finished_at"] != before
                && sync["running"] == false
        })
        .await
    }

    /// Asks for a sync and waits for its end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn sync(&self, tenant: Uuid) -> anyhow::Result<Value> {
        let before = self.integration(tenant).await?;
        let path = format!("/api/v1/integrations/{}/sync", TenantId::from(tenant));
        self.api().await?.call(Method::POST, &path, None).await?;
        self.finished(tenant, &before).await
    }

    /// Every record of a dataset, by key, as the API pages through them; none comes twice.
    ///
    /// # Errors
    /// When the API does not answer.
    pub async fn records(
        &self,
        tenant: Uuid,
        dataset: &str,
    ) -> anyhow::Result<BTreeMap<String, Value>> {
        let api = self.api().await?;
        let tenant = TenantId::from(tenant);
        let path = format!("/api/v1/integrations/{tenant}/assets/{dataset}?limit=1000");
        let mut records = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let page = api.get(&format!("{path}{cursor}")).await?;
            for item in page["items"].as_array().context("items")? {
                let key = item["key"].as_str().context("a key")?.to_owned();
                ensure!(
                    records.insert(key.clone(), item.clone()).is_none(),
                    "{key} came twice"
                );
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(records),
            }
        }
    }

    /// Sends it SIGTERM, as a service manager does.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn terminate(&self) -> anyhow::Result<()> {
        let id = self.child.id().context("it runs")?.to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().await?;
        ensure!(sent.success(), "kill -TERM: {sent}");
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in a minute.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await??)
    }

    /// Kills it as `kill -9` does.
    ///
    /// # Errors
    /// When that fails.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn runs(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}
