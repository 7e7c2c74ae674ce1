//! An installation on the emulator, and the people and services around it.

use anyhow::{Context, Result, bail, ensure};
use aws_config::SdkConfig;
use aws_sdk_scheduler::operation::get_schedule::{GetScheduleError, GetScheduleOutput};
use microsoft_simulator::{Options, Simulator, TenantOptions};
use muster_aws::{
    Deployment, Emulator, Tools, deployment,
    emulator::{ACCOUNT, REGION},
    intrinsics::Place,
    tools,
};
use muster_it::{Browser, Caller, Issuer};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// AWS and Microsoft, before anything is deployed.
pub struct World {
    pub emulator: Emulator,
    pub simulator: Simulator,
    pub issuer: Issuer,
    pub tools: Tools,
}

impl World {
    pub async fn new(tenants: Vec<TenantOptions>) -> Result<Self> {
        let tools = tools()?;
        let emulator = Emulator::start(&tools).await?;
        deployment::package(&emulator, &tools).await?;
        let simulator = Simulator::start(Options {
            tenants,
            ..Options::default()
        });
        Ok(Self {
            emulator,
            simulator: simulator.await?,
            issuer: Issuer::start().await?,
            tools,
        })
    }

    pub async fn deploy(&self, name: &str) -> Result<Installation> {
        self.deploy_with(name, |_| {}).await
    }

    pub async fn deploy_with(
        &self,
        name: &str,
        shortened: impl FnOnce(&mut Value),
    ) -> Result<Installation> {
        self.deploy_at(name, &self.simulator, shortened).await
    }

    /// Deploys against this Microsoft.
    pub async fn deploy_at(
        &self,
        name: &str,
        microsoft: &Simulator,
        shortened: impl FnOnce(&mut Value),
    ) -> Result<Installation> {
        let (login, graph) = (microsoft.login_url(), microsoft.graph_url());
        let parameters = [
            ("Architecture", "x86_64"),
            ("DeletionProtection", "false"),
            ("OidcIssuer", &self.issuer.url()),
            ("OidcClientId", "muster"),
            ("AlertEmail", "technician@msp.example"),
            ("LoginUrl", login.as_str()),
            ("GraphUrl", graph.as_str()),
        ];
        let stack =
            Deployment::create(&self.emulator, &self.tools, name, &parameters, shortened).await;
        let stack = stack.with_context(|| self.emulator.log())?;
        let token = self.issuer.access_token("ada")?;
        let manager = Caller::new(stack.api.url().to_owned(), Some(format!("Bearer {token}")))?;
        Ok(Installation {
            stack,
            manager,
            administrator: self.emulator.administrator(),
        })
    }
}

/// One deployed stack.
pub struct Installation {
    pub stack: Deployment,
    /// The API, as a manager.
    pub manager: Caller,
    /// Who looks at AWS from outside.
    pub administrator: SdkConfig,
}

pub fn path(tenant: &TenantOptions) -> String {
    format!("/api/v1/integrations/{}", tenant.id)
}

impl Installation {
    /// Where the true policies hold: the stack's own names, for the evaluator.
    pub async fn place(&self) -> Result<Place> {
        let mut physical = self.stack.physical.clone();
        // CloudFormation's name of a secret is its ARN; the emulator's is the name.
        let secrets = aws_sdk_secretsmanager::Client::new(&self.administrator);
        let secret = self.stack.physical("PortalSecret")?;
        let described = secrets.describe_secret().secret_id(secret).send().await?;
        let arn = described.arn.context("an ARN")?;
        physical.insert("PortalSecret".to_owned(), arn);
        Ok(Place {
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            physical,
            ..Place::made_up(&self.stack.name)
        })
    }

    /// The labels of each version of a tenant's secret.
    pub async fn versions(&self, tenant: &TenantOptions) -> Result<BTreeMap<String, Vec<String>>> {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.administrator);
        let described = secrets.describe_secret().secret_id(self.secret(tenant)?);
        let versions = described.send().await?.version_ids_to_stages;
        Ok(versions.unwrap_or_default().into_iter().collect())
    }

    /// The name of a tenant's secret.
    pub fn secret(&self, tenant: &TenantOptions) -> Result<String> {
        Ok(format!(
            "{}{}",
            self.stack.output("SecretPrefix")?,
            tenant.id
        ))
    }

    /// Connects a tenant and consents, as an administrator of it does.
    pub async fn connect(&self, tenant: &TenantOptions) -> Result<Value> {
        self.connect_in(&Browser::new()?, tenant).await
    }

    /// The same, consenting in this browser.
    pub async fn connect_in(&self, browser: &Browser, tenant: &TenantOptions) -> Result<Value> {
        let form = muster_it::form(tenant);
        let created = self
            .manager
            .json(Method::POST, "/api/v1/integrations", &form)
            .await?;
        ensure!(created.status.as_u16() == 201, "{}", created.text);
        let url = created.json["authorize_url"].as_str().context("a link")?;
        let landed = browser.consent(url, true).await?;
        let (status, page) = (landed.status(), landed.text().await?);
        ensure!(status.is_success(), "the callback answers {status}: {page}");
        Ok(created.json)
    }

    /// The integration as the API tells it.
    pub async fn integration(&self, tenant: &TenantOptions) -> Result<Value> {
        let answer = self.manager.get(&path(tenant)).await?;
        ensure!(answer.status.is_success(), "{}", answer.text);
        Ok(answer.json)
    }

    /// Waits for a sync that ended after `before`.
    pub async fn synced(&self, tenant: &TenantOptions, before: &Value) -> Result<Value> {
        until("a sync ends", async || {
            let integration = self.integration(tenant).await?;
            let sync = &integration["sync"];
            let ended = sync["finished_at"].is_string()
                && sync["finished_at"] != *before
                && sync["running"] == false;
            Ok(ended.then_some(integration))
        })
        .await
    }

    /// Asks for a sync and waits for its end.
    pub async fn sync(&self, tenant: &TenantOptions) -> Result<Value> {
        let before = self.integration(tenant).await?["sync"]["finished_at"].clone();
        let asked = format!("{}/sync", path(tenant));
        let asked = self.manager.json(Method::POST, &asked, &json!({})).await?;
        ensure!(asked.status.as_u16() == 202, "{}", asked.text);
        self.synced(tenant, &before).await
    }

    /// How many messages wait in a queue, or are being worked on.
    pub async fn waiting(&self, queue: &str) -> Result<u32> {
        use aws_sdk_sqs::types::QueueAttributeName as Name;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
        ];
        let attributes = aws_sdk_sqs::Client::new(&self.administrator)
            .get_queue_attributes()
            .queue_url(self.stack.output(queue)?)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await?;
        let numbers = attributes.attributes.unwrap_or_default();
        Ok(numbers.values().filter_map(|n| n.parse::<u32>().ok()).sum())
    }

    /// Puts a message on the sync queue, as whoever may do so would.
    pub async fn send(&self, group: &str, body: &str) -> Result<()> {
        aws_sdk_sqs::Client::new(&self.administrator)
            .send_message()
            .queue_url(self.stack.output("SyncQueueUrl")?)
            .message_group_id(group)
            .message_deduplication_id(uuid::Uuid::new_v4().to_string())
            .message_body(body)
            .send()
            .await?;
        Ok(())
    }

    /// The tenant's recurring schedule, if there is one.
    pub async fn schedule(&self, tenant: &TenantOptions) -> Result<Option<GetScheduleOutput>> {
        let got = aws_sdk_scheduler::Client::new(&self.administrator)
            .get_schedule()
            .group_name(self.stack.output("ScheduleGroup")?)
            .name(tenant.id.to_string())
            .send()
            .await;
        match got {
            Ok(schedule) => Ok(Some(schedule)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetScheduleError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Every item of a table that has to do with a tenant.
    pub async fn items(&self, table: &str, tenant: &TenantOptions) -> Result<usize> {
        let id = tenant.id.to_string();
        let mut pages = aws_sdk_dynamodb::Client::new(&self.administrator)
            .scan()
            .table_name(self.stack.output(table)?)
            .into_paginator()
            .send();
        let mut found = 0;
        while let Some(page) = pages.next().await {
            let page = page?;
            found += page
                .items()
                .iter()
                .filter(|item| format!("{item:?}").contains(&id))
                .count();
        }
        Ok(found)
    }
}

/// Waits until something is so.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..480 {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    bail!("it did not happen in two minutes: {what}")
}

impl Drop for World {
    /// A story that broke off says what AWS saw of it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.emulator.log());
        }
    }
}
