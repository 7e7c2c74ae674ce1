//! The callback function: HTTP API -> here.

use muster_oauth_callback::{Context, router};
use muster_platform::{Services, http_event, lambda_environment, tenant_sessions::Purpose};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), http_event::Error> {
    lambda_environment::init_log();
    let services = Services::on_aws(Purpose::Consent)?;
    services.portal_secret.is_named()?;
    let context = Context::new(services);
    http_event::run(router(Arc::new(context))).await
}
