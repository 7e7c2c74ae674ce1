//! `/assets/microsoft365/{tenant_id}/changes`: what was added, changed and removed.

use super::{
    ASSETS,
    layout::{self, Place},
    record, words,
};
use crate::{
    Context, api,
    auth::Caller,
    heavy_reads, integrations,
    parameters::{Parameters, cursor, tenant},
    problem::Problem,
    records,
};
use axum::{
    extract::{Path, RawQuery, State},
    response::Response,
};
use maud::{Markup, html};
use muster_domain::{
    Column, Kind, TenantId,
    change::{Change, ChangeKind},
    datasets,
    sku::Names,
};
use serde_json::Value;
use std::sync::Arc;

/// The page.
pub async fn page(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let tenant = tenant(&id)?;
    let known = ["dataset", "record", "since", "limit", "cursor"];
    let parameters = Parameters::read(raw.as_deref(), &known)?;
    let query = api::changes::query(&parameters)?;
    let integration = integrations::find(&context, tenant).await?;
    let found = heavy_reads::changes(&context, tenant, &query).await?;
    let of_skus = |change: &Change| datasets::find(&change.dataset).is_some_and(Names::needed);
    let names = match found.changes.iter().any(of_skus) {
        true => records::names_of(&context, tenant).await?,
        false => Arc::default(),
    };
    let chosen = parameters.get("dataset").unwrap_or_default();
    let since = parameters.get("since").unwrap_or_default();
    let path = format!("{ASSETS}/{tenant}/changes");
    let older = found.next.as_deref().map(|next| {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("dataset", chosen),
            ("since", since),
            ("cursor", &cursor(next)),
        ] {
            if !value.is_empty() {
                text.append_pair(name, value);
            }
        }
        format!("{path}?{}", text.finish())
    });
    let content = html! {
        (layout::crumbs(&[("Assets", ASSETS.to_owned()), (&integration.name, format!("{ASSETS}/{tenant}"))], "Changes"))
        h1 { "Changes" }
        form.tools action=(path) {
            label for="dataset" { "Dataset" }
            select #dataset name="dataset" {
                option value="" { "All" }
                @for dataset in datasets::ALL {
                    option value=(dataset.name) selected[dataset.name == chosen] { (dataset.title) }
                }
            }
            label for="since" { "Since" }
            input #since type="date" name="since" value=(since.get(..10).unwrap_or(since));
            button.second { "Show" }
        }
        @if found.changes.is_empty() {
            p.empty.card { "No change that Muster has seen" @if !since.is_empty() || !chosen.is_empty() { " answers this" } ". The first sync of a client records none: there is nothing to compare with." }
        } @else {
            ol.timeline.card { @for change in &found.changes { (entry(tenant, change, true, &names)) } }
            nav.paging aria-label="Pages" {
                @if parameters.get("cursor").is_some() { a.button.second href=(path) { "Newest" } }
                @if let Some(older) = older { a.button.second rel="next" href=(older) { "Older" } }
            }
        }
    };
    Ok(layout::answer("Changes", Place::Assets, &caller, &content))
}

/// One change; `named` with the record it is of.
pub fn entry(tenant: TenantId, change: &Change, named: bool, names: &Names) -> Markup {
    let dataset = datasets::find(&change.dataset);
    let title = change.title.as_deref().unwrap_or(&change.record);
    let (class, word) = match change.kind {
        ChangeKind::Added => ("badge good", "Added"),
        ChangeKind::Changed => ("badge info", "Changed"),
        ChangeKind::Removed => ("badge bad", "Removed"),
    };
    html! {
        li {
            p {
                span class=(class) { (word) }
                @if named {
                    " "
                    @match dataset {
                        Some(dataset) if change.kind != ChangeKind::Removed => a href=(record::address(tenant, dataset, &change.record)) { (title) },
                        _ => strong { (title) },
                    }
                    span.muted { " in " (dataset.map_or(change.dataset.as_str(), |d| d.title)) }
                }
                " " span.muted.small { (words::moment(change.at)) }
            }
            @if !change.columns.is_empty() {
                dl.diff {
                    @for (name, sides) in &change.columns {
                        @let column = dataset.and_then(|d| d.columns.get(d.column(name)?));
                        dt { @match column { Some(column) => (words::heading(column)), None => (name) } }
                        dd {
                            del { (side(column, &sides["before"], names)) }
                            span.sr { " became " }
                            ins { (side(column, &sides["after"], names)) }
                        }
                    }
                }
            }
        }
    }
}

fn side(column: Option<&Column>, value: &Value, names: &Names) -> Markup {
    static OTHER: Column = Column::new("", "", Kind::Json, "");
    words::value(column.unwrap_or(&OTHER), value, names)
}
