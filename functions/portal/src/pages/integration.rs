//! `/account/integration/microsoft365/{tenant_id}`: one integration, alive.

use super::{
    ASSETS, INTEGRATIONS,
    add::CADENCES,
    credential,
    layout::{self, Place},
    live, words,
};
use crate::{
    Context,
    auth::Caller,
    integrations,
    parameters::tenant,
    problem::{Problem, ProblemField},
    view::IntegrationView,
};
use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use maud::{Markup, html};
use muster_domain::{expiry::CredentialKind, integration::Status};
use std::sync::Arc;

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let tenant = tenant(&id)?;
    let known = context.services.store.integration(tenant).await?;
    if known.is_none_or(|known| known.deleting) {
        integrations::deletion(&context, tenant)
            .await
            .map_err(|_| Problem::unknown_tenant())?;
        let page = format!("{INTEGRATIONS}/{tenant}/delete");
        return Ok(Redirect::to(&page).into_response());
    }
    let view = integrations::view(&context, tenant).await?;
    let query = query.unwrap_or_default();
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let done = parameters.find(|(name, _)| name == "done");
    let notice = layout::notice(done.as_ref().map(|(_, value)| value.as_ref()));
    let now = muster_platform::now();
    let content = content(&view, &caller, &notice, &[], now);
    Ok(layout::answer(
        &view.name,
        Place::Integrations,
        &caller,
        &content,
    ))
}

/// The part that is alive, alone.
pub async fn fragment(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Markup, Problem> {
    let view = integrations::view(&context, tenant(&id)?).await?;
    Ok(live::fragment(&view, &caller, muster_platform::now()))
}

/// The page's content; `errors` are those of its forms.
pub fn content(
    view: &IntegrationView,
    caller: &Caller,
    notice: &Markup,
    errors: &[ProblemField],
    now: Timestamp,
) -> Markup {
    let page = format!("{INTEGRATIONS}/{}", view.tenant_id);
    html! {
        (layout::crumbs(&[("Integrations", INTEGRATIONS.to_owned())], &view.name))
        (notice)
        div.head {
            h1 { (view.name) }
            div.actions { (buttons(view, caller, &page)) }
        }
        p.sr #says role="status" aria-live="polite" {}
        noscript { p.muted.small { "Reload the page to see how it goes on." } }
        div data-live=(format!("{page}/live")) { (live::fragment(view, caller, now)) }
        section aria-labelledby="settings-title" {
            h2 #settings-title { "Settings" }
            div.cards {
                (settings(view, caller, &page, errors))
                (credential(view, caller, &page, errors, now))
                (which_datasets(view, caller, &page))
                (facts(view, &page))
            }
        }
    }
}

fn buttons(view: &IntegrationView, caller: &Caller, page: &str) -> Markup {
    let awaiting = view.status == Status::AwaitingConsent || view.connected_at.is_none();
    let one = |action: &str, class: &str, label: &str| {
        html! {
            form.inline method="post" action=(format!("{page}/{action}")) {
                (layout::csrf(caller))
                @if action == "pause" { input type="hidden" name="paused" value=(!view.paused); }
                button class=(class) { (label) }
            }
        }
    };
    html! {
        @if awaiting { (one("authorize", "", "Authorize")) }
        @else if !view.paused { (one("sync", "", "Sync now")) }
        (one("check", "second", "Check again"))
        @if !awaiting {
            (one("authorize", "second", "Authorize again"))
            a.button.second href=(format!("{ASSETS}/{}", view.tenant_id)) { "Assets" }
        }
        @if !awaiting && !view.paused {
            form.inline method="post" action=(format!("{page}/sync")) {
                (layout::csrf(caller))
                input type="hidden" name="full" value="true";
                button.second title="Reads every dataset from its start, whatever is stored" { "Read everything again" }
            }
        }
        (one("pause", "second", if view.paused { "Resume" } else { "Pause" }))
    }
}

fn error_of<'a>(errors: &'a [ProblemField], name: &str) -> Option<&'a ProblemField> {
    errors.iter().find(|error| error.field == name)
}

fn settings(
    view: &IntegrationView,
    caller: &Caller,
    page: &str,
    errors: &[ProblemField],
) -> Markup {
    let name_error = error_of(errors, "name");
    let mut cadences = CADENCES.to_vec();
    if !cadences.contains(&view.cadence_minutes) {
        cadences.push(view.cadence_minutes);
        cadences.sort_unstable();
    }
    html! {
        form.card method="post" action=(format!("{page}/settings")) {
            (layout::csrf(caller))
            h3 { "Name and cadence" }
            div.field class=[name_error.map(|_| "wrong")] {
                label for="name" { "Client's name" }
                input #name name="name" value=(view.name) maxlength="120" required
                    aria-describedby=[name_error.map(|_| "name-error")];
                @if let Some(error) = name_error { p.error #name-error role="alert" { (error.detail) } }
            }
            div.field {
                label for="cadence" { "Sync" }
                select #cadence name="cadence_minutes" {
                    @for minutes in cadences {
                        option value=(minutes) selected[minutes == view.cadence_minutes] { (words::cadence(minutes)) }
                    }
                }
            }
            p.actions { button.second { "Save" } }
        }
    }
}

fn credential(
    view: &IntegrationView,
    caller: &Caller,
    page: &str,
    errors: &[ProblemField],
    now: Timestamp,
) -> Markup {
    html! {
        div.card #credential {
            h3 { "Credential" }
            (credential::in_use(view, now))
            @if view.credential.kind == CredentialKind::ClientSecret {
                (credential::secret_form(view, caller, page, errors))
            }
            p.small {
                a href=(format!("{page}/credential")) { "Renew step by step, let Muster renew it, or use a certificate or no secret at all" }
            }
        }
    }
}

fn which_datasets(view: &IntegrationView, caller: &Caller, page: &str) -> Markup {
    let on = view.datasets.iter().filter(|d| d.enabled).count();
    html! {
        form.card method="post" action=(format!("{page}/datasets")) {
            (layout::csrf(caller))
            h3 { "Datasets read" }
            p.muted.small { (on) " of " (view.datasets.len()) " are on. What is switched off keeps the records it has." }
            details {
                summary { "Choose" }
                fieldset.boxes {
                    legend.sr { "Datasets read" }
                    @for dataset in &view.datasets {
                        label { input type="checkbox" name=(dataset.name) checked[dataset.enabled]; " " (dataset.title) }
                    }
                }
                p.actions { button.second { "Save" } }
            }
        }
    }
}

fn facts(view: &IntegrationView, page: &str) -> Markup {
    let last = &view.sync.last;
    html! {
        div.card {
            h3 { "About this integration" }
            dl.facts {
                dt { "Directory (tenant) ID" } dd { code { (view.tenant_id) } }
                dt { "Application (client) ID" } dd { code { (view.client_id) } }
                dt { "Cloud" } dd { (view.cloud.title()) }
                dt { "Added" } dd { (words::day(view.created_at)) }
                @if let Some(at) = view.connected_at { dt { "Consent proven" } dd { (words::day(at)) } }
                @if view.sync.finished_at.is_some() {
                    dt { "Last sync's cost" }
                    dd { (format!("{:.3} US cents", last.cost_cents)) span.muted { " for " (words::count(last.requests)) " requests" } }
                }
            }
            p.actions { a.button.danger href=(format!("{page}/delete")) { "Delete…" } }
        }
    }
}
