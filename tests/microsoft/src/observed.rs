//! What happens to every request on every origin: latency, faults, the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::faults::{FaultKind, ScriptedAnswer};
use crate::graph::error::GraphError;
use crate::list_faults;
use crate::login::aadsts::Aadsts;
use crate::request_log::{self, Origin};
use crate::world::World;

/// An origin with the world behind it.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Behind it.
    pub world: Arc<World>,
    /// Which.
    pub origin: Origin,
}

/// Left on an answer by whoever knows whose data it was.
#[derive(Debug, Clone, Copy)]
pub struct AnsweredFor(pub Uuid);

/// Delays, answers wrongly where a fault strikes, and writes the log.
pub async fn observe(State(seen): State<Observed>, request: Request, next: Next) -> Response {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let path = decode(request.uri().path());
    if path.starts_with("/_simulator") {
        return next.run(request).await;
    }
    let query = decode(request.uri().query().unwrap_or_default());
    let headers: BTreeMap<String, String> = request
        .headers()
        .iter()
        .filter(|(name, _)| **name != header::AUTHORIZATION && **name != header::COOKIE)
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let method = request.method().to_string();
    let had_authorization = request.headers().contains_key(header::AUTHORIZATION);
    if !seen.world.latency.is_zero() {
        tokio::time::sleep(seen.world.latency).await;
    }
    let whole = if query.is_empty() {
        path.clone()
    } else {
        format!("{path}?{query}")
    };
    seen.world.occasions.reach(&whole);
    let fault = seen.world.faults.strike(&whole);
    let response = match fault {
        None => next.run(request).await,
        Some(fault) => strike(fault, &seen, request, next).await,
    };
    let dropped = response.extensions().get::<Dropped>().is_some();
    seen.world.log.push(request_log::Request {
        origin: seen.origin,
        method,
        path,
        query,
        had_authorization,
        headers,
        status: if dropped {
            0
        } else {
            response.status().as_u16()
        },
        tenant: response
            .extensions()
            .get::<AnsweredFor>()
            .map(|tenant| tenant.0),
        at: Timestamp::from_second(seen.world.clock.now()).unwrap_or_default(),
    });
    response
}

#[derive(Debug, Clone, Copy)]
struct Dropped;

async fn strike(fault: FaultKind, seen: &Observed, request: Request, next: Next) -> Response {
    match fault {
        FaultKind::Status(status, retry_after) => {
            status_answer(seen, status, retry_after, &request)
        }
        FaultKind::Aadsts(code, status, retry_after) => {
            let refusal = Aadsts::simulated(status, code, seen.world.clock.now());
            let mut response = refusal.into_response();
            if let Some(value) = retry_after.and_then(|value| HeaderValue::from_str(&value).ok()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        FaultKind::HtmlBody(status) => {
            let page = "<!DOCTYPE html><html><head><title>Service unavailable</title></head>\
                <body><h2>Our services aren't available right now</h2></body></html>";
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (status, kind, page).into_response()
        }
        FaultKind::Reset => {
            let mut response = Response::new(broken_after(Bytes::new()));
            response.extensions_mut().insert(Dropped);
            response
        }
        FaultKind::Hang(time) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        FaultKind::EmptyValue => {
            let context = format!("{}v1.0/$metadata", seen.world.graph_url);
            let body = serde_json::json!({ "@odata.context": context, "value": [] });
            axum::Json(body).into_response()
        }
        FaultKind::SyncStateNotFound => {
            let message =
                "The sync state generation is not found; continuing requires a full sync.";
            GraphError::new(404, "syncStateNotFound", message).into_response()
        }
        FaultKind::NonPremium => GraphError::not_premium().into_response(),
        FaultKind::Csv(odd) => {
            rewrite(next.run(request).await, move |body| {
                Body::from(odd.apply(&String::from_utf8_lossy(&body)))
            })
            .await
        }
        FaultKind::Value(fault) => {
            let answer = next.run(request).await;
            let mut response = rewrite(answer, |body| Body::from(fault.apply(&body))).await;
            if fault.is_compressed() {
                let gzip = HeaderValue::from_static("gzip");
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_ENCODING, gzip);
            }
            response
        }
        FaultKind::Answer(answer) => scripted(&answer, seen),
        FaultKind::HalfGzip => {
            let mut response = rewrite(next.run(request).await, half_gzip).await;
            let gzip = HeaderValue::from_static("gzip");
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, gzip);
            response
        }
        FaultKind::List(fault) => list_faults::strike(fault, seen, request, next).await,
        FaultKind::Truncate => rewrite(next.run(request).await, truncated).await,
        FaultKind::GarbleJson => rewrite(next.run(request).await, garbled).await,
        FaultKind::ForeignNextLink(host) => {
            let own = format!("\"@odata.nextLink\":\"{}", seen.world.graph_url);
            let foreign = format!("\"@odata.nextLink\":\"https://{host}/");
            rewrite(next.run(request).await, move |body| {
                Body::from(String::from_utf8_lossy(&body).replace(&own, &foreign))
            })
            .await
        }
    }
}

fn status_answer(
    seen: &Observed,
    status: u16,
    retry_after: Option<String>,
    request: &Request,
) -> Response {
    let mut response = if seen.origin == Origin::Login {
        // A refused credential is no transient error.
        let (error, code, message) = match status {
            401 => (
                "invalid_client",
                7_000_215,
                "Invalid client secret provided.",
            ),
            _ => (
                "temporarily_unavailable",
                90_033,
                "A transient error has occurred. Please try again.",
            ),
        };
        let body = serde_json::json!({
            "error": error,
            "error_description": format!("AADSTS{code}: {message}"),
            "error_codes": [code],
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        (status, axum::Json(body)).into_response()
    } else {
        let mut answer = GraphError::of_status(status);
        if status == 410 {
            let path = request.uri().path().trim_start_matches('/');
            answer = answer.location(format!("{}{path}?$deltatoken=", seen.world.graph_url));
        }
        answer.into_response()
    };
    if let Some(value) = retry_after.and_then(|value| HeaderValue::from_str(&value).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

pub(crate) async fn rewrite(response: Response, change: impl FnOnce(Bytes) -> Body) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    match to_bytes(body, usize::MAX).await {
        Ok(body) => Response::from_parts(parts, change(body)),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn truncated(body: Bytes) -> Body {
    broken_after(body.slice(..body.len() / 2))
}

fn garbled(body: Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    Body::from([&half[..], b"\x00]}<<garbled"].concat())
}

/// The first half of the body as gzip, in one block that promises the whole (RFC 1951, 3.2.4).
fn half_gzip(body: Bytes) -> Body {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend(&body[..usize::from(length) / 2]);
    Body::from(bytes)
}

fn scripted(answer: &ScriptedAnswer, seen: &Observed) -> Response {
    let graph = seen.world.graph_url.as_str().trim_end_matches('/');
    let filled = |text: &str| text.replace("{graph}", graph);
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, filled(&answer.body)).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    for (name, value) in &answer.headers {
        if let Ok(value) = HeaderValue::from_str(&filled(value)) {
            response.headers_mut().insert(*name, value);
        }
    }
    response
}

/// A body that begins so and then breaks the connection.
fn broken_after(beginning: Bytes) -> Body {
    // The pause lets the beginning reach the client before the connection goes; where there is none,
    // the break comes before the head is sent, and the client sees no answer at all.
    let pause = Duration::from_millis(if beginning.is_empty() { 0 } else { 20 });
    let first = stream::iter((!beginning.is_empty()).then_some(Ok(beginning)));
    let broken = stream::once(async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Err(std::io::Error::other("dropped by a fault"))
    });
    Body::from_stream(first.chain(broken))
}
