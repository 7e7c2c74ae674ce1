//! The portal on AWS Lambda.

use muster_platform::{
    Services, http_event, lambda_environment,
    oidc::{Oidc, Settings},
    tenant_sessions::Purpose,
};
use muster_portal::{Access, Context, export::ExportUrl};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), http_event::Error> {
    lambda_environment::init_log();
    let services = Services::on_aws(Purpose::Manage)?;
    services.portal_secret.is_named()?;
    let access = Access::by_oidc(Oidc::new(
        services.microsoft.http().clone(),
        Settings::from_env()?,
    ));
    let context = Context::new(services, access).with_exports(ExportUrl::from_env()?);
    http_event::run(muster_portal::router(Arc::new(context))).await
}
