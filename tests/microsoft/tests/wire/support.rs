//! A simulator on free ports and a client that behaves.

use microsoft_simulator::{Options, Simulator, TenantHandle, TenantOptions};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use serde_json::Value;

/// When the simulated tenants are looked at.
pub const NOW: &str = "2026-03-14T09:30:00Z";

/// A simulator with one consented tenant, whose clock moves when told.
pub async fn start(
    users: u32,
    change: impl FnOnce(&mut TenantOptions),
) -> (Simulator, TenantHandle) {
    let mut options = TenantOptions {
        consented: true,
        ..TenantOptions::sample(7, "Fourth Coffee", users)
    };
    change(&mut options);
    let id = options.id;
    let options = Options {
        seed: 7,
        now: NOW.parse().expect("a time"),
        real_clock: false,
        tenants: vec![options],
        ..Options::default()
    };
    let simulator = Simulator::start(options).await.expect("starts");
    let tenant = simulator.tenant(id);
    (simulator, tenant)
}

/// A client that follows no redirect, as one must not with a token in hand.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

/// A client with a token.
pub struct Client {
    pub http: reqwest::Client,
    pub token: String,
    pub graph: String,
}

impl Client {
    /// Signs in with what the tenant has.
    pub async fn signed_in(simulator: &Simulator, tenant: &TenantHandle) -> Self {
        let answer = request_token(simulator, tenant, &[]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let token: Value = answer.json().await.expect("JSON");
        Self {
            http: http(),
            token: token["access_token"].as_str().expect("a token").to_owned(),
            graph: format!("{}v1.0/", simulator.graph_url()),
        }
    }

    /// Asks for a path below the version, or for a whole address.
    pub async fn get(&self, path: &str) -> Response {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.graph)
        };
        self.http
            .get(url)
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("an answer")
    }

    /// The body of an answer that must be 200.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.expect("JSON")
    }

    /// The status, code and message of a refusal.
    pub async fn refusal(&self, path: &str) -> (u16, String, String) {
        refusal(self.get(path).await).await
    }

    /// Every object, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        self.round(path).await.0
    }

    /// Every object, page by page, and the delta link at the end.
    pub async fn round(&self, path: &str) -> (Vec<Value>, Option<String>) {
        let mut objects = Vec::new();
        let mut page = self.json(path).await;
        loop {
            objects.extend(page["value"].as_array().expect("a list").iter().cloned());
            let Some(next) = page["@odata.nextLink"].as_str().map(str::to_owned) else {
                return (
                    objects,
                    page["@odata.deltaLink"].as_str().map(str::to_owned),
                );
            };
            assert!(next.starts_with(&self.graph), "{next} leads elsewhere");
            page = self.json(&next).await;
        }
    }
}

/// Status, code and message of a refusal in Graph's envelope.
pub async fn refusal(answer: Response) -> (u16, String, String) {
    let status = answer.status().as_u16();
    let header = answer.headers()["request-id"]
        .to_str()
        .expect("text")
        .to_owned();
    let body: Value = answer.json().await.expect("an envelope");
    let error = &body["error"];
    assert_eq!(error["innerError"]["request-id"], header);
    assert!(error["innerError"]["date"].is_string());
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (status, text(&error["code"]), text(&error["message"]))
}

/// Asks for a token; `changes` replace or, when empty, remove fields of the form.
pub async fn request_token(
    simulator: &Simulator,
    tenant: &TenantHandle,
    changes: &[(&str, &str)],
) -> Response {
    let secret = tenant.secret().unwrap_or_default();
    let client_id = tenant.options().client_id.to_string();
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client_id),
        ("client_secret", &secret),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    for (name, value) in changes {
        form.retain(|(field, _)| field != name);
        if !value.is_empty() {
            form.push((name, value));
        }
    }
    let url = format!("{}{}/oauth2/v2.0/token", simulator.login_url(), tenant.id());
    http()
        .post(url)
        .form(&form)
        .send()
        .await
        .expect("an answer")
}
