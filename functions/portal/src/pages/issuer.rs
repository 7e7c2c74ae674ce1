//! Signing in at the OpenID Connect issuer: the door, the way there, and the way back.

use super::{
    layout::{self, Place},
    sign_in::{enter, local},
};
use crate::{Context, problem::Problem};
use axum::{
    extract::{Query, RawQuery, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use muster_platform::oidc::{Answer, Attempt, Oidc, Settings, SignInError, Unreachable};
use std::sync::Arc;
use url::form_urlencoded;

/// Where the issuer sends the browser back to.
const CALLBACK: &str = "/sign-in/callback";
/// A longer address would not fit into the cookie that keeps it.
const LONGEST_NEXT: usize = 1_500;

/// The page that asks to sign in.
pub fn door(settings: &Settings, next: &str) -> Markup {
    let content = html! {
        div.lone.card {
            h1 { "Sign in" }
            p { "You sign in at " strong { (settings.issuer.host()) } " and come back here." }
            p.actions { a.button href=(start_path(next)) { "Sign in" } }
        }
    };
    layout::page("Sign in", Place::Elsewhere, None, &content)
}

fn start_path(next: &str) -> String {
    match next {
        "/" => "/sign-in/start".to_owned(),
        next => {
            let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("/sign-in/start?next={next}")
        }
    }
}

fn oidc(context: &Context) -> Result<&Oidc, Problem> {
    context.access.oidc().ok_or_else(Problem::no_such_path)
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

/// `GET /sign-in`: the door, or after signing out the way out of the issuer too.
pub async fn page(
    State(context): State<Arc<Context>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let oidc = oidc(&context)?;
    let query = query.as_deref();
    if let Some(done) = parameter(query, "done") {
        let back = context.services.page("/sign-in");
        let logout = oidc.logout(&back, muster_platform::now()).await;
        let host = oidc.settings().issuer.host();
        let content = html! {
            (layout::notice(Some(&done)))
            div.lone.card {
                @if let Some(logout) = logout {
                    p { "You may still be signed in at " strong { (host) } ", so that whoever uses this browser next could come back in as you." }
                    p.actions {
                        a.button href=(logout) { "Sign out there too" }
                        " "
                        a href="/sign-in" { "Sign in again" }
                    }
                } @else {
                    p.actions { a.button href="/sign-in" { "Sign in again" } }
                }
            }
        };
        let page = layout::page("Signed out", Place::Elsewhere, None, &content);
        return Ok(page.into_response());
    }
    let next = parameter(query, "next");
    Ok(door(oidc.settings(), local(next.as_deref())).into_response())
}

/// `GET /sign-in/start`: off to the issuer.
pub async fn start(
    State(context): State<Arc<Context>>,
    method: Method,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let oidc = oidc(&context)?;
    // A HEAD looks and begins nothing.
    if method == Method::HEAD {
        return Ok(StatusCode::OK.into_response());
    }
    let next = parameter(query.as_deref(), "next");
    let next = local(next.as_deref().filter(|next| next.len() <= LONGEST_NEXT));
    let back = context.services.page(CALLBACK);
    let begun = oidc.begin(&back, next, muster_platform::now()).await;
    let (url, attempt) = match begun {
        Ok(begun) => begun,
        Err(reason) => return Ok(unreachable(oidc, reason, next)),
    };
    let cookie = context.attempts.set_cookie(&attempt).await?;
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, url.into())];
    Ok((StatusCode::FOUND, headers).into_response())
}

/// `GET /sign-in/callback`: back from the issuer. Whatever comes of it, the attempt is used up.
pub async fn callback(
    State(context): State<Arc<Context>>,
    method: Method,
    headers: HeaderMap,
    answer: Result<Query<Answer>, QueryRejection>,
) -> Result<Response, Problem> {
    let oidc = oidc(&context)?;
    if method == Method::HEAD {
        return Ok(StatusCode::OK.into_response());
    }
    let mut attempt = None;
    for cookies in headers.get_all(header::COOKIE) {
        let cookies = cookies.to_str().unwrap_or_default();
        attempt = attempt.or(context.attempts.read(cookies).await?);
    }
    let Query(answer) = answer.unwrap_or_default();
    let mut response = come_back(&context, oidc, answer, attempt.as_ref()).await?;
    if let Ok(cookie) = HeaderValue::from_str(&context.attempts.clear_cookie()) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn come_back(
    context: &Context,
    oidc: &Oidc,
    answer: Answer,
    attempt: Option<&Attempt>,
) -> Result<Response, Problem> {
    let now = muster_platform::now();
    let next = attempt.map_or("/", |attempt| local(Some(&attempt.next)));
    let (code, attempt) = match (oidc.code(answer, attempt, now), attempt) {
        (Ok(code), Some(attempt)) => (code, attempt),
        (Ok(_), None) => return Ok(refused(oidc, &SignInError::Stale, next)),
        (Err(error), _) => return Ok(refused(oidc, &error, next)),
    };
    let client_secret = context.services.portal_secret.client_secret().await?;
    let back = context.services.page(CALLBACK);
    let finished = oidc.finish(&code, attempt, &back, client_secret, now);
    match finished.await {
        Ok(person) => match person.role {
            Some(role) => enter(context, role, next).await,
            None => {
                let problem = Problem::no_role(&person.name, oidc.settings());
                tracing::warn!("somebody without a role was not let in");
                let logout = oidc.logout(&context.services.page("/sign-in"), now).await;
                let other = logout.map(|url| ("Use another account", url.to_string()));
                Ok(tell(
                    problem.status,
                    problem.title,
                    &problem.detail,
                    next,
                    other,
                ))
            }
        },
        Err(error) => Ok(refused(oidc, &error, next)),
    }
}

/// The page that says why nobody was signed in, and what to do.
fn refused(oidc: &Oidc, error: &SignInError, next: &str) -> Response {
    let host = oidc.settings().issuer.host();
    let (status, title, words) = match error {
        SignInError::Unreachable(reason) => return unreachable(oidc, *reason, next),
        SignInError::Cancelled => (
            StatusCode::OK,
            "You cancelled the sign-in",
            "Nothing has happened, and you are not signed in. Sign in whenever you like.".to_owned(),
        ),
        SignInError::Stale => (
            StatusCode::BAD_REQUEST,
            "This sign-in cannot be taken",
            "It took longer than ten minutes, was used already, or was begun in another browser or tab. Start again: it takes a moment.".to_owned(),
        ),
        SignInError::NotProven(reason) => {
            tracing::error!(%reason, "the issuer's token was refused");
            (
                StatusCode::BAD_GATEWAY,
                "The sign-in could not be proven",
                format!(
                    "What {host} sent was not accepted: {reason}. Start again; if it happens twice, tell whoever runs Muster this sentence."
                ),
            )
        }
        SignInError::Refused(code) => {
            tracing::error!(code, "the issuer refused");
            (
                StatusCode::BAD_GATEWAY,
                "The sign-in service refused",
                format!(
                    "{host} answered “{code}”. That is nothing you did: tell whoever runs Muster, who finds Muster's client there and compares its callback address, scopes and secret."
                ),
            )
        }
    };
    tell(status, title, &words, next, None)
}

fn unreachable(oidc: &Oidc, reason: Unreachable, next: &str) -> Response {
    tracing::error!(%reason, "the issuer cannot be asked");
    let problem = Problem::issuer_unreachable(oidc.settings(), reason);
    let mut response = tell(problem.status, problem.title, &problem.detail, next, None);
    response.headers_mut().extend(problem.headers);
    response
}

fn tell(
    status: StatusCode,
    title: &str,
    words: &str,
    next: &str,
    other: Option<(&str, String)>,
) -> Response {
    let content = html! {
        div.lone.card {
            h1 { (title) }
            p { (words) }
            p.actions {
                a.button href=(start_path(next)) { "Start again" }
                @if let Some((label, path)) = other { " " a href=(path) { (label) } }
            }
        }
    };
    let page = layout::page(title, Place::Elsewhere, None, &content);
    (status, page).into_response()
}
