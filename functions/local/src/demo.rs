//! `muster demo`: three client tenants of a simulated Microsoft, connected, consented and synced
//! by the same path that real ones take.

use crate::{
    DataDir, Stack, StackOptions, api::Api, command::Demo, open_files, report, serve,
    signals::Signals,
};
use anyhow::{Context, bail};
use indicatif::MultiProgress;
use jiff::Timestamp;
use microsoft_simulator::{Options, Simulator, TenantOptions};
use muster_domain::TenantId;
use reqwest::{Method, StatusCode, header::LOCATION};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, time::Duration};
use url::Url;

/// What Microsoft takes to answer, about: a first look should look like life.
const LATENCY: Duration = Duration::from_millis(40);
const SEED: u64 = 365;

pub(crate) async fn run(options: Demo) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    open_files::raise_limit();
    let data = DataDir::open(options.data, "muster-demo")?;
    let tenants = tenants();
    let simulator = Simulator::start(Options {
        seed: SEED,
        now: anchor(data.path())?,
        latency: LATENCY,
        real_clock: true,
        tenants: tenants.clone(),
        ..Options::default()
    })
    .await
    .context("cannot start the simulated Microsoft")?;
    let stack = Stack::start(
        &data,
        StackOptions {
            listen: free(options.listen).await,
            public_url: None,
            login_url: Some(simulator.login_url()),
            graph_url: Some(simulator.graph_url()),
            background: true,
            private_webhooks: true,
        },
    )
    .await?;
    let api = Api::of(&stack)?;
    println!("A simulated Microsoft with three client tenants is running. Connecting them …");
    let bars = MultiProgress::new();
    let synced = futures::future::try_join_all(
        tenants
            .iter()
            .map(|tenant| follow(&api, tenant, &simulator, &bars)),
    );
    match signals.unless_stopped(synced).await {
        Some(integrations) => integrations?.iter().for_each(report::print),
        None => return stop(stack, simulator).await,
    }
    if !options.once {
        println!();
        serve::print_doors(&stack);
        println!(
            "Press Ctrl-C to stop. The data stays in {}.",
            data.path().display()
        );
        signals.stop().await;
    }
    stop(stack, simulator).await
}

async fn stop(stack: Stack, simulator: Simulator) -> anyhow::Result<()> {
    stack.stop().await;
    simulator.stop().await;
    Ok(())
}

/// Three clients that differ as clients do: one has everything, one has neither Entra ID P1 nor
/// Intune, one conceals the names in its reports.
fn tenants() -> Vec<TenantOptions> {
    let everything = TenantOptions::sample(SEED, "Fabrikam Engineering", 412);
    let mut small = TenantOptions::sample(SEED, "Tailspin Toys", 38);
    small.entra_p1 = false;
    small.intune = false;
    let mut school = TenantOptions::sample(SEED, "Northwind Academy", 1260);
    school.conceal_names = true;
    vec![everything, small, school]
}

/// The day that all simulated dates follow from: kept, so that the same data comes again.
fn anchor(data: &Path) -> anyhow::Result<Timestamp> {
    let path = data.join("simulated-day");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return text
            .trim()
            .parse()
            .with_context(|| format!("{} holds no time; delete it to begin anew", path.display()));
    }
    let now = muster_platform::now();
    muster_platform::vault::replace(&path, now.to_string().as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(now)
}

/// The address asked for, or another port where it is in use: a demo should just run.
async fn free(listen: SocketAddr) -> SocketAddr {
    match tokio::net::TcpListener::bind(listen).await {
        Ok(_) => listen,
        Err(_) => SocketAddr::new(listen.ip(), 0),
    }
}

/// Connects a tenant, consents as its administrator would, and follows its sync to the end.
async fn follow(
    api: &Api,
    tenant: &TenantOptions,
    simulator: &Simulator,
    bars: &MultiProgress,
) -> anyhow::Result<Value> {
    let id = TenantId::from(tenant.id);
    let path = format!("/api/v1/integrations/{id}");
    let known = list_has(api, id).await?;
    let since = if known {
        // The simulator forgets at each start who had consented.
        simulator.tenant(tenant.id).consent();
        let before = api.get(&path).await?;
        let asked = api.call(Method::POST, &format!("{path}/sync"), None).await;
        match asked {
            Ok(_) => before["sync"]["finished_at"].as_str().map(str::to_owned),
            // Consent was never finished: go through it now.
            Err(_) => {
                let fresh = api
                    .call(Method::POST, &format!("{path}/authorize"), None)
                    .await?;
                consent(report::text(&fresh, "authorize_url")).await?;
                None
            }
        }
    } else {
        let form = json!({
            "name": tenant.name, "tenant_id": tenant.id, "client_id": tenant.client_id,
            "client_secret": tenant.client_secret,
        });
        let integration = api
            .call(Method::POST, "/api/v1/integrations", Some(&form))
            .await?;
        consent(report::text(&integration, "authorize_url")).await?;
        None
    };
    report::watch(api, id, since, bars).await
}

async fn list_has(api: &Api, id: TenantId) -> anyhow::Result<bool> {
    let page = api.get("/api/v1/integrations?limit=1000").await?;
    Ok(report::list(&page, "items")
        .iter()
        .any(|item| report::text(item, "tenant_id") == id.to_string()))
}

/// Opens the consent page and presses Accept, then goes where Microsoft redirects.
async fn consent(authorize_url: &str) -> anyhow::Result<()> {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    let url: Url = authorize_url.parse().context("the authorize URL")?;
    let page = http.get(url.clone()).send().await?;
    if page.status() != StatusCode::OK {
        bail!("the consent page answers {}", page.status());
    }
    let mut form: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    form.push(("decision".to_owned(), "accept".to_owned()));
    let mut action = url;
    action.set_query(None);
    let answer = http.post(action).form(&form).send().await?;
    let back = answer
        .headers()
        .get(LOCATION)
        .and_then(|l| l.to_str().ok())
        .context("the consent page does not redirect")?;
    let landed = http.get(back).send().await?;
    if landed.status() != StatusCode::OK {
        bail!("Muster did not take the consent: {}", landed.status());
    }
    Ok(())
}
