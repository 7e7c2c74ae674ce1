//! The alert channel: SNS on AWS, the log locally.

use crate::no_answer;
use aws_sdk_sns::error::ProvideErrorMetadata;
use muster_domain::TenantId;

/// An alert to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The tenant it is about.
    pub tenant_id: TenantId,
    /// A few words.
    pub subject: String,
    /// Which client, what, by when, and what to do.
    pub text: String,
    /// The page that mends it.
    pub link: String,
}

/// Where alerts go.
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
pub struct AlertError(String);

impl Alerts {
    /// Sends an alert.
    ///
    /// # Errors
    /// When the channel does not take it.
    pub async fn send(&self, alert: &Alert) -> Result<(), AlertError> {
        match self {
            Self::Log => {
                tracing::warn!(tenant.id = %alert.tenant_id, link = alert.link, "{}", alert.text);
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
                let sent = client
                    .publish()
                    .topic_arn(topic)
                    .subject(subject)
                    .message(text)
                    .send()
                    .await;
                sent.map(|_| ())
                    .map_err(|e| AlertError(e.code().map_or_else(|| no_answer(&e), str::to_owned)))
            }
        }
    }
}
