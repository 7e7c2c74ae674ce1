//! What every page is set in.

use super::{ALERTS, ASSETS, INTEGRATIONS, LICENSES, statics};
use crate::auth::Caller;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// The entry of the navigation that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// All clients at a glance.
    Clients,
    /// Assets.
    Assets,
    /// Integrations.
    Integrations,
    /// Alerts.
    Alerts,
    /// The licenses that count.
    Licenses,
    /// None of them.
    Elsewhere,
}

/// A whole page. Without a caller it has no navigation.
pub fn page(title: &str, place: Place, caller: Option<&Caller>, content: &Markup) -> Markup {
    let current = |of: Place| (of == place).then_some("page");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Muster" }
                link rel="icon" type="image/svg+xml" href=(statics::path("icon.svg"));
                link rel="stylesheet" href=(statics::path("style.css"));
                script src=(statics::path("live.js")) defer {}
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header.top {
                    a.brand href="/" {
                        svg viewBox="0 0 24 24" aria-hidden="true" {
                            rect x="3" y="3" width="8" height="8" rx="2" {}
                            rect x="13" y="3" width="8" height="8" rx="2" {}
                            rect x="3" y="13" width="8" height="8" rx="2" {}
                            path d="M14 17.2l2.4 2.4 4.6-5" {}
                        }
                        "Muster"
                    }
                    @if let Some(caller) = caller {
                        nav aria-label="Main" {
                            a href="/" aria-current=[current(Place::Clients)] { "Clients" }
                            a href=(ASSETS) aria-current=[current(Place::Assets)] { "Assets" }
                            @if caller.manages() {
                                a href=(INTEGRATIONS) aria-current=[current(Place::Integrations)] { "Integrations" }
                                a href=(LICENSES) aria-current=[current(Place::Licenses)] { "Licenses" }
                                a href=(ALERTS) aria-current=[current(Place::Alerts)] { "Alerts" }
                            }
                        }
                        form.out method="post" action="/sign-out" {
                            (csrf(caller))
                            button.link { "Sign out" }
                        }
                    }
                }
                main #content { (content) }
                footer { "Muster " (env!("CARGO_PKG_VERSION")) " · times are UTC" }
            }
        }
    }
}

/// A whole page as an answer.
pub fn answer(title: &str, place: Place, caller: &Caller, content: &Markup) -> Response {
    page(title, place, Some(caller), content).into_response()
}

/// The hidden field that every form of a session carries.
pub fn csrf(caller: &Caller) -> Markup {
    html! { input type="hidden" name="csrf" value=(caller.csrf()); }
}

/// The way back up.
pub fn crumbs(steps: &[(&str, String)], here: &str) -> Markup {
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            ol {
                @for (name, path) in steps { li { a href=(path) { (name) } } }
                li aria-current="page" { (here) }
            }
        }
    }
}

/// Words about what was just done, by their short name; anything else says nothing.
pub fn notice(done: Option<&str>) -> Markup {
    let text = match done.unwrap_or_default() {
        "connected" => {
            "The tenant and the credential are proven and stored. One step is left: an administrator has to consent."
        }
        "ready" => {
            "The tenant is connected, and consent was given before. Muster reads it without another step."
        }
        "sync" => "Sync requested. The status below tells when it begins and ends.",
        "checked" => "Looked at what is granted now.",
        "paused" => "Paused. Nothing is read until you resume it.",
        "resumed" => "Resumed. The next sync comes by itself, or choose Sync now.",
        "saved" => "Saved.",
        "credential" => "The new client secret is proven and in use. The one before is kept.",
        "certificate" => {
            "The certificate is made and its key is in the vault. Upload the certificate, then switch."
        }
        "switched" => "Proven and in use. The one before is kept.",
        "added" => "The webhook is added. Send a test message to see that it arrives.",
        "removed" => "The webhook and its address are removed.",
        "allowed" => "The records will be removed by the next sync.",
        "kept" => "The records are kept. Muster looks again at the next sync.",
        "signed-out" => "You are signed out.",
        _ => return html! {},
    };
    html! { p.notice role="status" { (text) } }
}
