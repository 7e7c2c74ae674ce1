//! `…/{tenant_id}/delete`: deleting an integration, and its receipt.

use super::{
    INTEGRATIONS,
    form::Form,
    layout::{self, Place},
    words::count,
};
use crate::{
    Context, auth::Caller, integrations, parameters::tenant, problem::Problem, view::DeletionView,
};
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use maud::{Markup, html};
use muster_domain::{Integration, datasets};
use std::sync::Arc;

/// Asks whether it is meant. Once it was, tells how far the deletion is, and at the end its receipt.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let tenant = tenant(&id)?;
    let integration = context.services.store.integration(tenant).await?;
    match integration.filter(|known| !known.deleting) {
        Some(integration) => {
            let content = ask(&integration, &caller, None);
            Ok(layout::answer(
                "Delete",
                Place::Integrations,
                &caller,
                &content,
            ))
        }
        None => Ok(tell(
            &integrations::deletion(&context, tenant).await?,
            &caller,
        )),
    }
}

/// The page of a deletion. While it is under way the browser asks for the page again.
fn tell(deletion: &DeletionView, caller: &Caller) -> Response {
    if deletion.over() {
        let content = receipt(deletion);
        return layout::answer("Deleted", Place::Integrations, caller, &content);
    }
    let content = under_way(deletion);
    let mut response = layout::answer("Deleting", Place::Integrations, caller, &content);
    let headers = response.headers_mut();
    headers.insert(header::REFRESH, HeaderValue::from_static("3"));
    response
}

fn under_way(deletion: &DeletionView) -> Markup {
    let progress = deletion.progress;
    html! {
        div.lone.card {
            h1 { "Deleting " (deletion.name) }
            p { "The deletion goes on by itself, also after a restart. Nothing is read for this client any more, and it cannot be changed." }
            p role="status" {
                progress max=(progress.of.max(1)) value=(progress.records) {}
                " " (count(progress.records)) " of about " (count(progress.of)) " records are deleted."
            }
            @if let Some(trouble) = &deletion.trouble { p.alert role="alert" { (trouble) } }
            p.actions { a.button href=(INTEGRATIONS) { "Integrations" } }
        }
    }
}

fn ask(integration: &Integration, caller: &Caller, error: Option<&str>) -> Markup {
    let page = format!("{INTEGRATIONS}/{}", integration.tenant_id);
    html! {
        (layout::crumbs(&[("Integrations", INTEGRATIONS.to_owned()), (&integration.name, page.clone())], "Delete"))
        form.lone.card method="post" action=(format!("{page}/delete")) {
            (layout::csrf(caller))
            h1 { "Delete " (integration.name) "?" }
            p { "This deletes the schedule, the client secret and every record, change and summary of this client, for good. The app registration in the client's Entra stays; remove it there if nobody needs it any more." }
            div.field class=[error.map(|_| "wrong")] {
                label for="confirm" { "Type " strong { (integration.name) } " to confirm" }
                input #confirm name="confirm" autocomplete="off" required autofocus
                    aria-describedby=[error.map(|_| "confirm-error")];
                @if let Some(error) = error { p.error #confirm-error role="alert" { (error) } }
            }
            p.actions {
                button.danger { "Delete for good" }
                a href=(page) { "Keep it" }
            }
        }
    }
}

/// Deletes, and shows what was deleted.
pub async fn submit(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let tenant = tenant(&id)?;
    let integration = integrations::known(&context, tenant).await?;
    if integration.deleting {
        let page = format!("{INTEGRATIONS}/{tenant}/delete");
        return Ok(Redirect::to(&page).into_response());
    }
    if form.get("confirm").trim() != integration.name.trim() {
        let error = "This is not the client's name. Type it as it is written above, or keep the integration.";
        let content = ask(&integration, &caller, Some(error));
        let page = layout::page("Delete", Place::Integrations, Some(&caller), &content);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let deletion = integrations::delete(&context, tenant).await?;
    Ok(tell(&deletion, &caller))
}

fn receipt(gone: &DeletionView) -> Markup {
    let records = gone.records.iter().filter(|(_, n)| **n > 0);
    let title =
        |name: &str| datasets::find(name).map_or_else(|| name.to_owned(), |d| d.title.to_owned());
    let day = |at: Option<Timestamp>| at.map(|at| at.strftime("%-d %b %Y").to_string());
    html! {
        div.lone.card {
            h1 { (gone.name) " is deleted" }
            p {
                "Nothing of this client is kept but this receipt"
                @if let Some(until) = day(gone.kept_until) { ", which stays here until " (until) }
                "."
            }
            dl.facts {
                dt { "Directory (tenant) ID" } dd { code { (gone.tenant_id) } }
                @if let Some(on) = day(gone.finished_at) { dt { "Deleted on" } dd { (on) } }
                dt { "Client secret" } dd { @if gone.secret { "deleted" } @else { "there was none" } }
                dt { "Schedule" } dd { @if gone.schedule { "deleted" } @else { "there was none" } }
                @for (dataset, n) in records { dt { (title(dataset)) } dd { (count(*n)) " records" } }
                dt { "Changes" } dd { (count(gone.changes)) }
                dt { "Daily summaries" } dd { (count(gone.summaries)) }
                dt { "Dataset states" } dd { (count(gone.states)) }
                dt { "Control items" } dd { (count(gone.control_items)) }
            }
            p.actions { a.button href=(INTEGRATIONS) { "Integrations" } }
        }
    }
}
