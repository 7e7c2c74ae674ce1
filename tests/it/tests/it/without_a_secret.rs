//! A client that never has a secret: set up with a certificate or with AWS's word, and connected so.

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use microsoft_simulator::TenantOptions;
use muster_domain::{
    TenantId, cloud::Cloud, connect::Form, expiry::CredentialKind, renewal::Offered,
};
use muster_it::{Answer, Caller, FakeSts, World, crash_after, tenant};
use muster_platform::{
    Services,
    connect::{self, ConnectError},
    http::Http,
    microsoft::Microsoft,
    prepare,
    tenant_sessions::TenantSessions,
};
use reqwest::{Method, StatusCode, header};
use scraper::{Html, Selector};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A tenant of whose app registration nothing is set up so far.
async fn world() -> Result<(TenantOptions, World)> {
    let fabrikam = tenant("Fabrikam", 5);
    let world = World::new(vec![fabrikam.clone()]).await?;
    world.tenant(&fabrikam).delete_secret();
    Ok((fabrikam, world))
}

fn manager(world: &World) -> Result<Caller> {
    let stack = world.muster();
    let token = stack.token().expose_secret();
    Caller::new(
        format!("http://{}", stack.address()),
        Some(format!("Bearer {token}")),
    )
}

fn form(tenant: &TenantOptions, kind: &str) -> Value {
    json!({
        "name": tenant.name, "tenant_id": tenant.id, "client_id": tenant.client_id, "kind": kind,
    })
}

async fn connect_by(api: &Caller, tenant: &TenantOptions, kind: &str) -> Result<Answer> {
    api.json(Method::POST, CONNECT, &form(tenant, kind)).await
}

/// What the script does in the client's tenant.
fn run_the_script(world: &World, tenant: &TenantOptions, pem: &str) -> Result<()> {
    let microsoft = world.tenant(tenant);
    microsoft.upload_certificate(&super::renewal::der(pem)?, YEAR);
    microsoft.consent();
    Ok(())
}

const CONNECT: &str = "/api/v1/integrations";
const PREPARE: &str = "/api/v1/setup/certificate";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_connected_with_a_certificate_and_no_secret_is_ever_made() -> Result<()> {
    let (fabrikam, mut world) = world().await?;
    let api = manager(&world)?;
    let none = connect_by(&api, &fabrikam, "certificate").await?;
    assert_eq!(
        none.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        none.text
    );
    assert_eq!(none.json["errors"][0]["field"], "kind", "{}", none.text);
    let ask = json!({"tenant_id": fabrikam.id});
    let made = api.json(Method::POST, PREPARE, &ask).await?;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let again = api.json(Method::POST, PREPARE, &ask).await?;
    assert_eq!(again.json, made.json, "asked twice, made once");
    let early = connect_by(&api, &fabrikam, "certificate").await?;
    assert_eq!(early.json["errors"][0]["field"], "kind", "{}", early.text);

    // A certificate that was just uploaded takes a moment to be known.
    world
        .tenant(&fabrikam)
        .set_credential_lag(Duration::from_secs(2));
    let pem = made.json["pem"].as_str().context("a certificate")?;
    run_the_script(&world, &fabrikam, pem)?;
    let connected = connect_by(&api, &fabrikam, "certificate").await?;
    assert_eq!(connected.status, StatusCode::CREATED, "{}", connected.text);
    let credential = &connected.json["credential"];
    assert_eq!(credential["kind"], "certificate", "{credential:#}");
    assert_eq!(credential["expires_at"], made.json["expires_at"]);
    let synced = world.finished(fabrikam.id, None).await?;
    assert_eq!(synced["status"], "connected", "{synced:#}");
    let taken = api.json(Method::POST, PREPARE, &ask).await?;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.text);
    world.stop().await;
    world.start().await?;
    world.sync(fabrikam.id).await?;
    assert_eq!(world.tenant(&fabrikam).secrets(), []);
    assert!(
        !world
            .tenant(&fabrikam)
            .shown()
            .iter()
            .any(|shown| shown.contains('~')),
        "no secret was shown"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_with_a_certificate_killed_anywhere_and_repeated_ends_connected() -> Result<()> {
    let (fabrikam, world) = world().await?;
    let services = world.muster().services();
    let tenant = TenantId::from(fabrikam.id);
    for wakes in 1.. {
        crash_after(wakes, Box::pin(prepare::certificate(services, tenant))).await;
        let offered = prepare::certificate(services, tenant).await?;
        run_the_script(&world, &fabrikam, &offered.pem)?;
        let connect = || {
            Box::pin(connect::connect(
                services,
                checked(&fabrikam, "certificate"),
            ))
        };
        let done = crash_after(wakes, connect()).await.is_some();
        let again = connect().await;
        assert!(
            matches!(again, Ok(_) | Err(ConnectError::Connected)),
            "{wakes}: {again:?}"
        );
        let synced = world.sync(fabrikam.id).await?;
        assert_eq!(synced["status"], "connected", "{wakes}: {synced:#}");
        let path = format!("{CONNECT}/{tenant}");
        world.api()?.call(Method::DELETE, &path, None).await?;
        if done {
            assert!(wakes > 2, "it was killed at several points");
            return Ok(());
        }
    }
    Ok(())
}

fn checked(tenant: &TenantOptions, kind: &str) -> Form {
    Form {
        name: tenant.name.clone(),
        tenant_id: tenant.id.to_string(),
        client_id: tenant.client_id.to_string(),
        kind: Some(kind.to_owned()),
        ..Form::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_connected_by_the_word_of_aws_and_only_there() -> Result<()> {
    let (fabrikam, world) = world().await?;
    let api = manager(&world)?;
    let here = connect_by(&api, &fabrikam, "federated").await?;
    assert_eq!(here.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(here.text.contains("on AWS only"), "{}", here.text);

    let sts = FakeSts::start().await?;
    let sessions = TenantSessions::of_administrator(sts.config().await);
    let simulator = &world.simulator;
    let microsoft = Microsoft::new(
        Http::default(),
        Some(simulator.login_url()),
        Some(simulator.graph_url()),
    );
    let services = Services {
        microsoft: microsoft.with_web_identity(sessions),
        ..world.muster().services().clone()
    };
    let (issuer, subject) = muster_it::vouched_for();
    world
        .tenant(&fabrikam)
        .add_federated(issuer, subject, Cloud::Global.token_exchange_audience());
    world.tenant(&fabrikam).consent();
    let connected = connect::connect(&services, checked(&fabrikam, "federated")).await?;
    assert_eq!(connected.credential.kind, CredentialKind::Federated);
    assert_eq!(connected.credential.expires_at, None);
    assert!(connected.connected_at.is_some(), "consent was given");
    assert_eq!(world.tenant(&fabrikam).secrets(), []);
    Ok(())
}

fn select<'a>(page: &'a Html, selector: &str) -> Option<scraper::ElementRef<'a>> {
    page.select(&Selector::parse(selector).ok()?).next()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_lead_from_the_key_pair_to_the_script_to_the_form() -> Result<()> {
    let (fabrikam, world) = world().await?;
    let browser = world.browser().await?;
    let services = world.muster().services();
    let read = async |path: &str| -> Result<Html> {
        let answer = browser.get(&services.page(path)).await?;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        Ok(Html::parse_document(&answer.text().await?))
    };
    let setup = "/account/integration/microsoft365/setup";
    let page = read(&format!("{setup}?kind=federated&language=az")).await?;
    assert!(page.html().contains("Available on AWS only"));
    let page = read(&format!("{setup}?kind=certificate&language=az&tenant_id=x")).await?;
    assert!(page.html().contains("is a GUID"));
    assert!(select(&page, "#script").is_none());
    let chosen = format!(
        "kind=certificate&language=az&tenant_id={}&permission=User.Read.All",
        fabrikam.id
    );
    let page = read(&format!("{setup}?{chosen}")).await?;
    let value = |name: &str| {
        let input = select(&page, &format!("input[type=hidden][name={name}]"));
        let value = input.and_then(|input| input.attr("value"));
        (name.to_owned(), value.unwrap_or_default().to_owned())
    };
    let made = browser
        .post(
            &services.page(&format!("{setup}/certificate")),
            &[value("csrf"), value("asked")],
        )
        .await?;
    let back = made.headers().get(header::LOCATION).context("back")?;
    let page = read(back.to_str()?).await?;
    let script = select(&page, "#script").context("a script")?;
    let script: String = script.text().collect();
    let waiting = prepare::prepared(services, TenantId::from(fabrikam.id)).await?;
    let Offered { pem, .. } = waiting.context("it waits")?;
    let der = BASE64_STANDARD.encode(super::renewal::der(&pem)?);
    assert!(script.contains(&der), "{script}");
    assert!(
        script.contains("User.Read.All") && !script.contains("AuditLog"),
        "{script}"
    );
    let next = format!("/new?kind=certificate&tenant_id={}", fabrikam.id);
    let link = select(&page, &format!("a[href$='{next}']"));
    let link = link.and_then(|a| a.attr("href")).context("the way on")?;

    run_the_script(&world, &fabrikam, &pem)?;
    let page = read(link).await?;
    assert!(select(&page, "#client_secret").is_none());
    let value = |name: &str| {
        let input = select(&page, &format!("input[name={name}]"));
        let value = input.and_then(|input| input.attr("value"));
        (name.to_owned(), value.unwrap_or_default().to_owned())
    };
    let typed = [
        value("csrf"),
        value("kind"),
        value("tenant_id"),
        ("name".to_owned(), "Fabrikam".to_owned()),
        ("client_id".to_owned(), fabrikam.client_id.to_string()),
        ("cadence_minutes".to_owned(), "60".to_owned()),
    ];
    let landed = browser.post(&services.page(link), &typed).await?;
    assert_eq!(
        landed.status(),
        StatusCode::SEE_OTHER,
        "{}",
        landed.text().await?
    );
    let synced = world.finished(fabrikam.id, None).await?;
    assert_eq!(synced["credential"]["kind"], "certificate", "{synced:#}");
    Ok(())
}
