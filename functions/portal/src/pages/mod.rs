//! The pages: server-rendered, complete without JavaScript, live with it.

mod actions;
mod add;
mod alerts;
mod assets;
mod changes;
mod clients;
mod credential;
mod dataset;
mod delete;
mod entra;
pub mod error;
mod form;
mod integration;
mod issuer;
mod layout;
mod licenses;
mod list;
mod live;
mod overview;
mod overview_licenses;
mod record;
mod setup;
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
    routing::{MethodRouter, get, post},
};
use std::sync::Arc;

/// Where integrations are managed.
pub(crate) const INTEGRATIONS: &str = "/account/integration/microsoft365";
/// Where alerts are chosen.
pub(crate) const ALERTS: &str = "/account/alerts";
/// Where it is chosen which SKUs count.
pub(crate) const LICENSES: &str = "/account/licenses";
/// Where assets are looked at.
pub(crate) const ASSETS: &str = "/assets/microsoft365";

/// Who may see a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Anybody: there is no layer before it.
    Anybody,
    /// Everybody signed in.
    SignedIn,
    /// Those who manage integrations.
    Managers,
}

/// One address, with the methods it takes and what handles it.
type Page = (
    &'static str,
    &'static [&'static str],
    For,
    fn() -> MethodRouter<Arc<Context>>,
);

const GET: &[&str] = &["get"];
const POST: &[&str] = &["post"];
const BOTH: &[&str] = &["get", "post"];

/// Every page but the doors, by address.
const PAGES: &[Page] = &[
    ("/", GET, For::SignedIn, || get(clients::page)),
    ("/static/{file}", GET, For::Anybody, || get(statics::file)),
    ("/sign-out", POST, For::SignedIn, || post(sign_in::sign_out)),
    ("/assets", GET, For::SignedIn, || to(ASSETS)),
    (ASSETS, GET, For::SignedIn, || get(assets::page)),
    (
        "/assets/microsoft365/{tenant_id}",
        GET,
        For::SignedIn,
        || get(overview::page),
    ),
    (
        "/assets/microsoft365/{tenant_id}/changes",
        GET,
        For::SignedIn,
        || get(changes::page),
    ),
    (
        "/assets/microsoft365/{tenant_id}/{dataset}",
        GET,
        For::SignedIn,
        || get(dataset::page),
    ),
    (
        "/assets/microsoft365/{tenant_id}/{dataset}/{record}",
        GET,
        For::SignedIn,
        || get(record::page),
    ),
    ("/account/integration", GET, For::Managers, || {
        to(INTEGRATIONS)
    }),
    (INTEGRATIONS, GET, For::Managers, || get(list::page)),
    (
        "/account/integration/microsoft365/new",
        BOTH,
        For::Managers,
        || get(add::page).post(add::submit),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}",
        GET,
        For::Managers,
        || get(integration::page),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/live",
        GET,
        For::Managers,
        || get(integration::fragment),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/authorize",
        POST,
        For::Managers,
        || post(actions::authorize),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/sync",
        POST,
        For::Managers,
        || post(actions::sync),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/check",
        POST,
        For::Managers,
        || post(actions::check),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/pause",
        POST,
        For::Managers,
        || post(actions::pause),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/settings",
        POST,
        For::Managers,
        || post(actions::settings),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/datasets",
        POST,
        For::Managers,
        || post(actions::datasets),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/removal",
        POST,
        For::Managers,
        || post(actions::removal),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/credential",
        BOTH,
        For::Managers,
        || get(credential::page).post(credential::submit),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/credential/automatic",
        POST,
        For::Managers,
        || post(credential::automatic),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/credential/certificate",
        POST,
        For::Managers,
        || post(credential::offer),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/credential/certificate.cer",
        GET,
        For::Managers,
        || get(credential::download),
    ),
    (
        "/account/integration/microsoft365/{tenant_id}/credential/switch",
        POST,
        For::Managers,
        || post(credential::switch),
    ),
    (
        "/account/integration/microsoft365/setup",
        GET,
        For::Managers,
        || get(setup::page),
    ),
    (
        "/account/integration/microsoft365/setup/certificate",
        POST,
        For::Managers,
        || post(setup::prepare),
    ),
    (LICENSES, BOTH, For::Managers, || {
        get(licenses::page).post(licenses::submit)
    }),
    (ALERTS, BOTH, For::Managers, || {
        get(alerts::page).post(alerts::submit)
    }),
    ("/account/alerts/add", POST, For::Managers, || {
        post(alerts::add_channel)
    }),
    ("/account/alerts/remove", POST, For::Managers, || {
        post(alerts::remove_channel)
    }),
    ("/account/alerts/test", POST, For::Managers, || {
        post(alerts::test)
    }),
    (
        "/account/integration/microsoft365/{tenant_id}/delete",
        BOTH,
        For::Managers,
        || get(delete::page).post(delete::submit),
    ),
];

/// Where one signs in with a one-time link or an API token.
const DOORS: &[Page] = &[("/sign-in", BOTH, For::Anybody, || {
    get(sign_in::page).post(sign_in::submit)
})];

/// Where one signs in at an issuer.
const DOORS_BY_OIDC: &[Page] = &[
    ("/sign-in", GET, For::Anybody, || get(issuer::page)),
    ("/sign-in/start", GET, For::Anybody, || get(issuer::start)),
    ("/sign-in/callback", GET, For::Anybody, || {
        get(issuer::callback)
    }),
];

fn to(path: &'static str) -> MethodRouter<Arc<Context>> {
    get(move || async move { Redirect::permanent(path) })
}

/// Every page of an installation.
fn pages(context: &Context) -> impl Iterator<Item = &'static Page> {
    let doors = match context.access.oidc() {
        Some(_) => DOORS_BY_OIDC,
        None => DOORS,
    };
    PAGES.iter().chain(doors)
}

/// The method and path of every page of an installation.
pub(crate) fn routes(context: &Context) -> impl Iterator<Item = (&'static str, &'static str)> {
    pages(context).flat_map(|(path, methods, ..)| methods.iter().map(|method| (*method, *path)))
}

pub(crate) fn router(context: &Arc<Context>) -> Router<Arc<Context>> {
    let of = |wanted: For| {
        pages(context)
            .filter(|(_, _, who, _)| *who == wanted)
            .fold(Router::new(), |router, (path, _, _, handler)| {
                router.route(path, handler())
            })
    };
    let seen_by_all = of(For::SignedIn).layer(middleware::from_fn_with_state(
        Arc::clone(context),
        signed_in,
    ));
    let for_managers =
        of(For::Managers).layer(middleware::from_fn_with_state(Arc::clone(context), manager));
    of(For::Anybody).merge(seen_by_all).merge(for_managers)
}

/// The layer before pages that everybody signed in may see.
async fn signed_in(
    State(context): State<Arc<Context>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = Caller::of(&context, request.headers(), muster_platform::now()).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The layer before pages that change integrations.
async fn manager(
    State(context): State<Arc<Context>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = Caller::of(&context, request.headers(), muster_platform::now()).await?;
    if !caller.manages() {
        return Err(Problem::forbidden());
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
