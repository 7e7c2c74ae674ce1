//! The callback function: HTTP API -> here.

use lambda_http::{Error, tracing};
use muster_oauth_callback::{Context, router};
use muster_platform::Services;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let context = Context::new(Services::on_aws().await?);
    lambda_http::run(router(Arc::new(context))).await
}
