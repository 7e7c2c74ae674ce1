//! Each function's real binary, as Lambda runs it: a custom runtime that asks for its next
//! invocation. <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use anyhow::{Context, Result, bail};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use muster_it::{binary, ran};
use muster_platform::Store;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc,
};

const FUNCTIONS: [&str; 4] = [
    "muster-portal",
    "muster-oauth-callback",
    "muster-sync",
    "muster-secret-expiry",
];

/// What every function is given by the template.
const SETTINGS: [(&str, &str); 11] = [
    ("INTEGRATIONS_TABLE", "integrations"),
    ("ASSETS_TABLE", "assets"),
    ("SECRET_PREFIX", "muster/"),
    ("SYNC_QUEUE_URL", "http://127.0.0.1:9/1/sync.fifo"),
    ("SYNC_QUEUE_ARN", "arn:aws:sqs:eu-central-1:1:sync.fifo"),
    ("SCHEDULE_GROUP", "muster"),
    ("SCHEDULE_ROLE_ARN", "arn:aws:iam::1:role/schedule"),
    ("ALERT_TOPIC_ARN", "arn:aws:sns:eu-central-1:1:alerts"),
    ("PUBLIC_URL", "https://muster.example"),
    (
        "SESSION_KEY",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ),
    ("LOGIN_URL", "http://127.0.0.1:9"),
];

/// What a function sent back: where to, and what.
#[derive(Debug)]
struct Sent {
    path: String,
    body: Value,
}

/// Lambda's side of the runtime API.
#[derive(Debug, Clone)]
struct Runtime {
    events: Arc<Mutex<VecDeque<(String, Value)>>>,
    sent: mpsc::UnboundedSender<Sent>,
}

impl Runtime {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<(String, Value)>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn next(State(runtime): State<Runtime>) -> Response {
    loop {
        let event = runtime.waiting().pop_front();
        if let Some((id, event)) = event {
            let deadline = SystemTime::now() + Duration::from_secs(30);
            let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH);
            let headers = [
                ("Lambda-Runtime-Aws-Request-Id", id),
                (
                    "Lambda-Runtime-Deadline-Ms",
                    deadline.unwrap_or_default().as_millis().to_string(),
                ),
                (
                    "Lambda-Runtime-Invoked-Function-Arn",
                    "arn:aws:lambda:eu-central-1:1:function:muster".to_owned(),
                ),
            ];
            return (headers, Json(event)).into_response();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn take(
    State(runtime): State<Runtime>,
    Path(path): Path<String>,
    body: axum::body::Bytes,
) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap_or_default();
    // An error is the test's end.
    runtime.sent.send(Sent { path, body }).ok();
    StatusCode::ACCEPTED
}

/// A function that runs.
struct Function {
    child: Child,
    runtime: Runtime,
    sent: mpsc::UnboundedReceiver<Sent>,
    invoked: u32,
}

fn command(package: &str, without: Option<&str>) -> Result<Command> {
    let mut command = Command::new(binary(package)?);
    command.env_clear().kill_on_drop(true).stdin(Stdio::null());
    let aws = [
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "muster"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "muster"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "muster"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
    ];
    let settings = SETTINGS.iter().filter(|(name, _)| Some(*name) != without);
    command.envs(aws).envs(settings.copied());
    Ok(command)
}

impl Function {
    async fn start(package: &str) -> Result<Self> {
        let database = dynoxide::Database::memory().map_err(|e| anyhow::anyhow!("{e}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let store = listener.local_addr()?;
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        Store::embedded(store).ensure_tables().await?;

        let (sender, sent) = mpsc::unbounded_channel();
        let runtime = Runtime {
            events: Arc::default(),
            sent: sender,
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/{*path}", post(take))
            .with_state(runtime.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });

        let child = command(package, None)?
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{store}"))
            .spawn()?;
        Ok(Self {
            child,
            runtime,
            sent,
            invoked: 0,
        })
    }

    /// Invokes it, and gives its response.
    async fn invoke(&mut self, event: Value) -> Result<Value> {
        self.invoked += 1;
        let id = format!("request-{}", self.invoked);
        self.runtime.waiting().push_back((id.clone(), event));
        let sent = tokio::time::timeout(Duration::from_secs(20), self.sent.recv()).await;
        let sent = sent.context("an answer in time")?.context("an answer")?;
        if sent.path != format!("invocation/{id}/response") {
            bail!("it sent {sent:?}");
        }
        assert!(self.child.try_wait()?.is_none(), "it goes on running");
        Ok(sent.body)
    }
}

/// What API Gateway sends for a request to an HTTP API, payload format 2.0.
fn http(path: &str, query: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {"accept": "*/*", "host": "muster.example", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "1", "apiId": "api", "domainName": "muster.example",
            "domainPrefix": "muster", "requestId": "r", "routeKey": "$default",
            "stage": "$default", "time": "23/Nov/2026:07:00:00 +0000", "timeEpoch": 1_795_417_200_000_u64,
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1",
                     "sourceIp": "192.0.2.1", "userAgent": "test"},
        },
        "isBase64Encoded": false,
    })
}

fn body(answer: &Value) -> Value {
    let body = answer["body"].as_str().unwrap_or_default();
    serde_json::from_str(body).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portal_answers_api_gateway() -> Result<()> {
    let mut portal = Function::start("muster-portal").await?;
    let health = portal.invoke(http("/healthz", "")).await?;
    assert_eq!(health["statusCode"], 200, "{health}");
    let listed = portal.invoke(http("/api/v1/integrations", "")).await?;
    assert_eq!(listed["statusCode"], 401, "{listed}");
    assert_eq!(
        listed["headers"]["content-type"],
        "application/problem+json"
    );
    assert_eq!(body(&listed)["status"], 401, "{listed}");
    // A path of another function's is not the portal's.
    let callback = portal.invoke(http("/account/integration/oauth", "state=x"));
    let callback = callback.await?;
    assert_ne!(callback["statusCode"], 200, "{callback}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callback_refuses_what_has_no_state() -> Result<()> {
    let mut callback = Function::start("muster-oauth-callback").await?;
    let path = "/account/integration/oauth";
    let forged = "state=11111111222243338444555555555555.AAAA&admin_consent=True";
    for query in ["", "admin_consent=True", forged] {
        let answer = callback.invoke(http(path, query)).await?;
        assert_eq!(answer["statusCode"], 400, "{query}: {answer}");
        let page = answer["body"].as_str().context("a page")?;
        assert!(page.contains("Nothing was changed"), "{page}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sync_fails_the_messages_that_failed_and_no_other() -> Result<()> {
    let mut sync = Function::start("muster-sync").await?;
    let message = |id: &str, body: &str| {
        json!({
            "messageId": id, "receiptHandle": "r", "body": body, "md5OfBody": "",
            "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": id},
            "messageAttributes": {}, "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:1:sync.fifo", "awsRegion": "eu-central-1",
        })
    };
    let unknown = json!({"tenant_id": "11111111-2222-4333-8444-555555555555"}).to_string();
    let malformed = message("malformed", "{\"tenant\": 5}");
    let event = json!({"Records": [message("unknown", &unknown), malformed]});
    let answer = sync.invoke(event).await?;
    let failed = json!([{"itemIdentifier": "malformed"}]);
    assert_eq!(answer["batchItemFailures"], failed, "{answer}");
    let event = json!({"Records": [message("unknown", &unknown)]});
    let answer = sync.invoke(event).await?;
    assert_eq!(answer["batchItemFailures"], json!([]), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_expiry_function_warns_of_nothing_where_there_is_nothing() -> Result<()> {
    let mut expiry = Function::start("muster-secret-expiry").await?;
    let event = json!({
        "version": "0", "id": "e", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "1", "time": "2026-11-23T07:00:00Z", "region": "eu-central-1",
        "resources": [], "detail": {},
    });
    assert_eq!(expiry.invoke(event.clone()).await?, json!(0));
    assert_eq!(
        expiry.invoke(event).await?,
        json!(0),
        "warm, it is the same"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_a_setting_names_it_and_ends() -> Result<()> {
    for package in FUNCTIONS {
        for (name, _) in SETTINGS.iter().filter(|(name, _)| *name != "LOGIN_URL") {
            let ran = ran(&mut command(package, Some(name))?).await?;
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(!ran.status.success(), "{package} without {name}");
            assert!(said.contains(name), "{package} without {name}: {said}");
            assert!(!said.contains("panicked"), "{package}: {said}");
        }
        for (name, wrong) in [("SESSION_KEY", "c2hvcnQ="), ("PUBLIC_URL", "muster")] {
            let ran = ran(command(package, None)?.env(name, wrong)).await?;
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(!ran.status.success(), "{package} with a wrong {name}");
            assert!(said.contains(name), "{package} with a wrong {name}: {said}");
        }
    }
    Ok(())
}
