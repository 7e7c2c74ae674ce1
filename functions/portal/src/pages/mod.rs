//! The pages: server-rendered, complete without JavaScript, live with it.

mod actions;
mod add;
mod assets;
mod changes;
mod clients;
mod dataset;
mod delete;
pub mod error;
mod form;
mod integration;
mod layout;
mod list;
mod live;
mod overview;
mod record;
mod sign_in;
mod statics;
mod table_ask;
mod trend;
mod words;

use crate::{Context, auth::Caller, problem::Problem};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{Redirect, Response},
    routing::{get, post},
};
use std::sync::Arc;

/// Where integrations are managed.
pub(crate) const INTEGRATIONS: &str = "/account/integration/microsoft365";
/// Where assets are looked at.
pub(crate) const ASSETS: &str = "/assets/microsoft365";

pub(crate) fn router(context: &Arc<Context>) -> Router<Arc<Context>> {
    let to_integrations = get(|| async { Redirect::permanent(INTEGRATIONS) });
    let to_assets = get(|| async { Redirect::permanent(ASSETS) });
    let seen_by_all = Router::new()
        .route("/", get(clients::page))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/assets", to_assets)
        .route(ASSETS, get(assets::page))
        .route("/assets/microsoft365/{tenant_id}", get(overview::page))
        .route(
            "/assets/microsoft365/{tenant_id}/changes",
            get(changes::page),
        )
        .route(
            "/assets/microsoft365/{tenant_id}/{dataset}",
            get(dataset::page),
        )
        .route(
            "/assets/microsoft365/{tenant_id}/{dataset}/{record}",
            get(record::page),
        )
        .layer(middleware::from_fn_with_state(
            Arc::clone(context),
            signed_in,
        ));
    let one = "/account/integration/microsoft365/{tenant_id}";
    let below = |path: &str| format!("{one}/{path}");
    let for_managers = Router::new()
        .route("/account/integration", to_integrations)
        .route(INTEGRATIONS, get(list::page))
        .route(
            "/account/integration/microsoft365/new",
            get(add::page).post(add::submit),
        )
        .route(one, get(integration::page))
        .route(&below("live"), get(integration::fragment))
        .route(&below("authorize"), post(actions::authorize))
        .route(&below("sync"), post(actions::sync))
        .route(&below("check"), post(actions::check))
        .route(&below("pause"), post(actions::pause))
        .route(&below("settings"), post(actions::settings))
        .route(&below("datasets"), post(actions::datasets))
        .route(&below("removal"), post(actions::removal))
        .route(&below("credential"), post(actions::credential))
        .route(&below("delete"), get(delete::page).post(delete::submit))
        .layer(middleware::from_fn_with_state(Arc::clone(context), manager));
    Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::submit))
        .route("/static/{file}", get(statics::file))
        .merge(seen_by_all)
        .merge(for_managers)
}

/// The layer before pages that everybody signed in may see.
async fn signed_in(
    State(context): State<Arc<Context>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = Caller::of(&context, request.headers(), muster_platform::now())
        .ok_or_else(Problem::unauthorized)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The layer before pages that change integrations.
async fn manager(
    State(context): State<Arc<Context>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = Caller::of(&context, request.headers(), muster_platform::now())
        .ok_or_else(Problem::unauthorized)?;
    if !caller.manages() {
        return Err(Problem::forbidden());
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
