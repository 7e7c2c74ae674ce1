//! Signing in by one-time link or API token, and out.

use super::{
    form::Form,
    issuer,
    layout::{self, Place},
};
use crate::{Context, auth::Caller, problem::Problem};
use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use maud::{Markup, html};
use muster_platform::session::Role;
use std::{collections::BTreeMap, sync::Arc};

/// What asks whoever is not signed in to do so, and keeps where they go on to.
pub fn ask(context: &Context, next: Option<&str>) -> Markup {
    match context.access.oidc() {
        Some(oidc) => issuer::door(oidc.settings(), local(next)),
        None => form(None, next),
    }
}

/// The form, with what went wrong, and where to go on to.
fn form(trouble: Option<&str>, next: Option<&str>) -> Markup {
    let content = html! {
        div.lone.card {
            h1 { "Sign in" }
            @if let Some(trouble) = trouble {
                p.alert role="alert" #trouble { (trouble) }
            }
            p { "Open the one-time link that " code { "muster" } " printed when it started, or paste the API token it keeps beside its data." }
            form method="post" action="/sign-in" {
                input type="hidden" name="next" value=(local(next));
                label for="token" { "API token" }
                input #token type="password" name="token" autocomplete="current-password" required
                    autofocus aria-describedby=[trouble.map(|_| "trouble")];
                p.actions { button { "Sign in" } }
            }
        }
    };
    layout::page("Sign in", Place::Elsewhere, None, &content)
}

/// A path of this installation; anything else leads to the first page.
pub fn local(next: Option<&str>) -> &str {
    next.filter(|path| {
        path.starts_with('/')
            && !path.starts_with("//")
            && !path.contains('\\')
            && !path.starts_with("/sign-")
            && path.chars().all(|c| !c.is_control())
    })
    .unwrap_or("/")
}

/// `GET /sign-in`: the form, or with a code the door.
pub async fn page(
    State(context): State<Arc<Context>>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let next = query.get("next").map(String::as_str);
    let now = muster_platform::now();
    let Some(code) = query.get("code") else {
        if query.contains_key("done") {
            let content = html! {
                (layout::notice(query.get("done").map(String::as_str)))
                div.lone.card { p.actions { a.button href="/sign-in" { "Sign in again" } } }
            };
            return layout::page("Signed out", Place::Elsewhere, None, &content).into_response();
        }
        return form(None, next).into_response();
    };
    // A HEAD looks and must use nothing up.
    if method == Method::HEAD {
        return StatusCode::OK.into_response();
    }
    if let Some(role) = context.access.redeem(code, now) {
        let entered = enter(&context, role, local(next)).await;
        return entered.unwrap_or_else(IntoResponse::into_response);
    }
    if Caller::of(&context, &headers, now).await.is_ok() {
        return Redirect::to(local(next)).into_response();
    }
    let used = "This one-time link was used already, or is older than a day. Start muster again for a new one, or paste the API token.";
    (StatusCode::UNAUTHORIZED, form(Some(used), next)).into_response()
}

/// `POST /sign-in`: the API token.
pub async fn submit(
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let form_sent = Form::read_open(&headers, &body)?;
    let next = form_sent.get("next");
    Ok(
        match context.access.role_of_token(form_sent.get("token").trim()) {
            Some(role) => enter(&context, role, local(Some(next))).await?,
            None => {
                let wrong = "This is not an API token of this installation. Copy it whole from the file that muster named when it started.";
                (StatusCode::UNAUTHORIZED, form(Some(wrong), Some(next))).into_response()
            }
        },
    )
}

/// Begins a session, and goes on.
pub async fn enter(context: &Context, role: Role, next: &str) -> Result<Response, Problem> {
    let session = context.sessions.begin(role, muster_platform::now());
    let cookie = context.sessions.set_cookie(&session).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

/// `POST /sign-out`.
pub async fn sign_out(State(context): State<Arc<Context>>, _: Form) -> Result<Response, Problem> {
    let cookie = context.sessions.clear_cookie();
    let to = Redirect::to("/sign-in?done=signed-out");
    Ok(([(header::SET_COOKIE, cookie)], to).into_response())
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn one_is_never_sent_to_another_site() {
        assert_eq!(local(Some("/assets/microsoft365")), "/assets/microsoft365");
        for foreign in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "evil",
            "/sign-out",
            "/a\r\nb",
        ] {
            assert_eq!(local(Some(foreign)), "/", "{foreign}");
        }
        assert_eq!(local(None), "/");
    }
}
