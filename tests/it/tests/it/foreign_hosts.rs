//! Checks that a name which somebody else points at this machine opens nothing (DNS rebinding).

use anyhow::{Context, Result};
use microsoft_simulator::{Options, Simulator};
use muster::DataDir;
use muster_it::{Served, muster, serve_arguments};
use reqwest::{Client, StatusCode, header};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_pointed_at_this_machine_opens_nothing() -> Result<()> {
    let simulator = Simulator::start(Options::default()).await?;
    let folder = tempfile::tempdir()?;
    let mut command = muster(folder.path())?;
    command
        .args(serve_arguments(&simulator))
        .args(["--public-url", "https://muster.example.com"]);
    let served = Served::of(command, folder.path(), |_| folder.path().join("data")).await?;
    let data = DataDir::open(Some(served.data().to_owned()), "unused")?;
    let base = data.address().context("it has an address")?;
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let token = std::fs::read_to_string(served.data().join("token"))?;
    for path in [
        "/",
        "/sign-in",
        "/style.css",
        "/no-such-path",
        "/account/integration/oauth?state=x",
        "/api/v1/integrations",
        "/api/v1/openapi.json",
    ] {
        let ask = |host: &'static str| {
            let request = client
                .get(format!("{base}{path}"))
                .header(header::HOST, host);
            request.bearer_auth(token.trim()).send()
        };
        let foreign = ask("attacker.example:8365").await?;
        assert_eq!(foreign.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
        let body = foreign.text().await?;
        assert!(body.contains("not served at attacker.example"), "{body}");
        assert!(body.contains("--public-url"), "{body}");
        for own in ["localhost:9000", "127.0.0.1", "muster.example.com"] {
            let answered = ask(own).await?.status();
            assert_ne!(answered, StatusCode::MISDIRECTED_REQUEST, "{path} at {own}");
        }
    }
    Ok(())
}
