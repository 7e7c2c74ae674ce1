//! A portal over an embedded store, and a caller of it.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use muster_domain::{
    Dataset, DatasetState, Integration, Permission, Record, TenantId, Verdict,
    change::Change,
    cloud::Cloud,
    connect::{Checked, Proof},
    datasets::{
        active_users::ACTIVE_USERS,
        managed_devices::MANAGED_DEVICES,
        secure_scores::{MAX_SCORE, SCORE, SECURE_SCORES},
        sign_in_activity::INACTIVE_90_DAYS,
        subscribed_skus::{self, SUBSCRIBED_SKUS},
        users::{self, USERS},
    },
    expiry::Credential,
    state::{Completeness, HeldRemoval, Phase},
    summary::{Counts, Summary},
    verdict::Licence,
};
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
    session::Role,
    store::{Batch, Lease, Put},
    vault::{FileVault, Vault},
};
use muster_portal::{Access, Context};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

pub const MANAGER: &str = "manager-token";
pub const VIEWER: &str = "viewer-token";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A portal, called with certain headers.
#[derive(Clone)]
pub struct Portal {
    pub store: Store,
    pub router: Router,
    context: Arc<Context>,
    headers: HeaderMap,
    _kept: Arc<(tempfile::TempDir, Option<LocalReceiver>)>,
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

impl Portal {
    pub async fn start() -> Self {
        Self::with_access(tokens()).await
    }

    /// A portal whose queue takes no message: its other end is gone.
    pub async fn start_with_a_queue_that_refuses() -> Self {
        let (queue, _) = LocalQueue::new();
        Self::with_queue(tokens(), queue, None).await
    }

    pub async fn start_closed() -> Self {
        Self::with_access(Access::closed()).await
    }

    /// A portal of an issuer that cannot be reached.
    pub async fn start_by_oidc() -> Self {
        let issuer = "http://127.0.0.1:9/pool".parse().expect("an issuer");
        let oidc = Oidc::new(Http::default(), Settings::new(issuer, "muster".to_owned()));
        Self::with_access(Access::by_oidc(oidc)).await
    }

    pub fn routes(&self) -> Vec<(&'static str, &'static str)> {
        muster_portal::routes(&self.context)
    }

    /// Takes one of the permits of heavy reads.
    pub async fn heavy_read(&self) -> impl Sized + use<> {
        self.context.heavy_reads.acquire().await.expect("a permit")
    }

    async fn with_access(access: Access) -> Self {
        let (queue, receiver) = LocalQueue::new();
        Self::with_queue(access, queue, Some(receiver)).await
    }

    async fn with_queue(
        access: Access,
        queue: LocalQueue,
        receiver: Option<LocalReceiver>,
    ) -> Self {
        let database = dynoxide::Database::memory().expect("a database");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { dynoxide::server::serve_on(listener, database).await });
        let store = Store::embedded(address);
        store.ensure_tables().await.expect("tables");
        let folder = tempfile::tempdir().expect("a folder");
        let vault = FileVault::open(folder.path().join("vault"), folder.path().join("key"), None);
        let vault = vault.expect("a vault");
        // Nothing listens on this port: Microsoft cannot be reached.
        let nowhere: url::Url = "http://127.0.0.1:9".parse().expect("a URL");
        let services = Services {
            store: store.clone(),
            portal_secret: PortalSecret::given(&vault.session_key()),
            vault: Vault::File(vault),
            schedule: Schedule::Local(LocalSchedule::start(queue.clone())),
            queue: Queue::Local(queue),
            metrics: Metrics::Off,
            alerts: Alerts::Log,
            webhooks: Webhooks::also_private(),
            microsoft: Microsoft::new(Http::default(), Some(nowhere.clone()), Some(nowhere)),
            public_url: "http://localhost:8365".parse().expect("a URL"),
        };
        let context = Arc::new(Context::new(services, access));
        Self {
            store,
            router: muster_portal::router(Arc::clone(&context)),
            context,
            headers: HeaderMap::new(),
            _kept: Arc::new((folder, receiver)),
        }
    }

    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut portal = self.clone();
        portal
            .headers
            .insert(name, value.parse().expect("a header"));
        portal
    }

    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub fn one_time_link(&self) -> String {
        format!(
            "/sign-in?code={}",
            self.context.access.one_time_code(Role::Manager)
        )
    }

    /// A browser that has opened a one-time link.
    pub async fn sign_in(&self) -> Self {
        let entered = self.get(&self.one_time_link()).await;
        let cookie = entered
            .header("set-cookie")
            .split(';')
            .next()
            .expect("a cookie");
        self.with("cookie", cookie)
    }

    /// The token that the forms of a page carry.
    pub async fn csrf(&self, page: &str) -> String {
        let text = self.get(page).await.text();
        let selector = scraper::Selector::parse("input[name=csrf]").expect("a selector");
        let html = scraper::Html::parse_document(&text);
        let found = html
            .select(&selector)
            .next()
            .and_then(|input| input.value().attr("value"));
        found.expect("a form").to_owned()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("get", path, None).await
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        match body {
            Some(body) => {
                self.raw(method, path, "application/json", &body.to_string())
                    .await
            }
            None => self.raw(method, path, "", "").await,
        }
    }

    pub async fn raw(&self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(path)
            .body(Body::from(body.to_owned()))
            .expect("a request");
        *request.headers_mut() = self.headers.clone();
        if !kind.is_empty() {
            let kind = kind.parse().expect("a content type");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX)
            .await
            .expect("a whole body")
            .to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// A client that was synced once: so many users, some licences, a month of summaries, no
    /// Intune. Gives the tenant and the key of a user.
    pub async fn seed(&self, name: &str, users: usize) -> (String, String) {
        let tenant = TenantId::from(guid(name, 0));
        let now = muster_platform::now();
        let form = Checked {
            name: name.to_owned(),
            tenant_id: tenant,
            client_id: guid(name, 1).into(),
            proof: Proof::Secret(SecretString::from("not kept")),
            cloud: None,
            cadence_minutes: 60,
            secret_expires_at: None,
        };
        let mut integration = Integration::new(
            &form,
            Cloud::Global,
            Credential::client_secret("abc".to_owned(), now),
            now,
        );
        integration.saw_roles(Permission::required().collect(), now);
        integration.sync.finished_at = Some(now);
        integration.sync.last_started_at = Some(now);
        integration.glance = counts(users as u64);
        self.store
            .create_integration(&integration)
            .await
            .expect("stored");
        let objects: Vec<Value> = (0..users).map(|i| user(name, i)).collect();
        self.put(tenant, &USERS, &objects).await;
        self.put(tenant, &SUBSCRIBED_SKUS, &skus()).await;
        self.put(tenant, &SECURE_SCORES, &scores()).await;
        let mut none = DatasetState::new(&MANAGED_DEVICES);
        none.verdict = Verdict::NotLicensed {
            licence: Licence::Intune,
        };
        none.phase = Phase::Blocked;
        none.last_attempt_at = Some(now);
        let lease = self.lease(&tenant.to_string(), "seed").await;
        self.store.put_state(&lease, &none).await.expect("stored");
        self.store.release_lease(&lease).await.expect("released");
        self.change_one(tenant, name).await;
        for days in (0..30).rev() {
            let day = now
                .checked_sub(jiff::SignedDuration::from_hours(days * 24))
                .expect("a day");
            let mut counts = counts(users as u64);
            let ups = u64::try_from(30 - days).expect("a month");
            let grown = counts.get(&users::ALL_USERS).map(|n| n + ups / 4);
            counts.set(&users::ALL_USERS, grown);
            counts.set(&SCORE, Some(3_000 + ups * 40 + (ups % 5) * 60));
            let date = day.strftime("%Y-%m-%d").to_string();
            let summary = Summary { date, counts };
            self.store
                .put_summary(tenant, &summary)
                .await
                .expect("stored");
        }
        (tenant.to_string(), guid(name, 100).to_string())
    }

    pub async fn put(&self, tenant: TenantId, dataset: &'static Dataset, objects: &[Value]) {
        let now = muster_platform::now();
        let records: Vec<Record> = objects
            .iter()
            .map(|object| Record::from_object(dataset, object).expect("a key"))
            .collect();
        let batch = Batch {
            puts: records
                .iter()
                .map(|r| Put {
                    key: r.key.clone(),
                    text: r.to_text(),
                    held: false,
                })
                .collect(),
            ..Batch::default()
        };
        let lease = self.lease(&tenant.to_string(), "seed").await;
        self.store
            .write(&lease, dataset, &batch)
            .await
            .expect("written");
        let mut state = DatasetState::new(dataset);
        state.phase = Phase::Fresh;
        state.records = records.len() as u64;
        state.run.read = state.records;
        state.run.written = state.records;
        state.last_attempt_at = Some(now);
        state.last_success_at = Some(now);
        state.complete = Some(Completeness {
            began_at: now,
            ended_at: now,
            objects: state.records,
            proof: "last page".to_owned(),
            counted: dataset.count.map(|_| state.records),
        });
        self.store.put_state(&lease, &state).await.expect("stored");
        self.store.release_lease(&lease).await.expect("released");
    }

    async fn change_one(&self, tenant: TenantId, name: &str) {
        let mut before = user(name, 0);
        before["department"] = json!("Before <script>alert(1)</script>");
        let read = |object: &Value| Record::from_object(&USERS, object).expect("a key");
        let (before, after) = (read(&before), read(&user(name, 0)));
        let now = muster_platform::now();
        let change = Change::between(&USERS, Some(&before), Some(&after), now).expect("a change");
        let batch = Batch {
            changes: vec![(change.sort_key(Some("x")), change)],
            ..Batch::default()
        };
        let lease = self.lease(&tenant.to_string(), "seed").await;
        self.store
            .write(&lease, &USERS, &batch)
            .await
            .expect("written");
        self.store.release_lease(&lease).await.expect("released");
    }

    pub async fn lease(&self, tenant: &str, owner: &str) -> Lease {
        let tenant = tenant.parse().expect("a tenant");
        let lease = self
            .store
            .acquire_lease(tenant, owner, muster_platform::now())
            .await;
        lease
            .expect("the store answers")
            .expect("the lease is free")
    }

    /// Puts a usage report of one person that is about this day.
    pub async fn put_report(&self, tenant: &str, about: jiff::civil::Date) {
        let tenant: TenantId = tenant.parse().expect("a tenant");
        let row = json!({"User Principal Name": "ann@example.com", "Display Name": "Ann"});
        self.put(tenant, &ACTIVE_USERS, &[row]).await;
        let lease = self.lease(&tenant.to_string(), "seed").await;
        let states = self.store.states(tenant).await.expect("states");
        let report = |state: &DatasetState| state.dataset == ACTIVE_USERS.name;
        let mut state = states.into_iter().find(report).expect("the report");
        state.data_date = Some(about);
        self.store.put_state(&lease, &state).await.expect("stored");
        self.store.release_lease(&lease).await.expect("released");
    }

    /// Dates the secure score that the lists of clients show.
    pub async fn date_score(&self, tenant: &str, at: jiff::Timestamp) {
        let tenant: TenantId = tenant.parse().expect("a tenant");
        let dated = |integration: &mut Integration| {
            let mut counts = serde_json::to_value(&integration.glance).expect("counts");
            counts["as_of"] = json!({ SCORE.name: at });
            integration.glance = serde_json::from_value(counts).expect("counts");
        };
        let changed = self.store.update_integration(tenant, dated).await;
        assert!(changed.expect("stored").is_some());
    }

    pub async fn hold_removal(&self, tenant: &str) {
        let lease = self.lease(tenant, "seed").await;
        let states = self.store.states(lease.tenant).await.expect("states");
        let mut users = states
            .into_iter()
            .find(|s| s.dataset == "users")
            .expect("users");
        users.held_removal = Some(HeldRemoval {
            records: 30,
            of: 100,
            since: muster_platform::now(),
        });
        self.store.put_state(&lease, &users).await.expect("stored");
        self.store.release_lease(&lease).await.expect("released");
    }
}

fn tokens() -> Access {
    let token = |text: &str| Some(SecretString::from(text));
    Access::new(token(MANAGER), token(VIEWER))
}

fn guid(name: &str, n: usize) -> uuid::Uuid {
    let digest = muster_domain::record::digest(&format!("{name} {n}"));
    uuid::Uuid::from_bytes(digest.0)
}

fn user(client: &str, i: usize) -> Value {
    let first = ["Ada", "Grace", "Edsger", "Barbara", "Alan", "Hedy", "Ken"][i % 7];
    let last = ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Turing"][i % 5];
    let name = match i {
        1 => "=cmd()".to_owned(),
        2 => "<script>alert(2)</script>".to_owned(),
        _ => format!("{first} {last} {i}"),
    };
    let licence = if i.is_multiple_of(3) {
        json!([{"skuId": "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"}])
    } else {
        json!([])
    };
    json!({
        "id": guid(client, 100 + i).to_string(),
        "displayName": name,
        "userPrincipalName": format!("person{i}@example.com"),
        "mail": format!("person{i}@example.com"),
        "accountEnabled": i % 5 != 4,
        "userType": if i % 9 == 8 { "Guest" } else { "Member" },
        "assignedLicenses": licence,
        "department": (["Sales", "Research", "Finance"][i % 3]),
        "jobTitle": "Engineer",
        "createdDateTime": "2025-03-01T09:30:00Z",
    })
}

fn skus() -> Vec<Value> {
    [
        ("cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", "SPB", 120, 97),
        (
            "f30db892-07e9-47e9-837c-80727f46fd3d",
            "FLOW_FREE",
            10_000,
            14,
        ),
        (
            "4b9405b0-7788-4568-add1-99614e613b69",
            "EXCHANGESTANDARD",
            25,
            25,
        ),
    ]
    .into_iter()
    .map(|(id, part, bought, assigned)| {
        json!({
            "id": format!("t_{id}"),
            "skuId": id,
            "skuPartNumber": part,
            "appliesTo": "User",
            "capabilityStatus": "Enabled",
            "prepaidUnits": {"enabled": bought, "suspended": 0, "warning": 0},
            "consumedUnits": assigned,
        })
    })
    .collect()
}

fn scores() -> Vec<Value> {
    let score = |day: i32| {
        json!({
            "id": format!("score-{day}"),
            "createdDateTime": format!("2026-01-{day:02}T00:00:00Z"),
            "currentScore": 41.5,
            "maxScore": 100.0,
        })
    };
    (1..=9).map(score).collect()
}

fn counts(users: u64) -> Counts {
    let known = [
        (&users::ALL_USERS, users),
        (&users::ENABLED, users - users / 5),
        (&users::GUESTS, users / 9),
        (&users::LICENSED, users / 3),
        (&users::LICENSED_DISABLED, users / 15),
        (&INACTIVE_90_DAYS, users / 12),
        (&subscribed_skus::BOUGHT, 145),
        (&subscribed_skus::ASSIGNED, 122),
        (&SCORE, 4_150),
        (&MAX_SCORE, 10_000),
    ];
    let mut counts = Counts::default();
    for (count, value) in known {
        counts.set(count, Some(value));
    }
    counts
}

/// Whether a value is as a schema says, in the words of JSON Schema that the document uses.
pub fn fits(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        let schema = document
            .pointer(pointer)
            .ok_or_else(|| format!("{at}: no {reference}"))?;
        return fits(document, schema, value, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let tried: Vec<_> = any.iter().map(|s| fits(document, s, value, at)).collect();
        return match tried.iter().any(Result::is_ok) {
            true => Ok(()),
            false => tried.into_iter().next().expect("one at least"),
        };
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{at}: {value} is none of {words:?}"));
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{at}: type {other}"),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        return Err(format!("{at}: {value} is not {kinds:?}"));
    }
    if let Value::Object(members) = value {
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().expect("a name");
            if !members.contains_key(name) {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        for (name, member) in members {
            let at = format!("{at}.{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Null) if schema["properties"].is_object() => {
                    return Err(format!("{at}: is not documented"));
                }
                (Value::Null, Value::Null) => {}
                (Value::Null, more) => fits(document, more, member, &at)?,
                (schema, _) => fits(document, schema, member, &at)?,
            }
        }
    }
    if let Value::Array(items) = value {
        for (i, item) in items.iter().enumerate() {
            fits(document, &schema["items"], item, &format!("{at}[{i}]"))?;
        }
    }
    Ok(())
}
