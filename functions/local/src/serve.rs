//! `muster serve`.

use crate::{DataDir, Stack, StackOptions, command::Serve, open_files, signals::Signals};
use secrecy::ExposeSecret;

pub(crate) async fn run(options: Serve) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    open_files::raise_limit();
    let data = DataDir::open(options.at.data, "muster")?.starting_empty(options.start_empty);
    let starting = Stack::start(
        &data,
        StackOptions {
            listen: options.listen,
            public_url: options.public_url,
            login_url: options.at.login_url,
            graph_url: options.at.graph_url,
            background: true,
            private_webhooks: options.private_webhooks,
        },
    );
    let Some(stack) = signals.unless_stopped(starting).await.transpose()? else {
        return Ok(());
    };
    println!(
        "Muster is running. Its data is in {}.",
        data.path().display()
    );
    println!(
        "Redirect URI for the app registration: {}",
        stack.services().redirect_uri()
    );
    print_doors(&stack);
    signals.stop().await;
    println!("Stopping after the pages in hand …");
    stack.stop().await;
    Ok(())
}

/// Prints how to get in.
pub(crate) fn print_doors(stack: &Stack) {
    println!("API token: {}", stack.token().expose_secret());
    println!("\nOpen {}\n", stack.sign_in_link());
}
