//! A year of weekly operation under each kind of credential: no sync fails, and each alert comes
//! once.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::TenantOptions;
use muster_domain::expiry::CredentialKind;
use muster_it::{Calendar, tenant};
use muster_platform::{by_itself, renew};
use muster_sync::Outcome;
use secrecy::SecretString;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn raised(kind: &str) -> (String, String) {
    (kind.to_owned(), "raised".to_owned())
}

fn over(kind: &str) -> (String, String) {
    (kind.to_owned(), "resolved".to_owned())
}

/// A week: the daily look on each day, then the weekly sync, which has to go well.
async fn week(calendar: &mut Calendar) -> Result<Vec<(String, String)>> {
    let mut told = Vec::new();
    for _ in 0..7 {
        calendar.pass(1);
        calendar.look().await?;
        told.extend(calendar.alerts());
    }
    let outcome = calendar.sync().await?;
    let integration = calendar.integration().await?;
    ensure!(
        outcome == Outcome::Done && integration.fell_back.is_none(),
        "day {}: {outcome:?} {:?} {:?}",
        calendar.day(),
        integration.sign_in_trouble,
        integration.fell_back
    );
    told.extend(calendar.alerts());
    Ok(told)
}

fn secret(number: u32) -> String {
    format!("s{number:02}8Q~by-hand.0123456789-abcdefghij_k")
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_by_hand_no_sync_fails_and_each_step_is_told_once() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let microsoft = calendar.microsoft();
    microsoft.set_credential_lag(Duration::from_secs(1));
    let mut renewals = 0;
    let mut since_renewal = Vec::new();
    while calendar.day() < 365 {
        let told = week(&mut calendar).await?;
        since_renewal.extend(told);
        // The technician acts on the third warning: 60, 30, 14.
        if since_renewal
            .iter()
            .filter(|told| **told == raised("credential"))
            .count()
            == 3
        {
            ensure!(
                since_renewal == vec![raised("credential"); 3],
                "{since_renewal:?}"
            );
            renewals += 1;
            let new = secret(renewals);
            microsoft.add_secret(&new, 180 * DAY);
            let new = SecretString::from(new);
            let renewed = renew::by_secret(&calendar.services, calendar.tenant, &new, None);
            calendar.today(renewed).await?;
            calendar.sync().await?;
            since_renewal = calendar.alerts();
            ensure!(since_renewal == [over("credential")], "{since_renewal:?}");
            since_renewal.clear();
        }
    }
    assert_eq!(renewals, 2);
    assert!(since_renewal.is_empty(), "{since_renewal:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_by_itself_under_a_policy_nobody_is_told_of_anything() -> Result<()> {
    let mut options = tenant("Fabrikam", 3);
    options
        .permissions
        .push("Application.ReadWrite.OwnedBy".to_owned());
    let mut calendar = Calendar::start(options).await?;
    let microsoft = calendar.microsoft();
    microsoft.set_owns_itself(true);
    microsoft.set_credential_lag(Duration::from_secs(1));
    microsoft.set_secret_policy(false, Some(91 * DAY));
    calendar.renew_by_itself(180).await?;
    let mut hints = vec![calendar.integration().await?.credential.hint];
    while calendar.day() < 365 {
        let told = week(&mut calendar).await?;
        assert!(told.is_empty(), "day {}: {told:?}", calendar.day());
        let hint = calendar.integration().await?.credential.hint;
        if hints.last() != Some(&hint) {
            hints.push(hint);
        }
    }
    assert!(hints.len() >= 4, "150 days, then every 60: {hints:?}");
    let integration = calendar.integration().await?;
    let automatic = integration.automatic.context("chosen")?;
    assert_eq!(
        (automatic.allowed_days, automatic.trouble),
        (Some(90), None)
    );
    // The secret made by hand is left alone; of Muster's own, the one in use and at most the one
    // before it are there.
    let left = microsoft.secrets();
    assert!((2..=3).contains(&left.len()), "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn by_certificates_that_overlap_no_sync_fails() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    calendar
        .microsoft()
        .set_credential_lag(Duration::from_secs(1));
    let mut switches = 0;
    let mut told = Vec::new();
    while calendar.day() < 450 {
        told.extend(week(&mut calendar).await?);
        let due = told
            .iter()
            .filter(|told| **told == raised("credential"))
            .count()
            == 2;
        if calendar.day() == 7 || due {
            switch_to_certificate(&calendar).await?;
            calendar.sync().await?;
            switches += 1;
            told.clear();
            let after = calendar.alerts();
            assert_eq!(after, vec![over("credential"); usize::from(due)]);
        }
    }
    assert_eq!(switches, 2, "one to begin with, one renewal");
    let integration = calendar.integration().await?;
    assert_eq!(integration.credential.kind, CredentialKind::Certificate);
    assert_eq!(integration.credential.deleted_since, None);
    Ok(())
}

pub(super) async fn switch_to_certificate(calendar: &Calendar) -> Result<()> {
    let (services, tenant) = (&calendar.services, calendar.tenant);
    let offered = renew::offer_certificate(services, tenant);
    let offered = calendar.today(offered).await?;
    let again = renew::offer_certificate(services, tenant);
    assert_eq!(
        calendar.today(again).await?,
        offered,
        "asked twice, made once"
    );
    let life = offered.expires_at.duration_since(calendar.now().await);
    let life = Duration::try_from(life)?;
    calendar
        .microsoft()
        .upload_certificate(&super::renewal::der(&offered.pem)?, life);
    calendar
        .today(renew::by_certificate(services, tenant))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_nothing_lapses() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    super::renewal::trust(&calendar);
    let moved = renew::by_federation(&calendar.services, calendar.tenant);
    let moved = calendar.today(moved).await?;
    assert_eq!(moved.credential.expires_at, None);
    calendar.microsoft().delete_secret();
    while calendar.day() < 365 {
        let told = week(&mut calendar).await?;
        assert!(told.is_empty(), "day {}: {told:?}", calendar.day());
    }
    Ok(())
}

/// What the year would look like if nobody acted: each step once, weekly after the end.
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_acts_every_step_is_told_once_and_then_weekly() -> Result<()> {
    let options: TenantOptions = tenant("Fabrikam", 3);
    let mut calendar = Calendar::start(options).await?;
    let mut told = Vec::new();
    for _ in 0..200 {
        calendar.pass(1);
        calendar.look().await?;
        let day = calendar.day();
        told.extend(calendar.alerts().into_iter().map(|(kind, _)| (kind, day)));
    }
    let days: Vec<i64> = told
        .iter()
        .filter(|(kind, _)| kind == "credential")
        .map(|(_, day)| 179 - day)
        .collect();
    assert_eq!(days, [60, 30, 14, 7, 3, 1, 0, -1, -8, -15], "{told:?}");
    let renewed = by_itself::look_at(&calendar.services, calendar.tenant, calendar.now().await);
    assert_eq!(
        renewed.await?,
        by_itself::Outcome::Nothing,
        "nobody chose it"
    );
    Ok(())
}
