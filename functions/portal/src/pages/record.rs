//! `/assets/microsoft365/{tenant_id}/{dataset}/{record}`: one record, whole, with its changes.

use super::{
    ASSETS, changes,
    layout::{self, Place},
    words,
};
use crate::{
    Context, api,
    auth::Caller,
    heavy_reads, integrations,
    parameters::{dataset, tenant},
    problem::Problem,
    record_path, records,
};
use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::html;
use muster_domain::{Dataset, TenantId, change};
use muster_platform::store::ChangeQuery;
use std::sync::Arc;

/// A record's address.
pub fn address(tenant: TenantId, dataset: &Dataset, key: &str) -> String {
    let key = record_path::encode(key);
    format!("{ASSETS}/{tenant}/{}/{key}", dataset.name)
}

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path((id, name, key)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let key = record_path::decode(&key).unwrap_or_default();
    let (tenant, dataset) = (tenant(&id)?, dataset(&name)?);
    let integration = integrations::find(&context, tenant).await?;
    let view = api::assets::about(&context, tenant, dataset).await?;
    let record = api::assets::record(&context, tenant, dataset, &key).await?;
    let asked = ChangeQuery {
        dataset: Some(name),
        record: Some(key),
        limit: 50,
        ..ChangeQuery::default()
    };
    let found = heavy_reads::changes(&context, tenant, &asked).await?;
    let names = records::names(&context, tenant, dataset).await?;
    let title = change::title(dataset, &record).unwrap_or_else(|| record.key.clone());
    let overview = format!("{ASSETS}/{tenant}");
    let table = format!("{overview}/{}", dataset.name);
    let now = muster_platform::now();
    let content = html! {
        (layout::crumbs(&[("Assets", ASSETS.to_owned()), (&integration.name, overview), (dataset.title, table)], &title))
        h1 { (title) }
        p.muted { "As of " (words::as_of(&view, now)) }
        div.columns {
            div.card {
                dl.facts.whole {
                    @for (column, value) in dataset.columns.iter().zip(&record.values) {
                        dt title=(column.about) { (words::heading(column)) }
                        dd { (words::value(column, value, &names)) }
                    }
                }
            }
            aside {
                div.card {
                    h2 { "Changes" }
                    @if found.changes.is_empty() { p.muted { "None that Muster has seen." } }
                    ol.timeline { @for change in &found.changes { (changes::entry(tenant, change, false, &names)) } }
                }
            }
        }
    };
    Ok(layout::answer(&title, Place::Assets, &caller, &content))
}
