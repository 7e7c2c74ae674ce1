//! `muster simulate`.

use crate::{command::Simulate, signals::Signals};
use anyhow::Context;
use microsoft_simulator::{Fault, Options, Simulator, SkuHolding, TenantOptions};

pub(crate) async fn run(options: Simulate) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let skus = options.skus.as_deref().map(|name| {
        SkuHolding::example(name).with_context(|| format!("--skus: there is no example {name}"))
    });
    let tenant = TenantOptions {
        skus: skus.transpose()?,
        ..TenantOptions::sample(options.seed, "Fourth Coffee", options.users)
    };
    let faults = Fault::parse_schedule(&options.faults).context("--faults")?;
    let bodies = options.bodies.is_some();
    let simulator = Simulator::start(Options {
        listen: Some(options.listen),
        seed: options.seed,
        tenants: if bodies {
            Vec::new()
        } else {
            vec![tenant.clone()]
        },
        bodies: options.bodies,
        faults,
        real_clock: true,
        ..Options::default()
    })
    .await
    .context("cannot start the simulator")?;
    println!("A simulated Microsoft is running. Use it with:");
    println!(
        "  muster serve --login-url {} --graph-url {}",
        simulator.login_url(),
        simulator.graph_url()
    );
    if bodies {
        println!("It serves recorded bodies to any tenant, client ID and secret.");
    } else {
        println!(
            "and connect its tenant, {} ({} users):",
            tenant.name, tenant.users
        );
        println!("  Directory (tenant) ID    {}", tenant.id);
        println!("  Application (client) ID  {}", tenant.client_id);
        println!("  Client secret            {}", tenant.client_secret);
    }
    signals.stop().await;
    simulator.stop().await;
    Ok(())
}
