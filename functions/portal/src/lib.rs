//! The pages and the JSON API.
//!
//! `router` is the whole of it: on AWS `main.rs` runs it on Lambda, locally `muster` serves it.

pub mod api;
mod auth;
mod credential;
pub mod export;
mod heavy_reads;
mod integrations;
mod licenses;
mod openapi;
mod pages;
mod parameters;
mod problem;
mod record_path;
mod records;
mod response;
mod view;

pub use auth::{Access, CODE_LIFE, CSRF_HEADER};
pub use heavy_reads::HeavyReads;
pub use problem::Problem;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use muster_domain::cloud::Cloud;
use muster_platform::{Services, oidc::Attempts, session::Sessions};
use std::{path::PathBuf, sync::Arc};

/// Nothing Muster takes is larger.
const LARGEST_BODY: usize = 64 * 1024;

/// What every request is answered with, built once.
#[derive(Debug)]
pub struct Context {
    /// The store, Microsoft and the ports.
    pub services: Services,
    /// Who is let in.
    pub access: Access,
    /// Limits the searches, sorts and exports at a time.
    pub heavy_reads: HeavyReads,
    sessions: Sessions,
    attempts: Attempts,
    exports: Option<export::ExportUrl>,
    data_directory: Option<PathBuf>,
    content_security_policy: String,
}

impl Context {
    /// A context of these services, for those who have access.
    pub fn new(services: Services, access: Access) -> Self {
        let sessions = Sessions::new(services.portal_secret.clone(), &services.public_url);
        let attempts = Attempts::new(services.portal_secret.clone(), &services.public_url);
        // Browsers apply form-action to where a form is redirected, too: the Authorize button
        // goes on to Microsoft's consent page.
        let mut sign_in: Vec<String> = Cloud::ALL
            .iter()
            .map(|cloud| services.microsoft.hosts(*cloud).login("/"))
            .map(|url| url.origin().ascii_serialization())
            .collect();
        sign_in.sort();
        sign_in.dedup();
        let content_security_policy = format!(
            "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self' {}",
            sign_in.join(" ")
        );
        Self {
            services,
            access,
            heavy_reads: HeavyReads::default(),
            sessions,
            attempts,
            exports: None,
            data_directory: None,
            content_security_policy,
        }
    }

    /// The same, in a process in which syncs use the same store.
    #[must_use]
    pub fn beside_syncs(mut self) -> Self {
        self.heavy_reads = HeavyReads::beside_syncs();
        self
    }

    /// The same, for data in this directory, which is named to whoever has to free some space.
    #[must_use]
    pub fn with_data_directory(mut self, path: PathBuf) -> Self {
        self.data_directory = Some(path);
        self
    }

    /// The same, with exports streamed from elsewhere.
    #[must_use]
    pub fn with_exports(mut self, exports: export::ExportUrl) -> Self {
        self.exports = Some(exports);
        self
    }
}

/// Every path of the portal.
pub fn router(context: Arc<Context>) -> Router {
    Router::new()
        .merge(api::router(&context))
        .merge(pages::router(&context))
        // Said here, so that it stays below the layers when this router is merged with another.
        .fallback(|| async { Problem::no_such_path() })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&context),
            response::layer,
        ))
        .with_state(context)
}

/// The method and path of every route of an installation, with `{name}` for parameters: what a test
/// asks for without credentials.
pub fn routes(context: &Context) -> Vec<(&'static str, &'static str)> {
    let operations = api::operations().into_iter();
    operations
        .map(|operation| (operation.method, operation.path))
        .chain(pages::routes(context))
        .collect()
}
