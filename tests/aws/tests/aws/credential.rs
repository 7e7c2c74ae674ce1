//! What the rehearsal does with a client's credential: renewed, lapsing, without a secret, and nowhere
//! to be seen.

use super::installation::{Installation, World, path};
use anyhow::{Context, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use microsoft_simulator::TenantOptions;
use muster_it::{Browser, Seen};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

const RENEWED: &str = "Renewed~secret~value.0123456789abcdef";

pub async fn the_secret_is_renewed(
    world: &World,
    muster: &Installation,
    tenant: &TenantOptions,
) -> Result<()> {
    let new = RENEWED;
    let here = world.simulator.tenant(tenant.id);
    here.set_secret(new, Duration::from_secs(86_400 * 5));
    let credential = format!("{}/credential", path(tenant));
    let good = json!({"client_secret": new});
    let renewed = muster.manager.json(Method::PUT, &credential, &good).await?;
    assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text);
    let secrets = aws_sdk_secretsmanager::Client::new(&muster.administrator);
    let name = muster.secret(tenant)?;
    let described = secrets.describe_secret().secret_id(name).send().await?;
    let tag = described
        .tags()
        .iter()
        .find(|tag| tag.key() == Some("tenant"));
    assert_eq!(
        tag.and_then(|tag| tag.value()),
        Some(tenant.id.to_string().as_str())
    );
    let stages = described.version_ids_to_stages.unwrap_or_default();
    let mut stages: Vec<String> = stages.into_values().flatten().collect();
    stages.sort();
    assert_eq!(stages, ["AWSCURRENT", "AWSPREVIOUS"]);
    let integration = muster.sync(tenant).await?;
    assert_eq!(
        integration["credential"]["expiry_source"], "entra",
        "{integration:#}"
    );
    Ok(())
}

/// A queue that gets whatever the topic tells.
pub async fn mailbox(muster: &Installation) -> Result<String> {
    let queues = aws_sdk_sqs::Client::new(&muster.administrator);
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:eu-central-1:123456789012:mailbox",
    }]});
    let mailbox = queues
        .create_queue()
        .queue_name("mailbox")
        .attributes(QueueAttributeName::Policy, policy.to_string())
        .send()
        .await?;
    aws_sdk_sns::Client::new(&muster.administrator)
        .subscribe()
        .topic_arn(muster.stack.output("AlertTopicArn")?)
        .protocol("sqs")
        .endpoint("arn:aws:sqs:eu-central-1:123456789012:mailbox")
        .send()
        .await?;
    mailbox.queue_url.context("a queue")
}

/// By the sync that learned of it; the clock, however often it comes, has nothing to add.
pub async fn a_lapsing_secret_is_warned_of_once(
    world: &World,
    muster: &Installation,
    tenant: &TenantOptions,
    mailbox: &str,
) -> Result<Vec<String>> {
    let function = muster.stack.physical("SecretExpiryFunction")?;
    for _ in 0..2 {
        assert_eq!(world.emulator.invoke(function).await?, json!(0));
    }
    let tested = muster
        .manager
        .json(Method::POST, "/api/v1/alerts/test", &json!({}))
        .await?;
    assert_eq!(tested.status, StatusCode::OK, "{}", tested.text);
    let queues = aws_sdk_sqs::Client::new(&muster.administrator);
    let mut told = Vec::new();
    loop {
        let got = queues
            .receive_message()
            .queue_url(mailbox)
            .max_number_of_messages(10)
            .send()
            .await?;
        if got.messages().is_empty() {
            break;
        }
        for message in got.messages() {
            told.push(message.body().unwrap_or_default().to_owned());
            let handle = message.receipt_handle().unwrap_or_default();
            queues
                .delete_message()
                .queue_url(mailbox)
                .receipt_handle(handle)
                .send()
                .await?;
        }
    }
    let lapsing: Vec<&String> = told.iter().filter(|told| told.contains("lapses")).collect();
    assert_eq!(lapsing.len(), 1, "{told:#?}");
    let link = format!(
        "{}/account/integration/microsoft365/{}",
        muster.stack.api.url(),
        tenant.id
    );
    assert!(
        lapsing[0].contains("Contoso") && lapsing[0].contains(&link),
        "{told:#?}"
    );
    let tests = told
        .iter()
        .filter(|told| told.to_lowercase().contains("test"))
        .count();
    assert_eq!(tests, 1, "{told:#?}");
    Ok(told)
}

/// Moved over to AWS's word as the page says, and back. The emulator signs with HS256, which Entra
/// would not take and the simulator does.
pub async fn aws_vouches_for_muster(
    world: &World,
    muster: &Installation,
    tenant: &TenantOptions,
    browser: &Browser,
) -> Result<()> {
    let credential = format!("{}/credential", path(tenant));
    let put =
        async |body: serde_json::Value| muster.manager.json(Method::PUT, &credential, &body).await;
    let federated = json!({"kind": "federated"});
    let refused = put(federated.clone()).await?;
    assert_eq!(
        refused.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        refused.text
    );
    let page = format!(
        "{}/account/integration/microsoft365/{}/credential",
        muster.stack.api.url(),
        tenant.id
    );
    let page = browser.hop(&page).await?.text().await?;
    let said = |name: &str| {
        let rest = page.split_once(&format!("<dt>{name}</dt><dd><code>"))?.1;
        Some(rest.split_once("</code>")?.0.to_owned())
    };
    let trust = ["Issuer", "Subject (Value)", "Audience"].map(said);
    let [Some(issuer), Some(subject), Some(audience)] = trust else {
        anyhow::bail!("the page says whom to trust: {page}");
    };
    let microsoft = world.simulator.tenant(tenant.id);
    microsoft.add_federated(&issuer, &subject, &audience);
    let moved = put(federated).await?;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text);
    let synced = muster.sync(tenant).await?;
    assert_eq!(synced["credential"]["kind"], "federated", "{synced:#}");
    let back = put(json!({"client_secret": RENEWED})).await?;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text);
    muster.sync(tenant).await?;
    let asked = muster.stack.recording.asked();
    let vouched = asked
        .iter()
        .find(|asked| asked.action == "sts:GetWebIdentityToken");
    let vouched = vouched.context("a token was asked for")?;
    assert_eq!(
        vouched.tenant.as_deref(),
        Some(tenant.id.to_string().as_str())
    );
    Ok(())
}

/// Nothing that was shown to Microsoft, and no token that it gave, is in a function's log or metric,
/// in a message to a person, or among the dead letters.
pub async fn no_secret_got_out(
    world: &World,
    muster: &Installation,
    tenant: &TenantOptions,
    told: Vec<String>,
) -> Result<()> {
    let mut seen = Seen::default();
    seen.heard("a log or a metric", world.emulator.log().into_bytes());
    for told in told {
        seen.heard("a message", told.into_bytes());
    }
    let queues = aws_sdk_sqs::Client::new(&muster.administrator);
    let dead = queues
        .receive_message()
        .queue_url(muster.stack.output("DeadLetterQueueUrl")?)
        .max_number_of_messages(10)
        .send()
        .await?;
    assert!(!dead.messages().is_empty(), "the unreadable one is there");
    for message in dead.messages() {
        seen.heard("a dead letter", format!("{message:?}").into_bytes());
    }
    let shown = world.simulator.tenant(tenant.id).shown();
    let tokens = shown.iter().filter(|shown| shown.matches('.').count() == 2);
    assert!(tokens.count() > 4, "tokens by a secret and by AWS's word");
    let found = seen.place_of(shown.iter().map(String::as_str));
    assert_eq!(found, None, "a secret or a token got out");
    Ok(())
}
