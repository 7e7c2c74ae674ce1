//! The JSON API as the commands use it: of the process that has the data directory, or, where none
//! has, of a stack started for this one command.

use crate::{DataDir, Stack, StackOptions, command::Where};
use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::{net::SocketAddr, time::Duration};
use tempfile::TempDir;

/// A caller of the API.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: SecretString,
}

impl Api {
    /// The API of a stack in this process.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn of(stack: &Stack) -> anyhow::Result<Self> {
        Self::new(format!("http://{}", stack.address()), stack.token().clone())
    }

    fn new(base: String, token: SecretString) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(300))
            .build()?;
        Ok(Self { http, base, token })
    }

    /// The API of a data directory, running or not; a stack that was started for it is to be
    /// stopped by the caller.
    ///
    /// # Errors
    /// When neither a running process answers nor a stack can be started.
    pub async fn connect(at: &Where) -> anyhow::Result<(Self, Option<Stack>)> {
        let data = DataDir::open(at.data.clone(), "muster")?;
        if let Some(lock) = data.try_lock()? {
            drop(lock);
            let stack = Stack::start(&data, for_one_command(at)).await?;
            return Ok((Self::of(&stack)?, Some(stack)));
        }
        let base = data
            .address()
            .context("another muster is just starting on this data directory; try again")?;
        Ok((Self::new(base, data.token("token")?)?, None))
    }

    /// The API of a data directory for a command that only reads. Where the directory is read-only, a copy
    /// of it is read.
    ///
    /// # Errors
    /// As [`Api::connect`], and when the directory cannot be copied.
    pub async fn connect_to_read(at: &Where) -> anyhow::Result<Reading> {
        let data = DataDir::open(at.data.clone(), "muster")?;
        if !data.is_read_only() {
            let (api, stack) = Self::connect(at).await?;
            let copy = None;
            return Ok(Reading { api, stack, copy });
        }
        let copy = tempfile::Builder::new()
            .prefix("muster-")
            .tempdir()
            .context("cannot make a directory for a copy")?;
        eprintln!(
            "{} is read-only; a copy in {} is read.",
            data.path().display(),
            copy.path().display()
        );
        let stack = Stack::start(&data.copy_to(copy.path())?, for_one_command(at)).await?;
        Ok(Reading {
            api: Self::of(&stack)?,
            stack: Some(stack),
            copy: Some(copy),
        })
    }

    /// Calls the API.
    ///
    /// # Errors
    /// When it does not answer, or answers with a problem.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let response = self.send(method, path, body).await?;
        let bytes = response.bytes().await?;
        Ok(if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)?
        })
    }

    /// Reads from the API.
    ///
    /// # Errors
    /// When it does not answer, or answers with a problem.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Calls the API and gives its answer unread.
    ///
    /// # Errors
    /// When it does not answer, or answers with a problem.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<reqwest::Response> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(self.token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .context("the running muster does not answer")?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem: Value = response.json().await.unwrap_or_default();
        bail!("{}", problem_text(status, &problem));
    }
}

/// The API for a command that only reads, and what was started for it.
#[derive(Debug)]
pub struct Reading {
    /// The API.
    pub api: Api,
    stack: Option<Stack>,
    copy: Option<TempDir>,
}

impl Reading {
    /// Stops what was started, and removes the copy.
    pub async fn stop(self) {
        if let Some(stack) = self.stack {
            stack.stop().await;
        }
        drop(self.copy);
    }
}

fn for_one_command(at: &Where) -> StackOptions {
    StackOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        public_url: None,
        login_url: at.login_url.clone(),
        graph_url: at.graph_url.clone(),
        background: false,
        private_webhooks: false,
    }
}

fn problem_text(status: StatusCode, problem: &Value) -> String {
    let text = |name: &str| {
        problem
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let mut said = match (text("title"), text("detail")) {
        ("", "") => status.to_string(),
        (title, "") => title.to_owned(),
        (_, detail) => detail.to_owned(),
    };
    for error in problem
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        said.push_str(&format!("\n  {}: {}", part("field"), part("detail")));
    }
    said
}
