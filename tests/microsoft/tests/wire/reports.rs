//! Usage reports: the redirect, the other host, the CSV, and concealed names.

use std::time::Duration;

use microsoft_simulator::Origin;
use serde_json::json;

use crate::support::{Client, http, start};

const REPORT: &str = "reports/getOffice365ActiveUserDetail(period='D30')";

async fn location(client: &Client) -> String {
    let answer = client.get(REPORT).await;
    assert_eq!(answer.status(), 302);
    answer.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned()
}

async fn csv(client: &Client) -> String {
    let answer = http()
        .get(location(client).await)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    let bytes = answer.bytes().await.expect("a body");
    assert_eq!(bytes[..3], *b"\xEF\xBB\xBF");
    String::from_utf8(bytes[3..].to_vec()).expect("UTF-8")
}

/// The fields of a line, quoted ones unquoted.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields.last_mut().expect("a field").push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields.last_mut().expect("a field").push(c),
        }
    }
    fields
}

#[tokio::test]
async fn a_report_is_behind_a_redirect_to_another_host() {
    let (simulator, tenant) = start(5_000, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let location = location(&client).await;
    assert!(
        location.starts_with(simulator.reports_url().as_str()),
        "{location}"
    );
    let csv = csv(&client).await;
    assert!(csv.ends_with("\r\n"));
    let mut lines = csv.trim_end_matches("\r\n").split("\r\n");
    let headers = fields(lines.next().expect("headers"));
    let rows: Vec<serde_json::Value> = lines
        .map(|line| {
            let fields = fields(line);
            assert_eq!(fields.len(), headers.len(), "{line}");
            headers
                .iter()
                .cloned()
                .zip(fields.into_iter().map(|f| json!(f)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        })
        .collect();
    assert_eq!(rows, tenant.objects(REPORT));
    let text = |name: &str, test: &dyn Fn(&str) -> bool| {
        rows.iter().any(|row| row[name].as_str().is_some_and(test))
    };
    assert!(
        text("Display Name", &|name| name.contains('"')),
        "a quoted name"
    );
    assert!(text("Is Deleted", &|deleted| deleted == "True"));
    assert!(text("Assigned Products", &|products| products.contains('+')));
    assert!(
        rows.iter()
            .all(|row| row["Report Refresh Date"] == "2026-03-12")
    );
}

#[tokio::test]
async fn the_report_host_refuses_a_token_and_logs_it() {
    let (simulator, tenant) = start(20, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let location = location(&client).await;
    let answer = client.get(&location).await;
    assert_eq!(answer.status(), 400);
    let logged = simulator
        .requests()
        .into_iter()
        .find(|r| r.origin == Origin::Reports)
        .expect("logged");
    assert!(logged.had_authorization);
    assert!(!format!("{logged:?}").contains(&client.token));
    assert_eq!(
        http()
            .get(&location)
            .send()
            .await
            .expect("an answer")
            .status(),
        200
    );
}

#[tokio::test]
async fn a_download_works_for_some_minutes_and_with_its_signature_alone() {
    let (simulator, tenant) = start(20, |_| {}).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let location = location(&client).await;
    let forged = location.replace("sig=", "sig=0");
    assert_eq!(
        http()
            .get(&forged)
            .send()
            .await
            .expect("an answer")
            .status(),
        403
    );
    simulator.advance(Duration::from_secs(240));
    assert_eq!(
        http()
            .get(&location)
            .send()
            .await
            .expect("an answer")
            .status(),
        200
    );
    simulator.advance(Duration::from_secs(120));
    assert_eq!(
        http()
            .get(&location)
            .send()
            .await
            .expect("an answer")
            .status(),
        403
    );
}

#[tokio::test]
async fn concealed_names_are_32_upper_case_hexadecimal_digits() {
    let (simulator, tenant) = start(60, |o| o.conceal_names = true).await;
    let client = Client::signed_in(&simulator, &tenant).await;
    let settings = client.json("admin/reportSettings").await;
    assert_eq!(settings["value"]["displayConcealedNames"], true);
    let csv_text = csv(&client).await;
    for line in csv_text.trim_end().split("\r\n").skip(1) {
        let fields = fields(line);
        for name in &fields[1..3] {
            let hexadecimal = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c);
            assert!(name.len() == 32 && name.chars().all(hexadecimal), "{line}");
        }
        assert_ne!(fields[1], fields[2]);
    }
    assert_eq!(csv_text, csv(&client).await, "the same every time");

    let url = format!("{}admin/reportSettings", client.graph);
    let patch = client.http.patch(&url).bearer_auth(&client.token);
    let answer = patch
        .json(&json!({ "displayConcealedNames": false }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 204);
    assert!(!tenant.conceals());
    assert!(csv(&client).await.contains('@'));
    let nonsense = client
        .http
        .patch(&url)
        .bearer_auth(&client.token)
        .json(&json!({ "x": 1 }));
    assert_eq!(nonsense.send().await.expect("an answer").status(), 400);
}
