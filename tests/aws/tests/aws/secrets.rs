//! A client's secret that somebody deleted, and that Muster needs again: restored where Secrets
//! Manager can, waited for where it is still deleting.

use anyhow::Result;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use muster_domain::TenantId;
use muster_platform::{http::Http, tenant_sessions::TenantSessions, vault::SecretsManagerVault};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// A Secrets Manager that answers with these error codes, one after the other, then with success.
#[derive(Debug, Clone)]
struct Scripted {
    answers: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(scripted): State<Scripted>, headers: HeaderMap) -> Response {
    let target = headers.get("x-amz-target").and_then(|v| v.to_str().ok());
    let action = target.and_then(|target| target.rsplit('.').next());
    let action = action.unwrap_or_default().to_owned();
    let mut answers = (scripted.answers.lock()).unwrap_or_else(PoisonError::into_inner);
    let next = answers.iter().position(|(of, _)| *of == action);
    let code = next.map(|at| answers.remove(at).1);
    let mut asked = scripted
        .asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    asked.push(action);
    match code {
        Some(code) => {
            let message =
                "You can't perform this operation on the secret: it is scheduled for deletion.";
            let body = json!({"__type": code, "Message": message});
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
        None => Json::<Value>(json!({})).into_response(),
    }
}

/// Puts a secret into a vault before that Secrets Manager; what came of it, and what was asked.
async fn put(answers: &[(&'static str, &'static str)]) -> Result<(bool, Vec<String>)> {
    let scripted = Scripted {
        answers: Arc::new(Mutex::new(answers.to_vec())),
        asked: Arc::default(),
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let credentials = Credentials::new("local", "local", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-central-1"))
        .endpoint_url(format!("http://{}", listener.local_addr()?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Http::default())
        .time_source(SystemTimeSource::new())
        .sleep_impl(TokioSleep::new())
        .build();
    let router = Router::new().route("/", post(answer));
    let router = router.with_state(scripted.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let sessions = TenantSessions::of_administrator(config);
    let vault = SecretsManagerVault::new(sessions, "muster/".to_owned(), None);
    let tenant = TenantId::from(uuid::Uuid::from_u128(1));
    let put = vault.put(tenant, &SecretString::from("new")).await;
    let asked = scripted
        .asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    Ok((put.is_ok(), asked.clone()))
}

const DELETED: &str = "InvalidRequestException";

#[tokio::test]
async fn a_secret_that_is_deleted_with_a_recovery_window_is_restored_with_the_new_value()
-> Result<()> {
    let (put, asked) = put(&[("CreateSecret", DELETED)]).await?;
    assert!(put);
    assert_eq!(asked, ["CreateSecret", "RestoreSecret", "PutSecretValue"]);
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_deleted_by_force_is_waited_for_and_made_again() -> Result<()> {
    let gone = "ResourceNotFoundException";
    let (put, asked) = put(&[
        ("CreateSecret", DELETED),
        ("RestoreSecret", gone),
        ("CreateSecret", DELETED),
        ("RestoreSecret", DELETED),
    ])
    .await?;
    assert!(put);
    assert_eq!(asked.last().map(String::as_str), Some("CreateSecret"));
    assert_eq!(asked.len(), 5, "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn a_replacement_restores_the_secret_that_it_replaces() -> Result<()> {
    let exists = "ResourceExistsException";
    let (put, asked) = put(&[("CreateSecret", exists), ("PutSecretValue", DELETED)]).await?;
    assert!(put);
    assert_eq!(
        asked,
        [
            "CreateSecret",
            "PutSecretValue",
            "RestoreSecret",
            "PutSecretValue"
        ]
    );
    Ok(())
}
