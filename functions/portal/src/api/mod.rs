//! The JSON API: one table of operations, from which the router and the OpenAPI document are
//! both made.

mod alerts;
pub(crate) mod assets;
pub(crate) mod changes;
mod datasets;
mod documents;
mod integrations;
mod licenses;
mod schemas;
mod summary;

use crate::{Context, auth, problem::Problem};
use axum::{Router, middleware, routing::MethodRouter};
use std::sync::Arc;

pub use schemas::schemas;

/// One call of the API.
#[derive(Debug)]
pub struct Operation {
    /// The method, in lower case.
    pub method: &'static str,
    /// The path, with `{name}` for its parameters.
    pub path: &'static str,
    /// A name for generated clients.
    pub id: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// The query parameters it takes: name and meaning.
    pub query: &'static [(&'static str, &'static str)],
    /// The schema of its body.
    pub body: Option<&'static str>,
    /// Its good answer: status and schema.
    pub answer: (u16, &'static str),
    /// What it answers when it does not: status and when. 401, and 403 for changes, go without
    /// saying.
    pub problems: &'static [(u16, &'static str)],
    /// Whether it wants no sign-in.
    pub open: bool,
    /// What handles it.
    pub(crate) handler: fn() -> MethodRouter<Arc<Context>>,
}

/// Every call.
pub fn operations() -> Vec<&'static Operation> {
    [
        integrations::OPERATIONS,
        assets::OPERATIONS,
        summary::OPERATIONS,
        licenses::OF_A_TENANT,
        licenses::OPERATIONS,
        changes::OPERATIONS,
        datasets::OPERATIONS,
        alerts::OPERATIONS,
        documents::OPERATIONS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) fn router(context: &Arc<Context>) -> Router<Arc<Context>> {
    let mut open = Router::new();
    let mut guarded = Router::new();
    for operation in operations() {
        let routes = if operation.open {
            &mut open
        } else {
            &mut guarded
        };
        *routes = std::mem::take(routes).route(operation.path, (operation.handler)());
    }
    // An unknown path below /api asks for sign-in first, as a known one does.
    let guarded = guarded
        .route("/api/{*path}", axum::routing::any(no_such_path))
        .layer(middleware::from_fn_with_state(
            Arc::clone(context),
            auth::api_layer,
        ));
    open.merge(guarded)
}

async fn no_such_path() -> Problem {
    Problem::not_found("There is no such call. /api/v1/openapi.json describes all there are.")
}
