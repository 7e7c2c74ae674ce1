//! One tenant at a simulated Microsoft, one embedded store, and the workers that sync it.

use crate::door::Door;
use anyhow::{Context as _, Result, anyhow};
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use dynoxide::Database;
use microsoft_simulator::{Options, Simulator, TenantHandle, TenantOptions};
use muster_domain::{
    Dataset, DatasetState, Enumeration, Integration, Record, Row, TenantId,
    connect::Form,
    datasets, item_size,
    page::{self, Entry},
};
use muster_platform::{
    Services, Store,
    alert::{Alerts, Webhooks},
    http::Http,
    metrics::Metrics,
    microsoft::Microsoft,
    now,
    portal_secret::PortalSecret,
    queue::{LocalQueue, LocalReceiver, Queue},
    schedule::{LocalSchedule, Schedule},
    seal::KeyBytes,
    vault::{FileVault, Vault},
};
use muster_sync::Context;
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::sync::watch;

/// A dataset's records as objects, by key.
pub type Records = BTreeMap<String, Map<String, Value>>;

/// How a rig is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Users to begin with.
    pub users: u32,
    /// No page is larger.
    pub largest_page: u32,
    /// The datasets that are on.
    pub datasets: Vec<&'static str>,
    /// How fast the simulator's clock is, in seconds.
    pub microsoft_skew: i64,
    /// What the tenant's data follow from.
    pub seed: u64,
    /// The number of the tenant. Rigs of the same tenant share its secret.
    pub tenant: u64,
}

impl Setup {
    /// A tenant of so many users, of which these datasets are read in pages of four.
    pub fn small(users: u32, datasets: &[&'static str]) -> Self {
        Self {
            users,
            largest_page: 4,
            datasets: datasets.to_vec(),
            microsoft_skew: 0,
            seed: 7,
            tenant: 7,
        }
    }
}

/// Everything around one tenant.
#[derive(Debug)]
pub struct Rig {
    /// Microsoft.
    pub simulator: Simulator,
    /// The tenant there.
    pub microsoft: TenantHandle,
    /// The tenant.
    pub tenant: TenantId,
    /// The datasets that are on.
    pub datasets: Vec<&'static str>,
    /// The store, by a door where nothing goes wrong.
    pub store: Store,
    /// Messages that the engine sent.
    pub queued: LocalReceiver,
    eye: Door,
    queue: LocalQueue,
    schedule: LocalSchedule,
    http: Microsoft,
    messages: u32,
}

/// One worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Its door to the store.
    pub door: Door,
    /// Turned true, it stops after the page in hand; a worker among many has no such switch.
    pub stop: Option<watch::Sender<bool>>,
    context: Arc<Context>,
}

/// A message as SQS delivers it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delivery {
    /// Sent so many seconds ago, where the queue says so.
    pub sent_ago: Option<i64>,
    /// Received so often before.
    pub tries: u32,
    /// The function's time is up already: one page a run.
    pub no_time: bool,
}

impl Rig {
    /// A tenant of so many users, in pages of 100.
    ///
    /// # Errors
    /// When it cannot be set up.
    pub async fn of_users(count: u32) -> Result<Self> {
        let setup = Setup {
            largest_page: 100,
            ..Setup::small(count, &["users"])
        };
        Self::new(&setup).await
    }

    /// The requests for pages of users so far.
    pub fn user_pages(&self) -> usize {
        let requests = self.simulator.requests();
        let pages = requests.iter().filter(|r| r.path.contains("users/delta"));
        pages.count()
    }

    /// A tenant that is connected and consented, of which nothing has been read.
    ///
    /// # Errors
    /// When any part of it does not start.
    pub async fn new(setup: &Setup) -> Result<Self> {
        let options = TenantOptions {
            consented: true,
            // One tenant for most rigs, so that they can share a vault; its data follow from the seed.
            ..TenantOptions::sample(setup.tenant, "Soak", setup.users)
        };
        let simulator = Simulator::start(Options {
            seed: setup.seed,
            now: jiff::Timestamp::from_second(now().as_second() + setup.microsoft_skew)?,
            real_clock: false,
            largest_page: Some(setup.largest_page),
            tenants: vec![options.clone()],
            ..Options::default()
        })
        .await?;
        let database = Database::memory().map_err(|e| anyhow!("{e}"))?;
        let eye = Door::open(database, 0).await?;
        let store = Store::embedded(eye.address());
        store.ensure_tables().await?;
        let (queue, queued) = LocalQueue::new();
        let schedule = LocalSchedule::start(queue.clone());
        let rig = Self {
            http: Microsoft::new(
                Http::default(),
                Some(simulator.login_url()),
                Some(simulator.graph_url()),
            ),
            microsoft: simulator.tenant(options.id),
            tenant: options.id.into(),
            datasets: setup.datasets.clone(),
            simulator,
            store,
            queued,
            eye,
            queue,
            schedule,
            messages: 0,
        };
        let services = rig.services(rig.store.clone())?;
        let form = Form {
            name: options.name,
            tenant_id: options.id.to_string(),
            client_id: options.client_id.to_string(),
            secret_expires_on: None,
            client_secret: SecretString::from(options.client_secret),
            kind: None,
            cloud: Some("global".to_owned()),
            cadence_minutes: None,
        };
        muster_platform::connect::connect(&services, form)
            .await
            .map_err(|e| anyhow!("{e:?}"))?;
        let off = datasets::ALL
            .iter()
            .map(|dataset| dataset.name)
            .filter(|name| !rig.datasets.contains(name));
        let off: Vec<String> = off.map(str::to_owned).collect();
        rig.change(|integration| integration.datasets_off.clone_from(&off))
            .await?;
        Ok(rig)
    }

    /// The services of a worker or a handler whose store is this one.
    ///
    /// # Errors
    /// When the vault cannot be opened.
    pub fn services(&self, store: Store) -> Result<Services> {
        Ok(Services {
            store,
            vault: Vault::File(vault()?),
            queue: Queue::Local(self.queue.clone()),
            schedule: Schedule::Local(self.schedule.clone()),
            alerts: Alerts::Log,
            webhooks: Webhooks::also_private(),
            metrics: Metrics::Off,
            microsoft: self.http.clone(),
            public_url: "http://localhost".parse()?,
            portal_secret: PortalSecret::given(&KeyBytes([7; 32])),
        })
    }

    /// A worker that died starts again: one among many as another, as Lambda's environments do, whose
    /// message may arrive at the store all the same; the only one of a store as itself, after its store
    /// has died with it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&self, worker: &mut Worker) -> Result<()> {
        match worker.stop {
            Some(_) => worker.door.die(),
            None => {
                let services = self.services(Store::embedded(worker.door.address()))?;
                worker.context = Arc::new(Context::new(services));
            }
        }
        Ok(())
    }

    /// A worker among many, whose clock is so many seconds fast: an owner of leases of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn worker(&self, skew: i64) -> Result<Worker> {
        let door = self.eye.beside(skew).await?;
        let services = self.services(Store::embedded(door.address()))?;
        Ok(Worker {
            context: Arc::new(Context::new(services)),
            door,
            stop: None,
        })
    }

    /// The only worker of its store, which takes its own leases again after a crash.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn sole_worker(&self) -> Result<Worker> {
        let door = self.eye.beside(0).await?;
        let services = self.services(Store::embedded(door.address()))?;
        let (stop, stopping) = watch::channel(false);
        Ok(Worker {
            context: Arc::new(Context::sole_worker(services, stopping)),
            door,
            stop: Some(stop),
        })
    }

    /// Hands a worker a message, as the queue would; whether it took it.
    pub async fn deliver(&mut self, worker: &Worker, delivery: Delivery) -> bool {
        self.delivery(worker, delivery).await
    }

    /// The same as a future of its own, for workers that run side by side.
    pub fn delivery(
        &mut self,
        worker: &Worker,
        delivery: Delivery,
    ) -> impl Future<Output = bool> + Send + use<> {
        self.messages += 1;
        let mut message = SqsMessage::default();
        message.message_id = Some(self.messages.to_string());
        message.body = Some(format!("{{\"tenant_id\":\"{}\"}}", self.tenant));
        let mut attribute = |name: &str, value: String| {
            message.attributes.insert(name.to_owned(), value);
        };
        attribute("ApproximateReceiveCount", (delivery.tries + 1).to_string());
        if let Some(ago) = delivery.sent_ago {
            apart();
            let at = now().as_millisecond() - ago * 1000;
            apart();
            attribute("SentTimestamp", at.to_string());
        }
        let mut event = SqsEvent::default();
        event.records.push(message);
        let context = Arc::clone(&worker.context);
        let deadline = delivery.no_time.then(SystemTime::now);
        async move {
            let answer = muster_sync::handle(&context, event, deadline).await;
            answer.batch_item_failures.is_empty()
        }
    }

    /// A sync of everything by a worker that nothing happens to, so much later that every lease has
    /// lapsed, those of clocks ten minutes fast as well.
    ///
    /// # Errors
    /// When it fails, or does not come to an end.
    pub async fn sync(&mut self) -> Result<()> {
        let worker = self.worker(1400).await?;
        let asked = now();
        self.change(|integration| integration.sync.requested_at = Some(asked))
            .await?;
        if !self.deliver(&worker, Delivery::default()).await {
            return Err(anyhow!("a sync without faults failed"));
        }
        Ok(())
    }

    /// Changes the integration, as the portal does.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn change(&self, change: impl Fn(&mut Integration)) -> Result<Integration> {
        let changed = self.store.update_integration(self.tenant, change).await?;
        changed.context("the integration is there")
    }

    /// The digest of which calls came to the store in which order so far.
    pub fn order(&self) -> u64 {
        self.eye.order()
    }

    /// When the tenant is due next.
    pub fn next_due(&self) -> Option<jiff::Timestamp> {
        self.schedule.next(self.tenant)
    }

    /// The states of the datasets that are on, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn states(&self) -> Result<BTreeMap<String, DatasetState>> {
        let states = self.store.states(self.tenant).await?.into_iter();
        Ok(states
            .filter(|state| self.datasets.contains(&state.dataset.as_str()))
            .map(|state| (state.dataset.clone(), state))
            .collect())
    }

    /// The state of one dataset.
    ///
    /// # Errors
    /// When there is none.
    pub async fn state(&self, dataset: &str) -> Result<DatasetState> {
        let mut states = self.states().await?;
        states.remove(dataset).context("a state")
    }

    /// Gives the first user another name.
    ///
    /// # Errors
    /// When there is none.
    pub fn name_the_first(&self, name: &str) -> Result<()> {
        let users = self.truth("users")?;
        let first = users.keys().next().context("a user")?.parse()?;
        self.microsoft
            .set_user_property(first, "displayName", name.into());
        Ok(())
    }

    /// Answers yes to the removal that a dataset asks about, as the portal does.
    ///
    /// # Errors
    /// When a worker has the tenant, or the store does not take it.
    pub async fn allow_removal(&self, dataset: &str) -> Result<()> {
        let lease = self.store.acquire_lease(self.tenant, "portal", now());
        let lease = lease.await?.context("no worker has the tenant")?;
        let mut state = self.state(dataset).await?;
        state.removal_allowed = true;
        self.store.put_state(&lease, &state).await?;
        Ok(self.store.release_lease(&lease).await?)
    }

    /// What is held of a dataset.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn held(&self, name: &str) -> Result<Records> {
        let dataset = datasets::find(name).context("a dataset")?;
        let records = self.records(dataset).await?.into_iter();
        Ok(records
            .map(|record| (record.key.clone(), record.to_object(dataset)))
            .collect())
    }

    /// The records of a dataset.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn records(&self, dataset: &'static Dataset) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .store
                .records_after(self.tenant, dataset, after.as_deref())
                .await?;
            records.extend(page.records);
            after = page.next;
            if after.is_none() {
                return Ok(records);
            }
        }
    }

    /// What is held of all datasets that are on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn all_held(&self) -> Result<BTreeMap<&'static str, Records>> {
        let mut all = BTreeMap::new();
        for name in &self.datasets {
            all.insert(*name, self.held(name).await?);
        }
        Ok(all)
    }

    /// What Microsoft holds of a dataset now.
    ///
    /// # Errors
    /// When there is no such dataset.
    pub fn truth(&self, name: &str) -> Result<Records> {
        truth(&self.microsoft, name)
    }
}

/// Queue and lease tell times to the millisecond: what comes before this and what comes after it are
/// told apart whenever a schedule is played.
pub fn apart() {
    std::thread::sleep(Duration::from_millis(2));
}

/// What Microsoft holds of a dataset now, projected onto its columns.
///
/// # Errors
/// When there is no such dataset, or an object without a key.
pub fn truth(tenant: &TenantHandle, name: &str) -> Result<Records> {
    let dataset = datasets::find(name).context("a dataset")?;
    let mut records = Records::new();
    if dataset.enumeration == Enumeration::Report {
        let report = csv(dataset, &tenant.objects(dataset.path));
        let page = page::from_csv(dataset, report.as_bytes())?;
        for entry in page.entries {
            if let Entry::Is(mut row) = entry {
                item_size::truncate_to_fit(&mut row.text);
                let object = row.record(dataset)?.to_object(dataset);
                records.insert(row.key, object);
            }
        }
        return Ok(records);
    }
    for object in tenant.objects(dataset.path) {
        let own = object["appId"].as_str() == Some(&tenant.options().client_id.to_string());
        if name == "applications" && !own {
            continue;
        }
        let mut row = Row::from(Record::from_object(dataset, &object).context("a key")?);
        item_size::truncate_to_fit(&mut row.text);
        let object = row.record(dataset)?.to_object(dataset);
        records.insert(row.key, object);
    }
    Ok(records)
}

/// A report of these rows, with the columns that are read of it.
fn csv(dataset: &Dataset, rows: &[Value]) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let row = |cell: &dyn Fn(&'static str) -> String| {
        let cells = dataset
            .columns
            .iter()
            .map(|column| quoted(&cell(column.source)));
        cells.collect::<Vec<_>>().join(",") + "\n"
    };
    let mut csv = row(&str::to_owned);
    for object in rows {
        csv += &row(&|name| match &object[name] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        });
    }
    csv
}

/// One vault for all rigs of a process.
fn vault() -> Result<FileVault> {
    static VAULT: OnceLock<(FileVault, TempDir)> = OnceLock::new();
    if let Some((vault, _)) = VAULT.get() {
        return Ok(vault.clone());
    }
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let vault = FileVault::open(path("vault"), path("key"), None).map_err(|e| anyhow!("{e}"))?;
    Ok(VAULT.get_or_init(|| (vault, folder)).0.clone())
}
