//! The host that usage reports are downloaded from.
//!
//! Its addresses carry their own signature. A request with an `Authorization` header is refused: the
//! client would be showing its token to a host that must not have it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;

use crate::graph::usage_reports::{header_line, lines};
use crate::observed::AnsweredFor;
use crate::world::{Download, World};

/// Users per piece: reports of large tenants are written as they are read.
const PIECE: u32 = 2_000;

/// The report origin.
pub fn router(world: &Arc<World>) -> Router {
    Router::new()
        .fallback(download)
        .with_state(Arc::clone(world))
}

async fn download(
    State(world): State<Arc<World>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key(header::AUTHORIZATION) {
        tracing::warn!("a token was sent to the host that reports are downloaded from");
        let refusal =
            "InvalidAuthenticationInfo: this address is signed; send no Authorization header.";
        return (StatusCode::BAD_REQUEST, refusal).into_response();
    }
    let Some(download) = query
        .get("sig")
        .and_then(|signature| world.offered(signature))
    else {
        let refusal = "AuthenticationFailed: the signature is unknown or has expired.";
        return (StatusCode::FORBIDDEN, refusal).into_response();
    };
    let tenant = download.tenant.facts.id;
    let disposition = format!(
        "attachment; filename=\"{}{}.csv\"",
        download.report, download.period
    );
    let body = match &download.body {
        Some(body) => Body::from(body.clone()),
        None => generated(&world, download),
    };
    let typed = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    let mut response = (typed, body).into_response();
    response.extensions_mut().insert(AnsweredFor(tenant));
    response
}

fn generated(world: &World, download: Download) -> Body {
    let now = world.clock.now();
    let days = download.period.trim_start_matches('D').parse().unwrap_or(7);
    let total = download.tenant.read().total;
    let starts = (0..total).step_by(PIECE as usize);
    let pieces = starts.map(move |start| {
        let mut text = if start == 0 {
            header_line()
        } else {
            String::new()
        };
        let state = download.tenant.read();
        let range = start..total.min(start.saturating_add(PIECE));
        lines(range, days, now, &state, &download.tenant.facts, &mut text);
        Ok::<Bytes, Infallible>(text.into())
    });
    Body::from_stream(stream::iter(pieces))
}
