//! Programs that call the API with an access token of the installation's issuer.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use muster_it::{
    Caller, Issuer, OidcPortal,
    issuer::{Fault, Signing},
    settings,
};
use muster_platform::{
    http::Http,
    oidc::{BearerError, NotProven, Oidc},
    session::Role,
};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

const LIST: &str = "/api/v1/integrations";

fn caller(portal: &OidcPortal, token: &str) -> Result<Caller> {
    Caller::new(portal.url.clone(), Some(format!("Bearer {token}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_may_do_what_its_user_may() -> Result<()> {
    let issuer = Issuer::start().await?;
    let portal = OidcPortal::start(&issuer).await?;
    // Refused for its content, which shows that a manager may try.
    for (user, read, change) in [("ada", 200, 422), ("grace", 200, 403), ("ken", 403, 403)] {
        let caller = caller(&portal, &issuer.access_token(user)?)?;
        assert_eq!(caller.get(LIST).await?.status.as_u16(), read, "{user}");
        let answer = caller.json(Method::POST, LIST, &json!({})).await?;
        assert_eq!(answer.status.as_u16(), change, "{user}: {}", answer.text);
    }
    let nobody = caller(&portal, &issuer.access_token("ken")?)?
        .get(LIST)
        .await?;
    assert_eq!(nobody.json["type"], "urn:muster:problem:no-role");
    assert_eq!(issuer.asked("/jwks"), 1, "the keys are kept");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_entra_names_its_audience() -> Result<()> {
    let issuer = Issuer::start().await?;
    let mut settings = settings(&issuer)?;
    settings.role_claim = "roles".to_owned();
    let oidc = Oidc::new(Http::default(), settings);
    let now = Timestamp::now();
    let claims = |audience: Value, roles: Value| {
        let now = now.as_second();
        json!({"iss": issuer.url(), "sub": "s", "aud": audience, "exp": now + 60, "roles": roles,
            "scp": "manager", "preferred_username": "ada@msp.example"})
    };
    for (audience, roles, role) in [
        (json!("muster"), json!(["manager"]), Some(Role::Manager)),
        (json!("api://muster"), json!(["viewer"]), Some(Role::Viewer)),
        (
            json!(["api://muster", "x"]),
            json!("viewer"),
            Some(Role::Viewer),
        ),
        (json!("muster"), json!("manager viewer"), None),
        (json!("muster"), json!([]), None),
    ] {
        let person = oidc
            .bearer(&issuer.sign(claims(audience, roles)), now)
            .await?;
        assert_eq!(
            (person.name.as_str(), person.role),
            ("ada@msp.example", role)
        );
    }
    for audience in [
        json!("api://other"),
        json!("api://api://muster"),
        json!(null),
        json!([]),
    ] {
        let refused = oidc
            .bearer(&issuer.sign(claims(audience, json!("manager"))), now)
            .await;
        let audience = matches!(refused, Err(BearerError::NotProven(NotProven::Audience)));
        assert!(audience, "{refused:?}");
    }
    // An ID token of Entra ID has the same audience and roles, and no `token_use`.
    for name in ["nonce", "at_hash", "c_hash"] {
        let mut claims = claims(json!("muster"), json!(["manager"]));
        claims[name] = json!("x");
        let refused = oidc.bearer(&issuer.sign(claims), now).await;
        let refused = matches!(refused, Err(BearerError::NotProven(NotProven::Audience)));
        assert!(refused, "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_access_token_of_ours_is_refused_and_says_so() -> Result<()> {
    let issuer = Issuer::start().await?;
    let portal = OidcPortal::start(&issuer).await?;
    let good = issuer.access_claims("ada")?;
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        issuer.sign(claims)
    };
    let mut tokens = vec![
        String::new(),
        "manager-token".to_owned(),
        "a.b.c".to_owned(),
        changed("client_id", json!("another")),
        changed("token_use", json!("id")),
        changed("token_use", json!(null)),
        changed("aud", json!("another")),
        changed("iss", json!(format!("{}/", issuer.url()))),
        changed("exp", json!(null)),
        changed("exp", json!("tomorrow")),
        changed("sub", json!("")),
    ];
    for fault in [
        Fault::WrongIssuer,
        Fault::Expired,
        Fault::NotYet,
        Fault::AlgNone,
        Fault::Hmac,
        Fault::UnknownKid,
        Fault::Forged,
    ] {
        issuer.fault(Some(fault));
        tokens.push(issuer.access_token("ada")?);
    }
    issuer.fault(None);
    let real = issuer.access_token("ada")?;
    let (message, signature) = real.rsplit_once('.').context("a signature")?;
    let (header, _) = message.split_once('.').context("a header")?;
    let other = issuer.access_token("grace")?;
    let payload = other.split('.').nth(1).context("a payload")?;
    tokens.push(format!("{header}.{payload}.{signature}"));
    tokens.push(format!("{message}."));
    for token in &tokens {
        let answer = caller(&portal, token)?.get(LIST).await?;
        assert_eq!(
            answer.status,
            StatusCode::UNAUTHORIZED,
            "{token}: {}",
            answer.text
        );
        let wire = String::from_utf8_lossy(&answer.wire).into_owned();
        assert!(wire.contains(header::WWW_AUTHENTICATE.as_str()), "{wire}");
        assert!(token.len() < 20 || !wire.contains(token.as_str()), "{wire}");
    }
    assert_eq!(issuer.asked("/jwks"), 1, "made-up keys cause no storm");
    for signing in [Signing::Rs256, Signing::Ps256, Signing::Es256] {
        issuer.sign_by(signing);
        let caller = caller(&portal, &issuer.access_token("ada")?)?;
        assert_eq!(
            caller.get(LIST).await?.status,
            StatusCode::OK,
            "{signing:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_found_within_a_minute_and_an_old_one_is_let_go() -> Result<()> {
    let issuer = Issuer::start().await?;
    let oidc = Oidc::new(Http::default(), settings(&issuer)?);
    let now = Timestamp::now();
    let at = |seconds| now.checked_add(SignedDuration::from_secs(seconds));
    let old = issuer.access_token("ada")?;
    oidc.bearer(&old, now).await?;
    issuer.rotate_keys()?;
    let new = issuer.access_token("ada")?;
    for seconds in [0, 1, 59] {
        let refused = oidc.bearer(&new, at(seconds)?).await;
        let unknown = matches!(refused, Err(BearerError::NotProven(NotProven::UnknownKey)));
        assert!(unknown, "{refused:?}");
    }
    assert_eq!(issuer.asked("/jwks"), 1);
    oidc.bearer(&new, at(60)?).await?;
    assert_eq!(issuer.asked("/jwks"), 2);
    assert!(oidc.bearer(&old, at(60)?).await.is_err());
    // Within the leeway of a minute its time is not over.
    oidc.bearer(&new, at(3_600 + 59)?).await?;
    let late = oidc.bearer(&new, at(3_600 + 61)?).await;
    let expired = matches!(late, Err(BearerError::NotProven(NotProven::Expired)));
    assert!(expired, "{late:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_keys_cannot_be_had_nobody_is_let_in_or_called_a_stranger() -> Result<()> {
    let issuer = Issuer::start().await?;
    let portal = OidcPortal::start(&issuer).await?;
    let caller = caller(&portal, &issuer.access_token("ada")?)?;
    issuer.fault(Some(Fault::Down));
    for _ in 0..3 {
        let answer = caller.get(LIST).await?;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.json["type"], "urn:muster:problem:issuer-unreachable");
    }
    assert_eq!(issuer.asked_at_all(), 1);
    assert_eq!(caller.get("/healthz").await?.status, StatusCode::OK);
    Ok(())
}
