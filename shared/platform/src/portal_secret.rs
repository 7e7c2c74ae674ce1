//! What the portal keeps secret for itself: the key of its cookies, and its client secret at the
//! OpenID Connect issuer. Locally it is given; on AWS it is one secret, read at first need.

use crate::{
    seal::{KeyBytes, SealingKey},
    services::SettingError,
};
use aws_lc_rs::digest;
use aws_sdk_secretsmanager::{Client, error::ProvideErrorMetadata};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::{fmt, sync::Arc};
use tokio::sync::OnceCell;

/// The environment variable that names the secret on AWS.
pub const PORTAL_SECRET_ARN: &str = "PORTAL_SECRET_ARN";

/// The key of the portal's cookies, and its client secret.
#[derive(Debug, Clone)]
pub struct PortalSecret(Arc<Source>);

enum Source {
    Given(Content),
    SecretsManager {
        client: Client,
        arn: String,
        // Filled at first need and kept while the environment is warm; a failure is not kept.
        content: OnceCell<Content>,
    },
}

struct Content {
    key: SealingKey,
    client_secret: Option<SecretString>,
}

/// Why the portal's secret cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortalSecretError {
    /// Secrets Manager did not answer, or refused: its error code.
    #[error("Secrets Manager did not give the portal's secret: {0}")]
    Unavailable(String),
    /// It is there, and is not what it must be.
    #[error(
        "the portal's secret is not as it must be: JSON with a session_key of at least 43 characters"
    )]
    Wrong,
}

/// `SecretString` as the template writes it.
#[derive(Deserialize)]
struct Stored {
    session_key: SecretString,
    #[serde(default)]
    oidc_client_secret: Option<SecretString>,
}

/// 43 characters of base64 hold 256 bits; a shorter text could be guessed.
const SHORTEST_KEY: usize = 43;
const KEY_PURPOSE: &str = "muster session key 1";

impl PortalSecret {
    /// The local side: the key is at hand, and no issuer knows this installation.
    pub fn given(session_key: &KeyBytes) -> Self {
        Self(Arc::new(Source::Given(Content {
            key: SealingKey::new(session_key),
            client_secret: None,
        })))
    }

    /// A key and a client secret that are both at hand.
    pub fn with_client_secret(session_key: &KeyBytes, client_secret: SecretString) -> Self {
        Self(Arc::new(Source::Given(Content {
            key: SealingKey::new(session_key),
            client_secret: Some(client_secret),
        })))
    }

    /// The AWS side: a secret of Secrets Manager, which is not read here. Its `SecretString` is
    /// `{"session_key": "…", "oidc_client_secret": "…"}`.
    pub fn stored(client: Client, arn: String) -> Self {
        Self(Arc::new(Source::SecretsManager {
            client,
            arn,
            content: OnceCell::new(),
        }))
    }

    /// Whether this function was told where the secret is: one that sets no cookie needs not be.
    ///
    /// # Errors
    /// When it was not.
    pub fn is_named(&self) -> Result<(), SettingError> {
        match &*self.0 {
            Source::SecretsManager { arn, .. } if arn.is_empty() => {
                Err(SettingError::Missing(PORTAL_SECRET_ARN))
            }
            _ => Ok(()),
        }
    }

    /// What the portal's cookies are sealed with.
    ///
    /// # Errors
    /// When the secret cannot be read now, or is not as it must be.
    pub async fn sealing_key(&self) -> Result<&SealingKey, PortalSecretError> {
        Ok(&self.content().await?.key)
    }

    /// The client secret at the issuer; `None` for a public client.
    ///
    /// # Errors
    /// When the secret cannot be read now, or is not as it must be.
    pub async fn client_secret(&self) -> Result<Option<&SecretString>, PortalSecretError> {
        Ok(self.content().await?.client_secret.as_ref())
    }

    async fn content(&self) -> Result<&Content, PortalSecretError> {
        match &*self.0 {
            Source::Given(content) => Ok(content),
            Source::SecretsManager {
                client,
                arn,
                content,
            } => content.get_or_try_init(|| fetch(client, arn)).await,
        }
    }
}

async fn fetch(client: &Client, arn: &str) -> Result<Content, PortalSecretError> {
    let got = client.get_secret_value().secret_id(arn).send().await;
    let got = got.map_err(|error| {
        PortalSecretError::Unavailable(error.code().unwrap_or("no answer").to_owned())
    })?;
    let text = got.secret_string.map(SecretString::from);
    read(text.as_ref().map_or("", ExposeSecret::expose_secret))
}

fn read(text: &str) -> Result<Content, PortalSecretError> {
    // serde_json's message would quote what it stumbled over.
    let stored: Stored = serde_json::from_str(text).map_err(|_| PortalSecretError::Wrong)?;
    let session_key = stored.session_key.expose_secret();
    if session_key.len() < SHORTEST_KEY {
        return Err(PortalSecretError::Wrong);
    }
    Ok(Content {
        key: SealingKey::new(&derive(session_key)),
        client_secret: stored
            .oidc_client_secret
            .filter(|secret| !secret.expose_secret().is_empty()),
    })
}

/// The cookie key of a stored text.
fn derive(text: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(KEY_PURPOSE.as_bytes());
    context.update(text.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given"),
            Self::SecretsManager { arn, .. } => write!(f, "SecretsManager({arn})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_text_always_gives_the_same_key() {
        let text = "k".repeat(43);
        let sealed = SealingKey::new(&derive(&text)).seal("cookie", b"session");
        let same = read(&format!(
            r#"{{"session_key":"{text}","oidc_client_secret":""}}"#
        ));
        let same = same.expect("it is as it must be");
        assert_eq!(
            same.key.open("cookie", &sealed).as_deref(),
            Ok(&b"session"[..])
        );
        assert!(same.client_secret.is_none(), "an empty secret is none");
        let other = read(&format!(r#"{{"session_key":"{}"}}"#, "l".repeat(43)));
        assert!(other.expect("good").key.open("cookie", &sealed).is_err());
        let confidential = read(&format!(
            r#"{{"session_key":"{text}","oidc_client_secret":"hush"}}"#
        ));
        let secret = confidential.expect("good").client_secret.expect("a secret");
        assert_eq!(secret.expose_secret(), "hush");
    }

    #[test]
    fn what_is_too_short_or_no_json_is_refused_and_not_quoted() {
        let short = format!(r#"{{"session_key":"{}"}}"#, "k".repeat(42));
        for wrong in ["", "{}", "hush-hush", r#"{"session_key":5}"#, &short] {
            let error = read(wrong).err().expect("refused");
            assert_eq!(error, PortalSecretError::Wrong, "{wrong}");
            assert!(!error.to_string().contains("hush"));
        }
    }

    #[tokio::test]
    async fn locally_the_key_is_at_hand() {
        let secret = PortalSecret::given(&KeyBytes([3; 32]));
        let sealed = SealingKey::new(&[3; 32]).seal("cookie", b"session");
        let key = secret.sealing_key().await.expect("at hand");
        assert!(key.open("cookie", &sealed).is_ok());
        assert!(secret.client_secret().await.expect("at hand").is_none());
        assert!(secret.is_named().is_ok());
        assert_eq!(format!("{secret:?}"), "PortalSecret(Given)");
    }
}
