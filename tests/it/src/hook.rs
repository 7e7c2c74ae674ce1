//! A webhook's other side: keeps what is posted to it.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use bytes::Bytes;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// What was posted: headers and body.
pub type Posted = (HeaderMap, Bytes);

#[derive(Debug, Default)]
struct Kept {
    posted: Vec<Posted>,
    down: bool,
}

/// A webhook that keeps what it is given.
#[derive(Debug)]
pub struct Hook {
    /// Its address.
    pub url: String,
    kept: Arc<Mutex<Kept>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Hook {
    /// Starts listening.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let kept = Arc::<Mutex<Kept>>::default();
        let router = Router::new()
            .route("/hook", post(take))
            .with_state(Arc::clone(&kept));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.ok();
        });
        Ok(Self { url, kept, server })
    }

    /// Answers 503 from now on, or not.
    pub fn down(&self, down: bool) {
        lock(&self.kept).down = down;
    }

    /// Everything that was taken, headers and body.
    pub fn raw(&self) -> Vec<Posted> {
        lock(&self.kept).posted.clone()
    }

    /// The bodies that were taken, and forgets them.
    pub fn taken(&self) -> Vec<Value> {
        let posted = std::mem::take(&mut lock(&self.kept).posted);
        let read = |(_, body): &Posted| serde_json::from_slice(body).unwrap_or_default();
        posted.iter().map(read).collect()
    }
}

fn lock(kept: &Mutex<Kept>) -> std::sync::MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn take(State(kept): State<Arc<Mutex<Kept>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut kept = lock(&kept);
    if kept.down {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    kept.posted.push((headers, body));
    StatusCode::ACCEPTED
}
