//! `GET /api/v1/integrations/{tenant_id}/summary`: today's counts and the history.

use super::Operation;
use crate::{Context, integrations, parameters::tenant, problem::Problem};
use axum::{
    Json,
    extract::{Path, State},
    routing::get,
};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const OPERATIONS: &[Operation] = &[Operation {
    method: "get",
    path: "/api/v1/integrations/{tenant_id}/summary",
    id: "getSummary",
    summary: "Today's counts, each count with its evidence, and the history, oldest first; null is \"not known\", never zero",
    query: &[],
    body: None,
    answer: (200, "Summary"),
    problems: &[
        (400, "the tenant ID is no GUID"),
        (404, "the tenant is not connected"),
    ],
    open: false,
    handler: || get(summary),
}];

async fn summary(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let tenant = tenant(&id)?;
    let (integration, view) = integrations::with_view(&context, tenant).await?;
    let history = context.services.store.summaries(tenant).await?;
    let now = muster_platform::now();
    let today = now.strftime("%Y-%m-%d").to_string();
    let today = history.last().filter(|last| last.date == today);
    Ok(Json(json!({
        "today": today.map(|summary| &summary.counts),
        "counts": view.figures(&integration.glance, now),
        "history": history,
    })))
}
