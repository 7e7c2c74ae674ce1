//! Browser sessions: a sealed cookie, nothing stored.

use crate::portal_secret::{PortalSecret, PortalSecretError};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use muster_domain::clock_ahead;
use serde::{Deserialize, Serialize};

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees assets.
    Viewer,
    /// Sees assets and changes integrations.
    Manager,
}

/// One browser's session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// A random name, which a consent request is bound to.
    pub id: String,
    /// What it may do.
    pub role: Role,
    /// What every form of the session must carry.
    pub csrf: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Seals sessions into cookies and opens them.
#[derive(Debug)]
pub struct Sessions {
    secret: PortalSecret,
    secure: bool,
}

const COOKIE: &str = "muster_session";
const PURPOSE: &str = "muster session cookie 1";
const LIFE: SignedDuration = SignedDuration::from_hours(12);

impl Sessions {
    /// Sessions sealed with the key of this secret, which is read when a session is first made or
    /// opened; `secure` where the pages are served over TLS.
    pub fn new(secret: PortalSecret, secure: bool) -> Self {
        Self { secret, secure }
    }

    /// A new session.
    pub fn begin(&self, role: Role, now: Timestamp) -> Session {
        Session {
            id: BASE64_URL_SAFE_NO_PAD.encode(crate::random::<16>()),
            role,
            csrf: BASE64_URL_SAFE_NO_PAD.encode(crate::random::<16>()),
            expires_at: now.checked_add(LIFE).unwrap_or(now),
        }
    }

    /// The `Set-Cookie` value of a session.
    ///
    /// # Errors
    /// When there is no key to seal it with.
    pub async fn set_cookie(&self, session: &Session) -> Result<String, PortalSecretError> {
        let key = self.secret.sealing_key().await?;
        let plain = serde_json::to_vec(session).unwrap_or_default();
        let value = BASE64_URL_SAFE_NO_PAD.encode(key.seal(PURPOSE, &plain));
        let secure = if self.secure { "; Secure" } else { "" };
        Ok(format!(
            "{COOKIE}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            LIFE.as_secs()
        ))
    }

    /// The `Set-Cookie` value that ends a session.
    pub fn clear_cookie(&self) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")
    }

    /// The session that a `Cookie` header carries, unless it ended or was not sealed here. The key
    /// is asked for only when there is something to open.
    ///
    /// # Errors
    /// When there is no key to open it with.
    pub async fn read(
        &self,
        cookies: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, PortalSecretError> {
        let value = cookie(cookies, COOKIE).filter(|value| !value.is_empty());
        let Some(sealed) = value.and_then(|v| BASE64_URL_SAFE_NO_PAD.decode(v).ok()) else {
            return Ok(None);
        };
        let opened = self.secret.sealing_key().await?.open(PURPOSE, &sealed);
        let session = opened
            .ok()
            .and_then(|plain| serde_json::from_slice::<Session>(&plain).ok());
        let holds = |session: &Session| clock_ahead::is_to_come(session.expires_at, LIFE, now);
        Ok(session.filter(holds))
    }
}

/// The value of a cookie within a `Cookie` header.
pub(crate) fn cookie<'a>(cookies: &'a str, name: &str) -> Option<&'a str> {
    cookies
        .split(';')
        .find_map(|c| c.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::KeyBytes;

    fn sessions(key: u8) -> Sessions {
        Sessions::new(PortalSecret::given(&KeyBytes([key; 32])), false)
    }

    #[tokio::test]
    async fn a_session_is_read_back_until_it_ends() -> Result<(), PortalSecretError> {
        let own = sessions(1);
        let now = crate::now();
        let session = own.begin(Role::Viewer, now);
        let cookie = own.set_cookie(&session).await?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        assert_eq!(
            own.read(&format!("a=b; {cookie}"), now).await?.as_ref(),
            Some(&session)
        );
        assert_eq!(own.read(cookie, session.expires_at).await?, None);
        assert_eq!(sessions(2).read(cookie, now).await?, None);
        assert_eq!(own.read("muster_session=", now).await?, None);
        Ok(())
    }
}
