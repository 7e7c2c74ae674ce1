//! Everything a handler needs of the world, chosen in one place when a context is built.

use crate::{
    Store,
    alert::{Alerts, Webhooks},
    http::Http,
    lambda_environment,
    metrics::{Metrics, Stack},
    microsoft::Microsoft,
    portal_secret::{PORTAL_SECRET_ARN, PortalSecret},
    queue::{Queue, SqsQueue},
    schedule::{EventBridgeSchedule, Schedule},
    tenant_sessions::{Purpose, TenantSessions},
    vault::{SecretsManagerVault, Vault},
};
use url::Url;

/// The store, Microsoft, and the four ports.
#[derive(Debug, Clone)]
pub struct Services {
    /// The two tables.
    pub store: Store,
    /// Client secrets.
    pub vault: Vault,
    /// Sync messages.
    pub queue: Queue,
    /// When syncs are due.
    pub schedule: Schedule,
    /// Words to a person.
    pub alerts: Alerts,
    /// Words to the webhooks that an account has chosen.
    pub webhooks: Webhooks,
    /// Figures of what was done.
    pub metrics: Metrics,
    /// Sign-in and Graph.
    pub microsoft: Microsoft,
    /// The address this installation is reached at, without a slash at its end.
    pub public_url: Url,
    /// What the portal seals its cookies with; only it and the callback ask for it.
    pub portal_secret: PortalSecret,
}

/// A setting that is missing or wrong.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// It is not set.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// It cannot be read.
    #[error("the environment variable {0} is not as it must be: {1}")]
    Wrong(&'static str, String),
}

impl Services {
    /// The AWS side, from the function's environment. Nothing is asked of AWS here. The function
    /// reaches tenants for this purpose alone.
    ///
    /// # Errors
    /// When a setting is missing or wrong.
    pub fn on_aws(purpose: Purpose) -> Result<Self, SettingError> {
        let http = Http::default();
        let config = lambda_environment::sdk_config(http.clone())?;
        let microsoft = Microsoft::new(http, url("LOGIN_URL")?, url("GRAPH_URL")?);
        let role = setting("TENANT_ROLE_ARN")?;
        let tenants = TenantSessions::of_role(config.clone(), role, purpose);
        let microsoft = microsoft.with_web_identity(tenants.clone());
        Ok(Self {
            store: Store::on_aws(
                aws_sdk_dynamodb::Client::new(&config),
                tenants.clone(),
                setting("INTEGRATIONS_TABLE")?,
                setting("ASSETS_TABLE")?,
            ),
            vault: Vault::SecretsManager(SecretsManagerVault::new(
                tenants,
                setting("SECRET_PREFIX")?,
                std::env::var("KMS_KEY_ARN")
                    .ok()
                    .filter(|key| !key.is_empty()),
            )),
            queue: Queue::Sqs(
                SqsQueue::new(
                    aws_sdk_sqs::Client::new(&config),
                    setting("SYNC_QUEUE_URL")?,
                )
                // Only the function that tells of them is given its address.
                .with_dead_letters(std::env::var("DEAD_LETTER_QUEUE_URL").ok()),
            ),
            schedule: Schedule::EventBridge(EventBridgeSchedule::new(
                aws_sdk_scheduler::Client::new(&config),
                setting("SCHEDULE_GROUP")?,
                setting("SYNC_QUEUE_ARN")?,
                setting("SCHEDULE_ROLE_ARN")?,
            )),
            metrics: Metrics::Embedded(Stack {
                installation: setting("INSTALLATION")?,
                log_level: lambda_environment::log_level(),
            }),
            alerts: Alerts::Sns {
                client: aws_sdk_sns::Client::new(&config),
                topic: setting("ALERT_TOPIC_ARN")?,
            },
            webhooks: Webhooks::public(),
            microsoft,
            public_url: url("PUBLIC_URL")?.ok_or(SettingError::Missing("PUBLIC_URL"))?,
            portal_secret: PortalSecret::stored(
                aws_sdk_secretsmanager::Client::new(&config),
                std::env::var(PORTAL_SECRET_ARN).unwrap_or_default(),
            ),
        })
    }

    /// A page of this installation.
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }

    /// The redirect URI that the app registration lists.
    pub fn redirect_uri(&self) -> String {
        self.page("/account/integration/oauth")
    }
}

fn setting(name: &'static str) -> Result<String, SettingError> {
    std::env::var(name).map_err(|_| SettingError::Missing(name))
}

fn url(name: &'static str) -> Result<Option<Url>, SettingError> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => text
            .parse()
            .map(Some)
            .map_err(|e| SettingError::Wrong(name, format!("{e}"))),
        _ => Ok(None),
    }
}
