//! A secret is in the vault and nowhere else: not in a log line, an answer, a file or a Debug text.

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use microsoft_simulator::{Options, Simulator, TenantHandle, TenantOptions};
use muster_domain::{TenantId, datasets};
use muster_it::{
    Answer, Browser, Caller, Seen, Served, World, files_below, form, muster, serve_arguments,
    tenant,
};
use muster_platform::vault::{FileVault, Stage, Vault};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

const FIRST: &str = "cAn8Q~first-canary.0123456789-abcdefghij";
const SECOND: &str = "cAn8Q~second.canary-9876543210_klmnopqrs";
const HOOK: &str = "hOok8Q~webhook-canary.2468013579_wxyzabcd";
const WRONG: &str = "cAn8Q~wrong_canary.1357924680-tuvwxyzabc";

/// A caller that keeps every answer.
struct Recorder<'a> {
    caller: Caller,
    seen: &'a mut Seen,
}

impl Recorder<'_> {
    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
        let said = format!("the answer to {method} {path}");
        let answer = match body {
            Some(body) => self.caller.json(method, path, &body).await?,
            None => self.caller.send(method, path, None).await?,
        };
        self.seen.heard(said, answer.wire.clone());
        Ok(answer)
    }
}

/// A tenant whose secret is the canary.
fn canary() -> TenantOptions {
    let mut tenant = tenant("Fabrikam", 25);
    tenant.client_secret = FIRST.to_owned();
    tenant
}

/// Asks for a secret to be taken in every way that goes wrong.
async fn misuse(recorder: &mut Recorder<'_>, tenant: &TenantOptions) -> Result<()> {
    let connect = "/api/v1/integrations";
    for (field, value) in [
        ("client_secret", json!(WRONG)),
        ("client_secret", json!([FIRST])),
        ("client_secret", json!(format!("{FIRST} {FIRST}"))),
        ("tenant_id", json!(FIRST)),
        ("client_id", json!(FIRST)),
        ("cloud", json!(FIRST)),
        ("cadence_minutes", json!(FIRST)),
        (FIRST, json!(1)),
    ] {
        let mut body = form(tenant);
        body[field] = value;
        let answer = recorder.call(Method::POST, connect, Some(body)).await?;
        assert!(answer.status.is_client_error(), "{}", answer.text);
    }
    let text = format!("{{\"client_secret\": \"{FIRST}\", ");
    let body = Some(("application/json", text.into_bytes()));
    let answer = recorder.caller.send(Method::POST, connect, body).await?;
    assert_eq!(answer.status.as_u16(), 400);
    recorder.seen.heard("a body cut short", answer.wire);
    for path in [
        format!("{connect}/{FIRST}"),
        format!("{connect}/{}/assets/{FIRST}", tenant.id),
        format!("{connect}?{FIRST}=1"),
        format!("/account/integration/oauth?state={FIRST}&error_description={FIRST}"),
    ] {
        let answer = recorder.call(Method::GET, &path, None).await?;
        assert!(answer.status.is_client_error(), "{}", answer.text);
    }
    Ok(())
}

/// Adds a webhook that nobody answers, and sends to it; its key, which the one who adds it is told.
async fn webhook(recorder: &mut Recorder<'_>) -> Result<String> {
    let body = json!({
        "kind": "webhook", "name": "Nobody", "url": format!("http://127.0.0.1:9/{HOOK}"),
    });
    let path = "/api/v1/alerts/channels";
    let added = recorder.caller.json(Method::POST, path, &body).await?;
    assert_eq!(added.status.as_u16(), 201, "{}", added.text);
    let key = added.json["signing_key"]
        .as_str()
        .context("a key")?
        .to_owned();
    let bad =
        json!({"kind": "webhook", "name": "Bad", "url": format!("http://psa.example/{HOOK}")});
    let refused = recorder.call(Method::POST, path, Some(bad)).await?;
    assert_eq!(refused.status.as_u16(), 422, "{}", refused.text);
    recorder
        .call(Method::POST, "/api/v1/alerts/test", None)
        .await?;
    recorder.call(Method::GET, "/api/v1/alerts", None).await?;
    Ok(key)
}

/// Moves over to a certificate; its private key, as the vault keeps it.
async fn certificate(
    recorder: &mut Recorder<'_>,
    tenant: &TenantHandle,
    path: &str,
    folder: &Path,
) -> Result<String> {
    let make = format!("{path}/credential/certificate");
    let made = recorder.call(Method::POST, &make, None).await?;
    assert_eq!(made.status.as_u16(), 200, "{}", made.text);
    let pem = made.json["credential"]["offered_certificate"]["pem"].as_str();
    let der = super::renewal::der(pem.context("a certificate")?)?;
    tenant.upload_certificate(&der, Duration::from_secs(365 * 24 * 60 * 60));
    let switch = json!({"kind": "certificate"});
    let moved = recorder
        .call(Method::PUT, &format!("{path}/credential"), Some(switch))
        .await?;
    assert_eq!(moved.status.as_u16(), 200, "{}", moved.text);
    let vault = FileVault::open(vault_file(folder)?, key_file(folder)?, None)?;
    let kept = vault.get(TenantId::from(tenant.id()), Stage::Current)?;
    let kept = kept.context("a certificate in the vault")?;
    let kept: Value = serde_json::from_str(secrecy::ExposeSecret::expose_secret(&kept))?;
    let key = kept["key"].as_str().context("a private key")?;
    // The first part holds the modulus, which is public.
    Ok(key[key.len() / 2..].to_owned())
}

fn vault_file(folder: &Path) -> Result<PathBuf> {
    let found = files_below(folder)?
        .into_iter()
        .find(|file| file.ends_with("data/vault"));
    found.context("the vault")
}

fn key_file(folder: &Path) -> Result<PathBuf> {
    let found = files_below(folder)?
        .into_iter()
        .find(|file| file.ends_with("vault.key"));
    found.context("the vault's key")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_and_its_tokens_are_nowhere_outside_the_vault() -> Result<()> {
    let fabrikam = canary();
    let simulator = Simulator::start(Options {
        tenants: vec![fabrikam.clone()],
        ..Options::default()
    })
    .await?;
    let folder = TempDir::new()?;
    let mut command = muster(folder.path())?;
    command
        .args(serve_arguments(&simulator))
        .arg("--private-webhooks");
    // Every crate's every word, not ours alone.
    command.env("MUSTER_LOG", "trace");
    let data = folder.path().join("data");
    let mut served = Served::of(command, folder.path(), |_| data.clone()).await?;
    let mut seen = Seen::default();
    let mut recorder = Recorder {
        caller: served.caller()?,
        seen: &mut seen,
    };
    let path = format!("/api/v1/integrations/{}", fabrikam.id);

    misuse(&mut recorder, &fabrikam).await?;
    let created = recorder
        .call(Method::POST, "/api/v1/integrations", Some(form(&fabrikam)))
        .await?;
    assert_eq!(created.status.as_u16(), 201, "{}", created.text);
    let again = recorder
        .call(Method::POST, "/api/v1/integrations", Some(form(&fabrikam)))
        .await?;
    assert_eq!(again.status.as_u16(), 409, "{}", again.text);
    let url = created.json["authorize_url"].as_str().context("a URL")?;
    let back = Browser::new()?.decide(url, true).await?;
    let landed = recorder.call(Method::GET, &back, None).await?;
    assert_eq!(landed.status.as_u16(), 200, "{}", landed.text);
    let synced = served.finished(fabrikam.id, &Value::Null).await?;
    assert_eq!(synced["status"], "connected", "{synced:#}");
    recorder.seen.files(&data, "after the first sync")?;

    let credential = format!("{path}/credential");
    let wrong = json!({"client_secret": WRONG});
    let refused = recorder.call(Method::PUT, &credential, Some(wrong)).await?;
    assert_eq!(refused.status.as_u16(), 422, "{}", refused.text);
    let handle = simulator.tenant(fabrikam.id);
    handle.set_secret(SECOND, Duration::from_secs(90 * 24 * 60 * 60));
    let good = json!({"client_secret": SECOND});
    let replaced = recorder.call(Method::PUT, &credential, Some(good)).await?;
    assert_eq!(replaced.status.as_u16(), 200, "{}", replaced.text);
    served.finished(fabrikam.id, &synced).await?;
    recorder.seen.files(&data, "after the replacement")?;
    let signing_key = webhook(&mut recorder).await?;
    let private_key = certificate(&mut recorder, &handle, &path, folder.path()).await?;
    served.finished(fabrikam.id, &synced).await?;
    served.sync(fabrikam.id).await?;
    let back = json!({"client_secret": SECOND});
    let replaced = recorder.call(Method::PUT, &credential, Some(back)).await?;
    assert_eq!(replaced.status.as_u16(), 200, "{}", replaced.text);
    recorder.seen.files(&data, "after a certificate")?;
    // A token that Graph refuses, and a credential that has lapsed.
    handle.expire_tokens();
    served.sync(fabrikam.id).await?;
    handle.expire_secret();
    let ask = recorder
        .call(Method::POST, &format!("{path}/sync"), None)
        .await?;
    assert_eq!(ask.status.as_u16(), 202, "{}", ask.text);
    served
        .until(fabrikam.id, |i| i["status"] == "needs_attention")
        .await?;

    let mut reads = vec![
        "/api/v1/integrations".to_owned(),
        path.clone(),
        format!("{path}/summary"),
        format!("{path}/changes"),
        "/api/v1/datasets".to_owned(),
        "/api/v1/openapi.json".to_owned(),
    ];
    for dataset in datasets::ALL.iter().map(|dataset| dataset.name) {
        reads.push(format!("{path}/assets/{dataset}"));
        reads.push(format!("{path}/assets/{dataset}?format=csv"));
    }
    for read in reads {
        recorder.call(Method::GET, &read, None).await?;
    }
    recorder.seen.files(&data, "before the deletion")?;
    let deleted = recorder.call(Method::DELETE, &path, None).await?;
    assert_eq!(deleted.status.as_u16(), 200, "{}", deleted.text);
    served.terminate().await?;
    assert!(served.ended().await?.success());
    recorder.seen.files(&data, "at the end")?;
    let log = served.said()?;
    for proof in ["TRACE", "muster_portal", "muster_sync", "dataset read"] {
        assert!(log.contains(proof), "the log is whole: {proof}");
    }
    seen.heard("the log", log.into_bytes());

    let secrets = [FIRST, SECOND, WRONG, HOOK, &signing_key, &private_key];
    assert_eq!(seen.place_of(secrets), None, "a secret got out");
    assert_eq!(seen.place_of_a_token(), None, "a token got out");
    Ok(())
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let mut seen = Seen::default();
    seen.heard("nothing", b"a state such as eyJ-or-so and a name".to_vec());
    assert_eq!(seen.place_of([FIRST]), None);
    assert_eq!(seen.place_of_a_token(), None);
    seen.heard("a piece", format!("x{}y", &FIRST[9..21]).into_bytes());
    assert!(
        seen.place_of([FIRST])
            .is_some_and(|at| at.starts_with("a piece"))
    );
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256"}"#);
    let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"aud":"https://graph.example"}"#);
    for token in [
        header.clone(),
        format!("\"{header}.{claims}.c2ln"),
        format!("Bearer {header}"),
    ] {
        let mut seen = Seen::default();
        seen.heard("a token", token.into_bytes());
        assert!(seen.place_of_a_token().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debug_text_names_no_secret() -> Result<()> {
    let fabrikam = canary();
    let world = World::new(vec![fabrikam.clone()]).await?;
    world.connect(&fabrikam).await?;
    let services = world.muster().services();
    let secret = SecretString::from(FIRST);
    let tenant_id = TenantId::from(fabrikam.id);
    let token = services
        .microsoft
        .mint(
            Default::default(),
            tenant_id,
            fabrikam.client_id.into(),
            &secret,
        )
        .await?;
    let key = fs::read_to_string(world.folder().join("keys/vault.key"))?;
    let form = muster_domain::connect::Form {
        name: "Fabrikam".to_owned(),
        tenant_id: fabrikam.id.to_string(),
        client_id: fabrikam.client_id.to_string(),
        client_secret: secret.clone(),
        ..Default::default()
    };
    let Vault::File(vault) = &services.vault else {
        anyhow::bail!("a local Muster has its vault in a file");
    };
    let session: [u8; 32] = *vault.session_key();
    let said = [
        format!("{services:?}"),
        format!("{:?}", services.vault),
        format!("{token:?}"),
        format!("{secret:?}"),
        format!("{form:?} {:?}", form.name),
        format!("{:?}", form.check()),
        format!("{:?}", world.muster()),
        format!("{:?}", services.vault.get(tenant_id).await?),
    ];
    let mut seen = Seen::default();
    for (place, text) in said.into_iter().enumerate() {
        assert!(!text.contains(&format!("{session:?}")), "{place}: {text}");
        seen.heard(format!("text {place}"), text.into_bytes());
    }
    assert_eq!(seen.place_of([FIRST]), None);
    assert_eq!(seen.place_of([key.trim()]), None);
    assert_eq!(seen.place_of_a_token(), None);
    for token in [world.muster().token(), world.muster().viewer_token()] {
        assert_eq!(
            seen.place_of([secrecy::ExposeSecret::expose_secret(token)]),
            None
        );
    }
    Ok(())
}
