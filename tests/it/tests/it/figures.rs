//! The figures of a client: each names its evidence, and opens the very records that it counts.

use anyhow::{Context, Result, ensure};
use muster_it::{Caller, World, tenant};
use scraper::{ElementRef, Html, Selector};
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("a selector")
}

fn text(of: ElementRef<'_>) -> String {
    of.text().collect::<String>().trim().to_owned()
}

/// The address and the number of each link to what a count counts, on a card or in the words below it.
fn links(overview: &str) -> Result<BTreeMap<String, String>> {
    let html = Html::parse_document(overview);
    let (heading, beside) = (selector("h2 a"), selector("p a"));
    let mut links = BTreeMap::new();
    for card in html.select(&selector("ul.figures li.card")) {
        let figure = card.select(&selector("p.figure")).next();
        let figure = text(figure.context("a figure")?);
        let heading = card.select(&heading).map(|link| (link, figure.clone()));
        let beside = card.select(&beside).map(|link| (link, text(link)));
        for (link, n) in heading.chain(beside) {
            let to = link.attr("href").context("an address")?;
            if to.contains("counted+as+") {
                links.insert(to.to_owned(), n);
            }
        }
    }
    Ok(links)
}

fn first_number(text: &str) -> Option<u64> {
    text.split(' ').next()?.replace(',', "").parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_opens_the_records_that_its_figure_counts() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 60);
    let world = World::new(vec![fabrikam.clone()]).await?;
    world
        .simulator
        .add_fault("signInActivity#1x9=successes-unknown:7".parse()?);
    let microsoft = world.tenant(&fabrikam);
    let licensed = |user: &&Value| {
        user["assignedLicenses"]
            .as_array()
            .is_some_and(|l| !l.is_empty())
    };
    let users = microsoft.objects("/users");
    for user in users.iter().filter(licensed).take(3) {
        let id = user["id"].as_str().context("an ID")?.parse()?;
        microsoft.set_user_property(id, "accountEnabled", false.into());
    }
    world.connect(&fabrikam).await?;
    world.finished(fabrikam.id, None).await?;
    let (caller, browser) = (Caller::of(&world)?, world.browser().await?);
    let base = world.muster().services().page("/");
    let overview: Url = base
        .parse::<Url>()?
        .join(&format!("/assets/microsoft365/{}", fabrikam.id))?;
    let page = browser.get(overview.as_str()).await?.text().await?;
    let summary = format!("/api/v1/integrations/{}/summary", fabrikam.id);
    let counts = caller.get(&summary).await?.json["today"].clone();
    let links = links(&page)?;
    let mut opened = Vec::new();
    for (to, told) in &links {
        let url = overview.join(to)?;
        let filter = url.query_pairs().find(|(name, _)| name == "filter");
        let filter = filter.context("a filter")?.1.into_owned();
        let count = filter.trim_start_matches("counted as ").to_owned();
        let dataset = url.path().rsplit('/').next().unwrap_or_default().to_owned();
        let n = first_number(told).with_context(|| format!("{to}: {told}"))?;
        ensure!(counts[&count] == n, "{count}: {told}, and {counts}");
        let path = format!(
            "/api/v1/integrations/{}/assets/{dataset}?limit=1000&filter={filter}",
            fabrikam.id
        );
        let records = caller.get(&path).await?.json;
        let found = records["items"].as_array().context("records")?.len();
        ensure!(found as u64 == n, "{to} opens {found} records, not {n}");
        let table = browser.get(url.as_str()).await?;
        ensure!(table.status().is_success(), "{to}: {}", table.status());
        opened.push((count, n));
    }
    for name in [
        "licensed_disabled",
        "inactive_90_days",
        "attempts_only_90_days",
        "devices_noncompliant",
    ] {
        let some = opened.iter().any(|(count, n)| count == name && *n > 0);
        ensure!(some, "no card opens {name}: {opened:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_and_the_page_name_the_evidence_of_a_figure_and_its_date() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let world = World::synced(fabrikam.clone()).await?;
    let caller = Caller::of(&world)?;
    let path = format!("/api/v1/integrations/{}/summary", fabrikam.id);
    let summary = caller.get(&path).await?.json;
    let told = summary["counts"].as_array().context("the figures")?;
    let whole = |figure: &&Value| figure["value"].is_u64() && figure["as_of"].is_string();
    let known: Vec<&Value> = told.iter().filter(whole).collect();
    ensure!(known.len() > 10, "{summary:#}");
    for figure in &known {
        let evidence = figure["evidence"].as_str().context("evidence")?;
        let detail = figure["detail"].as_str().context("a sentence")?;
        ensure!(evidence.starts_with("by "), "{figure}");
        ensure!(
            detail.contains(&evidence[1..])
                && detail.contains(&figure["as_of"].as_str().unwrap_or_default()[..10]),
            "{figure}"
        );
    }
    let inactive = known.iter().find(|f| f["name"] == "inactive_90_days");
    let evidence = inactive.context("it is told")?["evidence"].as_str();
    let evidence = evidence.context("evidence")?;
    ensure!(evidence.contains("successful sign-ins"), "{evidence}");
    let url = format!("/assets/microsoft365/{}", fabrikam.id);
    let url = world.muster().services().page(&url);
    let page = world.browser().await?.get(&url).await?.text().await?;
    let html = Html::parse_document(&page);
    let card = selector("ul.figures li.card");
    let mut cards = html.select(&card).map(text);
    let card = cards.find(|card| card.contains("Inactive for 90 days"));
    let card = card.context("a card")?;
    ensure!(card.contains(evidence) && card.contains("as of"), "{card}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_that_is_old_says_so_on_its_card() -> Result<()> {
    for (days, old) in [(0, false), (26, true)] {
        let fabrikam = tenant("Fabrikam", 3);
        let world = World::new(vec![fabrikam.clone()]).await?;
        let ended = format!("secureScores#1x*=scores-end:{days}");
        world.simulator.add_fault(ended.parse()?);
        world.connect(&fabrikam).await?;
        world.finished(fabrikam.id, None).await?;
        let url = format!("/assets/microsoft365/{}", fabrikam.id);
        let url = world.muster().services().page(&url);
        let page = world.browser().await?.get(&url).await?.text().await?;
        let html = Html::parse_document(&page);
        let card = selector("ul.figures li.card");
        let mut cards = html.select(&card).map(text);
        let card = cards.find(|card| card.contains("Secure score"));
        let card = card.context("a card")?;
        ensure!(card.contains("days old") == old, "{days}: {card}");
    }
    Ok(())
}
