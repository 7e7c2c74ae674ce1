//! The `muster` command.

use clap::Parser;
use muster::command::Command;
use std::{io::IsTerminal, process::ExitCode};
use tracing_subscriber::EnvFilter;

// Here a panic must fail one message and no more; the release profile is the Lambda bootstraps'.
#[cfg(panic = "abort")]
compile_error!("build muster with `--profile measured`, or without `--release`");

#[tokio::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    let filter = EnvFilter::try_from_env("MUSTER_LOG")
        .unwrap_or_else(|_| EnvFilter::new(command.log_level()));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("muster: {error:#}");
            ExitCode::FAILURE
        }
    }
}
