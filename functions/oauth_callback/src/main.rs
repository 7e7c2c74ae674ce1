//! The callback function: HTTP API -> here.

use lambda_http::{Error, tracing};
use muster_oauth_callback::{Context, router};
use muster_platform::Services;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let services = Services::on_aws().await?;
    services.portal_secret.is_named()?;
    let context = Context::new(services);
    lambda_http::run(router(Arc::new(context))).await
}
