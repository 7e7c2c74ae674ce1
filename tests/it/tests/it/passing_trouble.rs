//! Trouble of Microsoft's sign-in service that passes, seen from the form, the credential and the renewal.

use anyhow::{Context, Result};
use muster_it::{Calendar, Caller, World, form, tenant};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

const CONNECT: &str = "/api/v1/integrations";
const HALF_A_YEAR: Duration = Duration::from_secs(180 * 24 * 60 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn the_form_waits_for_trouble_of_a_second_and_then_connects() -> Result<()> {
    for schedule in [
        "oauth2/v2.0/token#1x2=aadsts:90033:503",
        "oauth2/v2.0/token#1x2=aadsts:90024:400",
        "openid-configuration#1x2=503:1",
        "openid-configuration#1x2=aadsts:90033:400",
    ] {
        let fabrikam = tenant("Fabrikam", 3);
        let world = World::new(vec![fabrikam.clone()]).await?;
        world.simulator.add_fault(schedule.parse()?);
        let caller = Caller::of(&world)?;
        let answer = caller.json(Method::POST, CONNECT, &form(&fabrikam)).await?;
        assert_eq!(answer.status.as_u16(), 201, "{schedule}: {}", answer.text);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_says_when_to_try_again_where_microsoft_asks_to_wait() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 3);
    let world = World::new(vec![fabrikam.clone()]).await?;
    let caller = Caller::of(&world)?;
    for (refusal, minutes, seconds) in [
        ("429:600", "10 minutes", "600"),
        ("aadsts:90033:503:90", "2 minutes", "90"),
        ("aadsts:50196:400", "2 minutes", "120"),
    ] {
        let schedule = format!("oauth2/v2.0/token#1x*={refusal}");
        world.simulator.add_fault(schedule.parse()?);
        let answer = caller.json(Method::POST, CONNECT, &form(&fabrikam)).await?;
        world.simulator.clear_faults();
        assert_eq!(answer.status.as_u16(), 502, "{refusal}: {}", answer.text);
        let kind = &answer.json["type"];
        assert_eq!(kind, "urn:muster:problem:sign-in-busy", "{}", answer.text);
        let detail = answer.json["detail"].as_str().context("a detail")?;
        assert!(detail.contains(minutes), "{refusal}: {detail}");
        assert!(!detail.contains("503"), "{detail}");
        let wire = String::from_utf8_lossy(&answer.wire).into_owned();
        let header = format!("\"retry-after\": \"{seconds}\"");
        assert!(wire.contains(&header), "{refusal}: {wire}");
    }
    assert_eq!(caller.get(CONNECT).await?.json["items"], json!([]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn checking_again_and_a_new_secret_blame_no_credential_for_trouble_that_passes() -> Result<()>
{
    let fabrikam = tenant("Fabrikam", 3);
    let world = World::synced(fabrikam.clone()).await?;
    let caller = Caller::of(&world)?;
    let before = world.integration(fabrikam.id).await?;
    let new = "nEw8Q~another-secret.0123456789-abcdefgh";
    world.tenant(&fabrikam).add_secret(new, HALF_A_YEAR);
    let schedule = "oauth2/v2.0/token#1x*=aadsts:90033:400:600";
    world.simulator.add_fault(schedule.parse()?);
    let path = format!("{CONNECT}/{}/credential", fabrikam.id);
    let body = json!({"client_secret": new});
    let answer = caller.json(Method::PUT, &path, &body).await?;
    assert_eq!(answer.json["type"], "urn:muster:problem:sign-in-busy");
    assert_eq!(
        world.integration(fabrikam.id).await?["problems"],
        before["problems"]
    );
    world.simulator.clear_faults();
    let answer = caller.json(Method::PUT, &path, &body).await?;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_meets_trouble_which_passes_is_no_failure_and_goes_on_at_the_next_run()
-> Result<()> {
    let mut options = tenant("Fabrikam", 3);
    let own = "Application.ReadWrite.OwnedBy".to_owned();
    options.permissions.push(own);
    let mut calendar = Calendar::start(options).await?;
    calendar.microsoft().set_owns_itself(true);
    calendar.renew_by_itself(180).await?;
    calendar.pass(155);
    calendar.sync().await?;
    let hint = calendar.integration().await?.credential.hint;
    for schedule in [
        "oauth2/v2.0/token#1x*=429:600",
        "oauth2/v2.0/token#1x*=aadsts:50196:400",
        "v1.0/applications#1x*=429:600",
    ] {
        let simulator = &calendar.world.simulator;
        simulator.add_fault(schedule.parse()?);
        calendar.look().await?;
        simulator.clear_faults();
        let integration = calendar.integration().await?;
        let trouble = integration.automatic.and_then(|a| a.trouble);
        assert_eq!(trouble, None, "{schedule}");
        assert_eq!(integration.credential.hint, hint, "{schedule}");
    }
    calendar.look().await?;
    assert_ne!(calendar.integration().await?.credential.hint, hint);
    Ok(())
}
