//! Who calls, and what they may do.

use crate::{Context, problem::Problem};
use aws_lc_rs::{constant_time, digest};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::Response,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use muster_domain::clock_ahead;
use muster_platform::{
    oidc::{BearerError, Oidc},
    session::{Role, Session},
};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, Mutex, PoisonError};

/// Who is let in: locally by API token and one-time link, on AWS whomever an OpenID Connect issuer
/// vouches for. Never both.
#[derive(Debug, Default)]
pub struct Access {
    oidc: Option<Oidc>,
    manager_token: Option<SecretString>,
    viewer_token: Option<SecretString>,
    codes: Mutex<Vec<Code>>,
}

/// A one-time code, of which only the hash is kept.
#[derive(Debug)]
struct Code {
    hash: [u8; 32],
    role: Role,
    expires_at: Timestamp,
}

/// How long a one-time link is good for.
pub const CODE_LIFE: SignedDuration = SignedDuration::from_hours(24);

impl Access {
    /// Lets in whoever has one of these tokens.
    pub fn new(manager_token: Option<SecretString>, viewer_token: Option<SecretString>) -> Self {
        // An empty token would be one that everybody has.
        let real = |token: &SecretString| !token.expose_secret().is_empty();
        Self {
            manager_token: manager_token.filter(real),
            viewer_token: viewer_token.filter(real),
            ..Self::default()
        }
    }

    /// Lets in whom this issuer gives a role.
    pub fn by_oidc(oidc: Oidc) -> Self {
        Self {
            oidc: Some(oidc),
            ..Self::default()
        }
    }

    /// The issuer, on an installation that has one.
    pub fn oidc(&self) -> Option<&Oidc> {
        self.oidc.as_ref()
    }

    /// Lets nobody in.
    pub fn closed() -> Self {
        Self::default()
    }

    /// A code for a `/sign-in?code=…` link, good once and for a day.
    pub fn one_time_code(&self, role: Role) -> String {
        let code = BASE64_URL_SAFE_NO_PAD.encode(muster_platform::random::<24>());
        let now = muster_platform::now();
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|code| clock_ahead::is_to_come(code.expires_at, CODE_LIFE, now));
        codes.push(Code {
            hash: hash(&code),
            role,
            expires_at: now.checked_add(CODE_LIFE).unwrap_or(now),
        });
        code
    }

    /// Uses a code up; `None` when it is unknown, used or too old.
    pub fn redeem(&self, code: &str, now: Timestamp) -> Option<Role> {
        let hash = hash(code);
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|code| clock_ahead::is_to_come(code.expires_at, CODE_LIFE, now));
        let place = codes.iter().position(|code| same(&code.hash, &hash))?;
        Some(codes.swap_remove(place).role)
    }

    /// What a token's bearer may do.
    pub fn role_of_token(&self, token: &str) -> Option<Role> {
        let offered = hash(token);
        let is = |known: &Option<SecretString>| {
            known
                .as_ref()
                .is_some_and(|known| same(&hash(known.expose_secret()), &offered))
        };
        // Both are compared, whichever it is.
        let (manager, viewer) = (is(&self.manager_token), is(&self.viewer_token));
        match (manager, viewer) {
            (true, _) => Some(Role::Manager),
            (_, true) => Some(Role::Viewer),
            _ => None,
        }
    }
}

fn hash(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    bytes
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// Whoever made the request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// What they may do.
    pub role: Role,
    /// The browser session; `None` when they came by token.
    pub session: Option<Session>,
}

impl Caller {
    /// Who this is, for the record: the portal knows roles and sessions, no names.
    pub fn words(&self) -> &'static str {
        match (self.role, &self.session) {
            (Role::Manager, Some(_)) => "a manager in a browser",
            (Role::Manager, None) => "a manager by the API",
            (Role::Viewer, _) => "a viewer",
        }
    }

    /// Who sent these headers; a token that is wrong is not made good by a cookie.
    ///
    /// # Errors
    /// 401 when nobody did whom the installation knows; 403 when the issuer knows them and gives
    /// them no role; 503 when neither can be told now.
    pub async fn of(
        context: &Context,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value
                .to_str()
                .ok()
                .and_then(|value| value.split_once(' '))
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map(|(_, token)| token.trim());
            let token = token.ok_or_else(Problem::unauthorized)?;
            let role = match context.access.oidc() {
                Some(oidc) => role_by_oidc(oidc, token, now).await?,
                None => {
                    let role = context.access.role_of_token(token);
                    role.ok_or_else(Problem::unauthorized)?
                }
            };
            return Ok(Self {
                role,
                session: None,
            });
        }
        for cookies in headers.get_all(header::COOKIE) {
            if let Ok(cookies) = cookies.to_str()
                && let Some(session) = context.sessions.read(cookies, now).await?
            {
                return Ok(Self {
                    role: session.role,
                    session: Some(session),
                });
            }
        }
        Err(Problem::unauthorized())
    }

    /// Whether they may change integrations.
    pub fn manages(&self) -> bool {
        self.role == Role::Manager
    }

    /// The session's id, which a consent request is bound to.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.id.as_str())
    }

    /// What the session's forms carry.
    pub fn csrf(&self) -> &str {
        self.session.as_ref().map_or("", |session| &session.csrf)
    }

    /// Whether this is the token that the session's forms carry. A caller by API token has no
    /// forms, and needs none: a browser never sends the token by itself.
    pub fn csrf_matches(&self, offered: &str) -> bool {
        self.session
            .as_ref()
            .is_none_or(|session| same(&hash(&session.csrf), &hash(offered)))
    }
}

/// The role that the issuer's access token tells.
async fn role_by_oidc(oidc: &Oidc, token: &str, now: Timestamp) -> Result<Role, Problem> {
    match oidc.bearer(token, now).await {
        Ok(person) => person
            .role
            .ok_or_else(|| Problem::no_role(&person.name, oidc.settings())),
        Err(BearerError::NotProven(reason)) => {
            tracing::info!(%reason, "an access token was refused");
            Err(Problem::bad_token(reason))
        }
        Err(BearerError::Unreachable(reason)) => {
            tracing::error!(%reason, "an access token could not be checked");
            Err(Problem::issuer_unreachable(oidc.settings(), reason))
        }
    }
}

/// The header in which an API call by session carries its CSRF token.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// Lets an API call pass, or says why not.
///
/// # Errors
/// As [`Caller::of`]; 403 for a change by a viewer, or by a session without its CSRF token.
pub async fn allow(
    context: &Context,
    method: &Method,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Caller, Problem> {
    let caller = Caller::of(context, headers, now).await?;
    if !method.is_safe() {
        let offered = headers.get(CSRF_HEADER).and_then(|v| v.to_str().ok());
        if !caller.csrf_matches(offered.unwrap_or_default()) {
            return Err(Problem::csrf());
        }
        if !caller.manages() {
            return Err(Problem::forbidden());
        }
    }
    Ok(caller)
}

/// The layer before every API call.
pub async fn api_layer(
    State(context): State<Arc<Context>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let now = muster_platform::now();
    let caller = allow(&context, request.method(), request.headers(), now).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    /// The caller that a layer let in; without such a layer, nobody.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>();
        caller.cloned().ok_or_else(Problem::unauthorized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        muster_platform::now()
    }

    #[test]
    fn a_one_time_code_lets_in_once() {
        let access = Access::closed();
        let code = access.one_time_code(Role::Manager);
        assert_eq!(access.redeem("another", now()), None);
        assert_eq!(access.redeem(&code, now()), Some(Role::Manager));
        assert_eq!(access.redeem(&code, now()), None);
        let late = access.one_time_code(Role::Viewer);
        let tomorrow = now().checked_add(CODE_LIFE).expect("a date");
        assert_eq!(access.redeem(&late, tomorrow), None);
    }

    #[test]
    fn only_the_tokens_themselves_let_in() {
        let token = |text: &str| Some(SecretString::from(text));
        let access = Access::new(token("manage"), token("view"));
        assert_eq!(access.role_of_token("manage"), Some(Role::Manager));
        assert_eq!(access.role_of_token("view"), Some(Role::Viewer));
        for wrong in ["", "manag", "manage ", "MANAGE"] {
            assert_eq!(access.role_of_token(wrong), None);
        }
        assert_eq!(Access::closed().role_of_token(""), None);
        assert_eq!(Access::new(token(""), None).role_of_token(""), None);
    }
}
