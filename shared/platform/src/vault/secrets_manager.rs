//! The vault on AWS: one secret a tenant, named and tagged for it, reached only with that tenant's
//! session. Its versions carry the stages AWSPENDING, AWSCURRENT and AWSPREVIOUS.
//!
//! AWS Secrets Manager User Guide, "What's in a Secrets Manager secret": versions and staging
//! labels.

use super::{Stage, VaultError};
use crate::{
    no_answer,
    tenant_sessions::{TENANT_TAG, TenantSessions},
};
use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::Tag,
};
use muster_domain::TenantId;
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Client secrets in AWS Secrets Manager.
#[derive(Debug, Clone)]
pub struct SecretsManagerVault {
    tenants: TenantSessions,
    prefix: String,
    kms_key: Option<String>,
    // The current secret of each tenant this warm environment has seen.
    cached: Arc<Mutex<HashMap<TenantId, SecretString>>>,
}

/// Secrets kept in a warm environment: more than an MSP has tenants, and still few megabytes.
const CACHED: usize = 10_000;

/// How long a secret that is being deleted is waited for, and how often it is tried again: Secrets
/// Manager deletes in the background, also by force.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html>
const DELETION_TAKES: Duration = Duration::from_secs(20);
const TRY_AGAIN_IN: Duration = Duration::from_secs(2);

impl SecretsManagerVault {
    /// Secrets named `<prefix><tenant id>`, encrypted with `kms_key` or the account's own key.
    pub fn new(tenants: TenantSessions, prefix: String, kms_key: Option<String>) -> Self {
        Self {
            tenants,
            prefix,
            kms_key,
            cached: Arc::default(),
        }
    }

    /// The prefix of the names of this installation's secrets.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The tenant's secret at a stage; the current one from this environment's memory where it is
    /// there. `None` as well where somebody scheduled the secret for deletion: a new one takes it back.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn get(
        &self,
        tenant: TenantId,
        stage: Stage,
    ) -> Result<Option<SecretString>, VaultError> {
        if stage == Stage::Current
            && let Some(secret) = self.lock().get(&tenant)
        {
            return Ok(Some(secret.clone()));
        }
        let asked = self
            .at(tenant)
            .get_secret_value()
            .secret_id(self.name(tenant))
            .version_stage(label(stage));
        match asked.send().await {
            Ok(got) => {
                let secret = got.secret_string.map(SecretString::from);
                if let (Stage::Current, Some(secret)) = (stage, &secret) {
                    self.keep(tenant, secret);
                }
                Ok(secret)
            }
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(None),
            Err(error) if is(&error, DELETED) => {
                tracing::warn!(tenant.id = %tenant, "the client's secret is scheduled for deletion in Secrets Manager");
                Ok(None)
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Forgets what this environment remembers of a tenant: another may have replaced it.
    pub fn forget(&self, tenant: TenantId) {
        self.lock().remove(&tenant);
    }

    /// Keeps the tenant's secret as the current one; the one before stays as AWSPREVIOUS.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn put(&self, tenant: TenantId, secret: &SecretString) -> Result<(), VaultError> {
        if !self.create(tenant, secret).await? {
            self.put_version(tenant, secret, None, Stage::Current)
                .await?;
        }
        self.keep(tenant, secret);
        Ok(())
    }

    /// Keeps a secret as the current one of a tenant that has none; `false` where there is one,
    /// which stays.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn create(
        &self,
        tenant: TenantId,
        secret: &SecretString,
    ) -> Result<bool, VaultError> {
        let tag = Tag::builder()
            .key(TENANT_TAG)
            .value(tenant.to_string())
            .build();
        let create = self
            .at(tenant)
            .create_secret()
            .name(self.name(tenant))
            .description("A Microsoft 365 client secret that Muster keeps")
            .secret_string(secret.expose_secret())
            .set_kms_key_id(self.kms_key.clone())
            .tags(tag);
        let mut waited = Duration::ZERO;
        loop {
            match create.clone().send().await {
                Ok(_) => return Ok(true),
                Err(error) if is(&error, "ResourceExistsException") => return Ok(false),
                Err(error) if is(&error, DELETED) && waited < DELETION_TAKES => {}
                Err(error) => return Err(unavailable(&error)),
            }
            // Deleted in the console, it can be had back; deleted by force, it will be gone soon.
            if self.restore(tenant).await? {
                self.put_version(tenant, secret, None, Stage::Current)
                    .await?;
                return Ok(true);
            }
            tokio::time::sleep(TRY_AGAIN_IN).await;
            waited += TRY_AGAIN_IN;
        }
    }

    /// Takes a secret back that somebody deleted with a recovery window; `false` where there is none
    /// to take back.
    async fn restore(&self, tenant: TenantId) -> Result<bool, VaultError> {
        let client = self.at(tenant);
        let restored = client.restore_secret().secret_id(self.name(tenant)).send();
        match restored.await {
            Ok(_) => {
                tracing::warn!(tenant.id = %tenant, "the client's secret was scheduled for deletion in Secrets Manager; it is restored");
                Ok(true)
            }
            Err(error) if is(&error, DELETED) || is(&error, "ResourceNotFoundException") => {
                Ok(false)
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Adds a version with this label, to a secret that is restored first if need be.
    async fn put_version(
        &self,
        tenant: TenantId,
        secret: &SecretString,
        version: Option<&str>,
        stage: Stage,
    ) -> Result<(), VaultError> {
        let put = self
            .at(tenant)
            .put_secret_value()
            .secret_id(self.name(tenant))
            .secret_string(secret.expose_secret())
            .set_client_request_token(version.map(str::to_owned))
            .version_stages(label(stage));
        let sent = match put.clone().send().await {
            Err(error) if is(&error, DELETED) && self.restore(tenant).await? => put.send().await,
            sent => sent,
        };
        sent.map(drop).map_err(|error| unavailable(&error))
    }

    /// Keeps a secret as AWSPENDING, beside the current one.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn stage(&self, tenant: TenantId, secret: &SecretString) -> Result<(), VaultError> {
        self.stage_as(tenant, secret, None).await
    }

    /// The same, as the version of this name.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn stage_as(
        &self,
        tenant: TenantId,
        secret: &SecretString,
        version: Option<&str>,
    ) -> Result<(), VaultError> {
        self.put_version(tenant, secret, version, Stage::Pending)
            .await
    }

    /// Makes the pending secret the current one and the current one the previous; `false` when
    /// none is pending. A second call finds none and changes nothing.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer; calling again goes on.
    pub async fn promote(&self, tenant: TenantId) -> Result<bool, VaultError> {
        let versions = self.versions(tenant).await?;
        match versions.at(Stage::Pending) {
            Some(pending) => self.make_current(tenant, &versions, pending).await,
            None => Ok(false),
        }
    }

    /// The same with the version of this name and no other, as a rotation asks for it; `false` when
    /// it is neither pending nor current, because another was put in its place.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer; calling again goes on.
    pub async fn promote_version(
        &self,
        tenant: TenantId,
        version: &str,
    ) -> Result<bool, VaultError> {
        let versions = self.versions(tenant).await?;
        if !versions.is_at(version, Stage::Pending) {
            return Ok(versions.is_at(version, Stage::Current));
        }
        self.make_current(tenant, &versions, version).await
    }

    /// The secret of the version of this name.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn get_version(
        &self,
        tenant: TenantId,
        version: &str,
    ) -> Result<Option<SecretString>, VaultError> {
        let client = self.at(tenant);
        let asked = client
            .get_secret_value()
            .secret_id(self.name(tenant))
            .version_id(version);
        match asked.send().await {
            Ok(got) => Ok(got.secret_string.map(SecretString::from)),
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Whether the version of this name is the current one.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn is_current(&self, tenant: TenantId, version: &str) -> Result<bool, VaultError> {
        let versions = self.versions(tenant).await?;
        Ok(versions.is_at(version, Stage::Current))
    }

    async fn versions(&self, tenant: TenantId) -> Result<Versions, VaultError> {
        let client = self.at(tenant);
        let described = client.describe_secret().secret_id(self.name(tenant)).send();
        match described.await {
            Ok(described) => Ok(Versions(
                described.version_ids_to_stages.unwrap_or_default(),
            )),
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(Versions::default()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn make_current(
        &self,
        tenant: TenantId,
        versions: &Versions,
        version: &str,
    ) -> Result<bool, VaultError> {
        let client = self.at(tenant);
        if !versions.is_at(version, Stage::Current) {
            let moved = client
                .update_secret_version_stage()
                .secret_id(self.name(tenant))
                .version_stage(label(Stage::Current))
                .move_to_version_id(version)
                .set_remove_from_version_id(versions.at(Stage::Current).map(str::to_owned));
            moved.send().await.map_err(|error| unavailable(&error))?;
        }
        self.forget(tenant);
        // A label left pending would make Secrets Manager think that a rotation goes on.
        let done = client
            .update_secret_version_stage()
            .secret_id(self.name(tenant))
            .version_stage(label(Stage::Pending))
            .remove_from_version_id(version);
        done.send().await.map_err(|error| unavailable(&error))?;
        Ok(true)
    }

    /// Deletes the tenant's secret, without a recovery window: the tenant was deleted.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn remove(&self, tenant: TenantId) -> Result<bool, VaultError> {
        self.forget(tenant);
        let client = self.at(tenant);
        // Deleting by force forgives what is not there, so it is asked for first.
        let described = client.describe_secret().secret_id(self.name(tenant)).send();
        match described.await {
            Ok(_) => {}
            Err(error) if is(&error, "ResourceNotFoundException") => return Ok(false),
            Err(error) => return Err(unavailable(&error)),
        }
        let delete = client
            .delete_secret()
            .secret_id(self.name(tenant))
            .force_delete_without_recovery(true);
        match delete.send().await {
            Ok(_) => Ok(true),
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }

    fn at(&self, tenant: TenantId) -> Client {
        self.tenants.session(tenant).secrets
    }

    fn name(&self, tenant: TenantId) -> String {
        format!("{}{tenant}", self.prefix)
    }

    fn keep(&self, tenant: TenantId, secret: &SecretString) {
        let mut cached = self.lock();
        if cached.len() >= CACHED {
            cached.clear();
        }
        cached.insert(tenant, secret.clone());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, SecretString>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The versions of a secret, each with its labels.
#[derive(Debug, Default)]
struct Versions(HashMap<String, Vec<String>>);

impl Versions {
    fn at(&self, stage: Stage) -> Option<&str> {
        let found = self.0.keys().find(|version| self.is_at(version, stage));
        found.map(String::as_str)
    }

    fn is_at(&self, version: &str, stage: Stage) -> bool {
        let labels = self.0.get(version);
        labels.is_some_and(|labels| labels.iter().any(|l| l == label(stage)))
    }
}

fn label(stage: Stage) -> &'static str {
    match stage {
        Stage::Pending => "AWSPENDING",
        Stage::Current => "AWSCURRENT",
        Stage::Previous => "AWSPREVIOUS",
    }
}

fn is<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, code: &str) -> bool {
    error.code() == Some(code)
}

/// The error code of every call on a secret that is scheduled for deletion, or on a name whose last
/// secret is still being deleted.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
const DELETED: &str = "InvalidRequestException";

/// The error's code alone: its request holds the secret.
fn unavailable<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> VaultError {
    if is(error, DELETED) {
        return VaultError::ScheduledForDeletion;
    }
    VaultError::Unavailable(error.code().map_or_else(|| no_answer(error), str::to_owned))
}
