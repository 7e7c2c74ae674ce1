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
use muster_it::{Issuer, binary, ran};
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

const FUNCTIONS: [&str; 5] = [
    "muster-portal",
    "muster-portal-export",
    "muster-oauth-callback",
    "muster-sync",
    "muster-secret-expiry",
];

/// What every function is given by the template.
const SETTINGS: [(&str, &str); 12] = [
    ("INSTALLATION", "muster"),
    ("TENANT_ROLE_ARN", "arn:aws:iam::1:role/tenant"),
    ("INTEGRATIONS_TABLE", "integrations"),
    ("ASSETS_TABLE", "assets"),
    ("SECRET_PREFIX", "muster/"),
    ("SYNC_QUEUE_URL", "http://127.0.0.1:9/1/sync.fifo"),
    ("SYNC_QUEUE_ARN", "arn:aws:sqs:eu-central-1:1:sync.fifo"),
    ("SCHEDULE_GROUP", "muster"),
    ("SCHEDULE_ROLE_ARN", "arn:aws:iam::1:role/schedule"),
    ("ALERT_TOPIC_ARN", "arn:aws:sns:eu-central-1:1:alerts"),
    ("PUBLIC_URL", "https://muster.example"),
    ("LOGIN_URL", "http://127.0.0.1:9"),
];

/// What the portal and the callback are given beside: where their secret is.
const PORTAL_SECRET: (&str, &str) = (
    "PORTAL_SECRET_ARN",
    "arn:aws:secretsmanager:eu-central-1:1:secret:portal",
);
/// What the portal alone is given: who signs people in.
const OIDC: [(&str, &str); 8] = [
    PORTAL_SECRET,
    ("EXPORT_URL", "https://export.example/"),
    ("OIDC_ISSUER", "http://127.0.0.1:9/pool"),
    ("OIDC_CLIENT_ID", "muster"),
    ("OIDC_ROLE_CLAIM", "cognito:groups"),
    ("OIDC_MANAGER_VALUE", "manager"),
    ("OIDC_VIEWER_VALUE", "viewer"),
    ("OIDC_LOGOUT_URL", "https://muster.auth.example/logout"),
];

fn own(package: &str) -> &'static [(&'static str, &'static str)] {
    match package {
        "muster-portal" => &OIDC,
        "muster-portal-export" | "muster-oauth-callback" => &[PORTAL_SECRET],
        _ => &[],
    }
}

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
    let settings = SETTINGS.iter().chain(own(package));
    let settings = settings.filter(|(name, _)| Some(*name) != without);
    command.envs(aws).envs(settings.copied());
    Ok(command)
}

impl Function {
    async fn start(package: &str) -> Result<Self> {
        Self::start_with(package, &[]).await
    }

    /// Starts it with these settings in place of its own.
    async fn start_with(package: &str, settings: &[(&str, &str)]) -> Result<Self> {
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
            .env("AWS_ENDPOINT_URL_STS", security_token_service().await?)
            .env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{store}"))
            .envs(settings.iter().copied())
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
async fn a_hostile_request_ends_no_environment() -> Result<()> {
    for package in [
        "muster-portal",
        "muster-oauth-callback",
        "muster-portal-export",
    ] {
        let mut function = Function::start(package).await?;
        for query in ["a=\"", "a=<b>", "a b", "\u{7f}", "a=%zz", "a#b", "é"] {
            for path in ["/", "/no such#path?", "//x:99999/", "/%zz", "/\u{0}", ""] {
                let answer = function.invoke(http(path, query)).await?;
                // A streamed response begins with its prelude, and is not read here.
                let status = answer["statusCode"].as_u64();
                assert!(
                    status.is_none_or(|status| (200..500).contains(&status)),
                    "{package} {path:?} {query:?}: {answer}"
                );
            }
        }
        let mut odd = http("/", "");
        odd["headers"] = json!({"host": "x:99999", "x-forwarded-proto": "a b"});
        function.invoke(odd).await?;
    }
    Ok(())
}

/// A Security Token Service that lets any role be assumed.
async fn security_token_service() -> Result<String> {
    const ANSWER: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleResult><Credentials>
            <AccessKeyId>tenant</AccessKeyId><SecretAccessKey>tenant</SecretAccessKey>
            <SessionToken>tenant</SessionToken><Expiration>2126-11-23T07:00:00Z</Expiration>
        </Credentials></AssumeRoleResult></AssumeRoleResponse>"#;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().route("/", post(async || ANSWER));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// A Secrets Manager that holds one secret, and counts how often it is asked for it.
async fn secrets_manager(secret: Value) -> Result<(String, Arc<Mutex<usize>>)> {
    let asked: Arc<Mutex<usize>> = Arc::default();
    let counted = Arc::clone(&asked);
    let answer = move || async move {
        *counted.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        match &secret {
            Value::Null => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            secret => {
                Json(json!({"Name": "portal", "SecretString": secret.to_string()})).into_response()
            }
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, asked))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portals_secret_is_read_when_a_cookie_is_and_kept() -> Result<()> {
    let issuer = Issuer::start().await?;
    let secret = json!({"session_key": "k".repeat(43), "oidc_client_secret": ""});
    let (secrets, asked) = secrets_manager(secret).await?;
    let asked = || *asked.lock().unwrap_or_else(PoisonError::into_inner);
    let settings = [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.as_str()),
        ("OIDC_ISSUER", &issuer.url()),
    ];
    let mut portal = Function::start_with("muster-portal", &settings).await?;
    assert_eq!(
        portal.invoke(http("/healthz", "")).await?["statusCode"],
        200
    );
    let mut call = http("/api/v1/datasets", "");
    assert_eq!(portal.invoke(call.clone()).await?["statusCode"], 401);
    assert_eq!(issuer.asked_at_all(), 0);
    let bearer = format!("Bearer {}", issuer.access_token("grace")?);
    call["headers"]["authorization"] = json!(bearer);
    let answer = portal.invoke(call).await?;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(asked(), 0, "no cookie was read or set");
    for _ in 0..2 {
        let started = portal.invoke(http("/sign-in/start", "")).await?;
        assert_eq!(started["statusCode"], 302, "{started}");
    }
    assert_eq!(asked(), 1, "it is kept while the environment is warm");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_secret_the_portal_says_so_and_asks_again() -> Result<()> {
    let issuer = Issuer::start().await?;
    let (secrets, asked) = secrets_manager(json!({"session_key": "short"})).await?;
    let settings = [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.as_str()),
        ("OIDC_ISSUER", &issuer.url()),
    ];
    let mut portal = Function::start_with("muster-portal", &settings).await?;
    for times in 1..3 {
        let started = portal.invoke(http("/sign-in/start", "")).await?;
        assert_eq!(started["statusCode"], 500, "{started}");
        assert!(!started["body"].to_string().contains("short"), "{started}");
        assert_eq!(*asked.lock().unwrap_or_else(PoisonError::into_inner), times);
    }
    assert_eq!(
        portal.invoke(http("/healthz", "")).await?["statusCode"],
        200
    );
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
        let optional = |name: &str| {
            let of_oidc = name.starts_with("OIDC_");
            name == "LOGIN_URL" || (of_oidc && !["OIDC_ISSUER", "OIDC_CLIENT_ID"].contains(&name))
        };
        let settings = SETTINGS.iter().chain(own(package));
        for (name, _) in settings.filter(|(name, _)| !optional(name)) {
            let ran = ran(&mut command(package, Some(name))?).await?;
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(!ran.status.success(), "{package} without {name}");
            assert!(said.contains(name), "{package} without {name}: {said}");
            assert!(!said.contains("panicked"), "{package}: {said}");
        }
        let wrong = [
            ("PUBLIC_URL", "muster"),
            ("OIDC_ISSUER", "http://issuer.example"),
            ("OIDC_ROLE_CLAIM", "scope"),
        ];
        let given = |name: &str| {
            let mut settings = SETTINGS.iter().chain(own(package));
            settings.any(|(given, _)| *given == name)
        };
        for (name, wrong) in wrong.into_iter().filter(|(name, _)| given(name)) {
            let ran = ran(command(package, None)?.env(name, wrong)).await?;
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(!ran.status.success(), "{package} with a wrong {name}");
            assert!(said.contains(name), "{package} with a wrong {name}: {said}");
        }
    }
    Ok(())
}
