//! Exports on AWS Lambda: streamed through a function URL.

use muster_platform::{Services, http_event, lambda_environment, tenant_sessions::Purpose};
use muster_portal::{Access, Context, export};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), http_event::Error> {
    lambda_environment::init_log();
    let services = Services::on_aws(Purpose::Read)?;
    services.portal_secret.is_named()?;
    let context = Context::new(services, Access::closed());
    http_event::run_streaming(export::router(Arc::new(context))).await
}
