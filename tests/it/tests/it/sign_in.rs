//! Signing in at an OpenID Connect issuer, in a browser: who gets in, and who does not.

use anyhow::{Context, Result, ensure};
use muster_it::{
    Browser, Issuer, OidcPortal,
    issuer::{Fault, IssuerOptions, Signing},
    settings,
};
use muster_platform::{portal_secret::PortalSecret, seal::KeyBytes};
use reqwest::{Response, StatusCode, header};
use std::time::Duration;
use url::Url;

async fn start() -> Result<(Issuer, OidcPortal)> {
    let issuer = Issuer::start().await?;
    let portal = OidcPortal::start(&issuer).await?;
    Ok((issuer, portal))
}

fn location(response: &Response) -> Result<String> {
    let to = response.headers().get(header::LOCATION);
    Ok(to.context("a redirect")?.to_str()?.to_owned())
}

fn cookie(response: &Response, name: &str) -> Result<String> {
    let mut cookies = response.headers().get_all(header::SET_COOKIE).iter();
    let found = cookies.find_map(|value| {
        let value = value.to_str().ok()?;
        let set = value.split('=').next()?;
        let bare = set.strip_prefix("__Host-").unwrap_or(set);
        let port = bare.strip_prefix(name)?.trim_start_matches('_');
        port.bytes().all(|b| b.is_ascii_digit()).then_some(value)
    });
    Ok(found
        .with_context(|| format!("a cookie {name}"))?
        .to_owned())
}

/// Goes to the issuer and is signed in there; gives the address it sends the browser back to.
async fn to_the_callback(browser: &Browser, portal: &OidcPortal, next: &str) -> Result<String> {
    let mut door: Url = format!("{}/sign-in/start", portal.url).parse()?;
    door.query_pairs_mut().append_pair("next", next);
    let started = browser.hop(door.as_str()).await?;
    ensure!(
        started.status() == StatusCode::FOUND,
        "{}",
        started.status()
    );
    let authorized = browser.hop(&location(&started)?).await?;
    location(&authorized)
}

/// The whole way; gives the callback's answer.
async fn sign_in(browser: &Browser, portal: &OidcPortal) -> Result<Response> {
    let back = to_the_callback(browser, portal, "/").await?;
    browser.hop(&back).await
}

/// Whether a browser is let in.
async fn is_in(browser: &Browser, portal: &OidcPortal) -> Result<bool> {
    let page = browser.hop(&format!("{}/", portal.url)).await?;
    Ok(page.status().is_success())
}

/// The callback answers so, with a page that says so, and nobody is signed in.
async fn assert_refused(
    browser: &Browser,
    portal: &OidcPortal,
    back: &str,
    status: u16,
    says: &str,
) -> Result<()> {
    let answer = browser.hop(back).await?;
    let found = answer.status().as_u16();
    let ends = cookie(&answer, "muster_sign_in")?;
    assert!(ends.contains("Max-Age=0"), "the attempt is used up: {ends}");
    assert!(cookie(&answer, "muster_session").is_err());
    let page = answer.text().await?;
    assert_eq!(found, status, "{page}");
    assert!(page.contains(says), "{says}: {page}");
    assert!(page.contains("/sign-in/start"), "one can start again");
    assert!(!is_in(browser, portal).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_signs_in_and_lands_where_they_were_going() -> Result<()> {
    let (issuer, portal) = start().await?;
    issuer.sign_in_as(Some("ada"));
    assert_eq!(
        issuer.asked_at_all(),
        0,
        "nothing is asked before it is needed"
    );
    let browser = Browser::new()?;
    let wanted = "/account/integration/microsoft365?q=a%26b";
    let asked = browser.hop(&format!("{}{wanted}", portal.url)).await?;
    assert_eq!(asked.status(), StatusCode::UNAUTHORIZED);
    let page = asked.text().await?;
    assert!(
        page.contains("You sign in at <strong>127.0.0.1</strong>"),
        "{page}"
    );
    assert!(
        !page.contains("token") && !page.contains("one-time"),
        "{page}"
    );
    let door = page
        .split("href=\"")
        .find(|link| link.starts_with("/sign-in/start"));
    let door = door
        .and_then(|link| link.split('"').next())
        .context("a button")?;
    assert_eq!(issuer.asked_at_all(), 0);

    let started = browser.hop(&format!("{}{door}", portal.url)).await?;
    let attempt = cookie(&started, "muster_sign_in")?;
    assert!(
        attempt.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax"),
        "{attempt}"
    );
    let authorized = browser.hop(&location(&started)?).await?;
    let landed = browser.hop(&location(&authorized)?).await?;
    assert_eq!(landed.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&landed)?, wanted);
    let session = cookie(&landed, "muster_session")?;
    assert!(
        session.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"),
        "{session}"
    );
    let page = browser.hop(&format!("{}{wanted}", portal.url)).await?;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await?.contains("Sign out"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_looks_and_does_not_manage() -> Result<()> {
    let (issuer, portal) = start().await?;
    issuer.sign_in_as(Some("grace"));
    let browser = Browser::new()?;
    sign_in(&browser, &portal).await?;
    assert!(is_in(&browser, &portal).await?);
    let managing = format!("{}/account/integration/microsoft365", portal.url);
    assert_eq!(
        browser.hop(&managing).await?.status(),
        StatusCode::FORBIDDEN
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_cookies_are_secure_and_a_secret_is_sent_as_the_issuer_takes_it() -> Result<()>
{
    for methods in [
        vec![],
        vec!["client_secret_post"],
        vec!["client_secret_basic"],
    ] {
        let issuer = Issuer::with(IssuerOptions {
            client_secret: Some("s3cret & hushed".to_owned()),
            auth_methods: methods.into_iter().map(str::to_owned).collect(),
            ..IssuerOptions::default()
        });
        let issuer = issuer.await?;
        issuer.sign_in_as(Some("ada"));
        let key = KeyBytes([5; 32]);
        for (secret, good) in [("s3cret & hushed", true), ("wrong", false)] {
            let secret = PortalSecret::with_client_secret(&key, secret.into());
            let public = Some("https://muster.example".parse()?);
            let portal = OidcPortal::with(settings(&issuer)?, secret, public).await?;
            let browser = Browser::new()?;
            let back = to_the_callback(&browser, &portal, "/").await?;
            assert!(
                back.starts_with("https://muster.example/sign-in/callback?"),
                "{back}"
            );
            let back = back.replace("https://muster.example", &portal.url);
            if good {
                let landed = browser.hop(&back).await?;
                for name in ["muster_session", "muster_sign_in"] {
                    let set = cookie(&landed, name)?;
                    assert!(
                        set.starts_with("__Host-") && set.ends_with("; Secure"),
                        "{set}"
                    );
                }
                let hsts = landed.headers().get(header::STRICT_TRANSPORT_SECURITY);
                assert!(hsts.is_some(), "{:?}", landed.headers());
            } else {
                assert_refused(&browser, &portal, &back, 502, "invalid_client").await?;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_on_to_another_site() -> Result<()> {
    let (issuer, portal) = start().await?;
    issuer.sign_in_as(Some("ada"));
    let long = format!("/?q={}", "x".repeat(5_000));
    for foreign in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/sign-out",
        &long,
    ] {
        let browser = Browser::new()?;
        let back = to_the_callback(&browser, &portal, foreign).await?;
        let landed = browser.hop(&back).await?;
        assert_eq!(location(&landed)?, "/", "{foreign}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_good_once_and_in_its_own_browser() -> Result<()> {
    let (issuer, portal) = start().await?;
    issuer.sign_in_as(Some("ada"));
    let (owner, thief) = (Browser::new()?, Browser::new()?);
    let back = to_the_callback(&owner, &portal, "/").await?;
    let says = "begun in another browser";
    assert_refused(&thief, &portal, &back, 400, says).await?;
    // A thief with a sign-in of their own under way has another state.
    to_the_callback(&thief, &portal, "/").await?;
    assert_refused(&thief, &portal, &back, 400, says).await?;
    let landed = owner.hop(&back).await?;
    assert_eq!(landed.status(), StatusCode::SEE_OTHER);
    let again = owner.hop(&back).await?;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        issuer.asked("/token"),
        1,
        "only the owner's code was redeemed"
    );
    for query in [
        "",
        "?code=x",
        "?code=x&state=",
        "?state=a&state=b",
        "?error=access_denied",
    ] {
        let url = format!("{}/sign-in/callback{query}", portal.url);
        assert_refused(&Browser::new()?, &portal, &url, 400, says).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_another_browsers_is_of_no_use() -> Result<()> {
    let (issuer, portal) = start().await?;
    issuer.sign_in_as(Some("ada"));
    let (owner, thief) = (Browser::new()?, Browser::new()?);
    let stolen: Url = to_the_callback(&owner, &portal, "/").await?.parse()?;
    let mut own: Url = to_the_callback(&thief, &portal, "/").await?.parse()?;
    let pairs: Vec<(String, String)> = own.query_pairs().into_owned().collect();
    let code = stolen.query_pairs().find(|(name, _)| name == "code");
    let code = code.context("a code")?.1.into_owned();
    own.query_pairs_mut().clear().extend_pairs(pairs.iter().map(
        |(name, value)| match name.as_str() {
            "code" => (name, &code),
            _ => (name, value),
        },
    ));
    // The issuer refuses it: the thief's verifier is not that of the stolen code.
    assert_refused(&thief, &portal, own.as_str(), 400, "Start again").await?;
    assert_eq!(issuer.asked("/token"), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_proves_nothing_lets_nobody_in() -> Result<()> {
    let (issuer, portal) = start().await?;
    issuer.sign_in_as(Some("ada"));
    for (fault, says) in [
        (Fault::WrongNonce, "does not belong to this sign-in"),
        (Fault::WrongAudience, "not meant for this installation"),
        (Fault::NoParty, "not meant for this installation"),
        (
            Fault::AccessTokenForIdToken,
            "not meant for this installation",
        ),
        (Fault::WrongIssuer, "another issuer"),
        (Fault::Expired, "has expired"),
        (Fault::NotYet, "not yet in force"),
        (Fault::AlgNone, "not signed by an algorithm"),
        (Fault::Hmac, "not signed by an algorithm"),
        (Fault::UnknownKid, "does not publish"),
        (Fault::Forged, "signature is wrong"),
    ] {
        let browser = Browser::new()?;
        let back = to_the_callback(&browser, &portal, "/").await?;
        issuer.fault(Some(fault));
        assert_refused(&browser, &portal, &back, 502, says).await?;
        issuer.fault(None);
    }
    assert_eq!(
        issuer.asked("/jwks"),
        1,
        "a key that is unknown is looked for once a minute"
    );
    for signing in [Signing::Rs256, Signing::Ps256, Signing::Es256] {
        issuer.sign_by(signing);
        let browser = Browser::new()?;
        sign_in(&browser, &portal).await?;
        assert!(is_in(&browser, &portal).await?, "{signing:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cancels_or_has_no_role_is_told_what_to_do() -> Result<()> {
    let (issuer, portal) = start().await?;
    issuer.sign_in_as(Some("ken"));
    let browser = Browser::new()?;
    let back = to_the_callback(&browser, &portal, "/").await?;
    let says = "You are signed in as ken@msp.example but have neither";
    assert_refused(&browser, &portal, &back, 403, says).await?;
    issuer.fault(Some(Fault::Cancels));
    let back = to_the_callback(&browser, &portal, "/").await?;
    assert_refused(&browser, &portal, &back, 200, "You cancelled").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_does_not_answer_is_told_of_and_asked_again() -> Result<()> {
    for (fault, says) in [
        (Fault::Down, "it has trouble of its own"),
        (Fault::Redirects, "it redirects to another address"),
        (Fault::OtherDiscovery, "names another issuer"),
        (Fault::LongDiscovery, "cannot be read"),
        (Fault::Slow(Duration::from_secs(30)), "no answer in time"),
    ] {
        let (issuer, portal) = start().await?;
        issuer.sign_in_as(Some("ada"));
        issuer.fault(Some(fault));
        let browser = Browser::new()?;
        let door = format!("{}/sign-in/start?next=/assets", portal.url);
        for _ in 0..3 {
            let answer = browser.hop(&door).await?;
            assert_eq!(
                answer.status(),
                StatusCode::SERVICE_UNAVAILABLE,
                "{fault:?}"
            );
            let page = answer.text().await?;
            assert!(
                page.contains(says) && page.contains("next=%2Fassets"),
                "{page}"
            );
        }
        assert_eq!(
            issuer.asked_at_all(),
            1,
            "{fault:?} is not asked at every click"
        );
    }
    let (issuer, portal) = start().await?;
    issuer.sign_in_as(Some("ada"));
    issuer.fault(Some(Fault::Down));
    let browser = Browser::new()?;
    browser
        .hop(&format!("{}/sign-in/start", portal.url))
        .await?;
    issuer.fault(None);
    tokio::time::sleep(Duration::from_secs(6)).await;
    sign_in(&browser, &portal).await?;
    assert!(is_in(&browser, &portal).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_and_shows_the_way_out_of_the_issuer() -> Result<()> {
    for cognito in [false, true] {
        let issuer = Issuer::with(IssuerOptions {
            end_session: !cognito,
            ..IssuerOptions::default()
        });
        let issuer = issuer.await?;
        issuer.sign_in_as(Some("ada"));
        let mut settings = settings(&issuer)?;
        if cognito {
            settings.logout_url = Some(issuer.logout_url().parse()?);
        }
        let secret = PortalSecret::given(&KeyBytes([5; 32]));
        let portal = OidcPortal::with(settings, secret, None).await?;
        let browser = Browser::new()?;
        sign_in(&browser, &portal).await?;
        let page = browser
            .hop(&format!("{}/", portal.url))
            .await?
            .text()
            .await?;
        let csrf = page
            .split("name=\"csrf\" value=\"")
            .nth(1)
            .context("a form")?;
        let csrf = csrf.split('"').next().context("a value")?.to_owned();
        let out = format!("{}/sign-out", portal.url);
        let left = browser.post(&out, &[("csrf".to_owned(), csrf)]).await?;
        let page = browser
            .hop(&format!("{}{}", portal.url, location(&left)?))
            .await?;
        let page = page.text().await?.replace("&amp;", "&");
        assert!(!is_in(&browser, &portal).await?);
        let link = page
            .split("href=\"")
            .find(|link| link.starts_with(&issuer.logout_url()));
        let link = link
            .and_then(|link| link.split('"').next())
            .context("a way out")?;
        let name = if cognito {
            "logout_uri"
        } else {
            "post_logout_redirect_uri"
        };
        assert!(
            link.contains("client_id=muster") && link.contains(&format!("&{name}=")),
            "{link}"
        );
        let back = browser.hop(link).await?;
        assert_eq!(location(&back)?, format!("{}/sign-in", portal.url));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_chooses_on_the_issuers_page_and_local_doors_are_shut() -> Result<()> {
    let (_issuer, portal) = start().await?;
    let browser = Browser::new()?;
    let started = browser
        .hop(&format!("{}/sign-in/start", portal.url))
        .await?;
    let authorize = location(&started)?;
    assert!(
        browser
            .hop(&authorize)
            .await?
            .text()
            .await?
            .contains(">grace<")
    );
    let chosen = browser.hop(&format!("{authorize}&choice=grace")).await?;
    browser.hop(&location(&chosen)?).await?;
    assert!(is_in(&browser, &portal).await?);
    let stranger = Browser::new()?;
    let door = format!("{}/sign-in", portal.url);
    let form = [("token".to_owned(), "manager-token".to_owned())];
    let posted = stranger.post(&door, &form).await?;
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    let link = stranger.hop(&format!("{door}?code=x")).await?;
    assert!(link.text().await?.contains("You sign in at"));
    assert!(!is_in(&stranger, &portal).await?);
    Ok(())
}
