//! The alert channels: an SNS topic on AWS and the log locally, and beside it the webhooks that the
//! account has chosen.

mod webhook;

pub use webhook::{Endpoint, Endpoints, Webhooks};

use crate::no_answer;
use aws_sdk_sns::{error::ProvideErrorMetadata, types::MessageAttributeValue};
use icu_normalizer::DecomposingNormalizerBorrowed;
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
pub enum AlertError {
    /// The channel did not take it.
    #[error("the alert was not sent: {0}")]
    NotTaken(String),
    /// The channel did not answer: another try in the same run would wait as long.
    #[error("the alert was not sent: {0}")]
    NoAnswer(&'static str),
}

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
                let subject = subject(&alert.subject);
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
                        .map_err(|e| AlertError::NotTaken(e.to_string()))?;
                    publish = publish.message_attributes(name, value);
                }
                let sent = publish.send().await;
                sent.map(|_| ()).map_err(|e| {
                    AlertError::NotTaken(e.code().map_or_else(|| no_answer(&e), str::to_owned))
                })
            }
        }
    }
}

/// A subject as SNS takes one: ASCII, without control characters and line breaks, begun by a letter,
/// a digit or a punctuation mark, and shorter than 100 characters. Letters with accents lose them.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
fn subject(text: &str) -> String {
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize_iter(text.chars());
    let ascii = decomposed.map(|c| match c {
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2013}' | '\u{2014}' => '-',
        c if c.is_whitespace() => ' ',
        c => c,
    });
    let ascii = ascii.filter(|c| c.is_ascii() && !c.is_control());
    let ascii: String = ascii
        .skip_while(|c| *c == ' ')
        .take(LONGEST_SUBJECT)
        .collect();
    match ascii.trim_end() {
        "" => "Muster".to_owned(),
        subject => subject.to_owned(),
    }
}

/// SNS wants fewer than 100 characters.
const LONGEST_SUBJECT: usize = 99;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_as_sns_takes_it_whatever_a_client_is_called() {
        for (text, taken) in [
            ("Contoso: the secret expires", "Contoso: the secret expires"),
            ("Żółć & Café: “expires”", "Zoc & Cafe: \"expires\""),
            ("\u{202e}\n  two\r\nlines", "two  lines"),
            ("日本語", "Muster"),
            ("   ", "Muster"),
            ("", "Muster"),
        ] {
            assert_eq!(subject(text), taken, "{text:?}");
        }
        assert_eq!(subject(&"x".repeat(300)).len(), 99);
    }
}
