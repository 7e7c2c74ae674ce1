//! The pages a person sees on the way back from Microsoft.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use muster_domain::TenantId;

/// Consent came back.
pub(crate) fn given(tenant: TenantId, name: &str) -> Response {
    let link = link(tenant);
    page(
        StatusCode::OK,
        "Consent received",
        Some(&link),
        &html! {
            p { "Microsoft says that consent was given for " strong { (name) } ". Muster now checks for itself which permissions have arrived, and begins to read. First users are there within seconds." }
            p { a.button href=(link) { "See it happen" } }
        },
    )
}

/// The consent page came back, and did not say how it ended.
pub(crate) fn nothing_said(tenant: TenantId, name: &str) -> Response {
    let link = link(tenant);
    page(
        StatusCode::OK,
        "Back from Microsoft",
        Some(&link),
        &html! {
            p { "Microsoft did not say whether consent was given for " strong { (name) } ". Muster now checks for itself which permissions there are. If none arrive within a few minutes, choose Authorize again." }
            p { a.button href=(link) { "To the integration" } }
        },
    )
}

/// Consent was refused or cancelled at Microsoft's page.
pub(crate) fn not_given(tenant: TenantId, sentence: &str) -> Response {
    page(
        StatusCode::OK,
        "No consent was given",
        None,
        &html! {
            p { (sentence) }
            p { a.button href=(link(tenant)) { "Back to the integration" } }
        },
    )
}

/// The state is not good.
pub(crate) fn bad_state(reason: &str) -> Response {
    page(
        StatusCode::BAD_REQUEST,
        "This consent cannot be taken",
        None,
        &html! {
            p { (reason) " Nothing was changed. Open the integration in Muster and choose Authorize again." }
            p { a.button href="/account/integration/microsoft365" { "To the integrations" } }
        },
    )
}

/// The store or the queue does not answer.
pub(crate) fn unavailable() -> Response {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Muster could not take note",
        None,
        &html! { p { "Something on Muster's side did not answer, so Muster has not looked for the permissions yet. Wait a minute, then open the integration and choose Check again. Whatever was granted at Microsoft stays granted." } },
    )
}

fn link(tenant: TenantId) -> String {
    format!("/account/integration/microsoft365/{tenant}")
}

fn page(status: StatusCode, title: &str, onward: Option<&str>, body: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(onward) = onward { meta http-equiv="refresh" content={ "2; url=" (onward) }; }
                title { (title) " · Muster" }
                // The portal serves it; the version makes a browser fetch the one of this release.
                link rel="stylesheet" href=(concat!("/static/style.css?v=", env!("CARGO_PKG_VERSION")));
            }
            body {
                header.top { a.brand href="/" { "Muster" } }
                main { div.lone.card { h1 { (title) } (body) } }
             }
        }
    };
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
