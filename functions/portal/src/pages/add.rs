//! `/account/integration/microsoft365/new`: adding a client.

use super::{
    INTEGRATIONS,
    form::Form,
    layout::{self, Place},
    words,
};
use crate::{
    Context,
    auth::Caller,
    integrations,
    problem::{Problem, ProblemField},
};
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use muster_domain::{
    Permission,
    cloud::Cloud,
    connect::{self as fields, DEFAULT_CADENCE_MINUTES},
    expiry::CredentialKind,
};
use muster_platform::connect::ConnectError;
use secrecy::SecretString;
use std::sync::Arc;

/// What was typed, without the secret: that is typed again.
#[derive(Debug, Default)]
struct Typed {
    kind: CredentialKind,
    name: String,
    tenant_id: String,
    client_id: String,
    cloud: String,
    cadence_minutes: String,
}

/// The empty form, or one that set-up in one paste led to.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Response {
    let mut typed = Typed::default();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "kind" => typed.kind = CredentialKind::find(&value).unwrap_or_default(),
            "tenant_id" => typed.tenant_id = value.into_owned(),
            _ => {}
        }
    }
    let content = content(&context, &caller, &typed, &[]);
    layout::answer("Add a client", Place::Integrations, &caller, &content)
}

/// Takes the form.
pub async fn submit(
    State(context): State<Arc<Context>>,
    caller: Caller,
    mut form: Form,
) -> Result<Response, Problem> {
    let secret = SecretString::from(form.take("client_secret"));
    let typed = Typed {
        kind: CredentialKind::find(form.get("kind")).unwrap_or_default(),
        name: form.take("name"),
        tenant_id: form.take("tenant_id"),
        client_id: form.take("client_id"),
        cloud: form.take("cloud"),
        cadence_minutes: form.take("cadence_minutes"),
    };
    let asked = fields::Form {
        name: typed.name.clone(),
        tenant_id: typed.tenant_id.clone(),
        client_id: typed.client_id.clone(),
        client_secret: secret,
        kind: Some(typed.kind.name().to_owned()),
        cloud: Some(typed.cloud.clone()),
        // What is no number is out of range.
        cadence_minutes: Some(typed.cadence_minutes.trim())
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().unwrap_or(0)),
        secret_expires_on: None,
    };
    let error = match integrations::connect(&context, asked).await {
        Ok(integration) => {
            let consented = integration.connected_at.is_some();
            let done = if consented { "ready" } else { "connected" };
            let page = format!("{INTEGRATIONS}/{}?done={done}", integration.tenant_id);
            return Ok(Redirect::to(&page).into_response());
        }
        Err(error) => error,
    };
    let connected = matches!(error, ConnectError::Connected);
    let problem = Problem::from(error);
    let mut errors = problem.errors.clone();
    let status = match problem.status {
        _ if connected => {
            errors.push(ProblemField::new("tenant_id", problem.detail));
            StatusCode::CONFLICT
        }
        StatusCode::UNPROCESSABLE_ENTITY => problem.status,
        StatusCode::BAD_GATEWAY => {
            errors.push(ProblemField::new("", problem.detail));
            StatusCode::BAD_GATEWAY
        }
        _ => return Err(problem),
    };
    let content = content(&context, &caller, &typed, &errors);
    let page = layout::page("Add a client", Place::Integrations, Some(&caller), &content);
    Ok((status, page).into_response())
}

fn content(context: &Context, caller: &Caller, typed: &Typed, errors: &[ProblemField]) -> Markup {
    html! {
        (layout::crumbs(&[("Integrations", INTEGRATIONS.to_owned())], "Add a client"))
        h1 { "Add a client" }
        div.columns {
            form method="post" action=(format!("{INTEGRATIONS}/new")) novalidate {
                (layout::csrf(caller))
                (summary(typed.kind, errors))
                div.card {
                    (field(errors, "name", "Client's name", "As your team calls it.", &html! {
                        input #name name="name" value=(typed.name) maxlength="120" autocomplete="off" required
                            aria-invalid=[invalid(errors, "name")] aria-describedby=(described(errors, "name"));
                    }))
                    (field(errors, "tenant_id", "Directory (tenant) ID", "On the app registration's Overview page in Entra.", &html! {
                        input.mono #tenant_id name="tenant_id" value=(typed.tenant_id) autocomplete="off" spellcheck="false" required
                            placeholder="00000000-0000-0000-0000-000000000000"
                            aria-invalid=[invalid(errors, "tenant_id")] aria-describedby=(described(errors, "tenant_id"));
                    }))
                    (field(errors, "client_id", "Application (client) ID", "On the same page, just above.", &html! {
                        input.mono #client_id name="client_id" value=(typed.client_id) autocomplete="off" spellcheck="false" required
                            placeholder="00000000-0000-0000-0000-000000000000"
                            aria-invalid=[invalid(errors, "client_id")] aria-describedby=(described(errors, "client_id"));
                    }))
                    (proof(typed.kind, errors))
                    div.pair {
                        (field(errors, "cadence_minutes", "Sync", "How often Muster looks.", &cadences(typed, errors)))
                        (field(errors, "cloud", "Cloud", "Muster finds it by itself.", &clouds(typed, errors)))
                    }
                    p.actions {
                        button { "Check and connect" }
                        a href=(INTEGRATIONS) { "Cancel" }
                    }
                    p.muted.small { "Muster signs in with what you entered before it stores anything." }
                }
            }
            aside { (steps(&context.services.redirect_uri())) }
        }
    }
}

fn summary(kind: CredentialKind, errors: &[ProblemField]) -> Markup {
    if errors.is_empty() {
        return html! {};
    }
    html! {
        div.alert role="alert" tabindex="-1" autofocus #summary {
            h2 { "The client is not connected yet" }
            ul {
                @for error in errors {
                    li {
                        @if error.field.is_empty() { (error.detail) }
                        @else { a href=(format!("#{}", error.field)) { (error.detail) } }
                    }
                }
            }
            p.small {
                @if kind == CredentialKind::ClientSecret { "What you typed is still here, except the client secret: paste it again." }
                @else { "What you typed is still here." }
            }
        }
    }
}

/// The field of a secret, or what stands in its place.
fn proof(kind: CredentialKind, errors: &[ProblemField]) -> Markup {
    if kind == CredentialKind::ClientSecret {
        return field(
            errors,
            "client_secret",
            "Client secret: its Value",
            "Under Certificates & secrets, the Value column, shown once when it is made. Not the Secret ID.",
            &html! {
                input.mono #client_secret type="password" name="client_secret" autocomplete="off" spellcheck="false" required
                    aria-invalid=[invalid(errors, "client_secret")] aria-describedby=(described(errors, "client_secret"));
            },
        );
    }
    let error = of(errors, "kind");
    html! {
        div.field #kind class=[error.map(|_| "wrong")] {
            input type="hidden" name="kind" value=(kind.name());
            p {
                @match kind {
                    CredentialKind::Certificate => "Muster proves itself by the certificate that was made for this tenant. No secret is needed.",
                    _ => "Muster proves itself by AWS's word. No secret is needed.",
                }
                " " a href=(format!("{INTEGRATIONS}/new")) { "Use a client secret instead" }
            }
            @if let Some(error) = error { p.error #kind-error { (error.detail) } }
        }
    }
}

fn of<'a>(errors: &'a [ProblemField], name: &str) -> Option<&'a ProblemField> {
    errors.iter().find(|error| error.field == name)
}

fn invalid(errors: &[ProblemField], name: &str) -> Option<&'static str> {
    of(errors, name).map(|_| "true")
}

fn described(errors: &[ProblemField], name: &str) -> String {
    match of(errors, name) {
        Some(_) => format!("{name}-error {name}-hint"),
        None => format!("{name}-hint"),
    }
}

fn field(errors: &[ProblemField], name: &str, label: &str, hint: &str, input: &Markup) -> Markup {
    let error = of(errors, name);
    html! {
        div.field class=[error.map(|_| "wrong")] {
            label for=(name) { (label) }
            p.hint id=(format!("{name}-hint")) { (hint) }
            (input)
            @if let Some(error) = error { p.error id=(format!("{name}-error")) { (error.detail) } }
        }
    }
}

/// The cadences to choose from.
pub const CADENCES: [u32; 6] = [15, 30, 60, 240, 720, 1440];

fn cadences(typed: &Typed, errors: &[ProblemField]) -> Markup {
    let chosen = typed
        .cadence_minutes
        .parse()
        .unwrap_or(DEFAULT_CADENCE_MINUTES);
    html! {
        select #cadence_minutes name="cadence_minutes" aria-describedby=(described(errors, "cadence_minutes")) {
            @for minutes in CADENCES {
                option value=(minutes) selected[minutes == chosen] { (words::cadence(minutes)) }
            }
        }
    }
}

fn clouds(typed: &Typed, errors: &[ProblemField]) -> Markup {
    html! {
        select #cloud name="cloud" aria-describedby=(described(errors, "cloud")) {
            option value="" { "Find it for me" }
            @for cloud in Cloud::ALL {
                option value=(cloud.name()) selected[cloud.name() == typed.cloud] { (cloud.title()) }
            }
        }
    }
}

fn steps(redirect_uri: &str) -> Markup {
    html! {
        div.card.guide {
            h2 { "In the client's Entra" }
            p { a.button.second href=(format!("{INTEGRATIONS}/setup")) { "Set it up in one paste" } }
            p.muted.small { "A script for Cloud Shell, PowerShell or Terraform, with the permissions you choose. Or by hand:" }
            ol {
                li {
                    p { strong { "Register an app." } " Identity > Applications > App registrations > New registration. Name it Muster; accounts in this directory only." }
                    p { "Under Redirect URI choose " strong { "Web" } " and paste:" }
                    p.copy {
                        code #redirect-uri { (redirect_uri) }
                        button.small.second type="button" data-copy="redirect-uri" hidden { "Copy" }
                    }
                }
                li { p { strong { "Add permissions." } " API permissions > Add a permission > Microsoft Graph > " strong { "Application permissions" } ", these nine:" }
                    (permissions(false))
                    details {
                        summary { "Optional, each unlocks more" }
                        (permissions(true))
                    }
                }
                li { p { strong { "Make a client secret." } " Certificates & secrets > New client secret. Copy its Value at once: Entra shows it only now." } }
                li { p { strong { "Come back here" } " and paste the two IDs and the Value. Consent is asked for in the next step." } }
            }
        }
    }
}

fn permissions(optional: bool) -> Markup {
    html! {
        dl.permissions {
            @for permission in Permission::ALL.iter().filter(|p| p.optional() == optional) {
                dt { code { (permission.value()) } }
                dd { (permission.about()) }
            }
        }
    }
}
