//! Data that is older than the sync that read it is shown with its date.

use crate::support::{MANAGER, Portal, VIEWER};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};

fn days_ago(days: i64) -> Timestamp {
    let ago = SignedDuration::from_hours(24 * days);
    muster_platform::now().checked_sub(ago).expect("a time")
}

/// A page as a person reads it.
fn read(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in page.chars() {
        match letter {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text
}

async fn seen(portal: &Portal, path: &str) -> String {
    read(&portal.get(path).await.text())
}

#[tokio::test]
async fn a_usage_report_is_shown_with_the_day_that_it_is_about() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    let manager = portal.bearer(MANAGER);
    let table = format!("/assets/microsoft365/{tenant}/active_users");
    for (days, old) in [(2, false), (27, true)] {
        let about = days_ago(days).to_zoned(TimeZone::UTC).date();
        portal.put_report(&tenant, about).await;
        let day = about.strftime("%-d %b %Y");
        let dated = match old {
            true => format!("{day}, {days} days old"),
            false => day.to_string(),
        };
        let whole = format!("as of {dated}, read just now");
        for path in [
            format!("/assets/microsoft365/{tenant}"),
            table.clone(),
            format!("{table}/ann@example.com"),
        ] {
            let page = seen(&manager, &path).await;
            let found = page.to_lowercase().contains(&whole.to_lowercase());
            assert!(found, "{path}: {whole}\n{page}");
        }
        let page = format!("/account/integration/microsoft365/{tenant}");
        let page = seen(&manager, &page).await;
        let sentence = format!("Microsoft's data is as of {dated}");
        assert!(page.contains(&sentence), "{sentence}\n{page}");

        let one = format!("/api/v1/integrations/{tenant}");
        let integration = manager.get(&one).await.json();
        let datasets = integration["datasets"].as_array().expect("datasets");
        let of = |name: &str| datasets.iter().find(|d| d["name"] == name).expect("it");
        let told = |of: &Value| (of["data_date"].clone(), of["data_old"].clone());
        let right = (json!(about.to_string()), json!(old));
        assert_eq!(told(of("active_users")), right);
        assert_eq!(told(of("users")), (Value::Null, json!(false)));
        let records = format!("{one}/assets/active_users");
        assert_eq!(told(&manager.get(&records).await.json()), right);
        let record = format!("{records}/ann@example.com");
        assert_eq!(told(&manager.get(&record).await.json()), right);
        let file = manager.get(&format!("{records}?format=csv")).await;
        assert_eq!(file.header("x-muster-data-date"), about.to_string());
    }
}

#[tokio::test]
async fn an_old_secure_score_shows_its_date_wherever_it_stands() {
    let portal = Portal::start().await;
    let (tenant, _) = portal.seed("Contoso", 3).await;
    portal.seed("Fabrikam", 3).await;
    let viewer = portal.bearer(VIEWER);
    let lists = ["/", "/assets/microsoft365"];
    for (days, old) in [(2, false), (26, true)] {
        let at = days_ago(days);
        portal.date_score(&tenant, at).await;
        let day = at.strftime("%-d %b %Y");
        let dated = format!("as of {day}, {days} days old");
        for path in lists {
            let page = seen(&viewer, path).await;
            assert_eq!(page.contains(&dated), old, "{path}: {dated}\n{page}");
            assert_eq!(page.contains("days old"), old, "{path}\n{page}");
        }
        let table = format!("/assets/microsoft365/{tenant}/secure_scores");
        let page = seen(&viewer, &table).await;
        let whole = format!("as of {day}");
        assert!(page.contains(&whole), "{whole}\n{page}");
        let records = format!("/api/v1/integrations/{tenant}/assets/secure_scores");
        assert_eq!(viewer.get(&records).await.json()["data_old"], json!(old));
    }
}
