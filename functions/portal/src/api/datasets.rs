//! `GET /api/v1/datasets`: the registry.

use super::Operation;
use axum::{Json, routing::get};
use muster_domain::{Dataset, datasets, verdict::Licence};
use serde_json::{Value, json};

/// Items a page.
pub(super) const LIMIT: (&str, &str) = ("limit", "Items a page: 1 to 1000, else 100.");
/// Where the page before ended.
pub(super) const CURSOR: (&str, &str) = ("cursor", "`next_cursor` of the page before.");

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "get",
    path: "/api/v1/datasets",
    id: "listDatasets",
    summary: "Every dataset with its columns, and what it needs to be read",
    query: &[],
    body: None,
    answer: (200, "DatasetList"),
    problems: &[],
    open: false,
    handler: || get(list),
}];

async fn list() -> Json<Value> {
    let items: Vec<Value> = datasets::ALL.iter().map(|dataset| tell(dataset)).collect();
    Json(json!({"items": items, "next_cursor": null}))
}

fn tell(dataset: &Dataset) -> Value {
    let columns: Vec<Value> = dataset
        .columns
        .iter()
        .map(|column| {
            json!({"name": column.name, "type": column.kind.name(), "about": column.about})
        })
        .collect();
    json!({
        "name": dataset.name,
        "title": dataset.title,
        "about": dataset.about,
        "doc": dataset.doc,
        "path": dataset.path,
        "kind": dataset.enumeration.name(),
        "columns": columns,
        "permissions": dataset.needs,
        "licence": dataset.licence.map(Licence::name),
        "due_every_minutes": dataset.due_every_minutes,
        "retention_days": dataset.retention_days,
    })
}
