//! The expiry function: a daily EventBridge schedule -> here.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use muster_platform::{Services, lambda_environment};
use muster_secret_expiry::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_environment::init_log();
    let context = &Context::new(Services::on_aws()?);
    lambda_runtime::run(service_fn(
        move |_: LambdaEvent<serde_json::Value>| async move {
            Ok::<_, Error>(handle(context, muster_platform::now()).await?)
        },
    ))
    .await
}
