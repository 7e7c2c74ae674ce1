//! Webhooks: an Adaptive Card to a Teams workflow, a message to Slack, plain signed JSON to
//! anything else. Their addresses are secrets: who knows one may post.

use super::{Alert, AlertError};
use crate::http::{Http, status_in_words};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use muster_domain::alert::ChannelKind;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock, time::Duration};
use url::Url;

/// The addresses of an account's webhooks, by channel, as the vault keeps them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endpoints(pub BTreeMap<String, Endpoint>);

/// One webhook's secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// Where to post.
    #[serde(serialize_with = "expose")]
    pub url: SecretString,
    /// What plain JSON is signed with.
    #[serde(serialize_with = "expose")]
    pub key: SecretString,
}

/// Only the vault sees them written out.
fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl Endpoint {
    /// A webhook at this address, with a fresh key.
    pub fn new(url: SecretString) -> Self {
        let key = BASE64_URL_SAFE_NO_PAD.encode(crate::random::<32>());
        Self {
            url,
            key: SecretString::from(key),
        }
    }
}

/// Whether an address may be posted to; what to do where not.
///
/// # Errors
/// What is wrong with it.
pub fn check_url(url: &SecretString) -> Result<(), &'static str> {
    let url = url.expose_secret().trim();
    let url = Url::parse(url)
        .map_err(|_| "This is no address. Paste the whole URL, which begins with https://.")?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if here => Ok(()),
        _ => Err(
            "The address has to begin with https://: what is posted there is your clients' business.",
        ),
    }
}

/// How long a webhook has to answer.
const PATIENCE: Duration = Duration::from_secs(15);

fn http() -> Result<&'static reqwest::Client, AlertError> {
    static HTTP: LazyLock<Http> = LazyLock::new(Http::default);
    let http = HTTP.client();
    http.map_err(|_| AlertError("no HTTP client can be set up".to_owned()))
}

impl Endpoint {
    /// Posts an alert.
    ///
    /// # Errors
    /// When the other side does not take it. The address is not in the error.
    pub async fn send(&self, kind: ChannelKind, alert: &Alert) -> Result<(), AlertError> {
        let body = body(kind, alert).to_string();
        let mut request = http()?
            .post(self.url.expose_secret().trim())
            .header("content-type", "application/json");
        if kind == ChannelKind::Webhook {
            request = request.header("x-muster-alert-id", &alert.id).header(
                "x-muster-signature",
                self.signature(alert.at.as_second(), &body),
            );
        }
        let sent = request
            .timeout(PATIENCE)
            .body(body)
            .send()
            .await
            .map_err(|error| {
                AlertError(
                    if error.is_timeout() {
                        "the webhook did not answer in time"
                    } else {
                        "the webhook cannot be reached"
                    }
                    .to_owned(),
                )
            })?;
        let status = sent.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(AlertError(format!(
                "the webhook did not take the message: {}",
                status_in_words(status.as_u16())
            )))
        }
    }

    /// `t=<seconds>,v1=<hex>`: the HMAC-SHA256 of `<seconds>.<body>` by the channel's key.
    fn signature(&self, seconds: i64, body: &str) -> String {
        let key = self.key.expose_secret().as_bytes();
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
        let tag = aws_lc_rs::hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        format!("t={seconds},v1={hex}")
    }
}

fn body(kind: ChannelKind, alert: &Alert) -> Value {
    match kind {
        ChannelKind::Teams => card(alert),
        ChannelKind::Slack => slack(alert),
        ChannelKind::Webhook => serde_json::to_value(alert).unwrap_or_default(),
    }
}

/// Microsoft Teams, "Post a workflow when a webhook request is received": a message with one
/// Adaptive Card.
fn card(alert: &Alert) -> Value {
    let facts: Vec<Value> = [
        ("Client", alert.client.clone()),
        (
            "By",
            alert.by.map(|by| by.strftime("%-d %B %Y").to_string()),
        ),
    ]
    .into_iter()
    .filter_map(|(title, value)| Some(json!({"title": title, "value": value?})))
    .collect();
    let color = match alert.state {
        "resolved" => "good",
        "test" => "accent",
        _ => "attention",
    };
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {"type": "TextBlock", "text": plain(&alert.subject), "weight": "bolder", "size": "medium", "color": color, "wrap": true},
                    {"type": "TextBlock", "text": plain(&alert.text), "wrap": true},
                    {"type": "FactSet", "facts": facts},
                ],
                "actions": [{"type": "Action.OpenUrl", "title": "Open in Muster", "url": alert.link}],
            },
        }],
    })
}

/// Text blocks take a subset of Markdown: a client's name is not to become a link.
fn plain(text: &str) -> String {
    let special = ['\\', '*', '_', '[', ']', '(', ')', '`', '#'];
    text.chars()
        .flat_map(|c| special.contains(&c).then_some('\\').into_iter().chain([c]))
        .collect()
}

/// Slack, "Sending messages using incoming webhooks"; `&`, `<` and `>` are escaped.
fn slack(alert: &Alert) -> Value {
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let text = format!(
        "*{}*\n{}\n<{}|Open in Muster>",
        escape(&alert.subject),
        escape(&alert.text),
        alert.link
    );
    json!({"text": text})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        Alert {
            id: "1".into(),
            tenant_id: None,
            client: Some("A [b](http://evil.example) <c>".into()),
            kind: "credential".into(),
            state: "raised",
            subject: "A [b](http://evil.example) <c>".into(),
            text: "lapses".into(),
            by: "2026-01-01T00:00:00Z".parse().ok(),
            link: "https://muster.example/x".into(),
            at: "2026-01-01T00:00:00Z".parse().expect("a time"),
        }
    }

    #[test]
    fn a_clients_name_is_no_markup_anywhere() {
        let slack = body(ChannelKind::Slack, &alert())["text"].to_string();
        assert!(slack.contains("&lt;c&gt;"), "{slack}");
        let card = body(ChannelKind::Teams, &alert());
        let shown = card["attachments"][0]["content"]["body"][0]["text"].to_string();
        assert!(!shown.contains("[b](http"), "{shown}");
    }

    #[test]
    fn the_signature_is_the_hmac_of_time_and_body() {
        let endpoint = Endpoint {
            url: SecretString::from("https://psa.example/hook"),
            key: SecretString::from("key"),
        };
        // printf '1.{}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            endpoint.signature(1, "{}"),
            "t=1,v1=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
        );
    }

    #[test]
    fn only_https_is_posted_to_except_on_this_machine() {
        for (url, good) in [
            ("https://psa.example/hook", true),
            ("http://localhost:9/hook", true),
            ("http://127.0.0.1:9/hook", true),
            ("http://psa.example/hook", false),
            ("ftp://psa.example", false),
            ("hook", false),
        ] {
            assert_eq!(check_url(&SecretString::from(url)).is_ok(), good, "{url}");
        }
    }
}
