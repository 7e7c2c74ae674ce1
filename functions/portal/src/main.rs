//! The portal on AWS Lambda.

use muster_platform::Services;
use muster_portal::{Access, Context};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let services = Services::on_aws().await?;
    // Until sign-in by OIDC there is nobody to let in here: everything but health answers 401.
    let context = Context::new(services, Access::closed());
    lambda_http::run(muster_portal::router(Arc::new(context))).await
}
