//! The sync function: EventBridge Scheduler -> SQS FIFO -> here.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use muster_platform::{Services, lambda_environment, tenant_sessions::Purpose};
use muster_sync::{Context, handle};

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_environment::init_log();
    let context = &Context::new(Services::on_aws(Purpose::Sync)?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<_>| async move {
        let deadline = event.context.deadline();
        Ok::<_, Error>(handle(context, event.payload, Some(deadline)).await)
    }))
    .await
}
