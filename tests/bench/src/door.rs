//! A door before the embedded store that counts what every call consumes, as DynamoDB would bill
//! it. It can take written batches itself, so that the store is not what is measured.

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use dynoxide::Database;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

/// What passed through the door.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    /// Calls.
    pub calls: u64,
    /// Read request units.
    pub read: f64,
    /// Write request units.
    pub write: f64,
    /// Write request units by the partition that is written, without its tenant: `users`, `changes`,
    /// `moving` …; and of control items, by their table.
    pub written: BTreeMap<String, f64>,
    /// When each call came, and how long it was then waited for.
    pub answers: Vec<(Instant, Duration)>,
}

impl Passed {
    /// How long calls were waited for that came one after the other before this moment.
    pub fn waited_until(&self, moment: Instant) -> Duration {
        let before = self.answers.iter();
        let before = before.filter(|(came, took)| *came + *took < moment);
        before.map(|(_, took)| *took).sum()
    }
}

/// What the door does with a written batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Batches {
    /// It goes through to the store.
    #[default]
    Stored,
    /// The door takes it and forgets it.
    Accepted,
}

#[derive(Debug, Default)]
struct Settings {
    batches: Batches,
    latency: Duration,
}

/// The door.
#[derive(Clone)]
pub struct Door {
    store: Database,
    passed: Arc<Mutex<Passed>>,
    settings: Arc<Mutex<Settings>>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

impl Door {
    /// A door before a store that is in memory, and where it is.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn open() -> Result<(Self, SocketAddr)> {
        let door = Self {
            store: Database::memory()?,
            passed: Arc::default(),
            settings: Arc::default(),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .fallback(pass)
            .layer(axum::extract::DefaultBodyLimit::max(32 * 1024 * 1024))
            .with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((door, address))
    }

    /// What passed since this was asked last.
    pub fn take(&self) -> Passed {
        std::mem::take(&mut *self.passed())
    }

    fn passed(&self) -> std::sync::MutexGuard<'_, Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of written batches from now on, and how long each call takes.
    pub fn set(&self, batches: Batches, latency: Duration) {
        *self.settings() = Settings { batches, latency };
    }

    fn settings(&self) -> std::sync::MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, call: &str, body: &Bytes) -> Result<(StatusCode, Vec<u8>)> {
        let (batches, latency) = {
            let settings = self.settings();
            (settings.batches, settings.latency)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut asked: Value = serde_json::from_slice(body)?;
        if let Some(answer) = accept(call, &asked).filter(|_| batches == Batches::Accepted) {
            self.count(call, &asked, &answer);
            return Ok((StatusCode::OK, serde_json::to_vec(&answer)?));
        }
        if call.contains("Item") || call == "Query" || call == "BatchExecuteStatement" {
            asked["ReturnConsumedCapacity"] = "TOTAL".into();
        }
        let (status, body) = perform(&self.store, call, &asked);
        let told = serde_json::from_slice(&body).unwrap_or_default();
        self.count(call, &asked, &told);
        Ok((status, body))
    }

    fn count(&self, call: &str, asked: &Value, answer: &Value) {
        let consumed = &answer["ConsumedCapacity"];
        let each = consumed
            .as_array()
            .map_or(std::slice::from_ref(consumed), Vec::as_slice);
        let units: f64 = each
            .iter()
            .filter_map(|one| one["CapacityUnits"].as_f64())
            .sum();
        let mut passed = self.passed();
        passed.calls += 1;
        if call.contains("Get") || call == "Query" {
            passed.read += units;
        } else {
            passed.write += units;
            *passed.written.entry(partition(asked)).or_default() += units;
        }
    }
}

/// Which partition a call writes, without its tenant; a control item's table.
fn partition(asked: &Value) -> String {
    let statement = asked["Statements"][0]["Parameters"].as_array();
    let named = statement.into_iter().flatten().map(|value| &value["S"]);
    let batched = &asked["RequestItems"]["assets"][0];
    let items = [
        &batched["PutRequest"]["Item"],
        &batched["DeleteRequest"]["Key"],
    ];
    let items = items.into_iter().chain([&asked["Item"], &asked["Key"]]);
    let mut keys = named.chain(items.map(|item| &item["pk"]["S"]));
    let key = keys.find_map(|key| key.as_str()?.strip_prefix("TENANT#")?.split_once('#'));
    let table = || asked["TableName"].as_str().unwrap_or_default();
    key.map_or_else(table, |(_, partition)| partition)
        .to_owned()
}

/// The answer to a batch that is taken whole, with the units that DynamoDB would bill; `None` for
/// another call.
fn accept(call: &str, asked: &Value) -> Option<Value> {
    match call {
        "BatchWriteItem" => {
            let tables = asked["RequestItems"].as_object().into_iter().flatten();
            let consumed = tables.map(|(table, requests)| {
                let requests = requests.as_array().into_iter().flatten();
                let units: usize = requests.map(units).sum();
                json!({"TableName": table, "CapacityUnits": units})
            });
            let consumed = consumed.collect::<Vec<_>>();
            Some(json!({"UnprocessedItems": {}, "ConsumedCapacity": consumed}))
        }
        "BatchExecuteStatement" => {
            let statements = asked["Statements"].as_array()?;
            let units: usize = statements.iter().map(statement_units).sum();
            let done = json!({"TableName": "assets"});
            Some(json!({
                "Responses": vec![done; statements.len()],
                "ConsumedCapacity": [{"TableName": "assets", "CapacityUnits": units}],
            }))
        }
        _ => None,
    }
}

/// The same of a record's statement: its parameters are the item's attributes, `pk`, `sk`, `c`, `h` and
/// `l`; an update's last is its condition.
fn statement_units(statement: &Value) -> usize {
    let parameters = statement["Parameters"].as_array();
    let bytes: usize = parameters
        .into_iter()
        .flatten()
        .take(5)
        .map(attribute_bytes)
        .sum();
    (bytes + "pkskchl".len()).div_ceil(1024).max(1)
}

/// Write request units: the started kilobytes of an item, its attributes' names included (AWS,
/// "DynamoDB item sizes and formats").
fn units(request: &Value) -> usize {
    let item = request["PutRequest"]["Item"].as_object();
    let bytes: usize = item
        .into_iter()
        .flatten()
        .map(|(name, value)| name.len() + attribute_bytes(value))
        .sum();
    bytes.div_ceil(1024).max(1)
}

fn attribute_bytes(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|one| one.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("B", Value::String(text)) => text.len() / 4 * 3,
        ("N", Value::String(digits)) => digits.len().div_ceil(2) + 1,
        ("L", Value::Array(items)) => {
            3 + items
                .iter()
                .map(|one| 1 + attribute_bytes(one))
                .sum::<usize>()
        }
        ("M", Value::Object(members)) => {
            let sizes = members
                .iter()
                .map(|(name, one)| 1 + name.len() + attribute_bytes(one));
            3 + sizes.sum::<usize>()
        }
        _ => 1,
    }
}

async fn pass(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    let came = Instant::now();
    let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok());
    let call = target.and_then(|t| t.split('.').nth(1)).unwrap_or_default();
    let answer = door.forward(call, &body).await;
    door.passed().answers.push((came, came.elapsed()));
    let json = [("content-type", "application/x-amz-json-1.0")];
    match answer {
        Ok((status, body)) => (status, json, body).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// What the store makes of a call: the operations that a sync and the bench itself need.
fn perform(store: &Database, call: &str, asked: &Value) -> (StatusCode, Vec<u8>) {
    match call {
        "BatchExecuteStatement" => one(asked, |asked| store.batch_execute_statement(asked)),
        "BatchGetItem" => one(asked, |asked| store.batch_get_item(asked)),
        "BatchWriteItem" => one(asked, |asked| store.batch_write_item(asked)),
        "CreateTable" => one(asked, |asked| store.create_table(asked)),
        "DeleteItem" => one(asked, |asked| store.delete_item(asked)),
        "GetItem" => one(asked, |asked| store.get_item(asked)),
        "ListTables" => one(asked, |asked| store.list_tables(asked)),
        "PutItem" => one(asked, |asked| store.put_item(asked)),
        "Query" => one(asked, |asked| store.query(asked)),
        "UpdateItem" => one(asked, |asked| store.update_item(asked)),
        other => {
            let unknown = json!({"__type": "UnknownOperationException", "message": other});
            (StatusCode::BAD_REQUEST, unknown.to_string().into_bytes())
        }
    }
}

fn one<Q: DeserializeOwned, A: Serialize>(
    asked: &Value,
    perform: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> (StatusCode, Vec<u8>) {
    let answer = Q::deserialize(asked)
        .map_err(|error| error.to_string().into_bytes())
        .map(|asked| perform(asked).map(|done| serde_json::to_vec(&done).unwrap_or_default()));
    match answer {
        Ok(Ok(done)) => (StatusCode::OK, done),
        Ok(Err(error)) => {
            let status = StatusCode::from_u16(error.status_code());
            let status = status.unwrap_or(StatusCode::BAD_REQUEST);
            (status, error.to_json().into_bytes())
        }
        Err(unreadable) => (StatusCode::BAD_REQUEST, unreadable),
    }
}
