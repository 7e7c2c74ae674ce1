//! A sign-in that is under way, kept in the browser that began it: a sealed cookie of ten minutes.

use crate::{
    portal_secret::{PortalSecret, PortalSecretError},
    session::CookieName,
};
use aws_lc_rs::{constant_time, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use muster_domain::clock_ahead;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

/// What a sign-in began with. Its callback must come to the browser that holds it.
#[derive(Debug)]
pub struct Attempt {
    /// What the issuer sends back unread (RFC 6749, 10.12).
    state: SecretString,
    /// What the ID token must carry (OpenID Connect Core 1.0, 15.5.2).
    pub(super) nonce: SecretString,
    /// What only this browser can redeem the code with (RFC 7636, 4.1).
    pub(super) verifier: SecretString,
    /// Where it goes on to: a path of this installation, checked by who began it.
    pub next: String,
    expires_at: Timestamp,
}

/// An attempt as it is sealed.
#[derive(Serialize, Deserialize)]
struct Written {
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    expires_at: Timestamp,
}

const LIFE: SignedDuration = SignedDuration::from_mins(10);

impl Attempt {
    /// Begins one.
    pub(super) fn new(next: &str, now: Timestamp) -> Self {
        let random = || SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(crate::random::<32>()));
        Self {
            state: random(),
            nonce: random(),
            verifier: random(),
            next: next.to_owned(),
            expires_at: now.checked_add(LIFE).unwrap_or(now),
        }
    }

    pub(super) fn state(&self) -> &str {
        self.state.expose_secret()
    }

    /// Whether an answer belongs to this attempt.
    pub(super) fn is_answered_by(&self, state: &str, now: Timestamp) -> bool {
        let same =
            constant_time::verify_slices_are_equal(self.state().as_bytes(), state.as_bytes());
        same.is_ok() && clock_ahead::is_to_come(self.expires_at, LIFE, now)
    }

    /// What the authorization request carries in place of the verifier (RFC 7636, 4.2: S256).
    pub(super) fn challenge(&self) -> String {
        let hash = digest::digest(&digest::SHA256, self.verifier.expose_secret().as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(hash)
    }
}

/// Seals attempts into cookies and opens them.
#[derive(Debug)]
pub struct Attempts {
    secret: PortalSecret,
    cookie: CookieName,
}

const PURPOSE: &str = "muster sign-in cookie 1";

impl Attempts {
    /// Attempts to sign in to the pages at this address, sealed with the key of this secret.
    pub fn new(secret: PortalSecret, public_url: &Url) -> Self {
        let cookie = CookieName::new("muster_sign_in", public_url);
        Self { secret, cookie }
    }

    /// The `Set-Cookie` value of an attempt.
    ///
    /// # Errors
    /// When there is no key to seal it with.
    pub async fn set_cookie(&self, attempt: &Attempt) -> Result<String, PortalSecretError> {
        let written = Written {
            state: attempt.state().to_owned(),
            nonce: attempt.nonce.expose_secret().to_owned(),
            verifier: attempt.verifier.expose_secret().to_owned(),
            next: attempt.next.clone(),
            expires_at: attempt.expires_at,
        };
        let plain = serde_json::to_vec(&written).unwrap_or_default();
        let key = self.secret.sealing_key().await?;
        let value = BASE64_URL_SAFE_NO_PAD.encode(key.seal(PURPOSE, &plain));
        Ok(self.cookie.set(&value, LIFE.as_secs()))
    }

    /// The `Set-Cookie` value that ends an attempt.
    pub fn clear_cookie(&self) -> String {
        self.cookie.set("", 0)
    }

    /// The attempt that a `Cookie` header carries, unless it was not sealed here.
    ///
    /// # Errors
    /// When there is no key to open it with.
    pub async fn read(&self, cookies: &str) -> Result<Option<Attempt>, PortalSecretError> {
        let value = self.cookie.read(cookies).filter(|value| !value.is_empty());
        let Some(sealed) = value.and_then(|v| BASE64_URL_SAFE_NO_PAD.decode(v).ok()) else {
            return Ok(None);
        };
        let opened = self.secret.sealing_key().await?.open(PURPOSE, &sealed);
        let written = opened
            .ok()
            .and_then(|plain| serde_json::from_slice::<Written>(&plain).ok());
        Ok(written.map(|written| Attempt {
            state: written.state.into(),
            nonce: written.nonce.into(),
            verifier: written.verifier.into(),
            next: written.next,
            expires_at: written.expires_at,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::KeyBytes;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let mut attempt = Attempt::new("/", crate::now());
        attempt.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
        assert_eq!(
            attempt.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[tokio::test]
    async fn an_attempt_is_its_own_states_for_ten_minutes() -> Result<(), PortalSecretError> {
        let secret = PortalSecret::given(&KeyBytes([1; 32]));
        let attempts = Attempts::new(secret, &"https://muster.example".parse().expect("a URL"));
        let now = crate::now();
        let attempt = Attempt::new("/assets", now);
        let cookie = attempts.set_cookie(&attempt).await?;
        assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"));
        let read = attempts.read(cookie.split(';').next().unwrap_or_default());
        let read = read.await?.expect("it is read back");
        assert_eq!(read.next, "/assets");
        assert!(read.is_answered_by(attempt.state(), now));
        assert!(!read.is_answered_by(Attempt::new("/", now).state(), now));
        assert!(!read.is_answered_by("", now));
        let late = now.checked_add(LIFE).expect("a time");
        assert!(!read.is_answered_by(attempt.state(), late));
        let said = format!("{read:?}");
        for secret in [&read.state, &read.nonce, &read.verifier] {
            assert!(!said.contains(secret.expose_secret()), "{said}");
        }
        Ok(())
    }
}
