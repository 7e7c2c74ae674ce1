//! The OpenAPI document, and the health check.

use super::Operation;
use crate::openapi;
use axum::{Json, routing::get};
use serde_json::{Value, json};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "get",
        path: "/api/v1/openapi.json",
        id: "getOpenapi",
        summary: "This document",
        query: &[],
        body: None,
        answer: (200, "Document"),
        problems: &[],
        open: false,
        handler: || get(document),
    },
    Operation {
        method: "get",
        path: "/healthz",
        id: "getHealth",
        summary: "Whether this installation answers",
        query: &[],
        body: None,
        answer: (200, "Health"),
        problems: &[],
        open: true,
        handler: || get(health),
    },
];

async fn document() -> Json<Value> {
    Json(openapi::document())
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}
