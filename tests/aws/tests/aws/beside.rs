//! Installations beside each other, a sync that does not end in one invocation, and growing out of
//! one machine.

use super::installation::{Installation, World, until};
use anyhow::{Context, Result};
use microsoft_simulator::{Fault, FaultKind, TenantOptions};
use muster_it::muster;
use serde_json::{Value, json};
use std::time::Duration;

async fn users(at: &Installation, tenant: &TenantOptions) -> Result<Vec<Value>> {
    let path = format!("/api/v1/integrations/{}/assets/users?limit=1000", tenant.id);
    let listed = at.manager.get(&path).await?;
    let items = listed.json["items"].as_array().cloned();
    items.with_context(|| listed.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_installations_of_one_account_do_not_meet() -> Result<()> {
    let contoso = TenantOptions::sample(3, "Contoso", 30);
    let world = World::new(vec![contoso.clone()]).await?;
    let first = world.deploy("muster").await?;
    let second = world.deploy("muster-test").await?;
    for installation in [&first, &second] {
        installation.connect(&contoso).await?;
        installation.synced(&contoso, &json!(null)).await?;
        assert_eq!(users(installation, &contoso).await?.len(), 30);
    }
    let path = super::installation::path(&contoso);
    let deleted = second
        .manager
        .send(reqwest::Method::DELETE, &path, None)
        .await?;
    assert_eq!(deleted.status.as_u16(), 200, "{}", deleted.text);
    assert_eq!(users(&first, &contoso).await?.len(), 30);
    assert!(first.schedule(&contoso).await?.is_some());
    first.sync(&contoso).await?;
    for installation in [&first, &second] {
        assert_eq!(installation.stack.recording.refused(), Vec::<String>::new());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_meets_its_limit_goes_on_in_the_next_invocation() -> Result<()> {
    let fabrikam = TenantOptions::sample(4, "Fabrikam", 400);
    let world = World::new(vec![fabrikam.clone()]).await?;
    // Twenty seconds are kept in hand: so one page is read, and the rest is the next one's.
    let stack = world.deploy_with("muster", |template| {
        template["Resources"]["SyncFunction"]["Properties"]["Timeout"] = json!(21);
    });
    let muster = stack.await?;
    world.simulator.add_fault(Fault {
        path_contains: "/v1.0/".to_owned(),
        from: 1,
        count: u32::MAX,
        kind: FaultKind::Hang(Duration::from_millis(700)),
    });
    muster.connect(&fabrikam).await?;
    muster.synced(&fabrikam, &json!(null)).await?;
    assert_eq!(users(&muster, &fabrikam).await?.len(), 400);
    let log = world.emulator.log();
    let runs = log.matches("\"CostCents\"").count();
    assert!(runs > 1, "{runs} invocations: {log}");
    let went_on = muster
        .stack
        .recording
        .asked()
        .into_iter()
        .any(|asked| asked.role == "SyncRole" && asked.action == "sqs:SendMessage");
    assert!(went_on, "the message was sent again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_moves_into_a_stack_and_stays_as_it_was() -> Result<()> {
    let tailspin = TenantOptions::sample(5, "Tailspin", 50);
    let world = World::new(Vec::new()).await?;
    let mut local = muster_it::World::synced(tailspin.clone()).await?;
    let stack = world.deploy_at("muster", &local.simulator, |_| {}).await?;
    let here = local.records(tailspin.id, "users").await?;
    local.stop().await;
    for written in [true, false] {
        let mut moving = muster(local.folder())?;
        let moved = moving
            .args(["move", "--stack", "muster"])
            .env("AWS_ENDPOINT_URL", world.emulator.url())
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
            .await?;
        let (said, complained) = (
            String::from_utf8_lossy(&moved.stdout),
            String::from_utf8_lossy(&moved.stderr),
        );
        assert!(moved.status.success(), "{said}{complained}");
        let nothing = said.contains("of which 0 were written now; verified");
        assert_eq!(nothing, !written, "{said}");
    }
    assert_eq!(users(&stack, &tailspin).await?.len(), here.len());
    assert!(stack.schedule(&tailspin).await?.is_some());
    // It syncs there with the secret that came along.
    stack.sync(&tailspin).await?;
    local.start().await?;
    assert_eq!(
        local.records(tailspin.id, "users").await?,
        here,
        "the source is as it was"
    );
    until("the queue is empty", async || {
        Ok((stack.waiting("SyncQueueUrl").await? == 0).then_some(()))
    })
    .await
}
