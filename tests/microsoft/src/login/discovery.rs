//! `/.well-known/openid-configuration`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::aadsts::Aadsts;
use super::hosts;
use crate::observed::AnsweredFor;
use crate::options::Cloud;
use crate::world::World;

/// Describes a tenant's sign-in; `common` and `organizations` leave the tenant open.
pub async fn configuration(State(world): State<Arc<World>>, Path(name): Path<String>) -> Response {
    let open = name == "common" || name == "organizations";
    let tenant = if open {
        None
    } else {
        world.tenant_named(&name)
    };
    if tenant.is_none() && !open {
        return Aadsts::tenant_not_found("invalid_tenant", &name, world.clock.now())
            .into_response();
    }
    let cloud = tenant
        .as_ref()
        .map_or(Cloud::Global, |t| t.facts.options.cloud);
    let hosts = hosts(cloud);
    let id = tenant.as_ref().map(|t| t.facts.id);
    let issued_for = id.map_or_else(|| "{tenantid}".to_owned(), |id| id.to_string());
    let segment = id.map_or(name, |id| id.to_string());
    let here = format!("{}{segment}", world.login_url);
    let mut body = json!({
        "token_endpoint": format!("{here}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic", "self_signed_tls_client_auth"],
        "jwks_uri": format!("{here}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("https://{}/{issued_for}/v2.0", hosts.login),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("https://{}/oidc/userinfo", hosts.graph),
        "authorization_endpoint": format!("{here}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{here}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{here}/oauth2/v2.0/logout"),
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "acr", "nonce", "name", "tid", "ver"],
        "tenant_region_scope": tenant.as_ref().map(|_| hosts.region),
        "cloud_instance_name": hosts.instance,
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": hosts.graph,
        "rbac_url": "https://pas.windows.net",
    });
    if let (Some(sub_region), Some(fields)) = (hosts.sub_region, body.as_object_mut()) {
        fields.insert("tenant_region_sub_scope".to_owned(), json!(sub_region));
    }
    let mut response = Json(body).into_response();
    if let Some(id) = id {
        response.extensions_mut().insert(AnsweredFor(id));
    }
    response
}

/// No keys: the simulator's tokens are not signed, and only its own Graph takes them.
pub async fn keys() -> Json<Value> {
    Json(json!({ "keys": [] }))
}
