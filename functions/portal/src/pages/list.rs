//! `/account/integration/microsoft365`: the integrations.

use super::{
    INTEGRATIONS, clients,
    layout::{self, Place},
    words::{self, ago_or_never},
};
use crate::{Context, auth::Caller, integrations, problem::Problem};
use axum::{extract::State, response::Response};
use maud::html;
use std::sync::Arc;

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let all = integrations::all(&context).await?;
    let all = integrations::listed(&context, all).await?;
    let now = muster_platform::now();
    let content = html! {
        div.head {
            h1 { "Microsoft 365 integrations" }
            @if !all.is_empty() { a.button href=(format!("{INTEGRATIONS}/new")) { "Add a client" } }
        }
        @if all.is_empty() { (clients::empty(&caller)) } @else {
            div.scroll tabindex="0" role="region" aria-label="Integrations" {
                table {
                    thead { tr {
                        th scope="col" { "Client" }
                        th scope="col" { "Status" }
                        th scope="col" { "What to know" }
                        th scope="col" { "Sync" }
                        th scope="col" { "Last sync" }
                        th scope="col" { "Credential expires" }
                    } }
                    tbody {
                        @for one in &all {
                            tr {
                                th scope="row" {
                                    a href=(format!("{INTEGRATIONS}/{}", one.tenant_id)) { (one.name) }
                                    div.muted.small { (one.tenant_id) }
                                }
                                td { (words::status(one.status)) }
                                td.wide {
                                    @match one.problems.first() {
                                        Some(first) => {
                                            (first.sentence)
                                            @if one.problems.len() > 1 { span.muted { " and " (one.problems.len() - 1) " more" } }
                                        }
                                        None => { span.muted { "All is well." } }
                                    }
                                }
                                td { (words::cadence(one.cadence_minutes)) }
                                td {
                                    @if one.sync.running { span.busy { "syncing" } }
                                    @else { (ago_or_never(one.last_sync_at, now)) }
                                }
                                td { (words::expires(one.credential.expires_at, now)) }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(layout::answer(
        "Integrations",
        Place::Integrations,
        &caller,
        &content,
    ))
}
