//! The expiry function: an EventBridge schedule, or a rotation of Secrets Manager -> here.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use muster_platform::{Services, lambda_environment, tenant_sessions::Purpose};
use muster_secret_expiry::{Context, Event, answer};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_environment::init_log();
    let context = &Context::new(Services::on_aws(Purpose::Credential)?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| async move {
        let now = muster_platform::now();
        Ok::<_, Error>(Box::pin(answer(context, event.payload, now)).await?)
    }))
    .await
}
