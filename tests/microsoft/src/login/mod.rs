//! Sign-in: discovery, tokens and admin consent, as `https://login.microsoftonline.com` has them.

pub(crate) mod aadsts;
mod admin_consent;
mod assertion;
mod discovery;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::control;
use crate::options::Cloud;
use crate::world::World;

/// The login origin, the control API included.
pub fn router(world: &Arc<World>) -> Router {
    let consent = get(admin_consent::ask).post(admin_consent::answer);
    Router::new()
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(discovery::configuration),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route("/{tenant}/v2.0/adminconsent", consent.clone())
        .route("/{tenant}/adminconsent", consent)
        .with_state(Arc::clone(world))
        .merge(control::router(world))
}

/// The hosts of a cloud: sign-in, Graph, and the region that discovery names.
///
/// <https://learn.microsoft.com/graph/deployments>
#[derive(Debug)]
pub(crate) struct Hosts {
    pub login: &'static str,
    pub graph: &'static str,
    pub instance: &'static str,
    pub region: &'static str,
    pub sub_region: Option<&'static str>,
}

pub(crate) fn hosts(cloud: Cloud) -> Hosts {
    match cloud {
        Cloud::Global => Hosts {
            login: "login.microsoftonline.com",
            graph: "graph.microsoft.com",
            instance: "microsoftonline.com",
            region: "EU",
            sub_region: None,
        },
        Cloud::GccHigh => Hosts {
            login: "login.microsoftonline.us",
            graph: "graph.microsoft.us",
            instance: "microsoftonline.us",
            region: "USGov",
            sub_region: Some("DODCON"),
        },
        Cloud::Dod => Hosts {
            login: "login.microsoftonline.us",
            graph: "dod-graph.microsoft.us",
            instance: "microsoftonline.us",
            region: "USGov",
            sub_region: Some("DOD"),
        },
        Cloud::China => Hosts {
            login: "login.partner.microsoftonline.cn",
            graph: "microsoftgraph.chinacloudapi.cn",
            instance: "partner.microsoftonline.cn",
            region: "AS",
            sub_region: None,
        },
    }
}
