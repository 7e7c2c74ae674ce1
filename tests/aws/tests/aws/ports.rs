//! The ports' contract, on the AWS side: the very suite that the local side passes.

use super::installation::{World, until};
use anyhow::Result;
use muster_domain::TenantId;
use muster_it::contract;
use muster_platform::{
    alert::Alerts,
    queue::{Queue, SqsQueue, SyncMessage},
    schedule::{EventBridgeSchedule, Schedule},
    tenant_sessions::TenantSessions,
    vault::{SecretsManagerVault, Vault},
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_side_keeps_every_ports_contract() -> Result<()> {
    let world = World::new(Vec::new()).await?;
    // Nobody but this test takes from the queue.
    let stack = world.deploy_with("muster", |template| {
        template["Resources"]["SyncFunctionDue"]["Properties"]["Enabled"] = false.into();
    });
    let stack = stack.await?;
    let config = world.emulator.administrator();
    let tenants = [1, 2].map(|number| TenantId::from(uuid::Uuid::from_u128(number)));

    let sessions = TenantSessions::of_administrator(config.clone());
    let vault = SecretsManagerVault::new(sessions, "muster/".to_owned(), None);
    contract::vault(&Vault::SecretsManager(vault), tenants[0], tenants[1]).await;

    let queues = aws_sdk_sqs::Client::new(&config);
    let url = stack.stack.output("SyncQueueUrl")?.to_owned();
    let mut next = async |within: Duration| {
        let until = tokio::time::Instant::now() + within;
        loop {
            // Scheduler looks every ten seconds here.
            let wait = i32::try_from(within.as_secs().clamp(1, 20)).unwrap_or(20);
            let receive = queues.receive_message().queue_url(&url);
            let got = receive.wait_time_seconds(wait).send().await.ok()?;
            let Some(message) = got.messages().first() else {
                if tokio::time::Instant::now() < until {
                    continue;
                }
                return None;
            };
            let handle = message.receipt_handle().unwrap_or_default();
            let delete = queues.delete_message().queue_url(&url);
            delete.receipt_handle(handle).send().await.ok()?;
            let message: SyncMessage = serde_json::from_str(message.body()?).ok()?;
            return Some(message.tenant_id);
        }
    };
    let queue = SqsQueue::new(queues.clone(), url.clone());
    contract::queue(&Queue::Sqs(queue), tenants, &mut next).await;

    let schedule = EventBridgeSchedule::new(
        aws_sdk_scheduler::Client::new(&config),
        stack.stack.output("ScheduleGroup")?.to_owned(),
        stack.stack.output("SyncQueueArn")?.to_owned(),
        stack.stack.output("ScheduleRoleArn")?.to_owned(),
    );
    contract::schedule(&Schedule::EventBridge(schedule), tenants, &mut next).await;

    let alerts = Alerts::Sns {
        client: aws_sdk_sns::Client::new(&config),
        topic: stack.stack.output("AlertTopicArn")?.to_owned(),
    };
    contract::alerts(&alerts, tenants[0]).await;
    until("nothing waits", async || {
        Ok((stack.waiting("SyncQueueUrl").await? == 0).then_some(()))
    })
    .await
}
