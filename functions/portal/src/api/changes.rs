//! `GET /api/v1/integrations/{tenant_id}/changes`: what was added, changed and removed.

use super::{
    Operation,
    datasets::{CURSOR, LIMIT},
};
use crate::{
    Context, heavy_reads, integrations,
    parameters::{Parameters, bad_cursor, cursor, tenant},
    problem::Problem,
};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    routing::get,
};
use jiff::{Timestamp, civil, tz::TimeZone};
use muster_domain::{change, datasets};
use muster_platform::store::ChangeQuery;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "get",
    path: "/api/v1/integrations/{tenant_id}/changes",
    id: "listChanges",
    summary: "What was added, changed and removed, newest first",
    query: &[
        ("dataset", "Of this dataset only."),
        ("record", "Of the record of this key only."),
        ("since", "At or after this time (RFC 3339) or day."),
        LIMIT,
        CURSOR,
    ],
    body: None,
    answer: (200, "ChangePage"),
    problems: &[
        (400, "a parameter is wrong, or the tenant ID is no GUID"),
        (404, "the tenant is not connected"),
        (
            503,
            "the changes of one record or dataset, and too many searches run already",
        ),
    ],
    open: false,
    handler: || get(list),
}];

/// The question that query parameters ask of the changes.
///
/// # Errors
/// 400 when it cannot be asked.
pub(crate) fn query(parameters: &Parameters) -> Result<ChangeQuery, Problem> {
    let dataset = parameters.owned("dataset");
    if dataset
        .as_deref()
        .is_some_and(|d| datasets::find(d).is_none())
    {
        return Err(Problem::bad_parameter(
            "dataset",
            "is not the name of a dataset; GET /api/v1/datasets lists all",
        ));
    }
    let since = parameters.get("since").map(instant).transpose()?;
    let after = parameters.cursor()?;
    // A sort key begins with its time; one before `since` would be outside of what is asked.
    let earliest = since.map_or_else(String::new, change::instant);
    if let Some(after) = &after {
        let time = after.split('#').next().unwrap_or_default();
        let good = after.len() <= 1024
            && after.contains('#')
            && time.parse::<Timestamp>().is_ok()
            && *after >= earliest;
        if !good {
            return Err(bad_cursor());
        }
    }
    Ok(ChangeQuery {
        dataset,
        record: parameters.owned("record"),
        since,
        after,
        limit: parameters.limit()?,
    })
}

fn instant(text: &str) -> Result<Timestamp, Problem> {
    let day = || {
        let day: civil::Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    text.parse().ok().or_else(day).ok_or_else(|| {
        Problem::bad_parameter(
            "since",
            "is a time such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31",
        )
    })
}

async fn list(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Json<Value>, Problem> {
    let tenant = tenant(&id)?;
    let known = ["dataset", "record", "since", "limit", "cursor"];
    let query = query(&Parameters::read(raw.as_deref(), &known)?)?;
    integrations::find(&context, tenant).await?;
    let page = heavy_reads::changes(&context, tenant, &query).await?;
    Ok(Json(json!({
        "items": page.changes,
        "next_cursor": page.next.as_deref().map(cursor),
    })))
}
