//! The store: two DynamoDB tables, spoken to with the AWS SDK everywhere. On AWS it is DynamoDB,
//! locally an embedded server of the same API.
//!
//! `integrations`: partition key `tenant_id`, sort key `item` (`integration`, `lease`,
//! `dataset#users`, `datasets`, `consent#…`). `assets`: partition key `pk` (`TENANT#<tenant>#<dataset>`,
//! `…#changes`, `…#summary`, `…#index`, `…#moving`), sort key `sk`. Every partition key begins with the
//! tenant, so that `dynamodb:LeadingKeys` can fence it.

mod batches;
mod changes;
mod consents;
mod control;
mod erase;
mod file;
mod in_flight;
mod indexes;
mod integrations;
mod leases;
mod moving;
mod packed;
mod records;
mod statements;
mod states;
mod summaries;
mod tables;
mod transfer;

pub use batches::{Batch, Put};
pub use changes::{ChangePage, ChangeQuery};
pub use consents::ConsentState;
pub use control::Control;
pub use file::{Overwrite, StoreFile};
pub use leases::Lease;
pub use records::{RecordPage, Units, Unseen};
pub use states::{Standing, Versioned};
pub use transfer::Transferred;

use crate::{http::Http, no_answer, tenant_sessions::TenantSessions};
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryPartition},
    error::{ProvideErrorMetadata, SdkError},
    types::AttributeValue,
};
use aws_smithy_runtime_api::client::http::HttpClient;
use muster_domain::TenantId;
use std::collections::HashMap;

/// The two tables: a tenant's items through that tenant's session, the list of integrations
/// through the function's own client. Locally both are one.
#[derive(Debug, Clone)]
pub struct Store {
    own: Client,
    tenants: Option<TenantSessions>,
    integrations: String,
    assets: String,
    file: Option<StoreFile>,
}

/// One variant for each thing a caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The item is there already.
    #[error("it is stored already")]
    Exists,
    /// Somebody else holds the tenant's lease, or a later one was given.
    #[error("another worker has taken over")]
    LeaseLost,
    /// The disk is full.
    #[error(
        "the disk that holds the data is full; free some space and try again, nothing stored so far is lost"
    )]
    DiskFull,
    /// DynamoDB did not answer, or refused.
    #[error("the store did not answer: {0}")]
    Unavailable(String),
    /// What is stored cannot be read.
    #[error("a stored item cannot be read: {0}")]
    Unreadable(String),
}

pub(crate) type Item = HashMap<String, AttributeValue>;

impl Store {
    /// A store on AWS: tenants' items by the tenant role.
    pub fn on_aws(
        own: Client,
        tenants: TenantSessions,
        integrations: String,
        assets: String,
    ) -> Self {
        Self {
            own,
            tenants: Some(tenants),
            integrations,
            assets,
            file: None,
        }
    }

    /// A store on a server at this loopback address.
    pub fn embedded(address: std::net::SocketAddr) -> Self {
        Self::local(
            Http::loopback(),
            format!("http://{address}"),
            address.to_string(),
        )
    }

    /// A store that is answered within this process, by what is handed the requests. `name` tells
    /// it from others of the same process.
    pub fn within(client: impl HttpClient + 'static, name: String) -> Self {
        // An address that is never connected to.
        Self::local(client, "http://embedded.invalid".to_owned(), name)
    }

    fn local(client: impl HttpClient + 'static, endpoint: String, name: String) -> Self {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new("local"))
            .credentials_provider(Credentials::new("local", "local", None, None, "embedded"))
            .http_client(client)
            // Tries of its own: what fails at one store takes none from another of the same process.
            .retry_partition(RetryPartition::new(name))
            .build();
        Self {
            own: Client::from_conf(config),
            tenants: None,
            integrations: "integrations".to_owned(),
            assets: "assets".to_owned(),
            file: None,
        }
    }

    /// The same store, whose file is overwritten by whoever opened it.
    #[must_use]
    pub fn with_file(self, file: StoreFile) -> Self {
        let file = Some(file);
        Self { file, ..self }
    }

    /// Overwrites what the embedded store's file still holds of deleted items. On AWS there is no file.
    ///
    /// # Errors
    /// When the file could not be rewritten; nothing stored is lost then.
    pub async fn overwrite_deleted(&self) -> Result<(), StoreError> {
        match &self.file {
            Some(file) => file.overwrite_deleted().await,
            None => Ok(()),
        }
    }

    /// The client that reaches a tenant's items.
    fn at(&self, tenant: TenantId) -> Client {
        match &self.tenants {
            Some(role) => role.session(tenant).dynamodb,
            None => self.own.clone(),
        }
    }
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: ProvideErrorMetadata,
{
    fn from(error: SdkError<E, R>) -> Self {
        let refused = Self::refused(
            error.code().unwrap_or_default(),
            error.message().unwrap_or_default(),
        );
        match error {
            SdkError::ServiceError(_) => refused,
            _ if matches!(refused, Self::DiskFull) => refused,
            _ => Self::Unavailable(no_answer(&error)),
        }
    }
}

impl StoreError {
    /// What the service's code and message mean.
    fn refused(code: &str, message: &str) -> Self {
        if message.contains("disk is full") || message.contains("No space left") {
            return Self::DiskFull;
        }
        Self::Unavailable(format!("{code} {message}").trim().to_owned())
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn get_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn get_number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(crate) fn partition(tenant: TenantId, what: &str) -> AttributeValue {
    text(partition_key(tenant, what))
}

fn partition_key(tenant: TenantId, what: &str) -> String {
    format!("TENANT#{tenant}#{what}")
}

/// Whether a conditional write lost its condition.
pub(crate) fn lost_condition<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    serde_json::to_string(value)
        .map(text)
        .map_err(|e| StoreError::Unreadable(e.to_string()))
}

pub(crate) fn from_json<T: serde::de::DeserializeOwned>(
    item: &Item,
    name: &str,
) -> Result<T, StoreError> {
    let text =
        get_text(item, name).ok_or_else(|| StoreError::Unreadable(format!("{name} is missing")))?;
    serde_json::from_str(text).map_err(|e| StoreError::Unreadable(format!("{name}: {e}")))
}
