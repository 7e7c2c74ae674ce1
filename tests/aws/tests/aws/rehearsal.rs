//! The story of an installation, through the real bootstraps: sign in, connect, consent, schedule,
//! sync, read, renew, warn, pause, delete.

use super::{
    credential::{
        a_lapsing_secret_is_warned_of_once, aws_vouches_for_muster, mailbox, no_secret_got_out,
        the_secret_is_renewed,
    },
    installation::{Installation, World, path, until},
};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_scheduler::types::ScheduleState;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use microsoft_simulator::{Fault, FaultKind, TenantOptions};
use muster_aws::{least_privilege, template};
use muster_it::{Browser, Caller};
use reqwest::{Method, StatusCode, header};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_lives_from_deployment_to_deletion() -> Result<()> {
    let contoso = TenantOptions {
        // Microsoft's roles come some time after consent: a one-time schedule looks again.
        roles_lag: Duration::from_secs(8),
        ..TenantOptions::sample(7, "Contoso", 160)
    };
    let world = World::new(vec![contoso.clone()]).await?;
    // Twenty seconds are kept in hand, so that a slow page of sign-ins takes all there are.
    let muster = world.deploy_with("muster", |template| {
        template["Resources"]["SyncFunction"]["Properties"]["Timeout"] = json!(25);
    });
    let muster = muster.await?;
    world.simulator.add_fault(Fault {
        path_contains: "signInActivity".to_owned(),
        from: 1,
        count: 1,
        kind: FaultKind::Hang(Duration::from_millis(5500)),
    });
    let lived = live(&world, &muster, &contoso).await;
    lived.with_context(|| {
        format!(
            "refused: {:#?}\n{}",
            muster.stack.recording.refused(),
            world.emulator.log()
        )
    })
}

async fn live(world: &World, muster: &Installation, contoso: &TenantOptions) -> Result<()> {
    let browser = people_sign_in_at_the_issuer(world, muster).await?;
    muster.connect_in(&browser, contoso).await?;
    the_schedule_is_the_tenants(muster, contoso).await?;
    let integration = muster.synced(contoso, &json!(null)).await?;
    assert_eq!(integration["status"], "connected", "{integration:#}");
    let clients = browser.hop(&format!("{}/", muster.stack.api.url())).await?;
    assert!(
        clients.text().await?.contains("Contoso"),
        "it is on the list of clients"
    );
    records_are_read_and_exported(muster, contoso).await?;
    let mailbox = mailbox(muster).await?;
    the_secret_is_renewed(world, muster, contoso).await?;
    let told = a_lapsing_secret_is_warned_of_once(world, muster, contoso, &mailbox).await?;
    aws_vouches_for_muster(world, muster, contoso, &browser).await?;
    what_is_gone_is_removed(world, muster, contoso).await?;
    messages_end_as_designed(muster, contoso).await?;
    let function = muster.stack.physical("SecretExpiryFunction")?;
    let sent = world.emulator.invoke(function).await?;
    assert_eq!(sent, json!(1), "of the message that was given up");
    dead_letters_are_sent_again(muster, contoso).await?;
    pausing_stops_the_schedule(muster, contoso).await?;
    a_deletion_that_was_cut_off_goes_on_by_the_queue(muster, contoso).await?;
    deleting_leaves_the_receipt_alone(muster, contoso).await?;
    roles_allow_what_was_asked_for_and_no_more(world, muster).await?;
    no_secret_got_out(world, muster, contoso, told).await
}

async fn roles_allow_what_was_asked_for_and_no_more(
    world: &World,
    muster: &Installation,
) -> Result<()> {
    assert_eq!(muster.stack.recording.refused(), Vec::<String>::new());
    let place = muster.place().await?;
    // The true template, not the one whose gaps are bridged.
    let template = template::translated(&world.tools)?;
    let asked = muster.stack.recording.asked();
    let verdict = least_privilege::judge(&world.tools, &template, &place, &asked)?;
    println!("{} different requests", asked.len());
    ensure!(verdict.is_exact(), "{verdict}");
    Ok(())
}

async fn people_sign_in_at_the_issuer(world: &World, muster: &Installation) -> Result<Browser> {
    let api = muster.stack.api.url();
    world.issuer.sign_in_as(Some("ada"));
    let browser = Browser::new()?;
    let door = browser.hop(&format!("{api}/")).await?;
    assert_eq!(door.status(), StatusCode::UNAUTHORIZED);
    let mut at = format!("{api}/sign-in/start");
    for _ in 0..3 {
        let answer = browser.hop(&at).await?;
        let next = answer
            .headers()
            .get(header::LOCATION)
            .context("a redirect")?;
        at = next.to_str()?.to_owned();
    }
    assert_eq!(at, "/");
    let home = browser.hop(&format!("{api}/")).await?;
    assert_eq!(home.status(), StatusCode::OK);
    assert!(home.text().await?.contains("Sign out"));
    let stranger = Caller::new(api.to_owned(), None)?;
    let refused = stranger.get("/api/v1/integrations").await?;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let viewer = Caller::new(
        api.to_owned(),
        Some(format!("Bearer {}", world.issuer.access_token("grace")?)),
    )?;
    assert_eq!(
        viewer.get("/api/v1/integrations").await?.status,
        StatusCode::OK
    );
    let form = viewer
        .json(Method::POST, "/api/v1/integrations", &json!({}))
        .await?;
    assert_eq!(form.status, StatusCode::FORBIDDEN);
    Ok(browser)
}

async fn the_schedule_is_the_tenants(muster: &Installation, tenant: &TenantOptions) -> Result<()> {
    let schedule = muster.schedule(tenant).await?.context("a schedule")?;
    let target = schedule.target().context("a target")?;
    assert_eq!(target.arn(), muster.stack.output("SyncQueueArn")?);
    let group = target
        .sqs_parameters()
        .and_then(|sqs| sqs.message_group_id());
    assert_eq!(group, Some(tenant.id.to_string().as_str()));
    let input = target.input().unwrap_or_default();
    assert!(input.contains("<aws.scheduler.execution-id>"), "{input}");
    let window = schedule.flexible_time_window().context("a window")?;
    assert_eq!(
        window.mode().as_str(),
        "FLEXIBLE",
        "a thousand do not start together"
    );
    Ok(())
}

async fn records_are_read_and_exported(
    muster: &Installation,
    tenant: &TenantOptions,
) -> Result<()> {
    let users = format!("{}/assets/users", path(tenant));
    let listed = muster.manager.get(&format!("{users}?limit=1000")).await?;
    assert_eq!(
        listed.json["items"].as_array().map(Vec::len),
        Some(160),
        "{}",
        listed.text
    );
    let exported = muster
        .manager
        .get(&format!(
            "{users}?format=csv&filter=account_enabled+eq+true"
        ))
        .await?;
    assert_eq!(exported.status, StatusCode::SEE_OTHER, "{}", exported.text);
    let wire = String::from_utf8_lossy(&exported.wire).into_owned();
    let link = wire
        .split("\"location\": \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let link = link.context("a link")?;
    assert!(link.starts_with(muster.stack.export.url()), "{link}");
    let anyone = Caller::new(String::new(), None)?;
    let csv = anyone.get(link).await?;
    assert_eq!(csv.status, StatusCode::OK, "{}", csv.text);
    assert_eq!(csv.content_type, "text/csv; charset=utf-8");
    assert!(csv.text.lines().count() > 40, "{}", csv.text);
    for forged in [
        link.replace("ticket=", "ticket=A"),
        link[..link.len() - 6].to_owned(),
    ] {
        let refused = anyone.get(&forged).await?;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    }
    Ok(())
}

/// Of a deleted tenant, twice the same, older than the last sync, and unreadable.
async fn what_is_gone_is_removed(
    world: &World,
    muster: &Installation,
    tenant: &TenantOptions,
) -> Result<()> {
    let users = async || -> Result<u64> {
        let integration = muster.integration(tenant).await?;
        let datasets = integration["datasets"].as_array();
        let mut datasets = datasets.context("datasets")?.iter();
        let users = datasets.find(|dataset| dataset["name"] == "users");
        users
            .and_then(|users| users["records"].as_u64())
            .context("users")
    };
    let before = users().await?;
    let there = world.simulator.tenant(tenant.id);
    assert_eq!(there.delete_users(2).len(), 2);
    muster.sync(tenant).await?;
    assert_eq!(users().await?, before - 2);
    Ok(())
}

async fn messages_end_as_designed(muster: &Installation, tenant: &TenantOptions) -> Result<()> {
    let good = json!({"tenant_id": tenant.id}).to_string();
    let before = muster.integration(tenant).await?["sync"]["finished_at"].clone();
    muster
        .send(
            "gone",
            &json!({"tenant_id": uuid::Uuid::from_u128(5)}).to_string(),
        )
        .await?;
    muster.send("poison", "{\"tenant\": 5}").await?;
    muster.send(&tenant.id.to_string(), &good).await?;
    muster.send(&tenant.id.to_string(), &good).await?;
    muster.synced(tenant, &before).await?;
    until("the queue is empty", async || {
        Ok((muster.waiting("SyncQueueUrl").await? == 0).then_some(()))
    })
    .await?;
    assert_eq!(
        muster.waiting("DeadLetterQueueUrl").await?,
        1,
        "the unreadable one"
    );
    Ok(())
}

async fn dead_letters_are_sent_again(muster: &Installation, tenant: &TenantOptions) -> Result<()> {
    // A sync that failed five times for a reason that has passed.
    let queues = aws_sdk_sqs::Client::new(&muster.administrator);
    let dead = muster.stack.output("DeadLetterQueueUrl")?;
    let before = muster.integration(tenant).await?["sync"]["finished_at"].clone();
    queues
        .send_message()
        .queue_url(dead)
        .message_group_id(tenant.id.to_string())
        .message_deduplication_id("dead")
        .message_body(json!({"tenant_id": tenant.id}).to_string())
        .send()
        .await?;
    for _ in 0..2 {
        move_one(&queues, dead, muster.stack.output("SyncQueueUrl")?).await?;
    }
    muster.synced(tenant, &before).await?;
    until(
        "what is unreadable is back among the dead letters, and nothing else",
        async || {
            let (sync, dead) = (
                muster.waiting("SyncQueueUrl").await?,
                muster.waiting("DeadLetterQueueUrl").await?,
            );
            Ok(((sync, dead) == (0, 1)).then_some(()))
        },
    )
    .await
}

/// What a redrive does with each message; the emulator has no StartMessageMoveTask.
async fn move_one(queues: &aws_sdk_sqs::Client, from: &str, to: &str) -> Result<()> {
    let got = queues
        .receive_message()
        .queue_url(from)
        .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
        .send()
        .await?;
    let message = got.messages().first().context("a message")?;
    let group = message
        .attributes()
        .and_then(|of| of.get(&MessageSystemAttributeName::MessageGroupId));
    queues
        .send_message()
        .queue_url(to)
        .message_group_id(group.context("a group")?)
        .message_deduplication_id(uuid::Uuid::new_v4().to_string())
        .message_body(message.body().unwrap_or_default())
        .send()
        .await?;
    queues
        .delete_message()
        .queue_url(from)
        .receipt_handle(message.receipt_handle().unwrap_or_default())
        .send()
        .await?;
    Ok(())
}

async fn pausing_stops_the_schedule(muster: &Installation, tenant: &TenantOptions) -> Result<()> {
    for (paused, state) in [(true, "DISABLED"), (false, "ENABLED")] {
        let patch = json!({"paused": paused});
        let answer = muster
            .manager
            .json(Method::PATCH, &path(tenant), &patch)
            .await?;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let schedule = muster.schedule(tenant).await?.context("a schedule")?;
        assert_eq!(schedule.state().map(ScheduleState::as_str), Some(state));
    }
    Ok(())
}

/// A client like this one, with a secret of its own, whose deletion was killed right after it was stored.
async fn a_deletion_that_was_cut_off_goes_on_by_the_queue(
    muster: &Installation,
    like: &TenantOptions,
) -> Result<()> {
    let dynamodb = aws_sdk_dynamodb::Client::new(&muster.administrator);
    let secrets = aws_sdk_secretsmanager::Client::new(&muster.administrator);
    let table = muster.stack.physical("IntegrationsTable")?;
    let (own, other) = (like.id.to_string(), uuid::Uuid::new_v4().to_string());
    let items = |tenant: &str| {
        dynamodb
            .query()
            .table_name(table)
            .key_condition_expression("tenant_id = :tenant")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_owned()))
            .send()
    };
    for mut item in items(&own).await?.items.context("control items")? {
        for value in item.values_mut() {
            if let AttributeValue::S(text) = value {
                let text = text.replace(&own, &other);
                *value = AttributeValue::S(text.replace("\"deleting\":false", "\"deleting\":true"));
            }
        }
        let put = dynamodb.put_item().table_name(table).set_item(Some(item));
        put.send().await?;
    }
    let secret = muster.secret(like)?.replace(&own, &other);
    let create = secrets.create_secret().name(&secret).secret_string("spare");
    create.send().await?;
    let message = json!({"tenant_id": other}).to_string();
    muster.send(&other, &message).await?;
    until("the receipt alone is left", async || {
        let left = items(&other).await?.items.unwrap_or_default();
        Ok((left.len() == 1).then_some(()))
    })
    .await?;
    let gone = secrets.describe_secret().secret_id(&secret).send().await;
    ensure!(gone.is_err(), "the secret is there");
    let receipt = format!("/api/v1/integrations/{other}/deletion");
    let receipt = muster.manager.get(&receipt).await?;
    assert_eq!(receipt.status, StatusCode::OK, "{}", receipt.text);
    assert_eq!(receipt.json["status"], "deleted");
    assert_eq!(receipt.json["secret"], true, "{}", receipt.text);
    Ok(())
}

async fn deleting_leaves_the_receipt_alone(
    muster: &Installation,
    tenant: &TenantOptions,
) -> Result<()> {
    let deleted = muster
        .manager
        .send(Method::DELETE, &path(tenant), None)
        .await?;
    assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
    assert_eq!(deleted.json["schedule"], true);
    assert_eq!(deleted.json["secret"], true);
    assert_eq!(deleted.json["records"]["users"], 158);
    assert!(muster.schedule(tenant).await?.is_none());
    for (table, left) in [("IntegrationsTable", 1), ("AssetsTable", 0)] {
        assert_eq!(muster.items(table, tenant).await?, left, "{table}");
    }
    let secrets = aws_sdk_secretsmanager::Client::new(&muster.administrator);
    let name = muster.secret(tenant)?;
    ensure!(
        secrets
            .describe_secret()
            .secret_id(name)
            .send()
            .await
            .is_err()
    );
    // A message that was on its way is acknowledged.
    muster
        .send(
            &tenant.id.to_string(),
            &json!({"tenant_id": tenant.id}).to_string(),
        )
        .await?;
    until("the queue is empty", async || {
        Ok((muster.waiting("SyncQueueUrl").await? == 0).then_some(()))
    })
    .await
}
