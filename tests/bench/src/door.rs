//! A door before the embedded store that counts what every call consumes, as DynamoDB would bill
//! it.

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use reqwest::Client;
use serde_json::Value;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::net::TcpListener;

/// What passed through the door.
#[derive(Debug, Clone, Copy, Default)]
pub struct Passed {
    /// Calls.
    pub calls: u64,
    /// Read request units.
    pub read: f64,
    /// Write request units.
    pub write: f64,
}

/// The door.
#[derive(Debug, Clone)]
pub struct Door {
    http: Client,
    store: SocketAddr,
    passed: Arc<Mutex<Passed>>,
}

impl Door {
    /// A door before the store at this address, and where it is.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn open(store: SocketAddr) -> Result<(Self, SocketAddr)> {
        let door = Self {
            http: Client::builder().no_proxy().build()?,
            store,
            passed: Arc::default(),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(pass).with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((door, address))
    }

    /// What passed since this was asked last.
    pub fn take(&self) -> Passed {
        std::mem::take(&mut *self.passed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn forward(
        &self,
        mut headers: HeaderMap,
        body: &Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let mut asked: Value = serde_json::from_slice(body)?;
        let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok());
        let call = target
            .and_then(|t| t.split('.').nth(1))
            .unwrap_or_default()
            .to_owned();
        if call.contains("Item") || call == "Query" {
            asked["ReturnConsumedCapacity"] = "TOTAL".into();
        }
        headers.remove("content-length");
        headers.remove("host");
        let answer = self
            .http
            .post(format!("http://{}/", self.store))
            .headers(headers)
            .body(serde_json::to_vec(&asked)?)
            .send()
            .await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await?;
        headers.remove("transfer-encoding");
        self.count(&call, &serde_json::from_slice(&body).unwrap_or_default());
        Ok((status, headers, body))
    }

    fn count(&self, call: &str, answer: &Value) {
        let consumed = &answer["ConsumedCapacity"];
        let each = consumed
            .as_array()
            .map_or(std::slice::from_ref(consumed), Vec::as_slice);
        let units: f64 = each
            .iter()
            .filter_map(|one| one["CapacityUnits"].as_f64())
            .sum();
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.calls += 1;
        if call.contains("Get") || call == "Query" {
            passed.read += units;
        } else {
            passed.write += units;
        }
    }
}

async fn pass(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    match door.forward(headers, &body).await {
        Ok(answer) => answer.into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
