//! The story of an installation, through the real bootstraps: connect, consent, sync, read, renew,
//! alert, delete.

use anyhow::{Context, Result, bail, ensure};
use microsoft_simulator::{Options, Simulator, TenantOptions};
use muster_aws::{Deployment, Emulator, Tools, deployment, tools};
use muster_it::{Browser, Caller, Issuer};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// An installation, and everything around it.
struct Rehearsal {
    emulator: Emulator,
    simulator: Simulator,
    issuer: Issuer,
    tools: Tools,
}

impl Rehearsal {
    async fn new(tenants: Vec<TenantOptions>) -> Result<Self> {
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

    async fn deploy(&self, name: &str) -> Result<Deployment> {
        let (login, graph) = (self.simulator.login_url(), self.simulator.graph_url());
        let parameters = [
            ("Architecture", "x86_64"),
            ("DeletionProtection", "false"),
            ("OidcIssuer", &self.issuer.url()),
            ("OidcClientId", "muster"),
            ("AlertEmail", "technician@msp.example"),
            ("LoginUrl", login.as_str()),
            ("GraphUrl", graph.as_str()),
        ];
        Deployment::create(&self.emulator, &self.tools, name, &parameters).await
    }
}

/// Waits until something is so.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..240 {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    bail!("it did not happen in a minute: {what}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_lives_from_deployment_to_deletion() -> Result<()> {
    let contoso = TenantOptions::sample(7, "Contoso", 60);
    let rehearsal = Rehearsal::new(vec![contoso.clone()]).await?;
    let stack = rehearsal.deploy("muster").await;
    let stack = stack.with_context(|| rehearsal.emulator.log())?;
    let token = rehearsal.issuer.access_token("ada")?;
    let caller = Caller::new(stack.api.url().to_owned(), Some(format!("Bearer {token}")))?;
    let health = caller.get("/healthz").await?;
    println!("{health:?}");
    let listed = caller.get("/api/v1/integrations").await?;
    println!("{listed:?}");
    println!("{:#?}", stack.recording.asked());
    println!("{:#?}", stack.recording.refused());
    println!("{:#?}", stack.outputs);
    Ok(())
}
