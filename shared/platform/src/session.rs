//! Browser sessions: a sealed cookie, nothing stored.

use crate::portal_secret::{PortalSecret, PortalSecretError};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use muster_domain::clock_ahead;
use serde::{Deserialize, Serialize};
use url::Url;

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
    cookie: CookieName,
}
const PURPOSE: &str = "muster session cookie 1";
const LIFE: SignedDuration = SignedDuration::from_hours(12);

impl Sessions {
    /// Sessions of the pages at this address, sealed with the key of this secret, which is read when a
    /// session is first made or opened.
    pub fn new(secret: PortalSecret, public_url: &Url) -> Self {
        let cookie = CookieName::new("muster_session", public_url);
        Self { secret, cookie }
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
        Ok(self.cookie.set(&value, LIFE.as_secs()))
    }

    /// The `Set-Cookie` value that ends a session.
    pub fn clear_cookie(&self) -> String {
        self.cookie.set("", 0)
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
        let value = self.cookie.read(cookies).filter(|value| !value.is_empty());
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

/// The name of a cookie, and the attributes it is set with.
#[derive(Debug)]
pub(crate) struct CookieName {
    name: String,
    secure: bool,
}

impl CookieName {
    /// The name for the pages at this address. Cookies are not kept apart by port, so it carries the port:
    /// two installations on one machine do not sign each other's people out. Over TLS it carries the
    /// prefix with which a browser takes it from this host alone
    /// (<https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>).
    pub(crate) fn new(name: &str, public_url: &Url) -> Self {
        let secure = public_url.scheme() == "https";
        let prefix = if secure { "__Host-" } else { "" };
        let port = public_url.port().map(|port| format!("_{port}"));
        Self {
            name: format!("{prefix}{name}{}", port.unwrap_or_default()),
            secure,
        }
    }

    /// A `Set-Cookie` value that holds for so many seconds. `Lax`, since Microsoft and an issuer send
    /// the browser back by a link, which `Strict` would keep the cookie from.
    pub(crate) fn set(&self, value: &str, seconds: i64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!(
            "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}",
            self.name
        )
    }

    /// The value within a `Cookie` header.
    pub(crate) fn read<'a>(&self, cookies: &'a str) -> Option<&'a str> {
        cookies
            .split(';')
            .find_map(|c| c.trim().strip_prefix(self.name.as_str())?.strip_prefix('='))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::KeyBytes;

    fn sessions(key: u8) -> Sessions {
        let url = "http://localhost:8365".parse().expect("a URL");
        Sessions::new(PortalSecret::given(&KeyBytes([key; 32])), &url)
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
        assert_eq!(own.read("muster_session_8365=", now).await?, None);
        Ok(())
    }

    #[test]
    fn a_cookie_belongs_to_one_installation() {
        let name = |url: &str| CookieName::new("a", &url.parse().expect("a URL")).name;
        assert_eq!(name("http://localhost:8365"), "a_8365");
        assert_ne!(name("http://localhost:8365"), name("http://localhost:9000"));
        assert_eq!(name("https://muster.example.com"), "__Host-a");
        let over_tls = CookieName::new("a", &"https://x.example".parse().expect("a URL"));
        let set = over_tls.set("v", 60);
        assert!(
            set.starts_with("__Host-a=v; Path=/; ") && set.ends_with("; Secure"),
            "{set}"
        );
        assert_eq!(over_tls.read("a=wrong; __Host-a=v"), Some("v"));
    }
}
