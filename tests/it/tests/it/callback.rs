//! Where Microsoft sends the administrator back to: anyone may call it, and nothing comes of it
//! but a good `state`, once.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use microsoft_simulator::TenantOptions;
use muster_domain::TenantId;
use muster_it::{Browser, World, tenant};
use muster_platform::{consent, store::ConsentState};
use reqwest::{Method, StatusCode, header};
use scraper::{Html, Selector};
use std::time::Duration;
use url::Url;

async fn awaiting(name: &str) -> Result<(World, TenantOptions)> {
    let tenant = tenant(name, 5);
    let world = World::new(vec![tenant.clone()]).await?;
    world.create(&tenant).await?;
    Ok((world, tenant))
}

async fn authorize_url(world: &World, tenant: &TenantOptions) -> Result<String> {
    let path = format!("/api/v1/integrations/{}/authorize", tenant.id);
    let answer = world.api()?.call(Method::POST, &path, None).await?;
    Ok(answer["authorize_url"]
        .as_str()
        .context("a URL")?
        .to_owned())
}

fn state_in(url: &str) -> Result<String> {
    let url: Url = url.parse()?;
    let mut pairs = url.query_pairs();
    let state = pairs.find(|(name, _)| name == "state");
    Ok(state.context("a state")?.1.into_owned())
}

/// The callback as anybody could write it, with a hint that consent was given.
fn hinted(world: &World, state: &str, tenant: &str) -> Result<String> {
    let mut url: Url = world.muster().services().redirect_uri().parse()?;
    url.query_pairs_mut()
        .append_pair("admin_consent", "True")
        .append_pair("tenant", tenant)
        .append_pair("state", state);
    Ok(url.into())
}

fn tokens_minted(world: &World) -> usize {
    let requests = world.simulator.requests();
    requests
        .iter()
        .filter(|r| r.path.ends_with("/oauth2/v2.0/token"))
        .count()
}

/// The callback answers 400 with a page that says why, and all is as it was: no field of the
/// integration has changed, and no sync has begun.
async fn assert_refused(
    world: &World,
    tenant: &TenantOptions,
    browser: &Browser,
    url: &str,
    why: &str,
) -> Result<()> {
    let (before, minted) = (world.integration(tenant.id).await?, tokens_minted(world));
    let landed = browser.get(url).await?;
    let status = landed.status();
    let page = landed.text().await?;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{url}: {page}");
    assert!(
        page.contains(why) && page.contains("Nothing was changed"),
        "{why}: {page}"
    );
    // A sync that was queued would mint a token within this time.
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(world.integration(tenant.id).await?, before, "{url}");
    assert_eq!(tokens_minted(world), minted, "{url}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_state_changes_nothing() -> Result<()> {
    let (world, fabrikam) = awaiting("Fabrikam").await?;
    let browser = world.browser().await?;
    let real = state_in(&authorize_url(&world, &fabrikam).await?)?;
    let (named, random) = real.split_once('.').context("two parts")?;
    let mut flipped = real.clone();
    let last = if real.ends_with('A') { 'B' } else { 'A' };
    flipped.replace_range(real.len() - 1.., &last.to_string());
    for state in [
        String::new(),
        "x".to_owned(),
        random.to_owned(),
        format!("{named}."),
        format!("{named}.{}", "A".repeat(43)),
        format!("{}.{random}", fabrikam.client_id.simple()),
        format!("{real}{}", "A".repeat(400)),
        consent::stored_name(&real),
        flipped,
    ] {
        let url = hinted(&world, &state, &fabrikam.id.to_string())?;
        assert_refused(&world, &fabrikam, &browser, &url, "was not made here").await?;
    }
    let bare = world.muster().services().redirect_uri();
    for query in ["", "?admin_consent=True", "?state=a&state=b"] {
        assert_refused(&world, &fabrikam, &browser, &format!("{bare}{query}"), "").await?;
    }
    let status = &world.integration(fabrikam.id).await?["status"];
    assert_eq!(status, "awaiting_consent");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_state_lands_on_a_page_and_is_good_once() -> Result<()> {
    let (world, fabrikam) = awaiting("Fabrikam").await?;
    let browser = world.browser().await?;
    let url = authorize_url(&world, &fabrikam).await?;
    let back = browser.decide(&url, true).await?;
    let landed = browser.get(&back).await?;
    assert_eq!(landed.status(), StatusCode::OK);
    assert!(landed.text().await?.contains("Consent received"));
    let integration = world.finished(fabrikam.id, None).await?;
    assert_eq!(integration["status"], "connected");
    assert_refused(&world, &fabrikam, &browser, &back, "was used already").await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_bring_the_same_state_one_is_let_in() -> Result<()> {
    let (world, fabrikam) = awaiting("Fabrikam").await?;
    let back = Browser::new()?
        .decide(&authorize_url(&world, &fabrikam).await?, true)
        .await?;
    let browsers = (0..8).map(|_| async {
        let landed = Browser::new()?.get(&back).await?;
        Ok::<_, anyhow::Error>(landed.status())
    });
    let landed = futures::future::try_join_all(browsers).await?;
    let good = landed.iter().filter(|status| status.is_success()).count();
    assert_eq!(good, 1, "{landed:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_older_than_ten_minutes_changes_nothing() -> Result<()> {
    let (world, fabrikam) = awaiting("Fabrikam").await?;
    let browser = world.browser().await?;
    let url = authorize_url(&world, &fabrikam).await?;
    let (state, back) = (state_in(&url)?, browser.decide(&url, true).await?);
    let store = &world.muster().services().store;
    let name = consent::stored_name(&state);
    let issued = store.consent(TenantId::from(fabrikam.id), &name).await?;
    let issued = issued.context("the state is stored under its hash")?;
    let life = issued.expires_at.duration_since(Timestamp::now());
    assert!(
        life <= SignedDuration::from_mins(10) && life > SignedDuration::from_mins(9),
        "{life}"
    );
    let expired = ConsentState {
        expires_at: Timestamp::now().checked_sub(SignedDuration::from_secs(1))?,
        ..issued.clone()
    };
    store.put_consent(&name, &expired).await?;
    assert_refused(&world, &fabrikam, &browser, &back, "ten minutes").await?;
    store.put_consent(&name, &issued).await?;
    let landed = browser.get(&back).await?;
    assert_eq!(landed.status(), StatusCode::OK, "only its age was wrong");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_another_browser_changes_nothing_and_stays_its_owners() -> Result<()> {
    let (world, fabrikam) = awaiting("Fabrikam").await?;
    let (owner, thief) = (world.browser().await?, world.browser().await?);
    let page = world.muster().services().page(&format!(
        "/account/integration/microsoft365/{}",
        fabrikam.id
    ));
    let html = owner.get(&page).await?.text().await?;
    let csrf = {
        let inputs = Selector::parse("input[name=csrf]").expect("a selector");
        let html = Html::parse_document(&html);
        let input = html.select(&inputs).next().context("a form")?;
        input.attr("value").context("a token")?.to_owned()
    };
    let sent = owner
        .post(&format!("{page}/authorize"), &[("csrf".to_owned(), csrf)])
        .await?;
    let url = sent.headers().get(header::LOCATION).context("a redirect")?;
    let back = owner.decide(url.to_str()?, true).await?;
    assert_refused(&world, &fabrikam, &thief, &back, "in another browser").await?;
    let nobody = Browser::new()?;
    assert_refused(&world, &fabrikam, &nobody, &back, "in another browser").await?;
    assert_eq!(owner.get(&back).await?.status(), StatusCode::OK);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_another_tenant_changes_nothing() -> Result<()> {
    let (fabrikam, other) = (tenant("Fabrikam", 5), tenant("Tailspin", 5));
    let world = World::new(vec![fabrikam.clone(), other.clone()]).await?;
    world.create(&fabrikam).await?;
    world.create(&other).await?;
    let browser = world.browser().await?;
    let state = state_in(&authorize_url(&world, &fabrikam).await?)?;
    let untouched = world.integration(other.id).await?;
    for named in [other.id.to_string(), "fabrikam.example".to_owned()] {
        let url = hinted(&world, &state, &named)?;
        assert_refused(&world, &fabrikam, &browser, &url, "in another tenant").await?;
    }
    assert_eq!(world.integration(other.id).await?, untouched);
    let url = hinted(&world, &state, &fabrikam.id.to_string())?;
    assert_eq!(browser.get(&url).await?.status(), StatusCode::OK);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_consent_is_explained_and_changes_nothing() -> Result<()> {
    let (world, fabrikam) = awaiting("Fabrikam").await?;
    let browser = world.browser().await?;
    let before = world.integration(fabrikam.id).await?;
    let minted = tokens_minted(&world);
    let url = authorize_url(&world, &fabrikam).await?;
    let landed = browser.consent(&url, false).await?;
    assert_eq!(landed.status(), StatusCode::OK);
    let page = landed.text().await?;
    assert!(
        page.contains("No consent was given")
            && page.contains("The administrator cancelled the consent."),
        "{page}"
    );
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(world.integration(fabrikam.id).await?, before);
    assert_eq!(tokens_minted(&world), minted);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_without_consent_connects_nobody() -> Result<()> {
    let (world, fabrikam) = awaiting("Fabrikam").await?;
    let minted = tokens_minted(&world);
    let state = state_in(&authorize_url(&world, &fabrikam).await?)?;
    let url = hinted(&world, &state, &fabrikam.id.to_string())?;
    let landed = world.browser().await?.get(&url).await?;
    assert_eq!(landed.status(), StatusCode::OK);
    let integration = world
        .until(fabrikam.id, |i| {
            tokens_minted(&world) > minted && i["problems"][0]["kind"].is_string()
        })
        .await?;
    assert_eq!(integration["status"], "awaiting_consent");
    assert_eq!(integration["connected_at"], serde_json::Value::Null);
    assert!(world.records(fabrikam.id, "users").await?.is_empty());
    Ok(())
}
