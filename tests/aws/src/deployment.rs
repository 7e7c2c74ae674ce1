//! A stack on the emulator: the template as it is, but for the named gaps, and the real bootstraps.

use crate::{
    door::{self, Recording},
    emulator::Emulator,
    front::Front,
    gaps::{self, Fronts},
    template::{self, resources},
    tools::Tools,
};
use anyhow::{Context, bail};
use aws_sdk_cloudformation::{
    Client,
    types::{Capability, Parameter},
};
use std::{collections::BTreeMap, path::Path, time::Duration};
use tokio::process::Command;

/// A deployed stack.
#[derive(Debug)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// What CloudFormation calls each resource, by its logical id.
    pub physical: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Where its HTTP API is reached.
    pub api: Front,
    /// Where its function URL is reached.
    pub export: Front,
    /// What its functions asked AWS for.
    pub recording: Recording,
}

/// The functions' binaries.
pub const BINARIES: [&str; 5] = [
    "muster-portal",
    "muster-portal-export",
    "muster-oauth-callback",
    "muster-sync",
    "muster-secret-expiry",
];

/// Uploads the bootstraps, as packaging does.
///
/// # Errors
/// When one is missing or is not taken.
pub async fn package(emulator: &Emulator, tools: &Tools) -> anyhow::Result<()> {
    for binary in BINARIES {
        let zip = emulator.folder().join(format!("{binary}.zip"));
        let zipped = Command::new(&tools.python)
            .args(["-m", "zipfile", "-c"])
            .arg(&zip)
            .arg("bootstrap")
            .current_dir(tools.lambda.join(binary))
            .output();
        let zipped = zipped
            .await
            .with_context(|| format!("no bootstrap of {binary}"))?;
        if !zipped.status.success() {
            bail!("{binary}: {}", String::from_utf8_lossy(&zipped.stderr));
        }
        let body = std::fs::read(Path::new(&zip))?;
        emulator
            .put_object("artifacts", &format!("{binary}.zip"), body)
            .await?;
    }
    Ok(())
}

impl Deployment {
    /// Creates a stack with these parameters and waits until it is whole. `shortened` may set limits
    /// lower, for a story of a sync that does not end in one invocation.
    ///
    /// # Errors
    /// When it does not become so; says which resource failed.
    pub async fn create(
        emulator: &Emulator,
        tools: &Tools,
        name: &str,
        parameters: &[(&str, &str)],
        shortened: impl FnOnce(&mut serde_json::Value),
    ) -> anyhow::Result<Self> {
        let recording = Recording::default();
        let api = Front::start(&emulator.url()).await?;
        let export = Front::start(&emulator.url()).await?;
        let template = template::translated(tools)?;
        let mut doors = BTreeMap::new();
        for (function, properties) in resources(&template, "AWS::Lambda::Function") {
            let role = properties["Role"]["Fn::GetAtt"][0]
                .as_str()
                .context("a role")?;
            let door = door::open(role, &emulator.url(), &recording).await?;
            doors.insert(function.to_owned(), door);
        }
        let fronts = Fronts {
            api: api.url().to_owned(),
            export: format!("{}/", export.url()),
            doors,
        };
        let mut template = gaps::bridge(template, &fronts);
        shortened(&mut template);
        let client = Client::new(&emulator.administrator());
        let parameters = parameters.iter().map(|(key, value)| {
            Parameter::builder()
                .parameter_key(*key)
                .parameter_value(*value)
                .build()
        });
        client
            .create_stack()
            .stack_name(name)
            .template_body(template.to_string())
            .set_parameters(Some(parameters.collect()))
            .capabilities(Capability::CapabilityIam)
            .send()
            .await?;
        let outputs = outputs(&client, name).await?;
        let mut physical = BTreeMap::new();
        let listed = client
            .describe_stack_resources()
            .stack_name(name)
            .send()
            .await?;
        for resource in listed.stack_resources() {
            if let (Some(logical), Some(id)) = (
                resource.logical_resource_id(),
                resource.physical_resource_id(),
            ) {
                physical.insert(logical.to_owned(), id.to_owned());
            }
        }
        let deployment = Self {
            name: name.to_owned(),
            physical,
            outputs,
            api,
            export,
            recording,
        };
        let api = deployment.physical("Api")?;
        deployment
            .api
            .stands_for(format!("{api}.execute-api.localhost"));
        let export: url::Url = deployment.output("ExportUrl")?.parse()?;
        let host = export.host_str().unwrap_or_default();
        deployment.export.stands_for(host.to_owned());
        Ok(deployment)
    }

    /// An output of the stack.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn output(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.outputs.get(name).map(String::as_str);
        value.with_context(|| format!("the stack has no output {name}"))
    }

    /// What CloudFormation calls a resource.
    ///
    /// # Errors
    /// When there is none of this logical id.
    pub fn physical(&self, logical: &str) -> anyhow::Result<&str> {
        let id = self.physical.get(logical).map(String::as_str);
        id.with_context(|| format!("the stack has no {logical}"))
    }
}

async fn outputs(client: &Client, name: &str) -> anyhow::Result<BTreeMap<String, String>> {
    for _ in 0..600 {
        let described = client.describe_stacks().stack_name(name).send().await?;
        let stack = described.stacks().first().context("a stack")?;
        let status = stack.stack_status().map_or("", |status| status.as_str());
        match status {
            "CREATE_COMPLETE" => {
                let outputs = stack.outputs().iter().filter_map(|output| {
                    Some((
                        output.output_key()?.to_owned(),
                        output.output_value()?.to_owned(),
                    ))
                });
                return Ok(outputs.collect());
            }
            "CREATE_IN_PROGRESS" => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => {
                let events = client
                    .describe_stack_events()
                    .stack_name(name)
                    .send()
                    .await?;
                let failed: Vec<String> = events
                    .stack_events()
                    .iter()
                    .filter_map(|event| {
                        let why = event.resource_status_reason()?;
                        Some(format!(
                            "{}: {why}",
                            event.logical_resource_id().unwrap_or_default()
                        ))
                    })
                    .collect();
                bail!("the stack is {status}: {failed:#?}");
            }
        }
    }
    bail!("the stack was not created in two minutes")
}
