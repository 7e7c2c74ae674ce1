//! What every answer has in common: security headers, and errors as a problem or, for a person,
//! as a page.

use crate::{Context, auth::Caller, pages, problem::Problem};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{sync::Arc, time::Instant};

/// The outermost layer.
pub async fn layer(State(context): State<Arc<Context>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let for_a_person =
        !request.uri().path().starts_with("/api/") && prefers_html(request.headers());
    // Where whoever signs in goes on to: never to an address that only takes forms.
    let path = match request.uri().path_and_query() {
        Some(path) if method == Method::GET => path.to_string(),
        _ => "/".to_owned(),
    };
    // The pattern, not the path: a one-time code or a search never gets into the log.
    let matched = request.extensions().get::<MatchedPath>().cloned();
    // Kept for whoever is told of an error: only then is it asked who they are.
    let headers = for_a_person.then(|| request.headers().clone());
    let mut response = next.run(request).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let mut found = response.extensions_mut().remove::<Problem>();
        if let (Some(problem), Some(path)) = (&mut found, &context.data_directory)
            && status == StatusCode::INSUFFICIENT_STORAGE
        {
            problem.detail.push_str(&format!(
                " The data is in {}; old logs and copies on the same disk may go, the files in this directory may not.",
                path.display()
            ));
            response = problem.clone().into_response();
        }
        let is_page = is_html(response.headers());
        match found {
            // The framework's own answers say how Rust types failed to match: not for callers.
            None if !is_page => {
                let mut problem = Problem::of_status(status);
                if let Some(allow) = response.headers().get(header::ALLOW) {
                    problem.headers.push((header::ALLOW, allow.clone()));
                }
                response = tell(&context, problem, headers.as_ref(), &path).await;
            }
            Some(problem) if for_a_person => {
                response = tell(&context, problem, headers.as_ref(), &path).await;
            }
            _ => {}
        }
    }
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    if context.services.public_url.scheme() == "https" {
        // A year, as long as browsers' own lists ask for (RFC 6797, 6.1).
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if let Ok(policy) = HeaderValue::from_str(&context.content_security_policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    tracing::info!(
        method = %method,
        path = matched.as_ref().map_or("", MatchedPath::as_str),
        status = status.as_u16(),
        duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

/// A problem, as a page for the person who sent these headers.
async fn tell(
    context: &Context,
    problem: Problem,
    person: Option<&HeaderMap>,
    path: &str,
) -> Response {
    let Some(headers) = person else {
        return problem.into_response();
    };
    let caller = Caller::of(context, headers, muster_platform::now()).await;
    pages::error::page(context, &problem, caller.ok().as_ref(), path)
}

fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"))
}

/// Whether the caller would rather read a page than JSON: browsers name `text/html` first.
fn prefers_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let accept = accept.unwrap_or_default().to_ascii_lowercase();
    match (accept.find("text/html"), accept.find("json")) {
        (Some(html), Some(json)) => html < json,
        (html, _) => html.is_some(),
    }
}
