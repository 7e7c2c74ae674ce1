//! The portal on AWS Lambda.

use muster_platform::{
    Services,
    oidc::{Oidc, Settings},
};
use muster_portal::{Access, Context, export::ExportUrl};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    lambda_http::tracing::init_default_subscriber();
    let services = Services::on_aws().await?;
    services.portal_secret.is_named()?;
    let access = Access::by_oidc(Oidc::new(Settings::from_env()?)?);
    let context = Context::new(services, access).with_exports(ExportUrl::from_env()?);
    lambda_http::run(muster_portal::router(Arc::new(context))).await
}
