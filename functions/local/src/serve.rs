//! `muster serve`.

use crate::{DataDir, Stack, StackOptions, command::Serve};
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) async fn run(options: Serve) -> anyhow::Result<()> {
    let data = DataDir::open(options.at.data, "muster")?.starting_empty(options.start_empty);
    let stack = Stack::start(
        &data,
        StackOptions {
            listen: options.listen,
            public_url: options.public_url,
            login_url: options.at.login_url,
            graph_url: options.at.graph_url,
            background: true,
        },
    )
    .await?;
    println!(
        "Muster is running. Its data is in {}.",
        data.path().display()
    );
    println!(
        "Redirect URI for the app registration: {}",
        stack.services().redirect_uri()
    );
    print_doors(&stack);
    stopped().await?;
    println!("Stopping after the pages in hand …");
    stack.stop().await;
    Ok(())
}

/// Prints how to get in.
pub(crate) fn print_doors(stack: &Stack) {
    println!("API token: {}", stack.token().expose_secret());
    println!("\nOpen {}\n", stack.sign_in_link());
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn stopped() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminated.recv() => {}
    }
    Ok(())
}
