//! Discovery, tokens and consent.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use microsoft_simulator::{Cloud, PERMISSIONS, Simulator, TenantHandle};
use serde_json::{Value, json};
use url::Url;

use crate::support::{Client, http, request_token, start};

const REDIRECT: &str = "http://localhost:8365/account/integration/oauth";

async fn claims(simulator: &Simulator, tenant: &TenantHandle) -> Value {
    let client = Client::signed_in(simulator, tenant).await;
    let payload = client.token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64")).expect("JSON")
}

#[tokio::test]
async fn discovery_names_the_tenant_and_its_cloud() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let at = |name: &str| {
        format!(
            "{}{name}/v2.0/.well-known/openid-configuration",
            simulator.login_url()
        )
    };
    let get = async |name: &str| -> Value {
        http()
            .get(at(name))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON")
    };
    let by_id = get(&tenant.id().to_string()).await;
    assert_eq!(
        by_id["issuer"],
        format!("https://login.microsoftonline.com/{}/v2.0", tenant.id())
    );
    assert_eq!(by_id["tenant_region_scope"], "EU");
    let token = by_id["token_endpoint"].as_str().expect("text");
    assert_eq!(
        token,
        format!("{}{}/oauth2/v2.0/token", simulator.login_url(), tenant.id())
    );
    assert_eq!(get("fourthcoffee.example").await, by_id, "by domain too");
    let unknown = get("nobody.example").await;
    assert_eq!(
        (&unknown["error"], &unknown["error_codes"]),
        (&json!("invalid_tenant"), &json!([90002]))
    );

    let (simulator, tenant) = start(10, |o| o.cloud = Cloud::GccHigh).await;
    let url = format!(
        "{}{}/v2.0/.well-known/openid-configuration",
        simulator.login_url(),
        tenant.id()
    );
    let high: Value = http()
        .get(url)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(high["tenant_region_sub_scope"], "DODCON");
    assert_eq!(high["msgraph_host"], "graph.microsoft.us");
}

#[tokio::test]
async fn a_token_says_who_asked_and_what_was_granted() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let answer: Value = request_token(&simulator, &tenant, &[])
        .await
        .json()
        .await
        .expect("JSON");
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"]),
        (&json!("Bearer"), &json!(3599))
    );
    let claims = claims(&simulator, &tenant).await;
    assert_eq!(claims["tid"], tenant.id().to_string());
    assert_eq!(claims["appid"], tenant.options().client_id.to_string());
    let mut roles: Vec<&str> = claims["roles"]
        .as_array()
        .expect("roles")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut expected = PERMISSIONS.to_vec();
    roles.sort_unstable();
    expected.sort_unstable();
    assert_eq!(roles, expected);
}

#[tokio::test]
async fn sign_in_is_refused_with_the_code_that_says_why() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let refused = async |changes: &[(&str, &str)]| -> (u16, String, u64) {
        let answer = request_token(&simulator, &tenant, changes).await;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.expect("JSON");
        let code = body["error_codes"][0].as_u64().expect("a code");
        let description = body["error_description"].as_str().expect("text");
        assert!(
            description.starts_with(&format!("AADSTS{code}: ")),
            "{description}"
        );
        (
            status,
            body["error"].as_str().expect("text").to_owned(),
            code,
        )
    };
    for (changes, status, error, code) in [
        (
            &[("client_secret", "wrong")][..],
            401,
            "invalid_client",
            7_000_215,
        ),
        (&[("client_secret", "")], 401, "invalid_client", 7_000_216),
        (
            &[("client_id", "11111111-1111-4111-8111-111111111111")],
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            &[("grant_type", "password")],
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (&[("grant_type", "")], 400, "invalid_request", 900_144),
        (
            &[("scope", "https://graph.microsoft.us/.default")],
            400,
            "invalid_scope",
            70_011,
        ),
        (&[("scope", "User.Read")], 400, "invalid_scope", 1_002_012),
        (
            &[("client_assertion", "a.b.c")],
            401,
            "invalid_client",
            700_027,
        ),
    ] {
        assert_eq!(
            refused(changes).await,
            (status, error.to_owned(), code),
            "{changes:?}"
        );
    }
    let secret = tenant.secret().expect("a secret");
    tenant.disable_app(true);
    assert_eq!(refused(&[]).await.2, 7_000_112);
    tenant.disable_app(false);
    tenant.expire_secret();
    assert_eq!(refused(&[("client_secret", &secret)]).await.2, 7_000_222);
    tenant.delete_secret();
    assert_eq!(refused(&[("client_secret", &secret)]).await.2, 7_000_215);
    tenant.add_secret("fresh", Duration::from_secs(60));
    assert_eq!(request_token(&simulator, &tenant, &[]).await.status(), 200);
    simulator.advance(Duration::from_secs(61));
    assert_eq!(refused(&[("client_secret", "fresh")]).await.2, 7_000_222);

    let url = format!("{}nobody.example/oauth2/v2.0/token", simulator.login_url());
    let nobody: Value = http()
        .post(url)
        .form(&[("a", "b")])
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    assert_eq!(nobody["error_codes"], json!([90002]));
}

fn consent_url(simulator: &Simulator, tenant: &TenantHandle) -> Url {
    let mut url = simulator.login_url();
    url.set_path(&format!("/{}/v2.0/adminconsent", tenant.id()));
    url.query_pairs_mut()
        .append_pair("client_id", &tenant.options().client_id.to_string())
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("state", "a&b\"<")
        .append_pair("scope", "https://graph.microsoft.com/.default");
    url
}

async fn decide(simulator: &Simulator, tenant: &TenantHandle, decision: &str) -> Url {
    let url = consent_url(simulator, tenant);
    let mut form: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    form.push(("decision".to_owned(), decision.to_owned()));
    let answer = http()
        .post(url)
        .form(&form)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 302);
    answer.headers()["location"]
        .to_str()
        .expect("text")
        .parse()
        .expect("an address")
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn an_admin_sees_what_is_asked_and_accepts_or_cancels() {
    let (simulator, tenant) = start(10, |o| o.consented = false).await;
    let page = http()
        .get(consent_url(&simulator, &tenant))
        .send()
        .await
        .expect("an answer");
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("text");
    for permission in PERMISSIONS {
        assert!(page.contains(permission), "{permission} is not shown");
    }
    assert!(page.contains("a&amp;b&quot;&lt;"), "the state is escaped");

    let cancelled = decide(&simulator, &tenant, "cancel").await;
    assert_eq!(
        parameter(&cancelled, "error").as_deref(),
        Some("access_denied")
    );
    assert_eq!(
        parameter(&cancelled, "admin_consent").as_deref(),
        Some("True"),
        "on errors too"
    );
    assert_eq!(parameter(&cancelled, "state").as_deref(), Some("a&b\"<"));
    assert!(
        claims(&simulator, &tenant).await.get("roles").is_none(),
        "a token without roles"
    );

    let accepted = decide(&simulator, &tenant, "accept").await;
    assert!(accepted.as_str().starts_with(REDIRECT));
    assert_eq!(
        parameter(&accepted, "tenant"),
        Some(tenant.id().to_string())
    );
    assert_eq!(parameter(&accepted, "error"), None);
    assert_eq!(
        claims(&simulator, &tenant).await["roles"]
            .as_array()
            .map(Vec::len),
        Some(9)
    );
}

#[tokio::test]
async fn a_redirect_to_elsewhere_is_refused() {
    let (simulator, tenant) = start(10, |_| {}).await;
    let url = consent_url(&simulator, &tenant)
        .to_string()
        .replace("localhost", "evil.example");
    let answer = http().get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.expect("text").contains("AADSTS50011"));
}

#[tokio::test]
async fn roles_lag_behind_consent() {
    let (simulator, tenant) = start(10, |o| {
        o.consented = false;
        o.roles_lag = Duration::from_secs(120);
    })
    .await;
    decide(&simulator, &tenant, "accept").await;
    simulator.advance(Duration::from_secs(119));
    assert!(claims(&simulator, &tenant).await.get("roles").is_none());
    simulator.advance(Duration::from_secs(2));
    assert!(claims(&simulator, &tenant).await["roles"].is_array());
}
