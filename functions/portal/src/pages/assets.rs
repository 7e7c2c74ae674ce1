//! `/assets/microsoft365`: choosing a client; with one client, that one.

use super::{
    ASSETS, clients,
    layout::{self, Place},
    words::{self, ago_or_never, known},
};
use crate::{Context, auth::Caller, integrations, problem::Problem};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;
use muster_domain::datasets::{managed_devices, users};
use std::sync::Arc;

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let all = integrations::all(&context).await?;
    if let [one] = all.as_slice() {
        return Ok(Redirect::to(&format!("{ASSETS}/{}", one.tenant_id)).into_response());
    }
    let all = integrations::listed(&context, all).await?;
    let now = muster_platform::now();
    let content = html! {
        h1 { "Assets in Microsoft 365" }
        @if all.is_empty() { (clients::empty(&caller)) } @else {
            p.muted { "Choose a client." }
            ul.choose {
                @for one in &all {
                    li.card {
                        h2 { a href=(format!("{ASSETS}/{}", one.tenant_id)) { (one.name) } }
                        dl {
                            dt { "Users" } dd { (known(one.glance.get(&users::ALL_USERS))) }
                            dt { "Devices" } dd { (known(one.glance.get(&managed_devices::ALL_DEVICES))) }
                            dt { "Secure score" } dd { (clients::score(&|count| one.glance.get(count))) }
                        }
                        @if let Some(at) = clients::old_score(&one.glance, now) {
                            p.muted.small { "Secure score as of " (words::old(at, now)) }
                        }
                        p.muted.small { (words::status(one.status)) " synced " (ago_or_never(one.last_sync_at, now)) }
                    }
                }
            }
        }
    };
    Ok(layout::answer("Assets", Place::Assets, &caller, &content))
}
