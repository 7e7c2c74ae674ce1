//! Whatever Muster proves itself with, and every token it gets by that, is in the vault or on its
//! way to Microsoft, and nowhere else: a secret that Muster had made, a certificate's private key
//! and its assertions, AWS's word, and the access tokens by each.

use anyhow::{Context, Result, ensure};
use muster_domain::{TenantId, alert::ChannelKind, cloud::Cloud, datasets};
use muster_it::{Calendar, Hook, Seen, tenant};
use muster_platform::{alerting, by_itself, certificate, renew, vault::Stage};
use muster_secret_expiry::{Rotation, Step};
use muster_sync::Outcome;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::{
    cell::RefCell,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tracing::dispatcher::{DefaultGuard, Dispatch, set_default};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that every crate logs on this test's threads.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn listener(&self) -> Dispatch {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(self.clone());
        Dispatch::new(subscriber.finish())
    }
}

thread_local! {
    static LISTENING: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

#[test]
fn no_credential_assertion_or_token_of_any_kind_gets_out() -> Result<()> {
    let log = Log::default();
    let listener = log.listener();
    // While there is one alone, tracing lets the thread that comes by a callsite first decide for all
    // whether it is heard: another test's, which listens to nothing.
    let _second = Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let on_threads = listener.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || LISTENING.set(Some(set_default(&on_threads))))
        .build()?;
    let _here = set_default(&listener);
    let (mut seen, secrets) = runtime.block_on(Box::pin(a_life()))?;
    runtime.shutdown_timeout(Duration::from_secs(5));
    let logged = std::mem::take(&mut *log.0.lock().unwrap_or_else(PoisonError::into_inner));
    let text = String::from_utf8_lossy(&logged).into_owned();
    for proof in ["TRACE", "sync ended", "a new client secret is in use"] {
        assert!(text.contains(proof), "the log is whole: {proof}");
    }
    seen.heard("the log", logged);
    let found = seen.place_of(secrets.iter().map(String::as_str));
    assert_eq!(found, None, "a secret got out");
    assert_eq!(seen.place_of_a_token(), None, "a token got out");
    Ok(())
}

/// Each kind of credential in turn, with what goes wrong with it; everything that was seen, and
/// everything that must not be.
async fn a_life() -> Result<(Seen, Vec<String>)> {
    let mut options = tenant("Fabrikam", 3);
    for optional in ["Application.ReadWrite.OwnedBy", "Policy.Read.All"] {
        options.permissions.push(optional.to_owned());
    }
    let mut calendar = Calendar::start(options).await?;
    let (teams, slack) = (Hook::start().await?, Hook::start().await?);
    for (kind, hook) in [(ChannelKind::Teams, &teams), (ChannelKind::Slack, &slack)] {
        let url = SecretString::from(hook.url.clone());
        alerting::add_channel(&calendar.services, kind, kind.name(), url).await?;
    }
    let mut seen = Seen::default();
    let mut secrets = Vec::new();

    by_a_secret_of_its_own(&mut calendar, &mut seen).await?;
    secrets.push(by_a_certificate(&mut calendar, &mut seen).await?);
    by_the_word_of_aws(&mut calendar, &mut seen).await?;
    for hook in [&calendar.hook, &teams, &slack] {
        let posted = hook.raw();
        ensure!(!posted.is_empty(), "each channel was told something");
        for (headers, body) in posted {
            seen.heard("an alert", format!("{headers:?}").into_bytes());
            seen.heard("an alert", body.to_vec());
        }
    }
    let shown = calendar.microsoft().shown();
    let assertions = shown.iter().filter(|shown| {
        let parts: Vec<&str> = shown.split('.').collect();
        parts.len() == 3 && !shown.contains("~")
    });
    ensure!(assertions.count() > 6, "assertions and tokens were shown");
    secrets.extend(shown);
    secrets.extend(
        calendar
            .microsoft()
            .secrets()
            .into_iter()
            .map(|(_, text, _)| text),
    );
    Ok((seen, secrets))
}

async fn by_a_secret_of_its_own(calendar: &mut Calendar, seen: &mut Seen) -> Result<()> {
    let microsoft = calendar.microsoft();
    microsoft.set_owns_itself(true);
    microsoft.set_secret_policy(true, None);
    calendar.renew_by_itself(60).await?;
    calendar.pass(1);
    calendar.sync().await?;
    let refused = by_itself::renew(&calendar.services, calendar.tenant);
    wrong(seen, "a refused secret", calendar.today(refused).await);
    microsoft.set_secret_policy(false, None);
    microsoft.set_credential_lag(Duration::from_secs(1));
    let renewed = by_itself::renew(&calendar.services, calendar.tenant);
    calendar.today(renewed).await?;
    everything(calendar, seen, "a secret of Muster's").await?;
    // It is deleted, so that work goes on with the one before, and says so.
    let (_, made, _) = microsoft.secrets().pop().context("the one it made")?;
    microsoft.remove_secret(&made);
    everything(calendar, seen, "the secret before").await?;
    microsoft.add_secret(&made, Duration::from_secs(60 * 24 * 60 * 60));
    everything(calendar, seen, "a secret that is back").await
}

async fn by_a_certificate(calendar: &mut Calendar, seen: &mut Seen) -> Result<String> {
    let (services, tenant) = (&calendar.services, calendar.tenant);
    let offered = calendar
        .today(renew::offer_certificate(services, tenant))
        .await?;
    seen.heard("what is offered", format!("{offered:?}").into_bytes());
    let early = calendar.today(renew::by_certificate(services, tenant));
    wrong(seen, "a certificate not uploaded", early.await);
    let kept = services.vault.get_stage(tenant, Stage::Pending).await?;
    let kept = kept.context("a key pair")?;
    let parsed = certificate::of(&kept).context("a certificate")?;
    let said = format!("{parsed:?} {:?} {kept:?}", parsed.public());
    seen.heard("a certificate's Debug", said.into_bytes());
    let life = Duration::from_secs(365 * 24 * 60 * 60);
    calendar
        .microsoft()
        .upload_certificate(&super::renewal::der(&offered.pem)?, life);
    calendar
        .today(renew::by_certificate(services, tenant))
        .await?;
    everything(calendar, seen, "a certificate").await?;
    let kept: Value = serde_json::from_str(kept.expose_secret())?;
    let key = kept["key"].as_str().context("a private key")?;
    // The first part holds the modulus, which is public.
    Ok(key[key.len() / 2..].to_owned())
}

async fn by_the_word_of_aws(calendar: &mut Calendar, seen: &mut Seen) -> Result<()> {
    let services = calendar.services.clone();
    let tenant = calendar.tenant;
    let (issuer, subject) = muster_it::vouched_for();
    let microsoft = calendar.microsoft();
    microsoft.add_federated(issuer, "another role", "another audience");
    let refused = renew::by_federation(&services, tenant);
    wrong(seen, "a role not trusted", calendar.today(refused).await);
    let identity = services.microsoft.web_identity(tenant).await?;
    seen.heard("who AWS says it is", format!("{identity:?}").into_bytes());
    microsoft.add_federated(issuer, subject, Cloud::Global.token_exchange_audience());
    calendar
        .today(renew::by_federation(&services, tenant))
        .await?;
    everything(calendar, seen, "AWS's word").await?;
    let rotation = Rotation {
        secret_id: format!("arn:aws:secretsmanager:eu-central-1:1:secret:muster/{tenant}-AbCdEf"),
        client_request_token: "token".to_owned(),
        step: Step::Create,
    };
    let expiry = muster_secret_expiry::Context::new(services);
    let refused = muster_secret_expiry::rotate(&expiry, &rotation).await;
    wrong(seen, "a rotation of what is no secret", refused);
    microsoft.delete_federated();
    microsoft.delete_certificates();
    calendar.pass(1);
    ensure!(calendar.sync().await? == Outcome::NoAccess);
    everything(calendar, seen, "nothing that works").await
}

/// An error, as it is shown and as it is debugged.
fn wrong<T: std::fmt::Debug, E: std::error::Error>(
    seen: &mut Seen,
    what: &str,
    result: Result<T, E>,
) {
    let error = result.expect_err(what);
    seen.heard(what, format!("{error} {error:?}").into_bytes());
}

/// A sync and the daily look, then every answer, page, file and Debug text there is.
async fn everything(calendar: &mut Calendar, seen: &mut Seen, with: &str) -> Result<()> {
    calendar.pass(1);
    calendar.sync().await?;
    calendar.look().await?;
    let (services, tenant) = (&calendar.services, calendar.tenant);
    let integration = calendar.integration().await?;
    let minted = renew::mint(services, &integration).await?;
    let kept = services.vault.get(tenant).await?;
    let stack = calendar.world.muster();
    let said = format!("{services:?} {integration:?} {minted:?} {kept:?} {stack:?}");
    seen.heard(format!("Debug, with {with}"), said.into_bytes());
    answers(calendar, seen, with, tenant).await?;
    let data = calendar.world.folder().join("data");
    seen.files(&data, &format!("with {with}"))
}

async fn answers(calendar: &Calendar, seen: &mut Seen, with: &str, tenant: TenantId) -> Result<()> {
    let api = calendar.world.api()?;
    let path = format!("/api/v1/integrations/{tenant}");
    let mut reads = vec![
        "/api/v1/integrations".to_owned(),
        path.clone(),
        format!("{path}/summary"),
        format!("{path}/changes"),
        "/api/v1/alerts".to_owned(),
    ];
    reads.extend(
        datasets::ALL
            .iter()
            .map(|dataset| format!("{path}/assets/{}", dataset.name)),
    );
    for read in reads {
        let answer = api.get(&read).await?;
        seen.heard(
            format!("{read} with {with}"),
            answer.to_string().into_bytes(),
        );
    }
    let browser = calendar.world.browser().await?;
    let page = format!("/account/integration/microsoft365/{tenant}");
    for place in [
        "/".to_owned(),
        page.clone(),
        format!("{page}/credential"),
        format!("/account/integration/microsoft365/setup?kind=certificate&tenant_id={tenant}"),
        "/account/alerts".to_owned(),
        format!("/assets/microsoft365/{tenant}/applications"),
    ] {
        let answer = browser.get(&calendar.services.page(&place)).await?;
        ensure!(answer.status().is_success(), "{place}: {}", answer.status());
        let body = answer.bytes().await?.to_vec();
        seen.heard(format!("{place} with {with}"), body);
    }
    Ok(())
}
