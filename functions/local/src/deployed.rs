//! A stack on AWS, found by its name: its store, vault and schedules, reached with the
//! administrator's own credentials.

use anyhow::{Context, bail};
use aws_config::{BehaviorVersion, SdkConfig};
use muster_platform::{
    Store,
    http::Http,
    schedule::{EventBridgeSchedule, Schedule},
    tenant_sessions::TenantSessions,
    vault::{SecretsManagerVault, Vault},
};
use std::collections::HashMap;

/// What of a deployed stack data is moved into.
#[derive(Debug)]
pub struct Deployed {
    /// Its two tables.
    pub store: Store,
    /// Its secrets.
    pub vault: Vault,
    /// Its schedules.
    pub schedule: Schedule,
    /// Where it is opened.
    pub address: String,
    /// What each client's app registration must list.
    pub redirect_uri: String,
}

impl Deployed {
    /// The stack of this name, in the account and region that the AWS CLI's settings and
    /// environment name.
    ///
    /// # Errors
    /// When there is no such stack, it is not Muster's, or AWS does not answer.
    pub async fn find(stack: &str) -> anyhow::Result<Self> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(Http::default())
            .load()
            .await;
        let Some(region) = config.region().cloned() else {
            bail!(
                "no AWS region is set; give one in AWS_REGION, or choose a profile with AWS_PROFILE"
            );
        };
        let outputs = outputs(&config, stack)
            .await
            .with_context(|| format!("cannot look up the stack {stack} in {region}"))?;
        let output = |name: &str| {
            outputs.get(name).cloned().with_context(|| {
                format!("the stack {stack} in {region} has no output {name}, so it is not Muster's, or of an older version: deploy this version first")
            })
        };
        let tenants = TenantSessions::of_administrator(config.clone());
        let kms_key = output("KmsKeyArn")?;
        Ok(Self {
            store: Store::on_aws(
                aws_sdk_dynamodb::Client::new(&config),
                tenants.clone(),
                output("IntegrationsTable")?,
                output("AssetsTable")?,
            ),
            vault: Vault::SecretsManager(SecretsManagerVault::new(
                tenants,
                output("SecretPrefix")?,
                Some(kms_key).filter(|key| key.starts_with("arn:")),
            )),
            schedule: Schedule::EventBridge(EventBridgeSchedule::new(
                aws_sdk_scheduler::Client::new(&config),
                output("ScheduleGroup")?,
                output("SyncQueueArn")?,
                output("ScheduleRoleArn")?,
            )),
            address: output("Address")?,
            redirect_uri: output("RedirectUri")?,
        })
    }
}

async fn outputs(config: &SdkConfig, stack: &str) -> anyhow::Result<HashMap<String, String>> {
    let described = aws_sdk_cloudformation::Client::new(config)
        .describe_stacks()
        .stack_name(stack)
        .send()
        .await
        .map_err(|error| {
            use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata};
            match error.message() {
                Some(message) => anyhow::anyhow!("{message}"),
                None => anyhow::anyhow!("AWS did not answer: {}", DisplayErrorContext(error)),
            }
        })?;
    let stacks = described.stacks.unwrap_or_default();
    let outputs = stacks.into_iter().next().and_then(|stack| stack.outputs);
    Ok(outputs
        .unwrap_or_default()
        .into_iter()
        .filter_map(|output| Some((output.output_key?, output.output_value?)))
        .collect())
}
