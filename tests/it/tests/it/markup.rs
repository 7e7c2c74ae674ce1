//! Names that hold markup are shown as they are, on every page.

use anyhow::{Context, Result};
use muster_domain::datasets;
use muster_it::{Browser, World, dataset, tenant};
use reqwest::{Method, StatusCode};
use scraper::{Html, Selector};
use serde_json::json;
use uuid::Uuid;

const NAME: &str = "<img src=x onerror=alert(1)>";
const PERSON: &str = "\"'><script>alert(2)</script><img src=y onerror=alert(3)>&amp;Ann";

/// Whether a page's elements are all its own; and what a person reads there, attributes included.
fn read(html: &str, path: &str) -> String {
    let page = Html::parse_document(html);
    let all = Selector::parse("*").expect("a selector");
    let mut shown = page.root_element().text().collect::<String>();
    for element in page.select(&all) {
        let element = element.value();
        let name = element.name();
        assert!(
            !matches!(name, "img" | "iframe" | "object"),
            "{path}: {element:?}"
        );
        if name == "script" {
            let from = element.attr("src").unwrap_or_default();
            assert!(from.starts_with("/static/"), "{path}: {element:?}");
        }
        for (attribute, value) in element.attrs() {
            assert!(!attribute.starts_with("on"), "{path}: {element:?}");
            assert!(!value.starts_with("javascript:"), "{path}: {element:?}");
            assert!(
                !attribute.contains(['<', '>', '"', '\'']),
                "{path}: {element:?}"
            );
            shown.push_str(value);
        }
    }
    shown
}

async fn page(browser: &Browser, world: &World, path: &str, status: u16) -> Result<String> {
    let url = world.muster().services().page(path);
    let answer = browser.get(&url).await?;
    assert_eq!(answer.status().as_u16(), status, "{path}");
    let policy = answer.headers().get("content-security-policy");
    let policy = policy.with_context(|| format!("{path} has a policy"))?;
    let policy = policy.to_str()?.to_owned();
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    Ok(read(&answer.text().await?, path))
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_names_is_text_on_every_page() -> Result<()> {
    let mut client = tenant("Fabrikam", 30);
    client.name = NAME.to_owned();
    let world = World::new(vec![client.clone()]).await?;
    let handle = world.tenant(&client);
    let person = handle.objects("/users")[0]["id"].clone();
    let person: Uuid = person.as_str().context("an id")?.parse()?;
    world.connect(&client).await?;
    world.finished(client.id, None).await?;
    // From here on it is a change as well, with markup before and after.
    for value in [PERSON.to_owned(), format!("{PERSON}2")] {
        for property in ["displayName", "jobTitle", "department", "officeLocation"] {
            assert!(handle.set_user_property(person, property, json!(value)));
        }
        world.sync(client.id).await?;
    }
    let shown_person = format!("{PERSON}2");
    let browser = world.browser().await?;
    let assets = format!("/assets/microsoft365/{}", client.id);
    let account = "/account/integration/microsoft365";
    let own = format!("{account}/{}", client.id);
    for (path, shows) in [
        ("/".to_owned(), NAME),
        ("/assets/microsoft365".to_owned(), NAME),
        (account.to_owned(), NAME),
        (format!("{account}/new"), ""),
        (own.clone(), NAME),
        (format!("{own}/live"), ""),
        (format!("{own}/delete"), NAME),
        (assets.clone(), NAME),
        (format!("{assets}/changes"), &shown_person),
        (format!("{assets}/users/{person}"), &shown_person),
        (format!("{assets}/users?q=alert"), &shown_person),
        ("/sign-in".to_owned(), ""),
    ] {
        let shown = page(&browser, &world, &path, 200).await?;
        assert!(shown.contains(shows), "{path} shows {shows}: {shown}");
    }
    for name in datasets::ALL.iter().map(|dataset| dataset.name) {
        let shown = page(&browser, &world, &format!("{assets}/{name}"), 200).await?;
        assert!(shown.contains(NAME), "{name}");
        assert!(name != "users" || shown.contains(&shown_person), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_addresses_and_refused_forms_is_text() -> Result<()> {
    let mut client = tenant("Fabrikam", 8);
    client.name = NAME.to_owned();
    let world = World::synced(client.clone()).await?;
    let browser = world.browser().await?;
    let assets = format!("/assets/microsoft365/{}", client.id);
    let evil =
        "%22%27%3E%3Cscript%3Ealert(2)%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror%3Dalert(3)%3E";
    for (path, status) in [
        (format!("{assets}/users?q={evil}"), 200),
        (format!("{assets}/users?filter={evil}"), 400),
        (format!("{assets}/users?sort={evil}"), 400),
        (format!("{assets}/users?{evil}=1"), 200),
        (format!("{assets}/users?cursor={evil}"), 400),
        (format!("{assets}/{evil}"), 404),
        (format!("{assets}/users/{evil}"), 404),
        (format!("{assets}/changes?since={evil}"), 400),
        (format!("/assets/microsoft365/{evil}"), 400),
        (format!("/account/integration/microsoft365/{evil}"), 400),
        (format!("/{evil}"), 404),
        (
            format!("/account/integration/oauth?state={evil}&error={evil}"),
            400,
        ),
    ] {
        page(&browser, &world, &path, status).await?;
    }
    let stranger = Browser::new()?;
    page(&stranger, &world, &format!("/sign-in?code={evil}"), 401).await?;
    page(&stranger, &world, &format!("/sign-in?next={evil}"), 200).await?;
    // The callback's page names the client; its error names what Microsoft said.
    let authorize = format!("/api/v1/integrations/{}/authorize", client.id);
    for accept in [true, false] {
        let asked = world.api()?.call(Method::POST, &authorize, None).await?;
        let url = asked["authorize_url"].as_str().context("a URL")?;
        let landed = browser.consent(url, accept).await?;
        assert_eq!(landed.status(), StatusCode::OK);
        let shown = read(&landed.text().await?, "the callback");
        assert_eq!(shown.contains(NAME), accept, "{shown}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_is_given_no_formula() -> Result<()> {
    let client = tenant("Fabrikam", 8);
    let world = World::new(vec![client.clone()]).await?;
    let handle = world.tenant(&client);
    let formula = "=HYPERLINK(\"http://evil.example\",\"click\")";
    let person = handle.objects("/users")[0]["id"].clone();
    let person: Uuid = person.as_str().context("an id")?.parse()?;
    assert!(handle.set_user_property(person, "displayName", json!(formula)));
    world.connect(&client).await?;
    let integration = world.finished(client.id, None).await?;
    assert_eq!(dataset(&integration, "users")["state"], "fresh");
    let path = format!("/api/v1/integrations/{}/assets/users?format=csv", client.id);
    let csv = world.api()?.send(Method::GET, &path, None).await?;
    let csv = csv.text().await?;
    let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    for row in reader.records() {
        for cell in &row? {
            assert!(!cell.starts_with(['=', '@']), "{cell}");
        }
    }
    assert!(csv.contains("HYPERLINK"), "the name itself is there");
    Ok(())
}
