//! Admin consent: the page, and what Accept and Cancel lead to.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-admin-consent>

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Form, Path, Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use url::Url;
use uuid::Uuid;

use super::aadsts::Aadsts;
use super::hosts;
use crate::observed::AnsweredFor;
use crate::tenant::Tenant;
use crate::tenant_handle::TenantHandle;
use crate::world::World;

type Parameters = HashMap<String, String>;

const STYLE: &str = "body{font:16px/1.45 'Segoe UI',system-ui,sans-serif;background:#f2f2f2;color:#1b1b1b;\
margin:0;display:grid;place-items:center;min-height:100vh}main{background:#fff;box-sizing:border-box;\
width:min(28rem,100vw);padding:2.5rem;box-shadow:0 2px 6px #0003}h1{font-size:1.5rem;font-weight:600;\
margin:.75rem 0}.brand{color:#595959;font-weight:600;margin:0}.who{color:#595959;margin:0}li{margin:.4rem 0}\
ul{padding-left:1.2rem}form{display:flex;gap:.5rem;justify-content:flex-end;margin-top:1.5rem}button{font:inherit;\
min-width:6.75rem;padding:.4rem .75rem;border:1px solid #8c8c8c;background:#f2f2f2;cursor:pointer}\
button.accept{background:#0067b8;border-color:#0067b8;color:#fff}code{overflow-wrap:anywhere}small{color:#595959}";

fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body { main { p.brand { "Simulated Microsoft" } (content) } }
        }
    }
}

/// What was asked for, checked: the tenant and where to return to.
fn check(world: &World, name: &str, parameters: &Parameters) -> Result<(Arc<Tenant>, Url), Aadsts> {
    let now = world.clock.now();
    let tenant = world
        .tenant_named(name)
        .ok_or_else(|| Aadsts::tenant_not_found("invalid_request", name, now))?;
    let field = |key: &str| parameters.get(key).map(String::as_str).unwrap_or_default();
    let client = field("client_id");
    let options = &tenant.facts.options;
    let known = Uuid::try_parse(client).ok() == Some(options.client_id);
    if !known && world.bodies.is_none() {
        let message = format!(
            "Application with identifier '{client}' was not found in the directory '{}'. This can happen \
             if the application has not been installed by the administrator of the tenant.",
            options.name
        );
        return Err(Aadsts::new(
            400,
            "unauthorized_client",
            700_016,
            message,
            now,
        ));
    }
    let redirect = field("redirect_uri");
    let mismatch = || {
        let message = format!(
            "The redirect URI '{redirect}' specified in the request does not match the redirect URIs \
             configured for the application '{client}'. Make sure the redirect URI sent in the request \
             matches one added to your application in the Azure portal."
        );
        Aadsts::new(400, "invalid_request", 50_011, message, now)
    };
    let url = Url::parse(redirect).map_err(|_| mismatch())?;
    if !registered(tenant.as_ref(), redirect, &url) {
        return Err(mismatch());
    }
    Ok((tenant, url))
}

fn registered(tenant: &Tenant, redirect: &str, url: &Url) -> bool {
    let registered = &tenant.facts.options.redirect_uris;
    if registered.is_empty() {
        let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
        return here && url.path() == "/account/integration/oauth";
    }
    registered.iter().any(|uri| uri == redirect)
}

fn refused(refusal: &Aadsts) -> Response {
    let content = html! {
        h1 { "Sorry, but we’re having trouble signing you in." }
        p { (refusal.text()) }
    };
    (
        StatusCode::BAD_REQUEST,
        page("Sign in to your account", &content),
    )
        .into_response()
}

/// Shows the prompt.
pub async fn ask(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    uri: Uri,
    Query(parameters): Query<Parameters>,
) -> Response {
    let (tenant, _) = match check(&world, &name, &parameters) {
        Ok(checked) => checked,
        Err(refusal) => return refused(&refusal),
    };
    let facts = &tenant.facts;
    let content = html! {
        p.who { "admin@" (facts.domain) }
        h1 { "Permissions requested" }
        p { "Review for your organization, " strong { (facts.options.name) } }
        p { strong { "Inventory" } " " code { (facts.options.client_id) } " would like to:" }
        ul {
            @for permission in &facts.options.permissions {
                li { (display_name(permission)) br; small { (permission) } }
            }
        }
        p { small {
            "If you accept, this app will get access to the specified resources for all users in your \
             organization. No one else will be prompted to review these permissions."
        } }
        form method="post" action=(uri.path()) {
            @for key in ["client_id", "redirect_uri", "state", "scope"] {
                @if let Some(value) = parameters.get(key) {
                    input type="hidden" name=(key) value=(value);
                }
            }
            button name="decision" value="cancel" { "Cancel" }
            button.accept name="decision" value="accept" { "Accept" }
        }
    };
    let mut response = page("Permissions requested", &content).into_response();
    response.extensions_mut().insert(AnsweredFor(facts.id));
    response
}

/// Grants what the registration asks for, or not, and returns to the app.
pub async fn answer(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    uri: Uri,
    Form(parameters): Form<Parameters>,
) -> Response {
    let (tenant, mut url) = match check(&world, &name, &parameters) {
        Ok(checked) => checked,
        Err(refusal) => return refused(&refusal),
    };
    let id = tenant.facts.id.to_string();
    let error = tenant.read().consent_error;
    let accepted = error.is_none()
        && parameters
            .get("decision")
            .is_some_and(|decision| decision == "accept");
    {
        let mut query = url.query_pairs_mut();
        if let Some(code) = error {
            let refusal = Aadsts::simulated(400, code, world.clock.now());
            query.append_pair("error", "access_denied");
            query.append_pair("error_description", &refusal.text());
        } else if !accepted {
            query.append_pair("error", "access_denied");
            query.append_pair("error_subcode", "cancel");
            let declined = "AADSTS65004: User declined to consent to access the app.";
            query.append_pair("error_description", declined);
        }
        // Present on errors too.
        query.append_pair("admin_consent", "True");
        query.append_pair("tenant", &id);
        if let Some(state) = parameters.get("state") {
            query.append_pair("state", state);
        }
        if accepted && uri.path().ends_with("/v2.0/adminconsent") {
            let resource = format!("https://{}", hosts(tenant.facts.options.cloud).graph);
            let scopes: Vec<String> = tenant
                .facts
                .options
                .permissions
                .iter()
                .map(|p| format!("{resource}/{p}"))
                .collect();
            query.append_pair("scope", &scopes.join(" "));
        }
    }
    let tenant_id = tenant.facts.id;
    if accepted {
        TenantHandle::new(Arc::clone(&world), tenant).consent();
    }
    let mut response = (StatusCode::FOUND, [(header::LOCATION, url.to_string())]).into_response();
    response.extensions_mut().insert(AnsweredFor(tenant_id));
    response
}

/// A permission as the prompt words it: the display name of the app role.
///
/// <https://learn.microsoft.com/graph/permissions-reference>
fn display_name(permission: &str) -> &str {
    match permission {
        "AuditLog.Read.All" => "Read all audit log data",
        "DeviceManagementApps.Read.All" => "Read Microsoft Intune apps",
        "DeviceManagementManagedDevices.Read.All" => "Read Microsoft Intune devices",
        "Directory.Read.All" => "Read directory data",
        "Organization.Read.All" => "Read organization information",
        "Reports.Read.All" => "Read all usage reports",
        "ReportSettings.ReadWrite.All" => "Read and write all admin report settings",
        "SecurityEvents.Read.All" => "Read your organization’s security events",
        "User.Read.All" => "Read all users' full profiles",
        "SecurityAlert.Read.All" => "Read all security alerts",
        "SecurityIncident.Read.All" => "Read all security incidents",
        "Application.ReadWrite.OwnedBy" => "Manage apps that this app creates or owns",
        other => other,
    }
}
