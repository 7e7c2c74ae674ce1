//! One simulated tenant, connected, behind a Graph that replays and a door that counts.

use crate::{
    door::{Batches, Door},
    engine::{self, Done, Task},
    process::{self, Used},
    replay::Replay,
    share::Share,
};
use anyhow::{Context, Result};
use microsoft_simulator::{
    Fault, FaultKind, Options, Simulator, TenantHandle, TenantOptions, ValueFault,
};
use muster_domain::{TenantId, connect::Form};
use muster_platform::{Services, connect, queue::LocalReceiver};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The tenant and everything about it.
#[derive(Debug)]
pub struct Tenant {
    /// The Graph.
    pub graph: Replay,
    /// The store's door.
    pub door: Door,
    /// What Microsoft holds of it.
    pub microsoft: TenantHandle,
    /// Its id.
    pub id: TenantId,
    /// Pages of users there are.
    pub user_pages: u64,
    services: Services,
    task: Task,
    options: TenantOptions,
    _kept: (Simulator, TempDir, LocalReceiver),
}

/// What one measured process did.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What it said.
    pub done: Done,
    /// What it used, start and end included.
    pub used: Used,
    /// From its start to its first request to Graph.
    pub to_first_request: Duration,
    /// How much of that it waited for the store, whose calls until then come one after the other.
    pub waited_first: Duration,
    /// Requests to Graph.
    pub requests: u64,
    /// What passed the store's door.
    pub passed: crate::door::Passed,
}

/// How a process is measured.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// The share of one processor it has.
    pub share: Option<f64>,
    /// Seconds an invocation may last.
    pub limit_seconds: Option<u64>,
    /// Whether the published quotas are held.
    pub within_quotas: bool,
    /// What the door does with batches.
    pub batches: Batches,
    /// How long Graph takes to answer.
    pub graph_latency: Duration,
    /// How long the store takes to answer.
    pub store_latency: Duration,
}

impl Tenant {
    /// A tenant of so many users, whose app holds these permissions.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn connect(users: u32, permissions: &[&str]) -> Result<Self> {
        let mut options = TenantOptions::sample(11, "Bench", users);
        options.permissions = permissions.iter().map(|&name| name.to_owned()).collect();
        let simulator = Simulator::start(Options {
            tenants: vec![options.clone()],
            ..Options::default()
        })
        .await?;
        let graph = Replay::open(simulator.graph_url()).await?;
        let (door, store) = Door::open().await?;
        let folder = tempfile::tempdir()?;
        let (login, id) = (simulator.login_url(), TenantId::from(options.id));
        let (services, receiver) =
            engine::services(folder.path(), login.clone(), graph.url(), store)?;
        services.store.ensure_tables().await?;
        let microsoft = simulator.tenant(options.id);
        microsoft.consent();
        let form = Form {
            name: options.name.clone(),
            tenant_id: options.id.to_string(),
            client_id: options.client_id.to_string(),
            secret_expires_on: None,
            client_secret: SecretString::from(options.client_secret.clone()),
            kind: None,
            cloud: None,
            cadence_minutes: Some(60),
        };
        connect::connect(&services, form).await?;
        let task = Task {
            folder: folder.path().to_owned(),
            login,
            graph: graph.url(),
            store,
            tenant: id,
            limit_seconds: None,
            within_quotas: false,
        };
        let mut tenant = Self {
            graph,
            door,
            microsoft,
            id,
            user_pages: 0,
            services,
            task,
            options,
            _kept: (simulator, folder, receiver),
        };
        tenant.record().await?;
        Ok(tenant)
    }

    /// Records what Graph answers now, so that no rendering is measured.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn record(&mut self) -> Result<()> {
        self.graph.forget();
        let bearer = self.bearer().await?;
        for dataset in muster_domain::datasets::ALL {
            let verdict = muster_domain::Verdict::of_roles(dataset, &self.roles());
            let recorded =
                ["users", "sign_in_activity", "mfa_registration"].contains(&dataset.name);
            if recorded && verdict.allows() {
                let first = dataset.first_request(self.options.client_id.into());
                let pages = self.graph.record(&first, &bearer).await?;
                if dataset.name == "users" {
                    self.user_pages = pages;
                }
            }
        }
        Ok(())
    }

    /// Has the next answer to a request for this path hold a fault.
    pub fn next_answer(&self, path: &str, fault: ValueFault) {
        let (simulator, ..) = &self._kept;
        simulator.add_fault(Fault::next(path, 1, FaultKind::Value(fault)));
    }

    fn roles(&self) -> Vec<muster_domain::Permission> {
        let names = self.options.permissions.iter();
        names
            .filter_map(|name| muster_domain::Permission::find(name))
            .collect()
    }

    async fn bearer(&self) -> Result<String> {
        let secret = SecretString::from(self.options.client_secret.clone());
        let token = self
            .services
            .microsoft
            .mint(
                muster_domain::cloud::Cloud::Global,
                self.id,
                self.options.client_id.into(),
                &secret,
            )
            .await?;
        Ok(token.bearer.expose_secret().to_owned())
    }

    /// Makes every dataset due; where `whole`, from its first page.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ask(&self, whole: bool) -> Result<()> {
        let store = &self.services.store;
        let now = muster_platform::now();
        store
            .update_integration(self.id, |integration| {
                integration.sync.requested_at = Some(now);
            })
            .await?;
        if whole {
            let owner = "bench";
            let lease = store.acquire_lease(self.id, owner, now).await?;
            let lease = lease.context("nobody is syncing")?;
            for mut state in store.states(self.id).await? {
                state.checkpoint.delta_link = None;
                store.put_state(&lease, &state).await?;
            }
            store.release_lease(&lease).await?;
        }
        Ok(())
    }

    /// Syncs in a process of its own, and measures it.
    ///
    /// # Errors
    /// When the sync fails.
    pub async fn sync(&self, how: How) -> Result<Measured> {
        self.graph.set_latency(how.graph_latency);
        self.door.set(how.batches, how.store_latency);
        self.graph.take();
        self.door.take();
        let task = Task {
            limit_seconds: how.limit_seconds,
            within_quotas: how.within_quotas,
            ..self.task.clone()
        };
        // Both are built together.
        let engine = std::env::current_exe()?.with_file_name("engine");
        let mut command = Command::new(engine);
        command.arg(serde_json::to_string(&task)?);
        one_bundle(&mut command);
        let (done, used, began) = measure(command, how.share).await?;
        let (requests, first) = self.graph.take();
        let passed = self.door.take();
        self.door.set(Batches::Stored, Duration::ZERO);
        self.graph.set_latency(Duration::ZERO);
        Ok(Measured {
            done: serde_json::from_str(&done)?,
            used,
            to_first_request: first.map_or(Duration::ZERO, |first| first - began),
            waited_first: first.map_or(Duration::ZERO, |first| passed.waited_until(first)),
            requests,
            passed,
        })
    }

    /// The reference, on the same Graph and the same door.
    ///
    /// # Errors
    /// When it fails.
    pub async fn reference(&self, python: PathBuf, how: How) -> Result<Measured> {
        let users = &muster_domain::datasets::users::USERS;
        let first = users.first_request(self.options.client_id.into());
        let task = json!({
            "first": self.graph.url().join(&first)?,
            "select": users.select_list(),
            "store": format!("http://{}", self.task.store),
            "bearer": self.bearer().await?,
        });
        self.graph.set_latency(how.graph_latency);
        self.door.set(how.batches, how.store_latency);
        self.graph.take();
        self.door.take();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/reference.py");
        let mut command = Command::new(python);
        command.arg(script).arg(task.to_string());
        let (done, used, began) = measure(command, how.share).await?;
        let said: serde_json::Value = serde_json::from_str(&done)?;
        let (requests, first) = self.graph.take();
        let passed = self.door.take();
        self.door.set(Batches::Stored, Duration::ZERO);
        self.graph.set_latency(Duration::ZERO);
        Ok(Measured {
            done: Done {
                seconds: said["seconds"].as_f64().context("seconds")?,
                invocations: 1,
                counters: muster_domain::state::Counters::default(),
                records: said["records"].as_u64().context("records")?,
                users: None,
            },
            used,
            to_first_request: first.map_or(Duration::ZERO, |first| first - began),
            waited_first: first.map_or(Duration::ZERO, |first| passed.waited_until(first)),
            requests,
            passed,
        })
    }
}

/// The system's certificates from one bundle alone: Debian has each in a file of its own besides, all of
/// which are read as well where nothing says otherwise. How it is on Lambda has not been looked at.
fn one_bundle(command: &mut Command) {
    const BUNDLES: [&str; 2] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
    ];
    command.env_remove("SSL_CERT_DIR");
    let found = BUNDLES.iter().find(|bundle| Path::new(bundle).exists());
    if let Some(bundle) = found.filter(|_| std::env::var_os("SSL_CERT_FILE").is_none()) {
        command.env("SSL_CERT_FILE", bundle);
    }
}

/// Runs a process until it prints its line; gives the line, what it used, and when it began.
async fn measure(mut command: Command, share: Option<f64>) -> Result<(String, Used, Instant)> {
    let began = Instant::now();
    let mut child: Child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().context("it runs")?;
    let kept = share.map(|share| Share::keep(pid, share)).transpose()?;
    let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let line = lines.next_line().await?;
    let used = process::used(pid);
    drop(kept);
    drop(child.stdin.take());
    let ended = child.wait().await?;
    let line = line.with_context(|| format!("the measured process ended with {ended}"))?;
    Ok((line, used?, began))
}
