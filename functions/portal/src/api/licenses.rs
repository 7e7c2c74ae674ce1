//! `/api/v1/licenses`: which SKUs count as bought, for all clients of the account.

use super::Operation;
use crate::{
    Context, integrations, licenses as held,
    parameters::{Body, Parameters, tenant},
    problem::Problem,
    view::DatasetView,
};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use bytes::Bytes;
use muster_domain::licenses::{Choice, Choices, Line};
use muster_platform::licenses;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/licenses",
        id: "getLicenseChoices",
        summary: "Which SKUs the account counts or leaves out, whatever is known of them",
        query: &[],
        body: None,
        answer: (200, "LicenseChoices"),
        problems: &[],
        open: false,
        handler: || get(read),
    },
    Operation {
        method: "put",
        path: "/api/v1/licenses/{sku_id}",
        id: "chooseLicense",
        summary: "Count a SKU as bought, leave it out, or go by what is known of it; used by each client's next sync",
        query: &[],
        body: Some("LicenseChoice"),
        answer: (200, "LicenseChoices"),
        problems: &[
            (404, "the SKU ID is no GUID"),
            (409, "somebody else changed the choices"),
            (422, "the choice is none of the three"),
        ],
        open: false,
        handler: || put(choose),
    },
];

/// The word that takes a choice back.
const AUTOMATIC: &str = "automatic";

async fn read(State(context): State<Arc<Context>>) -> Result<Json<Value>, Problem> {
    Ok(Json(tell(&licenses::choices(&context.services).await?)))
}

async fn choose(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let sku = Uuid::try_parse(&id).map_err(|_| {
        Problem::not_found("A SKU ID is a GUID, as the column sku_id of subscribed_skus has it.")
    })?;
    let mut body = Body::read(&headers, &bytes, &["choice", "part_number"])?;
    let word = body.text("choice").unwrap_or_default();
    let choice = Choice::find(&word);
    if choice.is_none() && word != AUTOMATIC {
        body.wrong("choice", "Give count, leave_out or automatic.");
    }
    let part_number = body.text("part_number");
    body.finish()?;
    let choices = licenses::choose(&context.services, sku, choice, part_number.as_deref());
    let choices = choices.await?;
    Ok(Json(tell(&choices)))
}

fn tell(choices: &Choices) -> Value {
    let items: Vec<Value> = choices
        .each()
        .map(|(id, choice)| json!({"sku_id": id, "name": choices.name(id), "choice": choice}))
        .collect();
    json!({"items": items})
}

/// One client's licenses.
pub(super) const OF_A_TENANT: &[Operation] = &[Operation {
    method: "get",
    path: "/api/v1/integrations/{tenant_id}/licenses",
    id: "listLicenses",
    summary: "The client's licenses, SKU by SKU and in sum: usable, assigned, unassigned, over-assigned, in grace, suspended, locked out, on trial",
    query: &[("format", "`json`, or `csv`.")],
    body: None,
    answer: (200, "Licenses"),
    problems: &[
        (400, "a parameter is wrong, or the tenant ID is no GUID"),
        (404, "the tenant is not connected"),
    ],
    open: false,
    handler: || get(of_tenant),
}];

async fn of_tenant(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let tenant = tenant(&id)?;
    let parameters = Parameters::read(raw.as_deref(), &["format"])?;
    let as_csv = match parameters.get("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Problem::bad_parameter("format", "is json or csv")),
    };
    let (_, view) = integrations::with_view(&context, tenant).await?;
    let held = held::of(&context, tenant).await?;
    let known = view.datasets.iter().find(|d| d.name == "subscribed_skus");
    if as_csv {
        let body = held::csv(&held.lines)?;
        let day = muster_platform::now().strftime("%Y-%m-%d").to_string();
        let name = format!("attachment; filename=\"licenses_{tenant}_{day}.csv\"");
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, name),
        ];
        return Ok((headers, body).into_response());
    }
    let items: Vec<Value> = held.lines.iter().map(line).collect();
    let totals = held.totals;
    Ok(Json(json!({
        "items": items,
        "totals": {
            "usable": totals.usable,
            "assigned": totals.assigned,
            "unassigned": totals.unassigned,
            "over_assigned": totals.over_assigned,
            "in_grace": totals.in_grace,
            "suspended": totals.suspended,
            "locked_out": totals.locked_out,
            "trial": totals.trial,
            "skus_without_numbers": totals.unknown,
        },
        "complete": known.is_some_and(DatasetView::complete),
        "as_of": known.and_then(|known| known.complete_as_of),
        "trials": view.trials_told_by(),
    }))
    .into_response())
}

fn line(line: &Line) -> Value {
    let mut told = serde_json::to_value(line).unwrap_or_default();
    told["unassigned"] = json!(line.unassigned());
    told["over_assigned"] = json!(line.over_assigned());
    told
}
