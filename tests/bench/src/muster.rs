//! The real binary, serving, driven through its API.

use anyhow::{Context, Result, bail};
use microsoft_simulator::{Simulator, TenantOptions};
use reqwest::{Client, StatusCode, header::LOCATION};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A running `muster serve`.
#[derive(Debug)]
pub struct Muster {
    child: Child,
    pub(crate) http: Client,
    pub(crate) base: String,
    pub(crate) token: String,
}

impl Muster {
    /// Starts the binary that was built beside this one.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(folder: &Path, simulator: &Simulator) -> Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("muster");
        let mut child = Command::new(&binary)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .arg("--data")
            .arg(folder.join("data"))
            .args([
                "--login-url",
                simulator.login_url().as_str(),
                "--graph-url",
                simulator.graph_url().as_str(),
            ])
            .env("MUSTER_VAULT_KEY_FILE", folder.join("key"))
            .env("MUSTER_LOG", "error")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        while let Some(line) = lines.next_line().await? {
            if line.starts_with("Open ") {
                break;
            }
        }
        let read = |name: &str| std::fs::read_to_string(folder.join("data").join(name));
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            child,
            http,
            base: read("address")?,
            token: read("token")?,
        })
    }

    /// Its process id.
    ///
    /// # Errors
    /// When it has ended.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("it is running")
    }

    /// Connects a tenant and consents; gives the moment of consent.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn connect(&self, tenant: &TenantOptions) -> Result<Instant> {
        let form = json!({"name": tenant.name, "tenant_id": tenant.id, "client_id": tenant.client_id, "client_secret": tenant.client_secret});
        let request = self
            .http
            .post(format!("{}/api/v1/integrations", self.base))
            .bearer_auth(&self.token)
            .json(&form);
        let created: Value = request.send().await?.error_for_status()?.json().await?;
        let url: reqwest::Url = created["authorize_url"]
            .as_str()
            .context("an authorize_url")?
            .parse()?;
        let mut form: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        form.push(("decision".to_owned(), "accept".to_owned()));
        let mut action = url;
        action.set_query(None);
        let answer = self.http.post(action).form(&form).send().await?;
        let back = answer
            .headers()
            .get(LOCATION)
            .context("a redirect")?
            .to_str()?
            .to_owned();
        let landed = self.http.get(back).send().await?;
        if landed.status() != StatusCode::OK {
            bail!("the callback answers {}", landed.status());
        }
        Ok(Instant::now())
    }

    /// Asks for a sync and waits for it.
    ///
    /// # Errors
    /// When it fails.
    pub async fn sync(&self, tenant: &TenantOptions) -> Result<Value> {
        let before = self.integration(tenant).await?["sync"]["finished_at"].clone();
        let path = format!("{}/api/v1/integrations/{}/sync", self.base, tenant.id);
        self.http
            .post(path)
            .bearer_auth(&self.token)
            .send()
            .await?
            .error_for_status()?;
        self.finished(tenant, &before).await
    }

    /// Waits for a sync to end after `before`, looking seldom enough not to be measured itself.
    ///
    /// # Errors
    /// When none ends in ten minutes.
    pub async fn finished(&self, tenant: &TenantOptions, before: &Value) -> Result<Value> {
        for _ in 0..12_000 {
            let integration = self.integration(tenant).await?;
            let sync = &integration["sync"];
            if !sync["finished_at"].is_null()
                && sync["finished_at"] != *before
                && sync["running"] == false
            {
                return Ok(integration);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("no sync ended in ten minutes")
    }

    /// Waits for the first user to be readable.
    ///
    /// # Errors
    /// When the API does not answer, or none comes in a minute.
    pub async fn first_user(&self, tenant: &TenantOptions) -> Result<Instant> {
        let path = format!(
            "{}/api/v1/integrations/{}/assets/users?limit=1",
            self.base, tenant.id
        );
        for _ in 0..6000 {
            let page: Value = self
                .http
                .get(&path)
                .bearer_auth(&self.token)
                .send()
                .await?
                .json()
                .await?;
            if page["items"]
                .as_array()
                .is_some_and(|items| !items.is_empty())
            {
                return Ok(Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("no user came in a minute")
    }

    async fn integration(&self, tenant: &TenantOptions) -> Result<Value> {
        let path = format!("{}/api/v1/integrations/{}", self.base, tenant.id);
        Ok(self
            .http
            .get(path)
            .bearer_auth(&self.token)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }
}
