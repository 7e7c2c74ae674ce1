//! Sign-in by OpenID Connect, at any issuer: Amazon Cognito, Microsoft Entra ID or another.
//!
//! People sign in by authorization code (OpenID Connect Core 1.0, 3.1) with PKCE (RFC 7636);
//! programs send an access token (RFC 6750). Nothing is asked of the issuer before it is needed,
//! nothing is stored, and no token outlives the request it came in.

mod attempt;
mod discovery;
mod settings;
mod token;

pub use attempt::{Attempt, Attempts};
pub use settings::{BadIssuer, Issuer, Settings};
pub use token::NotProven;

use crate::{http::Http, session::Role};
use base64::{Engine, prelude::BASE64_STANDARD};
use discovery::{Document, Wire};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use token::{Claims, Keys, Outline};
use url::{Url, form_urlencoded};

/// What is asked for: who it is, and what a person is known by. The client at the issuer must be
/// allowed all three.
const SCOPE: &str = "openid email profile";

/// An issuer, and what was learned from it.
#[derive(Debug)]
pub struct Oidc {
    settings: Settings,
    wire: Wire,
}

/// What the issuer sends the browser back with (RFC 6749, 4.1.2).
#[derive(Debug, Default, Deserialize)]
pub struct Answer {
    /// What was sent along.
    #[serde(default)]
    pub state: String,
    /// The code, on success.
    pub code: Option<SecretString>,
    /// The error, on failure.
    pub error: Option<String>,
    /// The issuer, where it says (RFC 9207).
    pub iss: Option<String>,
}

/// Whom the issuer vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What they are known by there.
    pub name: String,
    /// What they may do here; `None` where the issuer gives them no role.
    pub role: Option<Role>,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The person chose not to.
    #[error("the sign-in was cancelled")]
    Cancelled,
    /// The answer belongs to no sign-in of this browser's, or comes too late: begin again.
    #[error("the answer belongs to no sign-in that is under way")]
    Stale,
    /// The issuer's token proves nothing.
    #[error("the issuer's token was not accepted")]
    NotProven(#[source] NotProven),
    /// The issuer will not have this installation, or not so: its administrator has to act. Holds
    /// the issuer's short error code.
    #[error("the issuer refused: {0}")]
    Refused(String),
    /// Try again later.
    #[error("the issuer cannot be asked")]
    Unreachable(#[source] Unreachable),
}

/// Why an access token lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// It proves nothing.
    #[error("the access token was not accepted")]
    NotProven(#[source] NotProven),
    /// Whether it does cannot be told now.
    #[error("the issuer cannot be asked")]
    Unreachable(#[source] Unreachable),
}

/// Why the issuer cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// It did not answer within ten seconds.
    #[error("no answer in time")]
    Slow,
    /// Nothing is there.
    #[error("no connection")]
    NoConnection,
    /// The connection broke off.
    #[error("the connection broke off")]
    BrokeOff,
    /// It answered with an error.
    #[error("{}", crate::http::status_in_words(*.0))]
    Status(u16),
    /// Its answer is too long, or not as the specification says.
    #[error("its answer cannot be read")]
    Unreadable,
    /// Its discovery document is another issuer's.
    #[error("its discovery document names another issuer")]
    OtherIssuer,
    /// It failed seconds ago.
    #[error("it failed a moment ago")]
    Lately,
}

#[derive(Deserialize)]
struct Minted {
    id_token: SecretString,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NotMinted {
    error: String,
}

impl Oidc {
    /// Sign-in at this issuer, of which nothing is asked yet.
    pub fn new(http: Http, settings: Settings) -> Self {
        Self {
            settings,
            wire: Wire::new(http),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Begins a sign-in: where the browser goes, and what it keeps meanwhile.
    ///
    /// # Errors
    /// When the issuer cannot be asked where that is.
    pub async fn begin(
        &self,
        redirect_uri: &str,
        next: &str,
        now: Timestamp,
    ) -> Result<(Url, Attempt), Unreachable> {
        let document = self.wire.document(&self.settings, now).await?;
        let attempt = Attempt::new(next, now);
        let mut url = document.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", SCOPE)
            .append_pair("state", attempt.state())
            .append_pair("nonce", attempt.nonce.expose_secret())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok((url, attempt))
    }

    /// Looks at what the browser came back with, before anything is asked of the issuer: gives the
    /// code.
    ///
    /// # Errors
    /// When the answer is not this attempt's, or is a refusal.
    pub fn code(
        &self,
        answer: Answer,
        attempt: Option<&Attempt>,
        now: Timestamp,
    ) -> Result<SecretString, SignInError> {
        if !attempt.is_some_and(|attempt| attempt.is_answered_by(&answer.state, now)) {
            return Err(SignInError::Stale);
        }
        // An answer that says it is another issuer's is not to be redeemed at this one.
        if answer
            .iss
            .is_some_and(|issuer| issuer != self.settings.issuer.as_str())
        {
            return Err(SignInError::NotProven(NotProven::Issuer));
        }
        match answer.error.as_deref() {
            None => answer.code.ok_or(SignInError::Stale),
            Some("access_denied" | "user_cancelled_login") => Err(SignInError::Cancelled),
            Some(error) => Err(refused(error)),
        }
    }

    /// Redeems a code, and proves who it is. The client secret is given for a confidential client
    /// (RFC 6749, 2.3.1).
    ///
    /// # Errors
    /// When the issuer refuses or does not answer, or its token proves nothing.
    pub async fn finish(
        &self,
        code: &SecretString,
        attempt: &Attempt,
        redirect_uri: &str,
        client_secret: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<Person, SignInError> {
        let document = self.wire.document(&self.settings, now).await;
        let document = document.map_err(SignInError::Unreachable)?;
        let token = self
            .redeem(document, code, attempt, redirect_uri, client_secret)
            .await?;
        let claims = self.prove(token.expose_secret(), now).await;
        let claims = claims.map_err(|error| match error {
            BearerError::NotProven(why) => SignInError::NotProven(why),
            BearerError::Unreachable(why) => SignInError::Unreachable(why),
        })?;
        let nonce = attempt.nonce.expose_secret();
        token::check_id_token(&claims, &self.settings, nonce, now)
            .map_err(SignInError::NotProven)?;
        Ok(self.person(&claims))
    }

    async fn redeem(
        &self,
        document: &Document,
        code: &SecretString,
        attempt: &Attempt,
        redirect_uri: &str,
        client_secret: Option<&SecretString>,
    ) -> Result<SecretString, SignInError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", attempt.verifier.expose_secret()),
        ];
        let request = self.wire.post(document.token_endpoint.clone());
        let mut request = request.map_err(SignInError::Unreachable)?;
        let id = self.settings.client_id.as_str();
        match client_secret {
            Some(secret) if takes_basic(document) => {
                let encoded = |text: &str| -> String {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                let pair = format!("{}:{}", encoded(id), encoded(secret.expose_secret()));
                let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
                request = request.header(reqwest::header::AUTHORIZATION, value);
            }
            Some(secret) => {
                form.push(("client_id", id));
                form.push(("client_secret", secret.expose_secret()));
            }
            None => form.push(("client_id", id)),
        }
        let asked = self.wire.ask(request.form(&form)).await;
        let (status, body) = asked.map_err(SignInError::Unreachable)?;
        if status == 200 {
            return match serde_json::from_slice::<Minted>(&body) {
                Ok(minted) => Ok(minted.id_token),
                Err(_) => Err(SignInError::Unreachable(Unreachable::Unreadable)),
            };
        }
        let error: NotMinted = serde_json::from_slice(&body).unwrap_or_default();
        Err(match error.error.as_str() {
            // The code was used already, or is too old (RFC 6749, 5.2).
            "invalid_grant" => SignInError::Stale,
            "" => SignInError::Unreachable(Unreachable::Status(status)),
            other => refused(other),
        })
    }

    /// Whom an access token stands for (RFC 6750).
    ///
    /// # Errors
    /// When it proves nothing, or the issuer's keys cannot be had.
    pub async fn bearer(&self, token: &str, now: Timestamp) -> Result<Person, BearerError> {
        let claims = self.prove(token, now).await?;
        token::check_access_token(&claims, &self.settings, now).map_err(BearerError::NotProven)?;
        Ok(self.person(&claims))
    }

    /// The claims of a token that the issuer signed. A key that is not known is looked for once.
    async fn prove(&self, token: &str, now: Timestamp) -> Result<Claims, BearerError> {
        let outline = Outline::read(token, &self.settings).map_err(BearerError::NotProven)?;
        let mut keys = self.wire.keys();
        if !keys.has(&outline) {
            let looked = self.wire.look_again(&self.settings, now).await;
            keys = looked.map_err(BearerError::Unreachable)?;
        }
        Keys::prove(&keys, &outline, token).map_err(BearerError::NotProven)
    }

    fn person(&self, claims: &Claims) -> Person {
        Person {
            name: token::name(claims),
            role: self.settings.role(claims),
        }
    }

    /// Where one signs out of the issuer too, and comes back to `back` from; `None` where it does
    /// not say, or cannot be asked. OpenID Connect RP-Initiated Logout 1.0, 2, or as Amazon
    /// Cognito has it.
    pub async fn logout(&self, back: &str, now: Timestamp) -> Option<Url> {
        let (mut url, back_name) = match &self.settings.logout_url {
            Some(url) => (url.clone(), "logout_uri"),
            None => {
                let document = self.wire.document(&self.settings, now).await.ok()?;
                let url = document.end_session_endpoint.clone()?;
                (url, "post_logout_redirect_uri")
            }
        };
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client_id)
            .append_pair(back_name, back);
        Some(url)
    }
}

/// `client_secret_basic` is what an issuer takes that does not say.
fn takes_basic(document: &Document) -> bool {
    let methods = document.token_endpoint_auth_methods_supported.as_ref();
    methods.is_none_or(|methods| {
        let takes = |name: &str| methods.iter().any(|method| method == name);
        takes("client_secret_basic") || !takes("client_secret_post")
    })
}

/// An error code of the issuer's, as far as it is one: anybody may write an address.
fn refused(error: &str) -> SignInError {
    let code = error.chars().take(40);
    SignInError::Refused(
        code.filter(|c| c.is_ascii_lowercase() || *c == '_')
            .collect(),
    )
}
