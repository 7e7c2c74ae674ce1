//! `/api/v1/alerts`: how the account wants to be told.

use super::Operation;
use crate::{Context, parameters::Body, problem::Problem};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use bytes::Bytes;
use muster_domain::alert::{ChannelKind, Settings};
use muster_platform::alerting;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/alerts",
        id: "getAlertSettings",
        summary: "When and where alerts are sent; a webhook's address is not told",
        query: &[],
        body: None,
        answer: (200, "AlertSettings"),
        problems: &[],
        open: false,
        handler: || get(read),
    },
    Operation {
        method: "put",
        path: "/api/v1/alerts",
        id: "setAlertSettings",
        summary: "Choose when alerts are sent; what is left out is as by default",
        query: &[],
        body: Some("AlertTimes"),
        answer: (200, "AlertSettings"),
        problems: &[
            (422, "a setting is wrong"),
            (409, "somebody else changed them"),
        ],
        open: false,
        handler: || put(choose),
    },
    Operation {
        method: "post",
        path: "/api/v1/alerts/channels",
        id: "addAlertChannel",
        summary: "Add a webhook; the key its messages are signed with is told only here",
        query: &[],
        body: Some("NewAlertChannel"),
        answer: (201, "AddedAlertChannel"),
        problems: &[(422, "the name, the kind or the address is wrong")],
        open: false,
        handler: || post(add),
    },
    Operation {
        method: "delete",
        path: "/api/v1/alerts/channels/{channel}",
        id: "removeAlertChannel",
        summary: "Remove a webhook",
        query: &[],
        body: None,
        answer: (200, "AlertSettings"),
        problems: &[(404, "there is no such webhook")],
        open: false,
        handler: || delete(remove),
    },
    Operation {
        method: "post",
        path: "/api/v1/alerts/test",
        id: "testAlerts",
        summary: "Send a test message to every channel, and tell what became of each",
        query: &[],
        body: None,
        answer: (200, "AlertTest"),
        problems: &[],
        open: false,
        handler: || post(test),
    },
];

async fn read(State(context): State<Arc<Context>>) -> Result<Json<Value>, Problem> {
    tell(&context, alerting::settings(&context.services).await?).await
}

/// The account's choices as JSON, each channel with what keeps it from taking messages.
async fn tell(context: &Context, settings: Settings) -> Result<Json<Value>, Problem> {
    let troubles = alerting::troubles(&context.services).await?;
    let mut told = json!(settings);
    for channel in told["channels"].as_array_mut().into_iter().flatten() {
        let id = channel["id"].as_str().unwrap_or_default();
        channel["trouble"] = json!(troubles.get(id));
    }
    Ok(Json(told))
}

async fn choose(
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    // Checked as every body is, then read as the settings it is.
    Body::read(
        &headers,
        &bytes,
        &["days_before", "stale_hours", "quiet", "digest_hour"],
    )?;
    let chosen: Settings = serde_json::from_slice(&bytes).map_err(|_| {
        Problem::bad_request("Send days_before as a list of whole numbers from 0 to 365, stale_hours as a whole number from 24 to 720, digest_hour as a whole number from 0 to 23 or null, and quiet as {\"from\": 20, \"to\": 6}, two hours from 0 to 23, or null.")
    })?;
    tell(&context, alerting::choose(&context.services, chosen).await?).await
}

async fn add(
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let mut body = Body::read(&headers, &bytes, &["kind", "name", "url"])?;
    let kind = body.text("kind").and_then(|kind| ChannelKind::find(&kind));
    if kind.is_none() {
        body.wrong("kind", "Give teams, slack or webhook.");
    }
    let name = body.text("name").unwrap_or_default();
    let url = SecretString::from(body.text("url").unwrap_or_default());
    body.finish()?;
    let kind = kind.unwrap_or(ChannelKind::Webhook);
    let (channel, key) = alerting::add_channel(&context.services, kind, &name, url).await?;
    let key = (kind == ChannelKind::Webhook).then(|| key.expose_secret().to_owned());
    let answer =
        json!({"id": channel.id, "kind": channel.kind, "name": channel.name, "signing_key": key});
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

async fn remove(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    if alerting::remove_channel(&context.services, &id).await? {
        tell(&context, alerting::settings(&context.services).await?).await
    } else {
        Err(Problem::not_found(
            "There is no such webhook. GET /api/v1/alerts lists them.",
        ))
    }
}

async fn test(State(context): State<Arc<Context>>) -> Result<Json<Value>, Problem> {
    let outcomes = alerting::test(&context.services, muster_platform::now()).await?;
    let items: Vec<Value> = outcomes
        .into_iter()
        .map(|(name, outcome)| {
            let trouble = outcome.err().map(|error| error.to_string());
            json!({"name": name, "taken": trouble.is_none(), "trouble": trouble})
        })
        .collect();
    Ok(Json(json!({"channels": items})))
}
