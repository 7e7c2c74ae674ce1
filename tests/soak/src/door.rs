//! A door before the embedded store: DynamoDB's API on the wire, and what goes wrong with it.
//!
//! Each worker has a door of its own, so that two of them can differ in their clocks.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    serve::ListenerExt,
};
use dynoxide::Database;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;

/// One thing that goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// 400 `ProvisionedThroughputExceededException`.
    Throttled,
    /// A batch is done in part; the rest comes back as not processed.
    HalfProcessed,
    /// 500 `InternalServerError`, and nothing is done.
    ServerError,
    /// The connection closes, and nothing is done.
    Reset,
    /// What is asked is done, and the connection closes before the answer.
    DoneThenReset,
    /// What is asked is done so much later, whether or not anybody still waits for it.
    Late(Duration),
}

/// Which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// All.
    All,
    /// Those that write.
    Writes,
    /// Batches of records.
    RecordWrites,
}

type Act = Box<dyn FnOnce() + Send>;

/// A stale worker's doings, as seen at the door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fencing {
    /// Dataset states, and what moved, that an older lease wrote over those of a newer one: never.
    pub states_overwritten: u64,
    /// The same of an older lease, turned away.
    pub states_refused: u64,
    /// Batches of records that arrived under an older lease than the latest.
    pub late_batches: u64,
    /// Records of theirs that were written or removed over what a newer lease had written: never.
    pub records_overwritten: u64,
    /// The same, turned away.
    pub records_refused: u64,
}

impl std::ops::AddAssign for Fencing {
    fn add_assign(&mut self, other: Self) {
        self.states_overwritten += other.states_overwritten;
        self.states_refused += other.states_refused;
        self.late_batches += other.late_batches;
        self.records_overwritten += other.records_overwritten;
        self.records_refused += other.records_refused;
    }
}

#[derive(Default)]
struct Inner {
    faults: Vec<(Calls, u32, u32, StoreFault)>,
    acts: Vec<(Calls, u32, Option<Act>)>,
    counts: BTreeMap<&'static str, u32>,
    lease: u64,
    fencing: Fencing,
    /// How often the store has died with its worker.
    deaths: u64,
}

/// The door.
#[derive(Clone)]
pub struct Door {
    database: Database,
    /// Added to the times this worker writes into its lease, in seconds.
    skew: i64,
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    order: Arc<AtomicU64>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.address)
    }
}

impl Door {
    /// Opens a door for a worker whose clock is so many seconds fast.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn open(database: Database, skew: i64) -> std::io::Result<Self> {
        Self::counting(database, skew, Arc::default()).await
    }

    async fn counting(
        database: Database,
        skew: i64,
        order: Arc<AtomicU64>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let door = Self {
            database,
            skew,
            address: listener.local_addr()?,
            inner: Arc::default(),
            order,
        };
        let listener = listener.tap_io(|connection| {
            connection.set_nodelay(true).ok();
        });
        // DynamoDB takes requests of 16 MB.
        let router = Router::new()
            .fallback(pass)
            .layer(DefaultBodyLimit::max(16 << 20))
            .with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(door)
    }

    /// Another door before the same store.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn beside(&self, skew: i64) -> std::io::Result<Self> {
        Self::counting(self.database.clone(), skew, Arc::clone(&self.order)).await
    }

    /// The digest of which calls came in which order so far, at this door and at those beside it.
    pub fn order(&self) -> u64 {
        self.order.load(Ordering::SeqCst)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls from the `from`-th of these on, counted from now and from 1, go wrong, `count` of them.
    pub fn add_fault(&self, calls: Calls, from: u32, count: u32, fault: StoreFault) {
        let mut inner = self.inner();
        let from = inner.seen(calls) + from;
        inner.faults.push((calls, from, count, fault));
    }

    /// Does this right after the `nth` of these calls, counted from now and from 1, is done, and
    /// before its answer leaves.
    pub fn after_call(&self, calls: Calls, nth: u32, act: impl FnOnce() + Send + 'static) {
        let mut inner = self.inner();
        let nth = inner.seen(calls) + nth;
        inner.acts.push((calls, nth, Some(Box::new(act))));
    }

    /// Nothing goes wrong from now on.
    pub fn clear(&self) {
        let mut inner = self.inner();
        inner.faults.clear();
        inner.acts.clear();
    }

    /// The store dies with its only worker: what is on its way never arrives.
    pub fn die(&self) {
        self.inner().deaths += 1;
    }

    /// How many of these calls have come so far.
    pub fn seen(&self, calls: Calls) -> u32 {
        self.inner().seen(calls)
    }

    /// What was seen of stale workers at this door.
    pub fn fencing(&self) -> Fencing {
        self.inner().fencing
    }

    /// The items of a partition of the assets, as they are stored.
    pub fn assets(&self, partition: &str) -> Vec<Value> {
        let asked = json!({"TableName": "assets", "ConsistentRead": true,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": partition}}});
        let answer = perform(&self.database, "Query", &asked);
        let mut answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        serde_json::from_value(answer["Items"].take()).unwrap_or_default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call; gives what goes wrong with it, and what happens after it.
    fn count(&self, call: &str, request: &Value) -> (Option<StoreFault>, Vec<Act>) {
        let mut digest = DefaultHasher::new();
        (self.order(), call, subject(request)).hash(&mut digest);
        self.order.store(digest.finish(), Ordering::SeqCst);
        let mut inner = self.inner();
        let kinds = kinds(call, request);
        for kind in kinds {
            *inner.counts.entry(name(*kind)).or_default() += 1;
        }
        let mut struck = None;
        let counts = inner.counts.clone();
        let at = |calls: Calls| counts.get(name(calls)).copied().unwrap_or(0);
        for (calls, from, count, fault) in &inner.faults {
            let due = kinds.contains(calls) && at(*calls) >= *from && at(*calls) - from < *count;
            let fits = *fault != StoreFault::HalfProcessed || call.starts_with("Batch");
            if due && fits && struck.is_none() {
                struck = Some(*fault);
            }
        }
        let due = inner.acts.iter_mut().filter_map(|(calls, nth, act)| {
            (kinds.contains(calls) && at(*calls) == *nth)
                .then(|| act.take())
                .flatten()
        });
        (struck, due.collect())
    }

    /// A worker's clock shows in its lease alone.
    fn skewed(&self, request: &mut Value) {
        if self.skew == 0 || request["Key"]["item"]["S"] != "lease" {
            return;
        }
        for name in [":now", ":until", ":latest"] {
            let number = request.pointer_mut(&format!("/ExpressionAttributeValues/{name}/N"));
            let told = number
                .as_ref()
                .and_then(|n| n.as_str()?.parse::<i64>().ok());
            if let (Some(number), Some(told)) = (number, told.filter(|told| *told > 0)) {
                *number = Value::String((told + self.skew).to_string());
            }
        }
    }

    fn perform(&self, call: &str, request: Value) -> Answer {
        let latest = self.watch(call, &request);
        let written = self.over_newer(call, &request);
        let answer = perform(&self.database, call, &request);
        self.learn(call, &request, &answer, latest);
        self.judge(&written, &answer);
        answer
    }

    /// Which of the records that a call writes a newer lease has written, as they stand before it.
    fn over_newer(&self, call: &str, request: &Value) -> Vec<bool> {
        let records: Vec<Record> = match call {
            "BatchExecuteStatement" => {
                let statements = request["Statements"].as_array();
                statements.into_iter().flatten().map(record_of).collect()
            }
            "PutItem" if request["Item"]["l"].is_object() => {
                let item = &request["Item"];
                let [pk, sk, l] = ["pk", "sk", "l"].map(|name| item[name].clone());
                vec![Record { pk, sk, l }]
            }
            _ => Vec::new(),
        };
        let over = records.into_iter().map(|record| {
            let own = number(&record.l);
            let asked = json!({"TableName": "assets", "ConsistentRead": true,
                "Key": {"pk": record.pk, "sk": record.sk}});
            let answer = perform(&self.database, "GetItem", &asked);
            let held: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            number(&held["Item"]["l"]) > own
        });
        over.collect()
    }

    /// What became of them.
    fn judge(&self, over_newer: &[bool], answer: &Answer) {
        if !over_newer.contains(&true) {
            return;
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let mut inner = self.inner();
        for (i, _) in over_newer.iter().enumerate().filter(|(_, over)| **over) {
            let done = answer.status == StatusCode::OK && body["Responses"][i]["Error"].is_null();
            match done {
                true => inner.fencing.records_overwritten += 1,
                false => inner.fencing.records_refused += 1,
            }
        }
    }

    /// The number of the tenant's latest lease, looked up where it matters.
    fn watch(&self, call: &str, request: &Value) -> Option<u64> {
        let item = &request["Item"];
        let state = call == "PutItem" && item["lease"]["N"].is_string();
        let batch = call == "BatchExecuteStatement" && self.inner().lease > 0;
        if !state && !batch {
            return None;
        }
        let tenant = match (item["tenant_id"]["S"].as_str(), item["pk"]["S"].as_str()) {
            (Some(tenant), _) => tenant.to_owned(),
            (None, Some(key)) => key.split('#').nth(1)?.to_owned(),
            (None, None) => tenant_of(request)?,
        };
        latest_lease(&self.database, &tenant)
    }

    fn learn(&self, call: &str, request: &Value, answer: &Answer, latest: Option<u64>) {
        let mut inner = self.inner();
        let taken = answer.status == StatusCode::OK;
        match call {
            "UpdateItem" if taken && request["Key"]["item"]["S"] == "lease" => {
                if let Ok(answer) = serde_json::from_slice::<Value>(&answer.body)
                    && let Some(lease) = number(&answer["Attributes"]["number"])
                {
                    inner.lease = lease;
                }
            }
            "PutItem" => {
                if let (Some(own), Some(latest)) = (number(&request["Item"]["lease"]), latest)
                    && own < latest
                {
                    // Taken by the store: only right where no newer lease has written it.
                    if taken {
                        inner.fencing.states_overwritten +=
                            u64::from(overwrote(&answer.before, own));
                    } else {
                        inner.fencing.states_refused += 1;
                    }
                }
            }
            "BatchExecuteStatement"
                if taken && latest.is_some_and(|latest| inner.lease < latest) =>
            {
                inner.fencing.late_batches += 1;
            }
            _ => {}
        }
    }
}

/// Whether what stood there before had a newer lease than `own`.
fn overwrote(before: &Option<Value>, own: u64) -> bool {
    let number = before.as_ref().and_then(|item| item["lease"]["N"].as_str());
    number
        .and_then(|n| n.parse::<u64>().ok())
        .is_some_and(|n| n > own)
}

fn number(value: &Value) -> Option<u64> {
    value["N"].as_str()?.parse().ok()
}

/// A record as a statement names it.
struct Record {
    pk: Value,
    sk: Value,
    l: Value,
}

/// The store's statements end with partition key, sort key and the lease's number.
fn record_of(statement: &Value) -> Record {
    let parameters = statement["Parameters"].as_array();
    let mut last = parameters.into_iter().flatten().rev().cloned();
    let mut next = || last.next().unwrap_or_default();
    let (l, sk, pk) = (next(), next(), next());
    Record { pk, sk, l }
}

/// What a call is about, without the times in it.
fn subject(request: &Value) -> String {
    let (item, statement) = (&request["Item"], &request["Statements"][0]);
    let of_item = ["pk", "sk", "item"].map(|name| &item[name]);
    let (first, asked) = (record_of(statement), &request["RequestItems"]["assets"]);
    let table = &request["TableName"];
    json!([
        table,
        request["Key"],
        of_item,
        first.pk,
        first.sk,
        asked["Keys"]
    ])
    .to_string()
}

fn tenant_of(request: &Value) -> Option<String> {
    let record = record_of(request["Statements"].get(0)?);
    let key = record.pk["S"].as_str()?;
    key.split('#').nth(1).map(str::to_owned)
}

fn latest_lease(database: &Database, tenant: &str) -> Option<u64> {
    let asked = json!({"TableName": "integrations", "ConsistentRead": true,
        "Key": {"tenant_id": {"S": tenant}, "item": {"S": "lease"}}});
    let answer = perform(database, "GetItem", &asked);
    let answer: Value = serde_json::from_slice(&answer.body).ok()?;
    number(&answer["Item"]["number"])
}

impl Inner {
    fn seen(&self, calls: Calls) -> u32 {
        self.counts.get(name(calls)).copied().unwrap_or(0)
    }
}

fn name(calls: Calls) -> &'static str {
    match calls {
        Calls::All => "all",
        Calls::Writes => "writes",
        Calls::RecordWrites => "record writes",
    }
}

fn kinds(call: &str, request: &Value) -> &'static [Calls] {
    match call {
        "BatchExecuteStatement" | "BatchWriteItem" => {
            &[Calls::All, Calls::Writes, Calls::RecordWrites]
        }
        "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" => {
            if request["TableName"] == "assets" {
                &[Calls::All, Calls::Writes, Calls::RecordWrites]
            } else {
                &[Calls::All, Calls::Writes]
            }
        }
        _ => &[Calls::All],
    }
}

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    before: Option<Value>,
}

async fn pass(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok());
    let call = target.and_then(|t| t.split('.').nth(1)).unwrap_or_default();
    let Ok(mut request) = serde_json::from_slice::<Value>(&body) else {
        return answer(refusal("SerializationException", 400));
    };
    door.skewed(&mut request);
    let (fault, acts) = door.count(call, &request);
    let result = match fault {
        None => Some(door.perform(call, request)),
        Some(StoreFault::Throttled) => Some(refusal("ProvisionedThroughputExceededException", 400)),
        Some(StoreFault::ServerError) => Some(refusal("InternalServerError", 500)),
        Some(StoreFault::Reset) => None,
        Some(StoreFault::DoneThenReset) => {
            door.perform(call, request);
            None
        }
        Some(StoreFault::HalfProcessed) if call == "BatchExecuteStatement" => {
            Some(half_stated(&door, request))
        }
        Some(StoreFault::HalfProcessed) => Some(half(&door, call, request)),
        Some(StoreFault::Late(by)) => {
            // A task of its own: the caller may be gone by then, and its call arrives all the same.
            let (own, call) = (door.clone(), call.to_owned());
            let deaths = door.inner().deaths;
            let late = tokio::spawn(async move {
                tokio::time::sleep(by).await;
                let arrives = own.inner().deaths == deaths;
                arrives.then(|| own.perform(&call, request))
            });
            late.await.ok().flatten()
        }
    };
    for act in acts {
        act();
    }
    result.map_or_else(broken, answer)
}

/// Does the first half of a batch of statements, and puts the others off.
fn half_stated(door: &Door, mut request: Value) -> Answer {
    let statements = request["Statements"].as_array_mut();
    let Some(statements) = statements.filter(|statements| statements.len() > 1) else {
        return refusal("ProvisionedThroughputExceededException", 400);
    };
    let put_off = statements.split_off(statements.len() / 2);
    let mut answer = door.perform("BatchExecuteStatement", request);
    let body = serde_json::from_slice::<Value>(&answer.body);
    if let Ok(mut body) = body
        && let Some(answers) = body["Responses"].as_array_mut()
    {
        let error = json!({"Error": {"Code": "ProvisionedThroughputExceeded",
            "Message": "as the schedule wills"}});
        answers.resize(answers.len() + put_off.len(), error);
        answer.body = body.to_string().into_bytes();
    }
    answer
}

/// Does the first half of a batch, and names the rest as not processed.
fn half(door: &Door, call: &str, mut request: Value) -> Answer {
    let mut rest = request["RequestItems"].clone();
    let keep = |list: &mut Value, first: bool| {
        if let Some(list) = list.as_array_mut() {
            let middle = list.len() / 2;
            if first {
                list.truncate(middle);
            } else {
                list.drain(..middle);
            }
        }
    };
    let (mut asked, read) = (0, call == "BatchGetItem");
    for (table, list) in request["RequestItems"]
        .as_object_mut()
        .into_iter()
        .flatten()
    {
        let (first, second) = if read {
            (&mut list["Keys"], &mut rest[table]["Keys"])
        } else {
            (list, &mut rest[table])
        };
        keep(first, true);
        keep(second, false);
        asked += first.as_array().map_or(0, Vec::len);
    }
    let mut answer = if asked == 0 {
        let body = json!({"Responses": {}, "ConsumedCapacity": []});
        Answer {
            status: StatusCode::OK,
            body: body.to_string().into_bytes(),
            before: None,
        }
    } else {
        door.perform(call, request)
    };
    if answer.status == StatusCode::OK
        && let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body)
    {
        body[if read {
            "UnprocessedKeys"
        } else {
            "UnprocessedItems"
        }] = rest;
        answer.body = body.to_string().into_bytes();
    }
    answer
}

fn refusal(kind: &str, status: u16) -> Answer {
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"),
        "message": "as the schedule wills",
    });
    Answer {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        body: body.to_string().into_bytes(),
        before: None,
    }
}

fn answer(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    response.headers_mut().insert(
        "content-type",
        axum::http::HeaderValue::from_static("application/x-amz-json-1.0"),
    );
    response
}

/// No answer at all: the connection closes.
fn broken() -> Response {
    let error = std::io::Error::other("as the schedule wills");
    Response::new(Body::from_stream(futures::stream::iter([Err::<Bytes, _>(
        error,
    )])))
}

/// One call of the DynamoDB API, on the embedded store itself.
fn perform(database: &Database, call: &str, request: &Value) -> Answer {
    match call {
        "BatchExecuteStatement" => one(request, |r| database.batch_execute_statement(r)),
        "BatchGetItem" => one(request, |r| database.batch_get_item(r)),
        "BatchWriteItem" => one(request, |r| database.batch_write_item(r)),
        "CreateTable" => one(request, |r| database.create_table(r)),
        "DeleteItem" => one(request, |r| database.delete_item(r)),
        "GetItem" => one(request, |r| database.get_item(r)),
        "ListTables" => one(request, |r| database.list_tables(r)),
        "PutItem" => {
            let item = &request["Item"];
            let key = match item["pk"].is_object() {
                true => json!({"pk": item["pk"], "sk": item["sk"]}),
                false => json!({"tenant_id": item["tenant_id"], "item": item["item"]}),
            };
            let before = item["lease"].is_object().then(|| {
                let asked =
                    json!({"TableName": request["TableName"], "ConsistentRead": true, "Key": key});
                let got = one(&asked, |r| database.get_item(r));
                let got: Value = serde_json::from_slice(&got.body).unwrap_or_default();
                got["Item"].clone()
            });
            Answer {
                before,
                ..one(request, |r| database.put_item(r))
            }
        }
        "Query" => one(request, |r| database.query(r)),
        "TransactWriteItems" => one(request, |r| database.transact_write_items(r)),
        "UpdateItem" => one(request, |r| database.update_item(r)),
        _ => refusal("UnknownOperationException", 400),
    }
}

fn one<Q: DeserializeOwned, A: Serialize>(
    request: &Value,
    perform: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> Answer {
    let Ok(request) = serde_json::from_value::<Q>(request.clone()) else {
        return refusal("SerializationException", 400);
    };
    match perform(request) {
        Ok(done) => Answer {
            status: StatusCode::OK,
            body: serde_json::to_vec(&done).unwrap_or_default(),
            before: None,
        },
        Err(error) => Answer {
            status: StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST),
            body: error.to_json().into_bytes(),
            before: None,
        },
    }
}
