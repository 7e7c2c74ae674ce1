//! `/oauth2/v2.0/token`: the client credentials grant.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::aadsts::Aadsts;
use super::assertion;
use super::hosts;
use crate::observed::AnsweredFor;
use crate::options::PERMISSIONS;
use crate::seeded::id_of;
use crate::tenant::Tenant;
use crate::world::{Issued, World};

/// Seconds that a token lives.
const LIFETIME: i64 = 3_599;

/// Mints a token, or refuses.
pub async fn token(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let now = world.clock.now();
    let Some(tenant) = world.tenant_named(&name) else {
        return Aadsts::tenant_not_found("invalid_request", &name, now).into_response();
    };
    let mut response = match mint(&world, &tenant, &form, now) {
        Ok(token) => {
            let no_store = [(header::CACHE_CONTROL, "no-store, no-cache")];
            (no_store, Json(token)).into_response()
        }
        Err(refusal) => refusal.into_response(),
    };
    response
        .extensions_mut()
        .insert(AnsweredFor(tenant.facts.id));
    response
}

fn mint(
    world: &World,
    tenant: &Arc<Tenant>,
    form: &HashMap<String, String>,
    now: i64,
) -> Result<Value, Aadsts> {
    let refuse =
        |status, error, code, message: String| Err(Aadsts::new(status, error, code, message, now));
    for parameter in ["grant_type", "client_id", "scope"] {
        match form.get(parameter).map(String::as_str) {
            None => {
                let message = format!(
                    "The request body must contain the following parameter: '{parameter}'."
                );
                return refuse(400, "invalid_request", 900_144, message);
            }
            Some("") => {
                let message = format!(
                    "The required field '{parameter}' is missing from the credential. Ensure that you \
                     have all the necessary parameters for the login request."
                );
                return refuse(400, "invalid_request", 90_014, message);
            }
            Some(_) => {}
        }
    }
    let grant = &form["grant_type"];
    if grant != "client_credentials" {
        let message = format!("The app requested an unsupported grant type '{grant}'.");
        return refuse(400, "unsupported_grant_type", 70_003, message);
    }
    check_scope(tenant, &form["scope"], now)?;
    let client_id = &form["client_id"];
    if world.bodies.is_none() {
        let endpoint = format!("{}{}/oauth2/v2.0/token", world.login_url, tenant.facts.id);
        check_client(tenant, client_id, form, &endpoint, now)?;
    }
    let roles = if world.bodies.is_some() {
        PERMISSIONS.map(str::to_owned).to_vec()
    } else {
        tenant.read().roles(now)
    };
    let token = jwt(tenant, client_id, &roles, now);
    tenant.read().show(&token);
    let issued = Issued {
        tenant: Arc::clone(tenant),
        roles: roles.into(),
        expires: now + LIFETIME,
    };
    world.issue(token.clone(), issued);
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": token,
    }))
}

fn check_scope(tenant: &Tenant, scope: &str, now: i64) -> Result<(), Aadsts> {
    let resource = format!("https://{}", hosts(tenant.facts.options.cloud).graph);
    let refuse = |code, message| Err(Aadsts::new(400, "invalid_scope", code, message, now));
    match scope.strip_suffix("/.default") {
        // A doubled slash is what a trailing slash of the resource gives; Entra takes it.
        Some(asked) if asked.trim_end_matches('/') == resource => Ok(()),
        Some(_) => refuse(
            70_011,
            format!(
                "The provided request must include a 'scope' input parameter. The provided value for \
                 the input parameter 'scope' is not valid. The scope {scope} is not valid."
            ),
        ),
        None => refuse(
            1_002_012,
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a \
                 scope value with /.default suffixed to the resource identifier (application ID URI)."
            ),
        ),
    }
}

fn check_client(
    tenant: &Tenant,
    client_id: &str,
    form: &HashMap<String, String>,
    endpoint: &str,
    now: i64,
) -> Result<(), Aadsts> {
    let refuse =
        |status, error, code, message: String| Err(Aadsts::new(status, error, code, message, now));
    let options = &tenant.facts.options;
    if Uuid::try_parse(client_id).ok() != Some(options.client_id) {
        let message = format!(
            "Application with identifier '{client_id}' was not found in the directory '{}'. This can \
             happen if the application has not been installed by the administrator of the tenant or \
             consented to by any user in the tenant. You may have sent your authentication request to \
             the wrong tenant.",
            options.name
        );
        return refuse(400, "unauthorized_client", 700_016, message);
    }
    let state = tenant.read();
    for proof in ["client_secret", "client_assertion"] {
        if let Some(shown) = form.get(proof) {
            state.show(shown);
        }
    }
    if let Some(assertion) = form.get("client_assertion") {
        return assertion::check(&state, client_id, assertion, endpoint, now);
    }
    let Some(secret) = form.get("client_secret").filter(|s| !s.is_empty()) else {
        let message = "'client_assertion', 'client_secret' or 'request' is required for the \
                       'client_credentials' grant type.";
        return refuse(401, "invalid_client", 7_000_216, message.to_owned());
    };
    let Some(known) = state
        .secrets
        .iter()
        .rev()
        .find(|s| s.value == *secret && s.known_from <= now)
    else {
        let message = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client \
             secret value, not the client secret ID, for a secret added to app '{client_id}'."
        );
        return refuse(401, "invalid_client", 7_000_215, message);
    };
    if known.end <= now {
        let message = format!(
            "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal \
             to create new keys for your app: https://aka.ms/NewClientSecret, or consider using \
             certificate credentials for added security: https://aka.ms/certCreds."
        );
        return refuse(401, "invalid_client", 7_000_222, message);
    }
    if !state.app_enabled {
        let message = format!("Application '{client_id}'(Inventory) is disabled.");
        return refuse(400, "unauthorized_client", 7_000_112, message);
    }
    Ok(())
}

/// A token in the form of Entra's. The signature is random: nobody but the simulator reads it.
fn jwt(tenant: &Tenant, client_id: &str, roles: &[String], now: i64) -> String {
    let facts = &tenant.facts;
    let principal = id_of(facts.seed, 0x5B, 0);
    let mut claims = json!({
        "aud": format!("https://{}", hosts(facts.options.cloud).graph),
        "iss": format!("https://sts.windows.net/{}/", facts.id),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        "app_displayname": "Inventory",
        "appid": client_id,
        "appidacr": "1",
        "idp": format!("https://sts.windows.net/{}/", facts.id),
        "idtyp": "app",
        "oid": principal,
        "sub": principal,
        "tenant_region_scope": hosts(facts.options.cloud).region,
        "tid": facts.id,
        "uti": URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes()),
        "ver": "1.0",
    });
    // Entra leaves the claim out, rather than empty, where nothing is granted.
    if let (false, Some(claims)) = (roles.is_empty(), claims.as_object_mut()) {
        claims.insert("roles".to_owned(), json!(roles));
    }
    let header =
        json!({ "typ": "JWT", "alg": "RS256", "x5t": "c2ltdWxhdGVk", "kid": "c2ltdWxhdGVk" });
    let signature: Vec<u8> = (0..16).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    [
        header.to_string().into_bytes(),
        claims.to_string().into_bytes(),
        signature,
    ]
    .map(|part| URL_SAFE_NO_PAD.encode(part))
    .join(".")
}
