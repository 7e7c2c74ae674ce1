//! Webhooks: an Adaptive Card to a Teams workflow, a message to Slack, plain signed JSON to
//! anything else. Their addresses are secrets: who knows one may post.

use super::{Alert, AlertError};
use crate::{http::Http, public_address::is_public};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use muster_domain::alert::ChannelKind;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::IpAddr, time::Duration};
use url::{Host, Url};

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

/// Posts to webhooks, and knows which addresses may be posted to.
#[derive(Debug, Clone)]
pub struct Webhooks {
    http: Http,
    private: bool,
}

impl Webhooks {
    /// Posts to https on the internet alone.
    pub fn public() -> Self {
        Self {
            http: Http::public(),
            private: false,
        }
    }

    /// Posts to private networks as well, and to this machine by http.
    pub fn also_private() -> Self {
        Self {
            http: Http::default(),
            private: true,
        }
    }

    /// Checks an address. What a name resolves to is checked when it is posted to.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn check(&self, url: &SecretString) -> Result<(), &'static str> {
        let url = Url::parse(url.expose_secret().trim())
            .map_err(|_| "This is no address. Paste the whole URL, which begins with https://.")?;
        let (address, here) = match url.host() {
            Some(Host::Domain(name)) => (None, name == "localhost"),
            Some(Host::Ipv4(address)) => (Some(IpAddr::V4(address)), address.is_loopback()),
            Some(Host::Ipv6(address)) => (Some(IpAddr::V6(address)), address.is_loopback()),
            None => return Err("This is no address. It names no host."),
        };
        let within = here || address.is_some_and(|address| !is_public(address));
        if within && !self.private {
            return Err(
                "The address is one of a private network or of this machine, where Muster does not post. Give the public address of the service; a local installation posts there when it is started with --private-webhooks.",
            );
        }
        match url.scheme() {
            "https" => Ok(()),
            "http" if here => Ok(()),
            _ => Err(
                "The address has to begin with https://: what is posted there is your clients' business.",
            ),
        }
    }
}

/// How long a webhook has to answer.
const PATIENCE: Duration = Duration::from_secs(15);

impl Endpoint {
    /// Posts an alert.
    ///
    /// # Errors
    /// When the other side does not take it. The address is not in the error.
    pub async fn send(
        &self,
        webhooks: &Webhooks,
        kind: ChannelKind,
        alert: &Alert,
    ) -> Result<(), AlertError> {
        webhooks
            .check(&self.url)
            .map_err(|why| AlertError::NotTaken(why.to_owned()))?;
        let body = body(kind, alert).to_string();
        let http = webhooks.http.client();
        let http = http.map_err(|_| AlertError::NoAnswer("no HTTP client can be set up"))?;
        let mut request = http
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
                AlertError::NoAnswer(if error.is_timeout() {
                    "the webhook did not answer in time"
                } else {
                    "the webhook cannot be reached"
                })
            })?;
        if sent.status().is_success() {
            return Ok(());
        }
        // Whoever names an address learns whether a message was taken, and nothing else of what is there.
        let status = sent.status().as_u16();
        tracing::info!(status, "a webhook did not take a message");
        Err(AlertError::NotTaken(
            "the webhook did not take the message".to_owned(),
        ))
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
    fn only_https_on_the_internet_is_posted_to_unless_private_addresses_are_allowed() {
        let (public, private) = (Webhooks::public(), Webhooks::also_private());
        for (url, by_default, allowed) in [
            ("https://psa.example/hook", true, true),
            ("https://93.184.215.14/hook", true, true),
            ("https://localhost:9/hook", false, true),
            ("https://10.0.0.8/hook", false, true),
            ("https://169.254.169.254/latest", false, true),
            ("https://[::ffff:10.0.0.8]/hook", false, true),
            ("https://0x7f.1/hook", false, true),
            ("http://localhost:9/hook", false, true),
            ("http://127.0.0.1:9/hook", false, true),
            ("http://10.0.0.8/hook", false, false),
            ("http://psa.example/hook", false, false),
            ("ftp://psa.example", false, false),
            ("hook", false, false),
        ] {
            let url = SecretString::from(url);
            let shown = url.expose_secret();
            assert_eq!(public.check(&url).is_ok(), by_default, "{shown}");
            assert_eq!(private.check(&url).is_ok(), allowed, "{shown}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_within_is_not_posted_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // A name passes the check of the address; where it leads is looked at when it is posted to.
        let client = Webhooks::public().http;
        let client = client.client().expect("a client");
        let posted = client
            .post(format!("https://localhost:{port}/"))
            .send()
            .await;
        assert!(posted.is_err());
        let nobody = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(nobody.is_err(), "somebody connected");
    }
}
