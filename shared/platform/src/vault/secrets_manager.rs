//! The vault on AWS: one secret a tenant, named and tagged for it.

use super::VaultError;
use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::Tag,
};
use muster_domain::TenantId;
use secrecy::{ExposeSecret, SecretString};

/// Client secrets in AWS Secrets Manager.
#[derive(Debug, Clone)]
pub struct SecretsManagerVault {
    client: Client,
    prefix: String,
}

impl SecretsManagerVault {
    /// Secrets named `<prefix><tenant id>`.
    pub fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix }
    }

    fn name(&self, tenant: TenantId) -> String {
        format!("{}{tenant}", self.prefix)
    }

    /// The tenant's current secret.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn get(&self, tenant: TenantId) -> Result<Option<SecretString>, VaultError> {
        match self
            .client
            .get_secret_value()
            .secret_id(self.name(tenant))
            .send()
            .await
        {
            Ok(got) => Ok(got.secret_string.map(SecretString::from)),
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Keeps the tenant's secret; the one before stays as AWSPREVIOUS.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn put(&self, tenant: TenantId, secret: &SecretString) -> Result<(), VaultError> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(self.name(tenant))
            .secret_string(secret.expose_secret());
        match put.send().await {
            Ok(_) => return Ok(()),
            Err(error) if is(&error, "ResourceNotFoundException") => {}
            Err(error) => return Err(unavailable(&error)),
        }
        let tag = Tag::builder()
            .key("tenant")
            .value(tenant.to_string())
            .build();
        let create = self
            .client
            .create_secret()
            .name(self.name(tenant))
            .secret_string(secret.expose_secret())
            .tags(tag);
        create.send().await.map_err(|error| unavailable(&error))?;
        Ok(())
    }

    /// Deletes the tenant's secret, without a recovery window: the tenant was deleted.
    ///
    /// # Errors
    /// When Secrets Manager refuses or does not answer.
    pub async fn remove(&self, tenant: TenantId) -> Result<bool, VaultError> {
        let delete = self
            .client
            .delete_secret()
            .secret_id(self.name(tenant))
            .force_delete_without_recovery(true);
        match delete.send().await {
            Ok(_) => Ok(true),
            Err(error) if is(&error, "ResourceNotFoundException") => Ok(false),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn is<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, code: &str) -> bool {
    error.code() == Some(code)
}

/// The error's code alone: its request holds the secret.
fn unavailable<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> VaultError {
    VaultError::Unavailable(error.code().unwrap_or("no answer").to_owned())
}
