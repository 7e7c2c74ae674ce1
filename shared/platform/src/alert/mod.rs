//! The alert channels: an SNS topic on AWS and the log locally, and beside it the webhooks that the
//! account has chosen.

mod webhook;

pub use webhook::{Endpoint, Endpoints, check_url};

use crate::no_answer;
use aws_sdk_sns::{error::ProvideErrorMetadata, types::MessageAttributeValue};
use jiff::Timestamp;
use muster_domain::TenantId;
use serde::Serialize;

/// An alert to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// A stable name of this very message: one that comes twice can be passed over.
    pub id: String,
    /// The tenant it is about; `None` where it is about the account.
    pub tenant_id: Option<TenantId>,
    /// What the MSP calls the client.
    pub client: Option<String>,
    /// What it is about: `credential`, `sign_in`, `permissions` …
    pub kind: String,
    /// `raised`, `resolved`, or `test`.
    pub state: &'static str,
    /// A few words.
    pub subject: String,
    /// Which client, what, by when, and what to do.
    pub text: String,
    /// By when to act, where there is such a time.
    pub by: Option<Timestamp>,
    /// The page that mends it.
    pub link: String,
    /// When it was sent.
    pub at: Timestamp,
}

/// Where alerts of the installation itself go.
#[derive(Debug, Clone)]
pub enum Alerts {
    /// The log.
    Log,
    /// An SNS topic.
    Sns {
        /// The client.
        client: aws_sdk_sns::Client,
        /// The topic's ARN.
        topic: String,
    },
}

/// Why an alert was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the alert was not sent: {0}")]
pub struct AlertError(pub(crate) String);

impl Alerts {
    /// Sends an alert.
    ///
    /// # Errors
    /// When the channel does not take it.
    pub async fn send(&self, alert: &Alert) -> Result<(), AlertError> {
        match self {
            Self::Log => {
                tracing::warn!(
                    tenant.id = alert.tenant_id.map(tracing::field::display),
                    alert.id = alert.id,
                    link = alert.link,
                    "{}",
                    alert.text
                );
                Ok(())
            }
            Self::Sns { client, topic } => {
                // SNS takes at most 100 ASCII characters as the subject of an email.
                let subject: String = alert
                    .subject
                    .chars()
                    .filter(|c| c.is_ascii() && !c.is_control())
                    .take(100)
                    .collect();
                let text = format!("{}\n\n{}", alert.text, alert.link);
                let mut publish = client
                    .publish()
                    .topic_arn(topic)
                    .subject(subject)
                    .message(text);
                for (name, value) in [
                    ("alert_id", alert.id.as_str()),
                    ("kind", alert.kind.as_str()),
                    ("state", alert.state),
                ] {
                    let value = MessageAttributeValue::builder()
                        .data_type("String")
                        .string_value(value)
                        .build()
                        .map_err(|e| AlertError(e.to_string()))?;
                    publish = publish.message_attributes(name, value);
                }
                let sent = publish.send().await;
                sent.map(|_| ())
                    .map_err(|e| AlertError(e.code().map_or_else(|| no_answer(&e), str::to_owned)))
            }
        }
    }
}
