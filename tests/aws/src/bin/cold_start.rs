//! Writes into docs/performance.md the size of each bootstrap, and how long it takes from its start to
//! asking Lambda's runtime API for its first event, beside a function of the same runtime that does
//! nothing.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use anyhow::{Context, Result};
use axum::{Router, extract::State, routing::get};
use muster_aws::{deployment::BINARIES, template, tools};
use std::{
    fmt::Write,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, process::Command, sync::mpsc};

const RUNS: usize = 15;

#[tokio::main]
async fn main() -> Result<()> {
    let tools = tools()?;
    let template = template::translated(&tools)?;
    // A function is given every name that the template sets for any.
    let mut names: Vec<&String> = template::resources(&template, "AWS::Lambda::Function")
        .into_iter()
        .filter_map(|(_, function)| function["Environment"]["Variables"].as_object())
        .flat_map(|variables| variables.keys())
        .collect();
    names.sort();
    names.dedup();
    let mut table = format!(
        "| bootstrap, {} | bytes | ms to the first request, median of {RUNS} | slowest |\n|---|---:|---:|---:|\n",
        std::env::consts::ARCH
    );
    for binary in ["do-nothing"].iter().chain(&BINARIES) {
        let bootstrap = tools.lambda.join(binary).join("bootstrap");
        let bytes = std::fs::metadata(&bootstrap)
            .with_context(|| format!("no bootstrap of {binary}: run `make sizes`"))?
            .len();
        let mut times = Vec::new();
        for _ in 0..RUNS {
            times.push(start(&bootstrap, &names).await?);
        }
        times.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        writeln!(
            table,
            "| {binary} | {bytes} | {:.1} | {:.1} |",
            ms(times[RUNS / 2]),
            ms(times[RUNS - 1])
        )?;
    }
    print!("{table}");
    write(&table)
}

/// Puts the table between its markers on the page.
fn write(table: &str) -> Result<()> {
    const BEGIN: &str = "<!-- sizes: begin -->\n";
    const END: &str = "<!-- sizes: end -->";
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
    let before = std::fs::read_to_string(&page)?;
    let (head, rest) = before.split_once(BEGIN).context("no begin marker")?;
    let (_, tail) = rest.split_once(END).context("no end marker")?;
    Ok(std::fs::write(
        &page,
        format!("{head}{BEGIN}{table}{END}{tail}"),
    )?)
}

/// Starts a bootstrap and waits for its first request.
async fn start(bootstrap: &Path, names: &[&String]) -> Result<Duration> {
    let (sender, mut asked) = mpsc::unbounded_channel();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .with_state(sender);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut command = Command::new(bootstrap);
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    for name in names {
        let value = match name.as_str() {
            name if name.ends_with("_URL") || name == "OIDC_ISSUER" => "https://muster.example/",
            "KMS_KEY_ARN" => "",
            "OIDC_ROLE_CLAIM" => "cognito:groups",
            other => other,
        };
        command.env(name, value);
    }
    command
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "muster")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "muster")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "muster")
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local");
    let began = Instant::now();
    let child = command.spawn()?;
    let first = tokio::time::timeout(Duration::from_secs(20), asked.recv()).await;
    let took = began.elapsed();
    first.with_context(|| format!("{} does not ask for an event", bootstrap.display()))?;
    drop(child);
    server.abort();
    Ok(took)
}

async fn next(State(sender): State<mpsc::UnboundedSender<()>>) {
    sender.send(()).ok();
    std::future::pending::<()>().await;
}
