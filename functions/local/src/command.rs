//! The command line.

use crate::{demo, export, integrations, move_out, serve, simulate, sync};
use clap::{Args, Parser, Subcommand, ValueEnum};
use muster_domain::TenantId;
use std::{net::SocketAddr, path::PathBuf};
use url::Url;

/// Keeps an inventory of your clients' Microsoft 365 tenants.
#[derive(Debug, Parser)]
#[command(name = "muster", version)]
pub struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Shows Muster at work on three simulated client tenants.
    Demo(Demo),
    /// Runs the whole system for real tenants.
    Serve(Serve),
    /// Syncs one tenant now, and waits for it.
    Sync(Sync),
    /// Writes one dataset of a tenant to standard output.
    Export(Export),
    /// Lists the integrations.
    Integrations(Integrations),
    /// Copies this data directory into a stack on AWS, and verifies the copy.
    Move(Move),
    /// Runs the simulator of Microsoft's sign-in, consent and Graph alone.
    Simulate(Simulate),
}

/// Options of `muster demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Exits after the first sync, with a table of what came in.
    #[arg(long)]
    pub once: bool,
    /// Where the demo's data is kept [default: muster-demo in the user's data directory].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The address to listen on; another port is taken where this one is in use.
    #[arg(long, default_value = "127.0.0.1:8365")]
    pub listen: SocketAddr,
}

/// Which data directory, and what stands in for Microsoft.
#[derive(Debug, Args, Clone)]
pub struct Where {
    /// Where everything is kept [default: muster in the user's data directory].
    #[arg(long, value_name = "DIR", env = "MUSTER_DATA")]
    pub data: Option<PathBuf>,
    /// Replaces Microsoft's sign-in host for every integration (for tests and proxies).
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub login_url: Option<Url>,
    /// Replaces Microsoft's Graph host for every integration (for tests and proxies).
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub graph_url: Option<Url>,
}

/// Options of `muster serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Which data directory, and what stands in for Microsoft.
    #[command(flatten)]
    pub at: Where,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:8365")]
    pub listen: SocketAddr,
    /// The address that browsers and Microsoft's redirect use. Entra accepts plain http for the
    /// name `localhost` alone [default: http://localhost and the port].
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub public_url: Option<Url>,
    /// Lets alerts be posted to webhooks in a private network or on this machine.
    #[arg(long)]
    pub private_webhooks: bool,
    /// Begins anew where the store is empty although the vault holds clients' secrets. The vault is set
    /// aside, not deleted.
    #[arg(long)]
    pub start_empty: bool,
}

/// Options of `muster sync`.
#[derive(Debug, Args)]
pub struct Sync {
    /// The tenant: its directory ID.
    pub tenant: TenantId,
    /// Reads everything again from its start, whatever is stored.
    #[arg(long)]
    pub full: bool,
    /// Which data directory, and what stands in for Microsoft.
    #[command(flatten)]
    pub at: Where,
}

/// Options of `muster export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The tenant: its directory ID.
    pub tenant: TenantId,
    /// The dataset, such as `users`.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(muster_domain::datasets::ALL.iter().map(|d| d.name)))]
    pub dataset: String,
    /// The format.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub format: Format,
    /// Which data directory, and what stands in for Microsoft.
    #[command(flatten)]
    pub at: Where,
}

/// What `muster export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated values with a header line.
    Csv,
    /// A JSON array of objects.
    Json,
}

/// Options of `muster integrations`.
#[derive(Debug, Args)]
pub struct Integrations {
    /// Which data directory, and what stands in for Microsoft.
    #[command(flatten)]
    pub at: Where,
}

/// Options of `muster move`.
#[derive(Debug, Args)]
pub struct Move {
    /// The name of the CloudFormation stack. Account and region come from the AWS CLI's settings
    /// and environment (`AWS_PROFILE`, `AWS_REGION`).
    #[arg(long, value_name = "NAME")]
    pub stack: String,
    /// What is copied [default: muster in the user's data directory].
    #[arg(long, value_name = "DIR", env = "MUSTER_DATA")]
    pub data: Option<PathBuf>,
}

/// Options of `muster simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// The address of the sign-in host; Graph and the report host take the next two ports.
    #[arg(long, default_value = "127.0.0.1:8375")]
    pub listen: SocketAddr,
    /// Users in the tenant.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=500_000))]
    pub users: u32,
    /// What all generated data follows from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What goes wrong, and when: `users/delta#2=503,secureScores#1x3=429:2` makes the second
    /// request for users fail, and three for secure scores be throttled for two seconds.
    #[arg(long, value_name = "SCHEDULE", default_value = "")]
    pub faults: String,
    /// The SKUs that the tenant holds: `grace`, `premium-in-grace`, `over-assigned`, `free`, `large`,
    /// `trial`, `suspended`, `unknown` or `odd` [default: those of a tenant without trouble].
    #[arg(long, value_name = "EXAMPLE")]
    pub skus: Option<String>,
    /// Serves the recorded bodies of this directory instead.
    #[arg(long, value_name = "DIR")]
    pub bodies: Option<PathBuf>,
}

impl Command {
    /// Runs it.
    ///
    /// # Errors
    /// When it fails; the error is for a person to read.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.what {
            What::Demo(options) => demo::run(options).await,
            What::Serve(options) => serve::run(options).await,
            What::Sync(options) => sync::run(options).await,
            What::Export(options) => export::run(options).await,
            What::Integrations(options) => integrations::run(options).await,
            What::Move(options) => move_out::run(options).await,
            What::Simulate(options) => simulate::run(options).await,
        }
    }

    /// What is logged unless `MUSTER_LOG` says otherwise: a server tells what it does, a command
    /// only what goes wrong.
    pub fn log_level(&self) -> &'static str {
        match self.what {
            What::Serve(_) => "info,aws_config=warn,dynoxide=warn",
            _ => "error",
        }
    }
}

/// An http or https origin, without a path.
fn origin(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|e| format!("{e}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("an address begins with http:// or https://".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
        return Err("an address without a path, such as http://localhost:8365".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Command::command().debug_assert();
    }

    #[test]
    fn an_address_is_an_origin() {
        assert!(origin("http://localhost:8365").is_ok());
        for bad in [
            "localhost:8365",
            "ftp://x",
            "http://x/path",
            "http://x/?q",
            "x",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
