//! A Graph that is never the bottleneck: it answers from memory with bytes that the simulator wrote
//! once, and counts what it is asked.

use anyhow::{Context, Result};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use reqwest::Client;
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::net::TcpListener;
use url::Url;

/// The replaying Graph.
#[derive(Debug, Clone)]
pub struct Replay {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: Client,
    upstream: Url,
    own: Url,
    pages: Mutex<HashMap<String, Bytes>>,
    requests: AtomicU64,
    latency_ms: AtomicU64,
    first: Mutex<Option<Instant>>,
    gate: Mutex<Option<Gate>>,
}

/// A quota on part of Graph: a bucket that fills evenly. Whoever asks of an empty one is told how
/// long to wait, and asks in vain until then.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The paths that it counts contain this.
    pub path: &'static str,
    /// Requests in a window.
    pub units: u32,
    /// The window.
    pub window: Duration,
    /// Requests answered.
    pub granted: u32,
    /// Requests answered with 429.
    pub refused: u32,
    /// Requests that came while told to wait, the time on the wire allowed for.
    pub asked_while_closed: u32,
    began: Option<Instant>,
    last: Option<Instant>,
    tokens: f64,
    closed: Option<(Instant, Instant)>,
}

/// What a request that was under way when the gate closed may take to arrive.
const WIRE: Duration = Duration::from_millis(50);

impl Gate {
    /// A gate with its bucket full.
    pub fn new(path: &'static str, quota: muster_domain::pace::Quota) -> Self {
        Self {
            path,
            units: quota.units,
            window: quota.window,
            granted: 0,
            refused: 0,
            asked_while_closed: 0,
            began: None,
            last: None,
            tokens: f64::from(quota.units),
            closed: None,
        }
    }

    /// The part of the quota that was used, from the first request to the last: what the bucket
    /// held, and what came to it in that time.
    pub fn used(&self) -> f64 {
        let time = self.began.zip(self.last).map(|(began, last)| last - began);
        let windows = time.unwrap_or_default().as_secs_f64() / self.window.as_secs_f64();
        f64::from(self.granted) / (f64::from(self.units) * (1.0 + windows))
    }

    /// Lets a request through, with the part of the quota that is used; or says how many seconds
    /// to wait.
    fn pass(&mut self, now: Instant) -> Result<f64, u64> {
        let rate = f64::from(self.units) / self.window.as_secs_f64();
        let since = self.last.map_or(Duration::ZERO, |last| now - last);
        self.began.get_or_insert(now);
        self.last = Some(now);
        self.tokens = (self.tokens + since.as_secs_f64() * rate).min(f64::from(self.units));
        if let Some((closed, until)) = self.closed.filter(|(_, until)| now < *until) {
            self.asked_while_closed += u32::from(now > closed + WIRE);
            self.refused += 1;
            return Err((until - now).as_secs() + 1);
        }
        if self.tokens < 1.0 {
            self.refused += 1;
            let wait = Duration::from_secs_f64(((1.0 - self.tokens) / rate).ceil());
            self.closed = Some((now, now + wait));
            return Err(wait.as_secs());
        }
        self.tokens -= 1.0;
        self.granted += 1;
        Ok(1.0 - self.tokens / f64::from(self.units))
    }
}

impl Replay {
    /// A Graph before the simulator's at this address.
    ///
    /// # Errors
    /// When there is no port for it.
    pub async fn open(upstream: Url) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let own = format!("http://{}/", listener.local_addr()?).parse()?;
        let replay = Self {
            inner: Arc::new(Inner {
                http: Client::builder().no_proxy().build()?,
                upstream,
                own,
                pages: Mutex::default(),
                requests: AtomicU64::default(),
                latency_ms: AtomicU64::default(),
                first: Mutex::default(),
                gate: Mutex::default(),
            }),
        };
        let router = Router::new().fallback(answer).with_state(replay.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(replay)
    }

    /// Where it listens.
    pub fn url(&self) -> Url {
        self.inner.own.clone()
    }

    /// How long each answer takes from now on.
    pub fn set_latency(&self, latency: Duration) {
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        self.inner.latency_ms.store(millis, Ordering::Relaxed);
    }

    /// The requests since this was asked last, and when the first of them came.
    pub fn take(&self) -> (u64, Option<Instant>) {
        let first = self.inner.first.lock();
        let first = first.unwrap_or_else(PoisonError::into_inner).take();
        (self.inner.requests.swap(0, Ordering::Relaxed), first)
    }

    /// Puts a quota on part of Graph, in place of any before; gives that back.
    pub fn set_gate(&self, gate: Option<Gate>) -> Option<Gate> {
        std::mem::replace(&mut *self.gate(), gate)
    }

    fn gate(&self) -> std::sync::MutexGuard<'_, Option<Gate>> {
        let gate = self.inner.gate.lock();
        gate.unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the recorded pages: the simulated tenant has changed.
    pub fn forget(&self) {
        self.pages().clear();
    }

    /// Records a list from its first page to its last; says how many pages it has.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn record(&self, first: &str, bearer: &str) -> Result<u64> {
        let mut next = Some(self.inner.own.join(first)?.to_string());
        let mut pages = 0;
        while let Some(url) = next {
            let request = self.inner.http.get(&url).bearer_auth(bearer);
            let page: Value = request.send().await?.error_for_status()?.json().await?;
            pages += 1;
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        self.take();
        Ok(pages)
    }

    /// Lets this share of the users, in hundredths, sign in now: in the pages recorded.
    pub fn sign_in(&self, hundredths: usize) {
        let now = muster_platform::now();
        let mut nth: u64 = 0;
        for (place, body) in self.pages().iter_mut() {
            if !place.contains("signInActivity") {
                continue;
            }
            let mut page: Value = serde_json::from_slice(body).unwrap_or_default();
            let users = page["value"].as_array_mut().into_iter().flatten();
            for (_, user) in users.enumerate().filter(|(i, _)| i % 100 < hundredths) {
                // Each at a time of its own, some days ago at most.
                nth += 7919;
                let at = now.checked_sub(Duration::from_secs(nth % 200_000));
                let at = at.unwrap_or(now).strftime("%Y-%m-%dT%H:%M:%SZ");
                let at = Value::from(at.to_string());
                user["signInActivity"]["lastSignInDateTime"] = at.clone();
                user["signInActivity"]["lastSuccessfulSignInDateTime"] = at;
            }
            *body = page.to_string().into();
        }
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, HashMap<String, Bytes>> {
        let pages = self.inner.pages.lock();
        pages.unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, place: &str, headers: &HeaderMap) -> Result<(StatusCode, Bytes)> {
        let inner = &self.inner;
        let bearer = headers.get(header::AUTHORIZATION).context("a token")?;
        let mut request = inner
            .http
            .get(inner.upstream.join(place)?)
            .header(header::AUTHORIZATION, bearer);
        // Without it a list's own count is refused.
        if let Some(level) = headers.get(CONSISTENCY) {
            request = request.header(CONSISTENCY, level);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        let body = body.replace(inner.upstream.as_str(), inner.own.as_str());
        Ok((status, body.into()))
    }
}

const CONSISTENCY: header::HeaderName = header::HeaderName::from_static("consistencylevel");
const USED: header::HeaderName = header::HeaderName::from_static("x-ms-throttle-limit-percentage");

async fn answer(State(replay): State<Replay>, uri: Uri, headers: HeaderMap) -> Response {
    let inner = &replay.inner;
    inner.requests.fetch_add(1, Ordering::Relaxed);
    inner
        .first
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_with(Instant::now);
    let latency = inner.latency_ms.load(Ordering::Relaxed);
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let place = uri.path_and_query().map_or("/", |place| place.as_str());
    let gated = match replay.gate().as_mut() {
        Some(gate) if place.contains(gate.path) => Some(gate.pass(Instant::now())),
        _ => None,
    };
    let used = match gated {
        Some(Err(seconds)) => {
            let told = [(header::RETRY_AFTER, seconds.to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, told, "{}").into_response();
        }
        Some(Ok(used)) if used >= 0.8 => used.to_string(),
        _ => String::new(),
    };
    let json = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (USED, used),
    ];
    let known = replay.pages().get(place).cloned();
    if let Some(body) = known {
        return (json, body).into_response();
    }
    match replay.forward(place, &headers).await {
        Ok((status, body)) => {
            if status == StatusCode::OK {
                replay.pages().insert(place.to_owned(), body.clone());
            }
            (status, json, body).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
