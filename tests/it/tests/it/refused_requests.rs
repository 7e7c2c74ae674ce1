//! A queue that refuses a request for a sync: nobody is told that a sync is on its way.

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use microsoft_simulator::TenantOptions;
use muster_it::{World, tenant};
use muster_platform::{
    Services,
    queue::{LocalQueue, Queue},
};
use reqwest::Method;
use std::sync::Arc;
use tower::ServiceExt;
use url::Url;

/// The services of a world whose queue takes no message: its other end is gone.
fn refusing(world: &World) -> Services {
    Services {
        queue: Queue::Local(LocalQueue::new().0),
        ..world.muster().services().clone()
    }
}

fn callback(services: Services) -> Router {
    muster_oauth_callback::router(Arc::new(muster_oauth_callback::Context::new(services)))
}

/// Begins a consent through the API; gives its state, which is bound to no browser.
async fn state(world: &World, tenant: &TenantOptions) -> Result<String> {
    let path = format!("/api/v1/integrations/{}/authorize", tenant.id);
    let answer = world.api()?.call(Method::POST, &path, None).await?;
    let url: Url = answer["authorize_url"].as_str().context("a URL")?.parse()?;
    let state = url.query_pairs().find(|(name, _)| name == "state");
    Ok(state.context("a state")?.1.into_owned())
}

async fn open(router: Router, query: &str) -> Result<(StatusCode, String)> {
    let request = Request::get(format!("/account/integration/oauth?{query}"));
    let answer = router.oneshot(request.body(Body::empty())?).await?;
    let status = answer.status();
    let body = to_bytes(answer.into_body(), usize::MAX).await?;
    Ok((status, String::from_utf8(body.to_vec())?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_whose_sync_the_queue_refuses_says_that_none_is_on_its_way() -> Result<()> {
    for told in ["admin_consent=True&", ""] {
        let fabrikam = tenant("Fabrikam", 3);
        let world = World::new(vec![fabrikam.clone()]).await?;
        world.create(&fabrikam).await?;
        let state = state(&world, &fabrikam).await?;
        let query = format!("{told}state={state}");
        let (status, page) = open(callback(refusing(&world)), &query).await?;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{page}");
        for untrue in ["on its way", "begins to read", "now checks", "is safe"] {
            assert!(!page.contains(untrue), "{told}{untrue}: {page}");
        }
        for next in ["has not looked", "choose Check again"] {
            assert!(page.contains(next), "{told}{next}: {page}");
        }
        let integration = world.integration(fabrikam.id).await?;
        let sync = &integration["sync"];
        assert!(
            sync["queued"] == false && sync["running"] == false,
            "{sync}"
        );
        assert_eq!(integration["status"], "awaiting_consent");
        // What the page says to do next is what helps.
        world.tenant(&fabrikam).consent();
        let browser = world.browser().await?;
        let page = format!("/account/integration/microsoft365/{}", fabrikam.id);
        let url = world.muster().services().page(&page);
        let shown = browser.get(&url).await?.text().await?;
        assert!(!shown.contains("on its way") && shown.contains("Check again"));
        let answer = browser
            .post(&format!("{url}/check"), &[csrf(&shown)?])
            .await?;
        assert_eq!(answer.status().as_u16(), 303);
        world.finished(fabrikam.id, None).await?;
    }
    Ok(())
}

/// The token of a page's forms.
fn csrf(page: &str) -> Result<(String, String)> {
    let html = scraper::Html::parse_document(page);
    let input = scraper::Selector::parse("input[name=csrf]").expect("a selector");
    let found = html.select(&input).next().context("a form")?;
    let value = found.attr("value").context("a token")?;
    Ok(("csrf".to_owned(), value.to_owned()))
}
