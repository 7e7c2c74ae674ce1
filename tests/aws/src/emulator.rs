//! The AWS emulator, as a process of its own that enforces IAM.

use crate::tools::Tools;
use anyhow::{Context, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use muster_platform::http::Http;
use std::{path::Path, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The account that everything is in.
pub const ACCOUNT: &str = "123456789012";
/// The region that everything is in.
pub const REGION: &str = "eu-central-1";

/// A running emulator.
#[derive(Debug)]
pub struct Emulator {
    port: u16,
    folder: TempDir,
    _process: Child,
}

impl Emulator {
    /// Starts one on a free port and waits until it answers.
    ///
    /// # Errors
    /// When it does not start; its log is in the error.
    pub async fn start(tools: &Tools) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut command = Command::new(&tools.python);
        command
            .args(["-m", "ministack"])
            .env_remove("AWS_ENDPOINT_URL")
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("AUTH", "true")
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("MINISTACK_REGION", REGION)
            .env("S3_DATA_DIR", folder.path().join("s3"))
            .env("STATE_DIR", folder.path().join("state"))
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let process = command.spawn().context("the emulator does not start")?;
        let emulator = Self {
            port,
            folder,
            _process: process,
        };
        emulator.answers().await?;
        Ok(emulator)
    }

    async fn answers(&self) -> anyhow::Result<()> {
        let health = format!("{}/_ministack/health", self.url());
        for _ in 0..300 {
            if reqwest::get(&health)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!("the emulator did not answer in a minute: {}", self.log());
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A folder that goes with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An administrator's configuration.
    pub fn administrator(&self) -> SdkConfig {
        config(
            &self.url(),
            Credentials::new("test", "test", None, None, "administrator"),
        )
    }

    /// Invokes a function as Scheduler does, and gives its answer.
    ///
    /// # Errors
    /// When it fails.
    pub async fn invoke(&self, function: &str) -> anyhow::Result<serde_json::Value> {
        self.invoke_with(function, &serde_json::json!({})).await
    }

    /// Invokes a function with an event, and gives its answer.
    ///
    /// # Errors
    /// When it fails; what the function says of it is in the error.
    pub async fn invoke_with(
        &self,
        function: &str,
        event: &serde_json::Value,
    ) -> anyhow::Result<serde_json::Value> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url());
        let invoke = reqwest::Client::new().post(url).body(event.to_string());
        let answer = invoke
            .header("authorization", authorization("lambda"))
            .send()
            .await?;
        if answer.headers().contains_key("x-amz-function-error") || !answer.status().is_success() {
            bail!("{function}: {}", answer.text().await?);
        }
        Ok(answer.json().await?)
    }

    /// Puts an object into a bucket, as packaging a template does.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_object(&self, bucket: &str, key: &str, body: Vec<u8>) -> anyhow::Result<()> {
        let http = reqwest::Client::new();
        let location = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        for (path, body) in [
            (bucket.to_owned(), location.into_bytes()),
            (format!("{bucket}/{key}"), body),
        ] {
            let put = http
                .put(format!("{}/{path}", self.url()))
                .header("authorization", authorization("s3"))
                .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
                .body(body);
            let answer = put.send().await?;
            if !answer.status().is_success() && answer.status() != reqwest::StatusCode::CONFLICT {
                bail!("{path}: {} {}", answer.status(), answer.text().await?);
            }
        }
        Ok(())
    }
}

/// A configuration of these credentials, at this endpoint.
pub fn config(endpoint: &str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(
            credentials,
        ))
        .endpoint_url(endpoint)
        .http_client(Http::loopback())
        .build()
}

/// The emulator checks no signature of an administrator's.
fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20261124/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
