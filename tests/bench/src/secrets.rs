//! A Secrets Manager that counts how often each secret's value is read, behind AWS's own client.

use anyhow::Result;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use muster_platform::{http::Http, tenant_sessions::TenantSessions, vault::SecretsManagerVault};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::TcpListener;

/// The secrets, each with its value and the number of times that was read.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    held: Arc<Mutex<HashMap<String, (String, u64)>>>,
    url: String,
}

impl Secrets {
    /// Serves none so far.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn serve() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let secrets = Self {
            url,
            ..Self::default()
        };
        let router = Router::new().route("/", post(answer));
        let router = router.with_state(secrets.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(secrets)
    }

    /// A vault that remembers nothing so far, as a function's environment has when it starts.
    pub fn vault(&self) -> SecretsManagerVault {
        let credentials = Credentials::new("local", "local", None, None, "bench");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .endpoint_url(&self.url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(Http::default())
            .time_source(SystemTimeSource::new())
            .sleep_impl(TokioSleep::new())
            .build();
        let tenants = TenantSessions::of_administrator(config);
        SecretsManagerVault::new(tenants, "muster/tenants/".to_owned(), None)
    }

    /// How often values were read: all together, and the one that was read most.
    pub fn reads(&self) -> (u64, u64) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let reads = held.values().map(|(_, reads)| *reads);
        (reads.clone().sum(), reads.max().unwrap_or(0))
    }
}

async fn answer(State(secrets): State<Secrets>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let action = headers.get("x-amz-target").and_then(|v| v.to_str().ok());
    let action = action.and_then(|target| target.rsplit('.').next());
    let text = |name: &str| asked[name].as_str().unwrap_or_default().to_owned();
    let mut held = secrets.held.lock().unwrap_or_else(PoisonError::into_inner);
    match action {
        Some("CreateSecret") => {
            held.insert(text("Name"), (text("SecretString"), 0));
            Json(json!({"Name": asked["Name"]})).into_response()
        }
        Some("GetSecretValue") => match held.get_mut(&text("SecretId")) {
            Some((value, reads)) => {
                *reads += 1;
                Json(json!({"SecretString": value})).into_response()
            }
            None => refused("ResourceNotFoundException"),
        },
        _ => refused("InvalidRequestException"),
    }
}

fn refused(code: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"__type": code}))).into_response()
}
