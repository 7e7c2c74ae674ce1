//! A tenant's policy on client secrets: known before a renewal where it may be read, else from how
//! Microsoft answers, else not known.

use anyhow::{Context, Result};
use microsoft_simulator::TenantOptions;
use muster_domain::secret_policy::{PolicySource, SecretPolicy};
use muster_it::{Calendar, tenant};
use muster_platform::by_itself;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn granted(permission: &str) -> TenantOptions {
    let mut options = tenant("Fabrikam", 3);
    options.permissions.push(permission.to_owned());
    options
}

async fn policy(calendar: &Calendar) -> Result<Option<SecretPolicy>> {
    Ok(calendar.integration().await?.secret_policy)
}

fn told(state: &str) -> Vec<(String, String)> {
    vec![("secret_policy".to_owned(), state.to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_forbids_secrets_is_told_before_any_renewal() -> Result<()> {
    let mut calendar = Calendar::start(granted("Policy.Read.All")).await?;
    let known = policy(&calendar).await?.context("it was read")?;
    assert_eq!((known.forbids, known.longest_days), (false, None));
    let microsoft = calendar.microsoft();
    microsoft.set_secret_policy(true, Some(90 * DAY));
    calendar.pass(1);
    calendar.sync().await?;
    calendar.look().await?;
    assert_eq!(calendar.alerts(), told("raised"), "once");
    let known = policy(&calendar).await?.context("it was read")?;
    assert_eq!(
        (known.forbids, known.longest_days, known.source),
        (true, Some(90), PolicySource::Policy)
    );
    let shown = calendar.world.integration(microsoft.id()).await?;
    assert_eq!(shown["credential"]["secret_policy"]["forbids"], true);
    assert_eq!(shown["status"], "needs_attention", "{shown:#}");
    let browser = calendar.world.browser().await?;
    let url = calendar.services.page(&format!(
        "/account/integration/microsoft365/{}/credential",
        calendar.tenant
    ));
    let page = browser.get(&url).await?.text().await?;
    assert!(page.contains("allows no new client secrets"), "{page}");
    // A policy of the app's own lets it have secrets.
    microsoft.set_policy_exempts_app(true);
    calendar.pass(1);
    calendar.sync().await?;
    calendar.look().await?;
    assert_eq!(calendar.alerts(), told("resolved"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_life_is_shown_and_asked_for_without_a_refusal() -> Result<()> {
    let mut options = granted("Policy.Read.All");
    options
        .permissions
        .push("Application.ReadWrite.OwnedBy".to_owned());
    let mut calendar = Calendar::start(options).await?;
    let microsoft = calendar.microsoft();
    microsoft.set_owns_itself(true);
    microsoft.set_secret_policy(false, Some(90 * DAY));
    calendar.renew_by_itself(180).await?;
    calendar.pass(1);
    calendar.sync().await?;
    calendar.world.simulator.clear_requests();
    calendar
        .today(by_itself::renew(&calendar.services, calendar.tenant))
        .await?;
    let asked = calendar.world.simulator.requests();
    let added: Vec<u16> = asked
        .iter()
        .filter(|asked| asked.path.ends_with("/addPassword"))
        .map(|asked| asked.status)
        .collect();
    assert_eq!(added, [200]);
    calendar.look().await?;
    assert_eq!(calendar.alerts(), [], "a shorter one is no trouble");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_the_policy_is_not_known_and_nothing_is_asked() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    calendar.microsoft().set_secret_policy(true, None);
    calendar.world.simulator.clear_requests();
    calendar.pass(1);
    calendar.sync().await?;
    calendar.look().await?;
    assert_eq!(policy(&calendar).await?, None);
    assert_eq!(calendar.alerts(), []);
    let asked = calendar.world.simulator.requests();
    assert!(
        asked
            .iter()
            .any(|asked| asked.path.ends_with("/applications"))
    );
    assert!(
        !asked
            .iter()
            .any(|asked| asked.path.contains("ManagementPolic"))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_microsoft_answers_gives_the_policy_away() -> Result<()> {
    let mut calendar = Calendar::start(granted("Application.ReadWrite.OwnedBy")).await?;
    let microsoft = calendar.microsoft();
    microsoft.set_owns_itself(true);
    calendar.renew_by_itself(180).await?;
    let renew = async |calendar: &Calendar| {
        let renewed = by_itself::renew(&calendar.services, calendar.tenant);
        calendar.today(renewed).await.is_ok()
    };
    microsoft.set_secret_policy(true, None);
    calendar.pass(1);
    assert!(!renew(&calendar).await);
    let known = policy(&calendar).await?.context("a refusal")?;
    assert_eq!((known.forbids, known.source), (true, PolicySource::Answer));
    microsoft.set_secret_policy(false, Some(60 * DAY));
    assert!(renew(&calendar).await);
    let known = policy(&calendar).await?.context("a shorter life")?;
    assert_eq!((known.forbids, known.longest_days), (false, Some(60)));
    microsoft.set_secret_policy(false, None);
    calendar.renew_by_itself(180).await?;
    assert!(renew(&calendar).await);
    assert_eq!(policy(&calendar).await?, None, "not known any more");
    Ok(())
}
