//! Webhooks that do not answer, and addresses that are not posted to.

use anyhow::{Context, Result};
use microsoft_simulator::{Options, Simulator};
use muster_domain::alert::ChannelKind;
use muster_it::{Calendar, Caller, Served, tenant};
use muster_platform::alerting;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tokio::{io::AsyncReadExt, net::TcpListener};

/// A server that takes connections and never answers.
struct Silent {
    url: String,
    connections: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

impl Silent {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let (connections, open, most) =
            <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (counted, most_at_once) = (Arc::clone(&connections), Arc::clone(&most));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, SeqCst);
                most.fetch_max(open.fetch_add(1, SeqCst) + 1, SeqCst);
                let open = Arc::clone(&open);
                tokio::spawn(async move {
                    let mut read = [0; 4096];
                    while stream.read(&mut read).await.is_ok_and(|read| read > 0) {}
                    open.fetch_sub(1, SeqCst);
                });
            }
        });
        Ok(Self {
            url,
            connections,
            most_at_once,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_do_not_answer_delay_no_other_and_say_so_on_themselves() -> Result<()> {
    let mut calendar = Calendar::start(tenant("Fabrikam", 3)).await?;
    let silent = Silent::start().await?;
    for name in ["one", "two", "three"] {
        let url = SecretString::from(silent.url.clone());
        alerting::add_channel(&calendar.services, ChannelKind::Webhook, name, url).await?;
    }
    let caller = Caller::of(&calendar.world)?;
    let test = caller
        .send(Method::POST, "/api/v1/alerts/test", None)
        .await?;
    let outcomes = test.json["channels"].as_array().context("channels")?;
    let taken = outcomes.iter().filter(|outcome| outcome["taken"] == true);
    assert_eq!((outcomes.len(), taken.count()), (5, 2), "{}", test.text);
    assert_eq!(
        silent.most_at_once.load(SeqCst),
        3,
        "they were waited for one by one"
    );
    let told = caller.get("/api/v1/alerts").await?;
    for channel in told.json["channels"].as_array().context("channels")? {
        let why = channel["trouble"]["why"].as_str();
        match channel["name"].as_str() {
            Some("test") => assert_eq!(why, None, "{channel}"),
            _ => assert_eq!(why, Some("the webhook did not answer in time"), "{channel}"),
        }
    }
    let page = caller.get("/account/alerts").await?;
    assert_eq!(page.text.matches("Failing").count(), 3, "{}", page.text);

    // Two things are due, and each silent webhook is waited for once in a run.
    calendar.pass(150);
    let before = silent.connections.load(SeqCst);
    let look = async { alerting::look_at_all(&calendar.services, muster_platform::now()).await };
    let sent = calendar.today(look).await?;
    assert!(sent >= 2, "{sent} things are told");
    assert_eq!(silent.connections.load(SeqCst) - before, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_posts_to_private_addresses_only_where_that_is_allowed() -> Result<()> {
    let simulator = Simulator::start(Options::default()).await?;
    for (flags, status) in [(&[][..], 422), (&["--private-webhooks"][..], 201)] {
        let folder = tempfile::tempdir()?;
        let mut command = muster_it::muster(folder.path())?;
        command
            .args(muster_it::serve_arguments(&simulator))
            .args(flags);
        let mut served = Served::of(command, folder.path(), |_| folder.path().join("data")).await?;
        let body = json!({"kind": "slack", "name": "x", "url": "https://10.0.0.8/hook"});
        let caller = served.caller()?;
        let path = "/api/v1/alerts/channels";
        let added = caller.json(Method::POST, path, &body).await?;
        assert_eq!(added.status.as_u16(), status, "{}", added.text);
        served.kill().await?;
    }
    Ok(())
}
