//! Names in the order that people expect, in every list of clients and of licenses.

use crate::support::{MANAGER, Portal};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Sorted as people expect; by code points `contoso` and `Éclair` come last.
const NAMES: [&str; 6] = [
    "contoso",
    "Éclair Bakery",
    "Edison",
    "édition Nord",
    "Fabrikam",
    "Tailspin",
];

/// The order in which a text names them.
fn order(text: &str) -> Vec<&'static str> {
    let mut found: Vec<_> = NAMES
        .iter()
        .filter_map(|name| Some((text.find(name)?, *name)))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, name)| name).collect()
}

#[tokio::test]
async fn clients_are_listed_as_people_sort_names_in_every_list() {
    let portal = Portal::start().await;
    for name in [
        "Tailspin",
        "édition Nord",
        "Edison",
        "Fabrikam",
        "contoso",
        "Éclair Bakery",
    ] {
        portal.seed(name, 1).await;
    }
    let manager = portal.bearer(MANAGER);
    let mut names = Vec::new();
    let mut path = "/api/v1/integrations?limit=2".to_owned();
    loop {
        let page = manager.get(&path).await.json();
        let items = page["items"].as_array().expect("items");
        names.extend(items.iter().map(|item| item["name"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/v1/integrations?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, NAMES.map(Value::from));
    let browser = portal.sign_in().await;
    for page in [
        "/",
        "/account/integration/microsoft365",
        "/assets/microsoft365",
    ] {
        let text = browser.get(page).await.text();
        assert_eq!(order(&text), NAMES, "{page}");
    }
}

#[tokio::test]
async fn choices_about_licenses_are_listed_by_name() {
    let portal = Portal::start().await;
    let manager = portal.bearer(MANAGER);
    let skus = [
        (
            "f30db892-07e9-47e9-837c-80727f46fd3d",
            "Microsoft Power Automate Free",
        ),
        ("05e9a617-0261-4cee-bb44-138d3ef5d965", "Microsoft 365 E3"),
        (
            "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46",
            "Microsoft 365 Business Premium",
        ),
    ];
    for (id, _) in skus {
        let path = format!("/api/v1/licenses/{id}");
        let chosen = manager
            .send("put", &path, Some(json!({"choice": "count"})))
            .await;
        assert_eq!(chosen.status, StatusCode::OK);
    }
    let mut sorted = skus.map(|(_, name)| name);
    sorted.sort_unstable();
    let page = portal.sign_in().await.get("/account/licenses").await.text();
    let places = sorted.map(|name| page.find(name).expect(name));
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn a_chosen_sku_that_no_table_names_is_called_by_its_part_number() {
    let portal = Portal::start().await;
    let manager = portal.bearer(MANAGER);
    let sku = "0f0f0f0f-1111-4222-8333-444444444444";
    let path = format!("/api/v1/licenses/{sku}");
    let body = json!({"choice": "count", "part_number": "CONTOSO_PILOT"});
    let chosen = manager.send("put", &path, Some(body)).await.json();
    assert_eq!(chosen["items"][0]["name"], "CONTOSO_PILOT");
    let browser = portal.sign_in().await;
    let page = browser.get("/account/licenses").await.text();
    assert!(
        page.contains("Remove the choice for CONTOSO_PILOT"),
        "{page}"
    );
    // The form keeps the name that a client's page sent along.
    let asked = format!("/account/licenses?sku={sku}&part_number=OTHER_PILOT");
    let form = browser.get(&asked).await.text();
    let kept = r#"name="part_number" value="OTHER_PILOT""#;
    assert!(form.contains(kept), "{form}");
}
