//! What the callback makes of each answer that Microsoft, a proxy, a browser extension or a stranger may
//! send: nothing is said that the address does not say.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::TenantOptions;
use muster_it::{World, tenant};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::Duration;
use url::Url;

const SAYS_GIVEN: &str = "Microsoft says that consent was given";
const BOTH_ROLES: &str = "Global Administrator or Privileged Role Administrator";

struct Story {
    world: World,
    fabrikam: TenantOptions,
    /// The address of the callback.
    callback: String,
    /// The address of Microsoft's consent page.
    authorize: String,
    /// The state within it.
    state: String,
}

impl Story {
    async fn new() -> Result<Self> {
        let fabrikam = tenant("Fabrikam", 3);
        let world = World::new(vec![fabrikam.clone()]).await?;
        world.create(&fabrikam).await?;
        let path = format!("/api/v1/integrations/{}/authorize", fabrikam.id);
        let answer = world.api()?.call(Method::POST, &path, None).await?;
        let authorize = answer["authorize_url"].as_str().context("a URL")?;
        let url: Url = authorize.parse()?;
        let state = url.query_pairs().find(|(name, _)| name == "state");
        let state = state.context("a state")?.1.into_owned();
        Ok(Self {
            callback: world.muster().services().redirect_uri(),
            authorize: authorize.to_owned(),
            world,
            fabrikam,
            state,
        })
    }

    /// Opens the callback with a query as it stands.
    async fn open(&self, query: &str) -> Result<(StatusCode, String)> {
        let url = format!("{}?{query}", self.callback);
        let landed = self.world.browser().await?.get(&url).await?;
        Ok((landed.status(), landed.text().await?))
    }

    async fn integration(&self) -> Result<Value> {
        self.world.integration(self.fabrikam.id).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_alone_is_no_word_that_consent_was_given() -> Result<()> {
    for rest in [
        "",
        "&admin_consent=",
        "&admin_consent=1",
        "&admin_consent=yes",
    ] {
        let story = Story::new().await?;
        let (status, page) = story.open(&format!("state={}{rest}", story.state)).await?;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(!page.contains(SAYS_GIVEN), "{rest}: {page}");
        assert!(
            page.contains("did not say whether consent was given"),
            "{page}"
        );
        let integration = story.integration().await?;
        assert_eq!(integration["status"], "awaiting_consent", "{integration:#}");
        let problems = integration["problems"].to_string();
        assert!(!problems.contains("Consent was given"), "{problems}");
        let (status, _) = story.open(&format!("state={}", story.state)).await?;
        assert_eq!(status, StatusCode::BAD_REQUEST, "it is used up");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_consent_false_is_no_consent_in_any_casing() -> Result<()> {
    for word in ["False", "false", "FALSE"] {
        let story = Story::new().await?;
        let before = story.integration().await?;
        let query = format!("admin_consent={word}&state={}", story.state);
        let (status, page) = story.open(&query).await?;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(!page.contains(SAYS_GIVEN), "{page}");
        assert!(
            page.contains("No consent was given") && page.contains(BOTH_ROLES),
            "{page}"
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(story.integration().await?, before);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_consent_true_is_read_in_any_casing() -> Result<()> {
    for word in ["True", "true", "TRUE"] {
        let story = Story::new().await?;
        let query = format!("admin_consent={word}&state={}", story.state);
        let (status, page) = story.open(&query).await?;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(page.contains(SAYS_GIVEN), "{page}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_appends_to_the_state_does_not_spoil_it_and_it_stays_good_once() -> Result<()>
{
    for appended in [
        "%20",
        "/",
        "?utm_source=mail",
        "%26utm=x",
        "%3B",
        "&utm=x",
        "+",
    ] {
        let story = Story::new().await?;
        let query = format!("admin_consent=True&state={}{appended}", story.state);
        let (status, page) = story.open(&query).await?;
        assert_eq!(status, StatusCode::OK, "{appended}: {page}");
        assert!(page.contains(SAYS_GIVEN), "{appended}: {page}");
        for again in [query, format!("admin_consent=True&state={}", story.state)] {
            let (status, page) = story.open(&again).await?;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{appended}: {page}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_was_cut_or_ran_on_gets_the_honest_sentence_and_stays_good() -> Result<()> {
    let story = Story::new().await?;
    let state = story.state.clone();
    for changed in [
        state[..40].to_owned(),
        state[..75].to_owned(),
        format!("{state}abc"),
        format!("x{state}"),
    ] {
        let (status, page) = story
            .open(&format!("admin_consent=True&state={changed}"))
            .await?;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{changed}: {page}");
        assert!(
            page.contains("cut or changed on its way"),
            "{changed}: {page}"
        );
        assert!(page.contains("Nothing was changed"), "{changed}: {page}");
    }
    let (status, page) = story
        .open(&format!("admin_consent=True&state={state}"))
        .await?;
    assert_eq!(status, StatusCode::OK, "{page}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_comes_twice_must_say_the_same() -> Result<()> {
    let story = Story::new().await?;
    let (state, id) = (&story.state, story.fabrikam.id);
    for query in [
        format!("state={state}&state=other"),
        format!("state={state}&admin_consent=True&admin_consent=False"),
        format!(
            "state={state}&tenant={id}&tenant={}",
            story.fabrikam.client_id
        ),
    ] {
        let (status, page) = story.open(&query).await?;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {page}");
        assert!(page.contains("names the same thing twice"), "{page}");
    }
    let twice = format!("state={state}&state={state}&admin_consent=True&admin_consent=True");
    let (status, page) = story.open(&twice).await?;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains(SAYS_GIVEN), "{page}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_directory_is_named_so_and_the_state_stays_good() -> Result<()> {
    let story = Story::new().await?;
    let other = "11111111-2222-4333-8444-555555555555";
    for said in ["admin_consent=True", "error=access_denied", ""] {
        let query = format!("{said}&tenant={other}&state={}", story.state);
        let (status, page) = story.open(&query).await?;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
        assert!(page.contains("in another tenant"), "{page}");
    }
    let query = format!(
        "admin_consent=True&tenant={}/&state={}",
        story.fabrikam.id, story.state
    );
    let (status, page) = story.open(&query).await?;
    assert_eq!(status, StatusCode::OK, "{page}");
    Ok(())
}

/// Lets the simulated consent page come back with a code, and gives the page a person lands on.
async fn refused(code: u32) -> Result<String> {
    let story = Story::new().await?;
    let before = story.integration().await?;
    story
        .world
        .tenant(&story.fabrikam)
        .set_consent_error(Some(code));
    let browser = story.world.browser().await?;
    let landed = browser.consent(&story.authorize, true).await?;
    ensure!(
        landed.status() == StatusCode::OK,
        "{code}: {}",
        landed.status()
    );
    let page = landed.text().await?;
    ensure!(!page.contains(SAYS_GIVEN), "{code}: {page}");
    ensure!(page.contains("No consent was given"), "{code}: {page}");
    tokio::time::sleep(Duration::from_millis(250)).await;
    ensure!(
        story.integration().await? == before,
        "{code} changed something"
    );
    Ok(page)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_code_of_the_consent_page_is_explained_with_the_next_step() -> Result<()> {
    for (code, said) in [
        (90_094, BOTH_ROLES),
        (90_095, "Admin consent requests"),
        (650_052, "API permissions"),
        (650_051, "Wait a minute"),
        (500_113, "redirect URI"),
        (50_105, "Assignment required"),
        (50_194, "Directory (tenant) ID"),
        (65_004, "cancelled"),
        (90_033, "passes by itself"),
    ] {
        let page = refused(code).await?;
        assert!(
            page.contains(said) && !page.contains("AADSTS"),
            "{code}: {page}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_account_is_named_so() -> Result<()> {
    for code in [50_020, 50_034] {
        let page = refused(code).await?;
        assert!(page.contains("does not belong to this client"), "{page}");
        assert!(page.contains(BOTH_ROLES), "{page}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_code_is_named_with_microsofts_page() -> Result<()> {
    let page = refused(123_456).await?;
    assert!(page.contains("AADSTS123456"), "{page}");
    assert!(
        page.contains("login.microsoftonline.com/error?code=123456"),
        "{page}"
    );
    Ok(())
}
