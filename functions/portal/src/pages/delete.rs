//! `…/{tenant_id}/delete`: deleting an integration, and its receipt.

use super::{
    INTEGRATIONS,
    form::Form,
    layout::{self, Place},
    words::count,
};
use crate::{Context, auth::Caller, integrations, parameters::tenant, problem::Problem};
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use muster_domain::{Integration, datasets};
use muster_platform::disconnect::Disconnected;
use std::sync::Arc;

/// Asks whether it is meant.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let integration = integrations::find(&context, tenant(&id)?).await?;
    let content = ask(&integration, &caller, None);
    Ok(layout::answer(
        "Delete",
        Place::Integrations,
        &caller,
        &content,
    ))
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
    let integration = integrations::find(&context, tenant).await?;
    if form.get("confirm").trim() != integration.name.trim() {
        let error = "This is not the client's name. Type it as it is written above, or keep the integration.";
        let content = ask(&integration, &caller, Some(error));
        let page = layout::page("Delete", Place::Integrations, Some(&caller), &content);
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let gone = integrations::delete(&context, tenant).await?;
    let content = receipt(&integration.name, &gone);
    Ok(layout::answer(
        "Deleted",
        Place::Integrations,
        &caller,
        &content,
    ))
}

fn receipt(name: &str, gone: &Disconnected) -> Markup {
    let records = gone.data.records.iter().filter(|(_, n)| **n > 0);
    let title =
        |name: &str| datasets::find(name).map_or_else(|| name.to_owned(), |d| d.title.to_owned());
    html! {
        div.lone.card {
            h1 { (name) " is deleted" }
            p { "Nothing of this client is kept. This is the receipt; it is not stored." }
            dl.facts {
                dt { "Directory (tenant) ID" } dd { code { (gone.tenant_id) } }
                dt { "Client secret" } dd { @if gone.secret { "deleted" } @else { "there was none" } }
                dt { "Schedule" } dd { @if gone.schedule { "deleted" } @else { "there was none" } }
                @for (dataset, n) in records { dt { (title(dataset)) } dd { (count(*n)) " records" } }
                dt { "Changes" } dd { (count(gone.data.changes)) }
                dt { "Daily summaries" } dd { (count(gone.data.summaries)) }
                dt { "Control items" } dd { (count(gone.data.control_items)) }
            }
            p.actions { a.button href=(INTEGRATIONS) { "Integrations" } }
        }
    }
}
