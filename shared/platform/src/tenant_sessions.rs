//! Isolation by IAM: a tenant's data and secret are reached only with credentials of the tenant
//! role, assumed with the session tags `tenant=<tenant id>` and `purpose=<purpose>`. The role's
//! policy lets such a session reach that tenant's partitions and secret, as far as the purpose
//! needs them, and nothing else.
//!
//! AWS, "IAM tutorial: Define permissions to access AWS resources based on tags" and "Using IAM
//! policy conditions for fine-grained access control" (DynamoDB).

use aws_config::{SdkConfig, identity::IdentityCache};
use aws_credential_types::{
    Credentials,
    provider::{
        self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError,
        future::ProvideCredentials as Providing,
    },
};
use aws_sdk_sts::types::Tag;
use muster_domain::TenantId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// The session tag that names the tenant.
pub const TENANT_TAG: &str = "tenant";
/// The session tag that names the purpose.
pub const PURPOSE_TAG: &str = "purpose";

/// What a function's sessions of the tenant role are for. The role's trust policy grants each
/// purpose to one function; its permissions policy says what each purpose reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The portal: reads records, changes integrations, replaces secrets, deletes clients.
    Manage,
    /// An export: reads records.
    Read,
    /// The consent callback: redeems a consent.
    Consent,
    /// A sync: reads and writes records, reads the secret.
    Sync,
    /// The hourly job: renews secrets and keeps track of alerts.
    Credential,
}

impl Purpose {
    /// The value of the session tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Manage => "manage",
            Self::Read => "read",
            Self::Consent => "consent",
            Self::Sync => "sync",
            Self::Credential => "credential",
        }
    }
}
/// Sessions kept in a warm environment; each is a few kilobytes and a set of credentials.
const SESSIONS: usize = 256;

/// Sessions for tenants, kept for as long as this environment is warm.
#[derive(Debug, Clone)]
pub struct TenantSessions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: SdkConfig,
    role: Option<(String, Purpose)>,
    sessions: Mutex<HashMap<TenantId, Kept>>,
}

#[derive(Debug)]
struct Kept {
    session: TenantSession,
    used: u64,
}

/// Clients that act for one tenant.
#[derive(Debug, Clone)]
pub struct TenantSession {
    /// The two tables, that tenant's partitions.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// That tenant's secret.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Who AWS says that it is.
    pub sts: aws_sdk_sts::Client,
}

impl TenantSessions {
    /// Sessions of the tenant role for one purpose, assumed with the function's own credentials.
    pub fn of_role(config: SdkConfig, role_arn: String, purpose: Purpose) -> Self {
        Self::new(config, Some((role_arn, purpose)))
    }

    /// The caller's own credentials for every tenant: an administrator who moves data in.
    pub fn of_administrator(config: SdkConfig) -> Self {
        Self::new(config, None)
    }

    fn new(config: SdkConfig, role: Option<(String, Purpose)>) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                role,
                sessions: Mutex::default(),
            }),
        }
    }

    /// The session of a tenant. Nothing is asked of AWS here: the credentials come with the first
    /// request, are shared by both clients, and are renewed shortly before they expire.
    pub fn session(&self, tenant: TenantId) -> TenantSession {
        if let Some(session) = self.kept(tenant, None) {
            return session;
        }
        let session = self.begin(tenant);
        self.kept(tenant, Some(session.clone())).unwrap_or(session)
    }

    fn begin(&self, tenant: TenantId) -> TenantSession {
        let Some((role_arn, purpose)) = &self.inner.role else {
            return TenantSession::new(&self.inner.config);
        };
        let provider = TenantRole {
            sts: aws_sdk_sts::Client::new(&self.inner.config),
            arn: role_arn.clone(),
            tenant,
            purpose: *purpose,
        };
        let config = self
            .inner
            .config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(provider))
            .identity_cache(IdentityCache::lazy().build())
            .build();
        TenantSession::new(&config)
    }

    /// The session that is kept; a new one is kept unless another came first.
    fn kept(&self, tenant: TenantId, new: Option<TenantSession>) -> Option<TenantSession> {
        let mut sessions = self
            .inner
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let used = 1 + sessions.values().map(|kept| kept.used).max().unwrap_or(0);
        if let Some(kept) = sessions.get_mut(&tenant) {
            kept.used = used;
            return Some(kept.session.clone());
        }
        let session = new?;
        if sessions.len() >= SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, kept)| kept.used);
            if let Some(oldest) = oldest.map(|(tenant, _)| *tenant) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(
            tenant,
            Kept {
                session: session.clone(),
                used,
            },
        );
        Some(session)
    }
}

/// The tenant role, assumed for one tenant.
#[derive(Debug)]
struct TenantRole {
    sts: aws_sdk_sts::Client,
    arn: String,
    tenant: TenantId,
    purpose: Purpose,
}

impl TenantRole {
    async fn assume(&self) -> provider::Result {
        let tag = |key: &str, value: &str| {
            let tag = Tag::builder().key(key).value(value).build();
            tag.map_err(CredentialsError::unhandled)
        };
        let assumed = self
            .sts
            .assume_role()
            .role_arn(&self.arn)
            // 36 characters of [0-9a-f-]: CloudTrail shows whose session it is.
            .role_session_name(self.tenant.to_string())
            .tags(tag(TENANT_TAG, &self.tenant.to_string())?)
            .tags(tag(PURPOSE_TAG, self.purpose.tag())?)
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let session = assumed
            .credentials
            .ok_or_else(|| CredentialsError::unhandled("STS answered without credentials"))?;
        let expires = SystemTime::try_from(session.expiration);
        Ok(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            Some(expires.map_err(CredentialsError::unhandled)?),
            "TenantRole",
        ))
    }
}

impl ProvideCredentials for TenantRole {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        Providing::new(self.assume())
    }
}

impl TenantSession {
    fn new(config: &SdkConfig) -> Self {
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Http;
    use aws_config::{BehaviorVersion, Region};

    fn role() -> TenantSessions {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .http_client(Http::loopback())
            .build();
        let arn = "arn:aws:iam::123456789012:role/tenant".to_owned();
        TenantSessions::of_role(config, arn, Purpose::Read)
    }

    fn tenant(number: usize) -> TenantId {
        format!("6f1c0c5e-0b7a-4a4f-9c55-{number:012x}")
            .parse()
            .expect("a GUID")
    }

    #[test]
    fn the_sessions_of_a_warm_environment_are_bounded_and_the_latest_used_stay() {
        let role = role();
        role.session(tenant(0));
        for number in 1..SESSIONS + 10 {
            role.session(tenant(number));
            role.session(tenant(0));
        }
        let sessions = role.inner.sessions.lock().expect("not poisoned");
        assert_eq!(sessions.len(), SESSIONS);
        assert!(sessions.contains_key(&tenant(0)));
        assert!(!sessions.contains_key(&tenant(1)));
    }
}
