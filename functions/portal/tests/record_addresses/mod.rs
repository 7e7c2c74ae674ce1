//! Addresses of records whose key holds characters that mean something in a URL.

use crate::support::{MANAGER, Portal};
use axum::http::StatusCode;
use muster_domain::{TenantId, datasets::users::USERS};
use serde_json::json;

const KEYS: [&str; 6] = [
    "guest_gmail.com#EXT#@contoso.onmicrosoft.com",
    "a/b",
    "100%41",
    "who?me=1",
    "~tilde",
    "Zoë +1",
];

/// The addresses of records that a page links to.
fn record_links(page: &str, table: &str) -> Vec<String> {
    let page = scraper::Html::parse_document(page);
    let link = scraper::Selector::parse("th[scope=row] a[href]").expect("a selector");
    let hrefs = page.select(&link).filter_map(|a| a.value().attr("href"));
    hrefs
        .filter(|href| href.starts_with(&format!("{table}/")))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_record_of_any_key_is_found_by_its_link() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 1).await;
    let objects = KEYS.map(
        |key| json!({"id": key, "displayName": key, "userPrincipalName": format!("upn of {key}")}),
    );
    let id: TenantId = tenant.parse().expect("a tenant ID");
    portal.put(id, &USERS, &objects).await;
    let manager = portal.bearer(MANAGER);
    let table = format!("/assets/microsoft365/{tenant}/users");
    let links = record_links(&manager.get(&table).await.text(), &table);
    let mut found = Vec::new();
    for link in &links {
        // HTTP APIs of API Gateway deliver a path decoded: nothing may be left to decode.
        assert!(!link.contains(['%', '#', '?', '+']), "{link}");
        let page = manager.get(link).await;
        assert_eq!(page.status, StatusCode::OK, "{link}");
        let record = link.rsplit('/').next().expect("a segment");
        let path = format!("/api/v1/integrations/{tenant}/assets/users/{record}");
        let told = manager.get(&path).await.json();
        let key = told["record"]["key"].as_str().expect("a key").to_owned();
        if KEYS.contains(&key.as_str()) {
            assert!(page.text().contains("upn of"), "{link}");
        }
        found.push(key);
    }
    for key in KEYS {
        assert!(found.iter().any(|found| found == key), "{key}: {links:?}");
    }
    for wrong in ["~!", "~_w", "~"] {
        let answer = manager.get(&format!("{table}/{wrong}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{wrong}");
    }
}
