//! The secret vault: Secrets Manager on AWS, an encrypted file locally. Nothing else holds a
//! client secret.

mod file;
mod secrets_manager;

pub use file::{FileVault, replace};
pub use secrets_manager::SecretsManagerVault;

use muster_domain::TenantId;
use secrecy::SecretString;

/// Where client secrets are kept.
#[derive(Debug, Clone)]
pub enum Vault {
    /// An encrypted file.
    File(FileVault),
    /// AWS Secrets Manager.
    SecretsManager(SecretsManagerVault),
}

/// Why the vault does not do it.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file was altered, or sealed with another key.
    #[error(
        "the vault {file} cannot be opened: it was sealed with another key, or altered. Nothing was changed. Restore the file from a backup, or give the key it was sealed with in MUSTER_VAULT_KEY or {key}"
    )]
    NotOpened {
        /// The vault file.
        file: String,
        /// The key file.
        key: String,
    },
    /// There is a vault but no key.
    #[error(
        "the vault {file} is there, but its key is not. Nothing was changed. Put the key back at {key}, or give it in MUSTER_VAULT_KEY"
    )]
    KeyMissing {
        /// The vault file.
        file: String,
        /// The key file.
        key: String,
    },
    /// The key is no key.
    #[error("{0} is not a vault key: 32 bytes, base64-encoded")]
    BadKey(String),
    /// A file cannot be read or written.
    #[error("the vault file {path}: {problem}. Nothing stored so far is lost")]
    Io {
        /// The file.
        path: String,
        /// What the operating system says.
        problem: String,
    },
    /// The disk that holds the file is full.
    #[error(
        "the disk that holds {path} is full; free some space and try again, nothing stored so far is lost"
    )]
    DiskFull {
        /// The file.
        path: String,
    },
    /// Secrets Manager did not answer, or refused.
    #[error("Secrets Manager did not answer: {0}")]
    Unavailable(String),
    /// The secret is scheduled for deletion in Secrets Manager, or still being deleted.
    #[error("the client's secret is scheduled for deletion in Secrets Manager")]
    ScheduledForDeletion,
}

/// Which of a tenant's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Kept, and not proven yet.
    Pending,
    /// The one that works.
    Current,
    /// The one before it.
    Previous,
}

impl Vault {
    /// The tenant's current client secret.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn get(&self, tenant: TenantId) -> Result<Option<SecretString>, VaultError> {
        self.get_stage(tenant, Stage::Current).await
    }

    /// The prefix of the names of this installation's secrets; empty for the local file.
    pub fn prefix(&self) -> &str {
        match self {
            Self::File(_) => "",
            Self::SecretsManager(vault) => vault.prefix(),
        }
    }

    /// The tenant's client secret at a stage.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn get_stage(
        &self,
        tenant: TenantId,
        stage: Stage,
    ) -> Result<Option<SecretString>, VaultError> {
        match self {
            Self::File(vault) => vault.get(tenant, stage),
            Self::SecretsManager(vault) => vault.get(tenant, stage).await,
        }
    }

    /// The current secret as the vault itself has it, not as this process remembers it: another
    /// may have replaced it.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn get_anew(&self, tenant: TenantId) -> Result<Option<SecretString>, VaultError> {
        if let Self::SecretsManager(vault) = self {
            vault.forget(tenant);
        }
        self.get(tenant).await
    }

    /// Keeps the tenant's client secret as the current one; the one before becomes the previous.
    ///
    /// # Errors
    /// When the vault cannot be written; the one before is kept then.
    pub async fn put(&self, tenant: TenantId, secret: &SecretString) -> Result<(), VaultError> {
        match self {
            Self::File(vault) => vault.put(tenant, secret),
            Self::SecretsManager(vault) => vault.put(tenant, secret).await,
        }
    }

    /// Keeps a secret as the current one of a tenant that has none; `false` where there is one,
    /// which stays.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn create(
        &self,
        tenant: TenantId,
        secret: &SecretString,
    ) -> Result<bool, VaultError> {
        match self {
            Self::File(vault) => vault.create(tenant, secret),
            Self::SecretsManager(vault) => vault.create(tenant, secret).await,
        }
    }

    /// Keeps a secret as pending, beside the current one of a tenant that has one.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn stage(&self, tenant: TenantId, secret: &SecretString) -> Result<(), VaultError> {
        match self {
            Self::File(vault) => vault.stage(tenant, secret),
            Self::SecretsManager(vault) => vault.stage(tenant, secret).await,
        }
    }

    /// The same, as the version that a rotation of Secrets Manager has named.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn stage_as(
        &self,
        tenant: TenantId,
        secret: &SecretString,
        version: Option<&str>,
    ) -> Result<(), VaultError> {
        match self {
            Self::File(vault) => vault.stage(tenant, secret),
            Self::SecretsManager(vault) => vault.stage_as(tenant, secret, version).await,
        }
    }

    /// Makes the pending secret the current one, and the current one the previous; `false` when
    /// none is pending, so that calling twice does no harm.
    ///
    /// # Errors
    /// When the vault cannot be written; calling again goes on.
    pub async fn promote(&self, tenant: TenantId) -> Result<bool, VaultError> {
        match self {
            Self::File(vault) => vault.promote(tenant),
            Self::SecretsManager(vault) => vault.promote(tenant).await,
        }
    }

    /// The secret of one version, as a rotation of Secrets Manager names it; elsewhere the pending
    /// one, or else the current one, is the one there can be.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn get_version(
        &self,
        tenant: TenantId,
        version: &str,
    ) -> Result<Option<SecretString>, VaultError> {
        match self {
            Self::File(vault) => match vault.get(tenant, Stage::Pending)? {
                Some(pending) => Ok(Some(pending)),
                None => vault.get(tenant, Stage::Current),
            },
            Self::SecretsManager(vault) => vault.get_version(tenant, version).await,
        }
    }

    /// Whether the version of this name is the current one; elsewhere versions have no names.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn is_current(&self, tenant: TenantId, version: &str) -> Result<bool, VaultError> {
        match self {
            Self::File(_) => Ok(false),
            Self::SecretsManager(vault) => vault.is_current(tenant, version).await,
        }
    }

    /// Makes that version the current one; `false` when another was put in its place.
    ///
    /// # Errors
    /// When the vault cannot be written; calling again goes on.
    pub async fn promote_version(
        &self,
        tenant: TenantId,
        version: &str,
    ) -> Result<bool, VaultError> {
        match self {
            Self::File(vault) => {
                vault.promote(tenant)?;
                Ok(true)
            }
            Self::SecretsManager(vault) => vault.promote_version(tenant, version).await,
        }
    }

    /// Forgets the tenant's client secrets; whether there was one.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub async fn remove(&self, tenant: TenantId) -> Result<bool, VaultError> {
        match self {
            Self::File(vault) => vault.remove(tenant),
            Self::SecretsManager(vault) => vault.remove(tenant).await,
        }
    }
}
