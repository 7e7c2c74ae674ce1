//! Addresses on this machine for what the emulator serves under names of AWS.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::sync::{Arc, OnceLock};
use tokio::net::TcpListener;

/// Hands every request on to the emulator under another host name.
#[derive(Debug, Clone)]
pub struct Front {
    emulator: String,
    host: Arc<OnceLock<String>>,
    http: reqwest::Client,
    url: String,
}

impl Front {
    /// Starts one; what it fronts is named once that is there.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(emulator: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let front = Self {
            emulator: emulator.to_owned(),
            host: Arc::default(),
            http: client()?,
            url: format!("http://{}", listener.local_addr()?),
        };
        let router = Router::new().fallback(hand_on).with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(front)
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Names what it fronts.
    pub fn stands_for(&self, host: String) {
        self.host.set(host).ok();
    }
}

async fn hand_on(State(front): State<Front>, request: Request) -> Response {
    let Some(host) = front.host.get() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20)
        .await
        .unwrap_or_default();
    pass(&front.http, &front.emulator, &parts, body, Some(host)).await
}

pub(crate) fn client() -> anyhow::Result<reqwest::Client> {
    let none = reqwest::redirect::Policy::none();
    Ok(reqwest::Client::builder().redirect(none).build()?)
}

/// Sends a request on as it came, and gives the answer as it comes.
pub(crate) async fn pass(
    http: &reqwest::Client,
    to: &str,
    parts: &axum::http::request::Parts,
    body: Bytes,
    host: Option<&str>,
) -> Response {
    const HOP: [HeaderName; 3] = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
    ];
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers.clone();
    HOP.iter().for_each(|name| {
        headers.remove(name);
    });
    if let Some(Ok(host)) = host.map(str::parse) {
        headers.insert(header::HOST, host);
    }
    let sent = http
        .request(parts.method.clone(), format!("{to}{path}"))
        .headers(headers)
        .body(body);
    match sent.send().await {
        Ok(answer) => {
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                if !HOP.contains(name) {
                    response = response.header(name, value);
                }
            }
            let body = Body::from_stream(answer.bytes_stream());
            response.body(body).unwrap_or_default()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
