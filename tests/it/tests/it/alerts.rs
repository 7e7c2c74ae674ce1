//! Alerts as they arrive: by each channel, once, and with the link to what mends them.

use anyhow::{Context, Result};
use muster_domain::alert::{ChannelKind, Quiet, Settings};
use muster_it::{Calendar, Caller, Hook, tenant};
use muster_platform::alerting;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_channel_gets_its_own_shape_and_one_that_is_down_gets_it_later() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let (teams, slack) = (Hook::start().await?, Hook::start().await?);
    for (kind, hook) in [(ChannelKind::Teams, &teams), (ChannelKind::Slack, &slack)] {
        let url = SecretString::from(hook.url.clone());
        alerting::add_channel(&calendar.services, kind, kind.name(), url).await?;
    }
    slack.down(true);
    calendar.pass(150);
    // The sync that sees it tells it.
    calendar.sync().await?;
    let plain = calendar.hook.raw();
    assert_eq!(plain.len(), 1, "30 days are left");
    let cards = teams.taken();
    let card = &cards[0]["attachments"][0]["content"];
    assert_eq!(cards.len(), 1);
    assert_eq!(card["type"], "AdaptiveCard");
    assert!(slack.taken().is_empty());
    slack.down(false);
    calendar.look().await?;
    let late = slack.taken();
    assert_eq!(late.len(), 1);
    assert!(
        late[0]["text"]
            .as_str()
            .is_some_and(|t| t.contains("Fabrikam")),
        "{late:?}"
    );
    assert!(teams.taken().is_empty(), "those who had it get it once");

    let alert: Value = serde_json::from_slice(&plain[0].1)?;
    assert_eq!(alert["client"], "Fabrikam");
    assert_eq!(alert["kind"], "credential");
    let page = format!(
        "/account/integration/microsoft365/{}#credential",
        calendar.tenant
    );
    assert!(
        alert["link"]
            .as_str()
            .is_some_and(|link| link.ends_with(&page)),
        "{alert}"
    );
    assert!(alert["by"].is_string());
    assert_eq!(card["actions"][0]["url"], alert["link"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_json_is_signed_with_the_key_that_was_told_once() -> Result<()> {
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let hook = Hook::start().await?;
    let caller = Caller::of(&calendar.world)?;
    let body = json!({"kind": "webhook", "name": "PSA", "url": hook.url});
    let added = caller
        .json(Method::POST, "/api/v1/alerts/channels", &body)
        .await?;
    assert_eq!(added.status.as_u16(), 201, "{}", added.text);
    let key = added.json["signing_key"].as_str().context("a key")?;
    let tested = caller
        .send(Method::POST, "/api/v1/alerts/test", None)
        .await?;
    assert_eq!(
        tested.json["channels"].as_array().map(Vec::len),
        Some(3),
        "{}",
        tested.text
    );
    let (headers, body) = hook.raw().pop().context("a test message")?;
    let signature = headers["x-muster-signature"].to_str()?;
    let (time, hex) = signature.split_once(",v1=").context("two parts")?;
    let signed = [time.trim_start_matches("t=").as_bytes(), b".", &body].concat();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16))
        .collect::<Result<_, _>>()?;
    assert!(aws_lc_rs::hmac::verify(&key, &signed, &bytes).is_ok());
    // The address and the key are told nowhere again.
    let read = caller.get("/api/v1/alerts").await?;
    assert!(!read.text.contains(&hook.url) && !read.text.contains(key_text(&added.json)));
    let id = added.json["id"].as_str().context("an id")?;
    let path = format!("/api/v1/alerts/channels/{id}");
    let gone = caller.send(Method::DELETE, &path, None).await?;
    assert_eq!(gone.status.as_u16(), 200, "{}", gone.text);
    let again = caller.send(Method::DELETE, &path, None).await?;
    assert_eq!(again.status.as_u16(), 404);
    let kept = calendar
        .services
        .vault
        .get(muster_domain::TenantId::ACCOUNT)
        .await?;
    assert!(
        !kept
            .context("the others")?
            .expose_secret()
            .contains(&hook.url)
    );
    Ok(())
}

fn key_text(added: &Value) -> &str {
    added["signing_key"].as_str().unwrap_or("none")
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_settings_are_named_and_change_nothing() -> Result<()> {
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let caller = Caller::of(&calendar.world)?;
    for (body, status) in [
        (json!({"days_before": [-1]}), 422),
        (json!({"stale_hours": 1}), 422),
        (json!({"quiet": {"from": 1, "to": 1}}), 422),
        (json!({"digest_hour": 24}), 422),
        (json!({"digest_hour": "late"}), 400),
        (json!({"channels": []}), 400),
    ] {
        let answer = caller.json(Method::PUT, "/api/v1/alerts", &body).await?;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
    }
    for url in ["http://psa.example/hook", "hook", ""] {
        let body = json!({"kind": "slack", "name": "S", "url": url});
        let answer = caller
            .json(Method::POST, "/api/v1/alerts/channels", &body)
            .await?;
        assert_eq!(answer.status.as_u16(), 422, "{url}: {}", answer.text);
    }
    let settings = alerting::settings(&calendar.services).await?;
    assert_eq!(settings.channels.len(), 1);
    assert_eq!(
        Settings {
            channels: Vec::new(),
            ..settings
        },
        Settings::default()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_permissions_and_their_return_are_told_at_the_sync_that_sees_them() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    calendar.pass(1);
    calendar.microsoft().revoke("Reports.Read.All");
    calendar.sync().await?;
    let told = calendar.hook.taken();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0]["text"]
            .as_str()
            .is_some_and(|t| t.contains("Reports.Read.All")),
        "{told:?}"
    );
    calendar.sync().await?;
    assert!(calendar.hook.taken().is_empty(), "once");
    calendar.microsoft().grant(&["Reports.Read.All"]);
    calendar.sync().await?;
    assert_eq!(
        calendar.alerts(),
        [("permissions".to_owned(), "resolved".to_owned())]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_gets_old_and_given_up_syncs_are_told_of() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let store = &calendar.services.store;
    store
        .update_integration(calendar.tenant, |i| i.cadence_minutes = 60)
        .await?;
    calendar.pass(1);
    calendar.look().await?;
    assert!(calendar.alerts().is_empty(), "a day is not old");
    calendar.pass(2);
    calendar.look().await?;
    assert_eq!(
        calendar.alerts(),
        [("old_data".to_owned(), "raised".to_owned())]
    );
    calendar.sync().await?;
    assert_eq!(
        calendar.alerts(),
        [("old_data".to_owned(), "resolved".to_owned())]
    );
    let at = calendar.now().await;
    let store = &calendar.services.store;
    let give_up = store.update_integration(calendar.tenant, |it| {
        it.gave_up_sync("The disk is full.", at, at, at);
    });
    calendar.today(give_up).await?;
    calendar.look().await?;
    assert_eq!(
        calendar.alerts(),
        [("sync".to_owned(), "raised".to_owned())]
    );
    calendar.sync().await?;
    assert_eq!(
        calendar.alerts(),
        [("sync".to_owned(), "resolved".to_owned())]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_holds_what_can_wait_and_comes_once_a_day() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let hour = calendar
        .now()
        .await
        .to_zoned(jiff::tz::TimeZone::UTC)
        .hour();
    let digest = Settings {
        digest_hour: Some(0),
        ..Settings::default()
    };
    alerting::choose(&calendar.services, digest).await?;
    calendar.pass(150);
    calendar.sync().await?;
    assert!(calendar.alerts().is_empty(), "it waits");
    calendar.look().await?;
    assert_eq!(
        calendar.alerts(),
        [("digest".to_owned(), "raised".to_owned())]
    );
    calendar.pass(1);
    calendar.look().await?;
    assert!(calendar.alerts().is_empty(), "nothing new");
    let quiet = Settings {
        quiet: Some(Quiet {
            from: hour,
            to: (hour + 2) % 24,
        }),
        ..Settings::default()
    };
    alerting::choose(&calendar.services, quiet).await?;
    calendar.pass(29);
    calendar.look().await?;
    assert!(calendar.alerts().is_empty(), "quiet, though it is urgent");
    alerting::choose(&calendar.services, Settings::default()).await?;
    calendar.look().await?;
    assert!(!calendar.alerts().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_client_is_told_of_nothing() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let store = &calendar.services.store;
    store
        .update_integration(calendar.tenant, |i| i.paused = true)
        .await?;
    calendar.pass(200);
    calendar.look().await?;
    assert!(calendar.alerts().is_empty());
    Ok(())
}
