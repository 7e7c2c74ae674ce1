//! Isolation by IAM: a tenant's data and secret are reached only with credentials of the tenant
//! role, assumed with the session tag `tenant=<tenant id>`. The role's policy lets such a session
//! reach that tenant's partitions and that tenant's secret, and nothing else.
//!
//! AWS, "IAM tutorial: Define permissions to access AWS resources based on tags" and "Using IAM
//! policy conditions for fine-grained access control" (DynamoDB).

use aws_config::{SdkConfig, identity::IdentityCache, sts::AssumeRoleProvider};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use muster_domain::TenantId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The session tag that names the tenant.
pub const TENANT_TAG: &str = "tenant";
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
    role_arn: Option<String>,
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
    /// Sessions of the tenant role, asked for with the function's own credentials.
    pub fn of_role(config: SdkConfig, role_arn: String) -> Self {
        Self::new(config, Some(role_arn))
    }

    /// The caller's own credentials for every tenant: an administrator who moves data in.
    pub fn of_administrator(config: SdkConfig) -> Self {
        Self::new(config, None)
    }

    fn new(config: SdkConfig, role_arn: Option<String>) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                role_arn,
                sessions: Mutex::default(),
            }),
        }
    }

    /// The session of a tenant. Nothing is asked of AWS here: the credentials come with the first
    /// request, are shared by both clients, and are renewed shortly before they expire.
    pub async fn session(&self, tenant: TenantId) -> TenantSession {
        if let Some(session) = self.kept(tenant, None) {
            return session;
        }
        let session = self.begin(tenant).await;
        self.kept(tenant, Some(session.clone())).unwrap_or(session)
    }

    async fn begin(&self, tenant: TenantId) -> TenantSession {
        let Some(role_arn) = &self.inner.role_arn else {
            return TenantSession::new(&self.inner.config);
        };
        let provider = AssumeRoleProvider::builder(role_arn)
            .configure(&self.inner.config)
            // 36 characters of [0-9a-f-]: CloudTrail shows whose session it is.
            .session_name(tenant.to_string())
            .tags([(TENANT_TAG, tenant.to_string())])
            .build()
            .await;
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
    use aws_config::{BehaviorVersion, Region};

    async fn role() -> TenantSessions {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .no_credentials()
            .load()
            .await;
        TenantSessions::of_role(config, "arn:aws:iam::123456789012:role/tenant".to_owned())
    }

    fn tenant(number: usize) -> TenantId {
        format!("6f1c0c5e-0b7a-4a4f-9c55-{number:012x}")
            .parse()
            .expect("a GUID")
    }

    #[tokio::test]
    async fn the_sessions_of_a_warm_environment_are_bounded_and_the_latest_used_stay() {
        let role = role().await;
        role.session(tenant(0)).await;
        for number in 1..SESSIONS + 10 {
            role.session(tenant(number)).await;
            role.session(tenant(0)).await;
        }
        let sessions = role.inner.sessions.lock().expect("not poisoned");
        assert_eq!(sessions.len(), SESSIONS);
        assert!(sessions.contains_key(&tenant(0)));
        assert!(!sessions.contains_key(&tenant(1)));
    }
}
