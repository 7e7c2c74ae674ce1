//! `/api/v1/integrations/{tenant_id}/assets/{dataset}`: records, as JSON by page or as CSV whole.

use super::{
    Operation,
    datasets::{CURSOR, LIMIT},
};
use crate::{
    Context, heavy_reads, integrations,
    parameters::{Parameters, dataset, tenant},
    problem::Problem,
    record_path, records,
    view::DatasetView,
};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use muster_domain::{Dataset, Record, TenantId};
use muster_platform::store::ChangeQuery;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/integrations/{tenant_id}/assets/{dataset}",
        id: "listRecords",
        summary: "Records of a dataset; as CSV the whole filtered set, however large",
        query: &[
            ("q", "Text looked for in every column."),
            (
                "filter",
                "`column operator value`, joined by ` and `; operators eq, ne, gt, ge, lt, le, contains, starts, and `is absent`, `is present`. `counted as inactive_90_days` keeps the records that this count of the summary counts.",
            ),
            ("sort", "A column, `-column` for descending."),
            LIMIT,
            CURSOR,
            ("format", "`json`, or `csv` as with `Accept: text/csv`."),
        ],
        body: None,
        answer: (200, "RecordPage"),
        problems: &[
            (400, "a parameter is wrong, or the tenant ID is no GUID"),
            (
                404,
                "the tenant is not connected, or there is no such dataset",
            ),
            (409, "CSV of a dataset of which nothing is known"),
            (
                503,
                "a search, a sort, a filter or an export, and too many run already",
            ),
        ],
        open: false,
        handler: || get(list),
    },
    Operation {
        method: "get",
        path: "/api/v1/integrations/{tenant_id}/assets/{dataset}/{record}",
        id: "getRecord",
        summary: "One record, with its latest changes",
        query: &[],
        body: None,
        answer: (200, "RecordWithChanges"),
        problems: &[
            (400, "the tenant ID is no GUID"),
            (404, "there is no such tenant, dataset or record"),
        ],
        open: false,
        handler: || get(one),
    },
];

/// A record as JSON: its key, then its columns.
fn tell(dataset: &Dataset, record: &Record) -> Value {
    let mut object = record.to_object(dataset);
    object.insert("key".to_owned(), record.key.clone().into());
    Value::Object(object)
}

/// What is told of a dataset beside its records.
///
/// # Errors
/// 404 when the tenant is not connected.
pub(crate) async fn about(
    context: &Context,
    tenant: TenantId,
    dataset: &'static Dataset,
) -> Result<DatasetView, Problem> {
    let integration = integrations::find(context, tenant).await?;
    let states = context.services.store.states(tenant).await?;
    let now = muster_platform::now();
    Ok(DatasetView::new(&integration, dataset, &states, now))
}

async fn list(
    State(context): State<Arc<Context>>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let (tenant, dataset) = (tenant(&id)?, dataset(&name)?);
    let known = ["q", "filter", "sort", "limit", "cursor", "format"];
    let parameters = Parameters::read(raw.as_deref(), &known)?;
    let as_csv = match parameters.get("format") {
        None => wants_csv(&headers),
        Some("csv") => true,
        Some("json") => false,
        Some(_) => return Err(Problem::bad_parameter("format", "is json or csv")),
    };
    let query = records::query(dataset, &parameters)?;
    let view = about(&context, tenant, dataset).await?;
    if let (true, Some(exports)) = (as_csv, &context.exports) {
        let secret = &context.services.portal_secret;
        let on = exports.redirect(
            secret,
            tenant,
            dataset,
            raw.as_deref(),
            muster_platform::now(),
        );
        return Ok(on.await?);
    }
    if as_csv {
        return csv(&context, tenant, query, &view, muster_platform::now()).await;
    }
    let page = records::page(&context, tenant, query).await?;
    let store = &context.services.store;
    let counted = records::counted(&view);
    page.seen.check(store, tenant, dataset, counted).await;
    let items: Vec<Value> = page.records.iter().map(|r| tell(dataset, r)).collect();
    Ok(Json(json!({
        "items": items,
        "next_cursor": page.next_cursor,
        "sku_names": page.sku_names(dataset),
        "matched": page.matched.filter(|_| view.complete()),
        "complete": view.complete(),
        "as_of": view.last_success_at,
        "data_date": view.data_date,
        "data_old": view.data_old,
        "verdict": view.verdict,
        "label": view.label,
        "sentence": view.sentence,
    }))
    .into_response())
}

/// The whole filtered set as a download.
///
/// # Errors
/// 409 when nothing is known of the dataset.
pub(crate) async fn csv(
    context: &Context,
    tenant: TenantId,
    query: muster_domain::table::Query,
    view: &DatasetView,
    now: Timestamp,
) -> Result<Response, Problem> {
    let body = records::csv(context, tenant, query, view).await?;
    let file = format!("{}_{tenant}_{}.csv", view.name, now.strftime("%Y-%m-%d"));
    let mut response = (
        [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{file}\""),
            ),
        ],
        body,
    )
        .into_response();
    // A file has no room for "as of" and "incomplete"; whoever scripts the export reads them here.
    let headers = response.headers_mut();
    let complete = if view.complete() { "true" } else { "false" };
    headers.insert("x-muster-complete", HeaderValue::from_static(complete));
    let as_of = view.last_success_at.map(|at| at.to_string());
    if let Some(Ok(as_of)) = as_of.map(|at| HeaderValue::from_str(&at)) {
        headers.insert("x-muster-as-of", as_of);
    }
    let data_date = view.data_date.map(|day| day.to_string());
    if let Some(Ok(day)) = data_date.map(|day| HeaderValue::from_str(&day)) {
        headers.insert("x-muster-data-date", day);
    }
    Ok(response)
}

fn wants_csv(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let accept = accept.unwrap_or_default().to_ascii_lowercase();
    match (accept.find("text/csv"), accept.find("json")) {
        (Some(csv), Some(json)) => csv < json,
        (csv, _) => csv.is_some(),
    }
}

async fn one(
    State(context): State<Arc<Context>>,
    Path((id, name, key)): Path<(String, String, String)>,
) -> Result<Json<Value>, Problem> {
    let key = record_path::decode(&key).unwrap_or_default();
    let (tenant, dataset) = (tenant(&id)?, dataset(&name)?);
    let view = about(&context, tenant, dataset).await?;
    let record = record(&context, tenant, dataset, &key).await?;
    let asked = ChangeQuery {
        dataset: Some(name),
        record: Some(key),
        limit: 50,
        ..ChangeQuery::default()
    };
    let changes = heavy_reads::changes(&context, tenant, &asked).await?;
    Ok(Json(json!({
        "record": tell(dataset, &record),
        "changes": changes.changes,
        "as_of": view.last_success_at,
        "data_date": view.data_date,
        "data_old": view.data_old,
    })))
}

/// One record.
///
/// # Errors
/// 404 when there is none of that key.
pub(crate) async fn record(
    context: &Context,
    tenant: TenantId,
    dataset: &'static Dataset,
    key: &str,
) -> Result<Record, Problem> {
    let possible = !key.is_empty() && key.len() <= 1024;
    let found = if possible {
        context.services.store.record(tenant, dataset, key).await?
    } else {
        None
    };
    found.ok_or_else(|| {
        Problem::not_found(format!(
            "{} has no record of this key now. It may have been removed; the tenant's changes tell.",
            dataset.title
        ))
    })
}
