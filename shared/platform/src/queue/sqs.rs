//! The queue on AWS: SQS FIFO, one message group a tenant.

use super::{QueueError, SyncMessage};
use crate::no_answer;
use aws_sdk_sqs::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::QueueAttributeName,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::time::Duration;

/// An SQS FIFO queue.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    dead_letters: Option<String>,
}

impl SqsQueue {
    /// The queue at this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self {
            client,
            url,
            dead_letters: None,
        }
    }

    /// The same, which counts what the queue at this URL holds as given up.
    #[must_use]
    pub fn with_dead_letters(self, url: Option<String>) -> Self {
        Self {
            dead_letters: url,
            ..self
        }
    }

    /// How many messages were given up.
    ///
    /// # Errors
    /// When SQS refuses or does not answer.
    pub async fn dead_letters(&self) -> Result<Option<u64>, QueueError> {
        let Some(url) = &self.dead_letters else {
            return Ok(None);
        };
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let asked = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone())
            .send()
            .await;
        let attributes = asked.map_err(|e| refused(&e))?.attributes;
        Ok(attributes.and_then(|all| all.get(&name)?.parse().ok()))
    }

    /// Sends a message. Its deduplication id is random: a repeated message does no harm, while
    /// one swallowed by deduplication would be a sync that somebody waits for.
    ///
    /// # Errors
    /// When SQS refuses or does not answer.
    pub async fn send(&self, message: SyncMessage) -> Result<(), QueueError> {
        let body = serde_json::to_string(&message).map_err(|e| QueueError(e.to_string()))?;
        let sent = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_group_id(message.tenant_id.to_string())
            .message_deduplication_id(BASE64_URL_SAFE_NO_PAD.encode(crate::random::<16>()))
            .message_body(body)
            .send()
            .await;
        sent.map(|_| ()).map_err(|e| refused(&e))
    }

    /// Makes a message visible again in `delay`, counted in whole seconds.
    ///
    /// # Errors
    /// When SQS refuses or does not answer.
    pub async fn retry_in(&self, receipt: &str, delay: Duration) -> Result<(), QueueError> {
        let changed = self
            .client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(i32::try_from(delay.as_secs()).unwrap_or(i32::MAX))
            .send()
            .await;
        changed.map(|_| ()).map_err(|e| refused(&e))
    }
}

fn refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> QueueError {
    QueueError(error.code().map_or_else(|| no_answer(error), str::to_owned))
}
