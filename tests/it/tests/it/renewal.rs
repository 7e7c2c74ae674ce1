//! Renewing a credential: cut off anywhere and asked again, it ends in a working state; a broken
//! credential is tried once a schedule.

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use microsoft_simulator::Fault;
use muster_domain::{cloud::Cloud, expiry::CredentialKind, renewal::MADE_BY_MUSTER};
use muster_it::{Calendar, crash_after, tenant};
use muster_platform::{by_itself, connect::ConnectError, renew, vault::Stage};
use muster_sync::Outcome;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The DER of a PEM certificate.
pub fn der(pem: &str) -> Result<Vec<u8>> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    Ok(BASE64_STANDARD.decode(lines.collect::<String>())?)
}

/// Lets the app registration take AWS's word.
pub fn trust(calendar: &Calendar) {
    let (issuer, subject) = muster_it::vouched_for();
    calendar
        .microsoft()
        .add_federated(issuer, subject, Cloud::Global.token_exchange_audience());
}

async fn works(calendar: &Calendar, when: &str) -> Result<()> {
    let outcome = calendar.sync().await?;
    let integration = calendar.integration().await?;
    ensure!(
        outcome == Outcome::Done && integration.fell_back.is_none(),
        "{when}: {outcome:?} {:?} {:?}",
        integration.sign_in_trouble,
        integration.fell_back
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_by_hand_killed_anywhere_and_repeated_ends_in_a_working_state() -> Result<()> {
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    for wakes in 1.. {
        let new = format!("{wakes:03}8Q~by-hand.0123456789-abcdefghij_k");
        calendar.microsoft().add_secret(&new, 180 * DAY);
        let secret = SecretString::from(new.clone());
        let ask = || {
            Box::pin(renew::by_secret(
                &calendar.services,
                calendar.tenant,
                &secret,
                None,
            ))
        };
        let ended = crash_after(wakes, ask()).await;
        works(&calendar, &format!("killed after {wakes}")).await?;
        let done = ended.is_some();
        ask().await?;
        ask().await?;
        works(&calendar, &format!("repeated after {wakes}")).await?;
        let vault = &calendar.services.vault;
        let kept = vault.get(calendar.tenant).await?.context("a secret")?;
        assert_eq!(kept.expose_secret(), new);
        let before = vault.get_stage(calendar.tenant, Stage::Previous).await?;
        assert_ne!(
            before.context("one before")?.expose_secret(),
            new,
            "repeating moves nothing"
        );
        let integration = calendar.integration().await?;
        assert_eq!(integration.credential.hint, format!("{wakes:03}"));
        if done {
            assert!(wakes > 2, "it was killed at several points");
            return Ok(());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_by_itself_killed_anywhere_leaves_no_orphan() -> Result<()> {
    let mut options = tenant("Fabrikam", 3);
    options
        .permissions
        .push("Application.ReadWrite.OwnedBy".to_owned());
    let mut calendar = Calendar::start(options).await?;
    calendar.microsoft().set_owns_itself(true);
    calendar.renew_by_itself(180).await?;
    for wakes in 1.. {
        let renew = || Box::pin(by_itself::renew(&calendar.services, calendar.tenant));
        let ended = calendar.today(crash_after(wakes, renew())).await;
        works(&calendar, &format!("killed after {wakes}")).await?;
        let done = ended.is_some();
        let hint = calendar.integration().await?.credential.hint;
        calendar.today(renew()).await?;
        works(&calendar, &format!("repeated after {wakes}")).await?;
        assert_ne!(calendar.integration().await?.credential.hint, hint);
        // Two days later the one before is gone, and nothing else was left behind.
        calendar.pass(2);
        works(&calendar, "two days later").await?;
        let looked = by_itself::look_at(&calendar.services, calendar.tenant, calendar.now().await);
        calendar.today(looked).await?;
        let kept = calendar.services.vault.get(calendar.tenant).await?;
        let kept = kept.context("a secret")?;
        let listed = calendar.microsoft().secrets();
        assert!(
            listed
                .iter()
                .any(|(_, value, _)| value == kept.expose_secret())
        );
        assert_eq!(
            listed.len(),
            2,
            "the one in use, and the one a person made: {listed:?}"
        );
        if done {
            assert!(wakes > 2, "it was killed at several points");
            return Ok(());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_to_a_certificate_killed_anywhere_leaves_no_gap() -> Result<()> {
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let (services, tenant) = (&calendar.services, calendar.tenant);
    for wakes in 1.. {
        let made = crash_after(wakes, Box::pin(renew::offer_certificate(services, tenant))).await;
        works(&calendar, &format!("making it was cut off after {wakes}")).await?;
        let offered = renew::offer_certificate(services, tenant).await?;
        calendar
            .microsoft()
            .upload_certificate(&der(&offered.pem)?, 365 * DAY);
        let switched = crash_after(wakes, Box::pin(renew::by_certificate(services, tenant))).await;
        works(&calendar, &format!("switching was cut off after {wakes}")).await?;
        if switched.is_none() && calendar.integration().await?.offered.is_some() {
            renew::by_certificate(services, tenant).await?;
        }
        works(&calendar, &format!("repeated after {wakes}")).await?;
        let integration = calendar.integration().await?;
        assert_eq!(integration.credential.kind, CredentialKind::Certificate);
        assert!(
            offered
                .thumbprint
                .starts_with(&integration.credential.shown_hint())
        );
        if made.is_some() && switched.is_some() {
            assert!(wakes > 2, "it was killed at several points");
            return Ok(());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_to_no_secret_killed_anywhere_leaves_no_gap() -> Result<()> {
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    trust(&calendar);
    let (services, tenant) = (&calendar.services, calendar.tenant);
    for wakes in 1.. {
        let moved = crash_after(wakes, Box::pin(renew::by_federation(services, tenant))).await;
        works(&calendar, &format!("cut off after {wakes}")).await?;
        renew::by_federation(services, tenant).await?;
        works(&calendar, &format!("repeated after {wakes}")).await?;
        let integration = calendar.integration().await?;
        assert_eq!(integration.credential.kind, CredentialKind::Federated);
        if moved.is_some() {
            return Ok(());
        }
        // And back, for the next round.
        let back = format!("{wakes:03}8Q~by-hand.0123456789-abcdefghij_k");
        calendar.microsoft().add_secret(&back, 180 * DAY);
        let back = SecretString::from(back);
        renew::by_secret(services, tenant, &back, None).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_federated_credential_that_does_not_match_is_explained_and_changes_nothing() -> Result<()>
{
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let (issuer, _) = muster_it::vouched_for();
    let microsoft = calendar.microsoft();
    microsoft.add_federated(
        issuer,
        "arn:aws:iam::123456789012:role/other",
        Cloud::Global.token_exchange_audience(),
    );
    let identity = calendar
        .services
        .microsoft
        .web_identity(calendar.tenant)
        .await?;
    assert_eq!(
        (identity.issuer.as_str(), identity.subject.as_str()),
        muster_it::vouched_for()
    );
    let refused = renew::by_federation(&calendar.services, calendar.tenant).await;
    let Err(ConnectError::Fields(fields)) = refused else {
        anyhow::bail!("{refused:?}");
    };
    assert!(
        fields[0].detail.contains("issuer, subject and audience"),
        "{fields:?}"
    );
    works(&calendar, "after the refusal").await?;
    let integration = calendar.integration().await?;
    assert_eq!(integration.credential.kind, CredentialKind::ClientSecret);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_secret_that_is_still_on_its_way_is_waited_for() -> Result<()> {
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let microsoft = calendar.microsoft();
    microsoft.set_credential_lag(Duration::from_secs(3));
    let new = "nEw8Q~on-its-way.0123456789-abcdefghij_k";
    microsoft.add_secret(new, 180 * DAY);
    let secret = SecretString::from(new);
    let renewed = renew::by_secret(&calendar.services, calendar.tenant, &secret, None);
    assert_eq!(renewed.await?.credential.hint, "nEw");
    // One that the registration does not list is not waited for: two looks, and an answer.
    calendar.world.simulator.clear_requests();
    let wrong = SecretString::from("wr08Q~nobody-made.0123456789-abcdefghij_");
    let refused = renew::by_secret(&calendar.services, calendar.tenant, &wrong, None).await;
    assert!(
        matches!(refused, Err(ConnectError::Fields(_))),
        "{refused:?}"
    );
    assert_eq!(calendar.refused(), 2);
    works(&calendar, "after the refusal").await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_new_secret_is_deleted_work_goes_on_with_the_one_before_and_says_so() -> Result<()>
{
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let microsoft = calendar.microsoft();
    let new = "nEw8Q~goes-again.0123456789-abcdefghij_k";
    microsoft.add_secret(new, 180 * DAY);
    let secret = SecretString::from(new);
    renew::by_secret(&calendar.services, calendar.tenant, &secret, None).await?;
    works(&calendar, "renewed").await?;
    microsoft.remove_secret(new);
    calendar.world.simulator.clear_requests();
    assert_eq!(calendar.sync().await?, Outcome::Done);
    assert_eq!(calendar.refused(), 1, "the broken one is tried once");
    let integration = calendar.integration().await?;
    let said = integration.fell_back.as_ref().context("it says so")?;
    assert!(said.sentence.contains("the one before"), "{said:?}");
    let previous = integration.previous.as_ref().context("a previous one")?;
    assert!(!previous.may_go(integration.roles_at), "it is needed");
    let told = calendar.alerts();
    assert!(
        told.contains(&("sign_in".to_owned(), "raised".to_owned())),
        "{told:?}"
    );
    microsoft.add_secret(new, 180 * DAY);
    works(&calendar, "it is back").await?;
    let told = calendar.alerts();
    assert!(
        told.contains(&("sign_in".to_owned(), "resolved".to_owned())),
        "{told:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_credential_is_tried_once_a_schedule_and_no_more() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    calendar.microsoft().delete_secret();
    calendar.world.simulator.clear_requests();
    for schedule in 1..=5 {
        calendar.pass(1);
        assert_eq!(calendar.sync().await?, Outcome::NoAccess);
        calendar.look().await?;
        assert_eq!(calendar.refused(), schedule);
    }
    let told = calendar.alerts();
    let sign_in = told.iter().filter(|(kind, _)| kind == "sign_in").count();
    assert_eq!(sign_in, 1, "{told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_refused_while_the_credential_is_broken_make_no_storm() -> Result<()> {
    let calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    // Everything is read again, so that every dataset meets the refused token.
    let store = &calendar.services.store;
    store
        .update_integration(calendar.tenant, |integration| {
            integration.datasets_off.clear();
            integration.sync.requested_at = Some(muster_platform::now());
        })
        .await?;
    calendar.world.simulator.clear_requests();
    for fault in Fault::parse_schedule("v1.0/#1x1000=401,v2.0/token#2x1000=401")? {
        calendar.world.simulator.add_fault(fault);
    }
    calendar.sync().await?;
    assert_eq!(calendar.refused(), 1, "one of the datasets asks, once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_forbids_secrets_is_told_of_once_a_day_at_most() -> Result<()> {
    let mut options = tenant("Fabrikam", 3);
    options
        .permissions
        .push("Application.ReadWrite.OwnedBy".to_owned());
    let mut calendar = Calendar::start(options).await?;
    calendar.microsoft().set_owns_itself(true);
    calendar.microsoft().set_secret_policy(true, None);
    calendar.renew_by_itself(180).await?;
    calendar.pass(155);
    calendar.sync().await?;
    calendar.look().await?;
    let trouble = calendar
        .integration()
        .await?
        .automatic
        .and_then(|a| a.trouble);
    assert!(
        trouble
            .context("trouble")?
            .sentence
            .contains("allows no new client secrets")
    );
    let told = calendar.alerts();
    let renewal = told.iter().filter(|(kind, _)| kind == "renewal").count();
    assert_eq!(renewal, 1, "{told:?}");
    calendar.microsoft().set_secret_policy(false, None);
    calendar.pass(1);
    calendar.look().await?;
    let integration = calendar.integration().await?;
    assert_eq!(integration.automatic.and_then(|a| a.trouble), None);
    // Of two looks at once each may make one: what is not in use goes when the other has worked for a day.
    for _ in 0..2 {
        calendar.pass(1);
        calendar.sync().await?;
        calendar.look().await?;
    }
    let named = calendar.microsoft().secrets();
    assert_eq!(named.len(), 2, "{MADE_BY_MUSTER} made one: {named:?}");
    Ok(())
}
