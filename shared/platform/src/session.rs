//! Browser sessions: a sealed cookie, nothing stored.

use crate::seal::SealingKey;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
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
    key: SealingKey,
    secure: bool,
}

const COOKIE: &str = "muster_session";
const PURPOSE: &str = "muster session cookie 1";
const LIFE: SignedDuration = SignedDuration::from_hours(12);

impl Sessions {
    /// Sessions sealed with this key; `secure` where the pages are served over TLS.
    pub fn new(key: &[u8; 32], secure: bool) -> Self {
        Self {
            key: SealingKey::new(key),
            secure,
        }
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
    pub fn set_cookie(&self, session: &Session) -> String {
        let plain = serde_json::to_vec(session).unwrap_or_default();
        let value = BASE64_URL_SAFE_NO_PAD.encode(self.key.seal(PURPOSE, &plain));
        let secure = if self.secure { "; Secure" } else { "" };
        format!(
            "{COOKIE}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}",
            LIFE.as_secs()
        )
    }

    /// The `Set-Cookie` value that ends a session.
    pub fn clear_cookie(&self) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")
    }

    /// The session that a `Cookie` header carries, unless it ended or was not sealed here.
    pub fn read(&self, cookies: &str, now: Timestamp) -> Option<Session> {
        let value = cookies
            .split(';')
            .find_map(|c| c.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(value).ok()?;
        let plain = self.key.open(PURPOSE, &sealed).ok()?;
        let session: Session = serde_json::from_slice(&plain).ok()?;
        (session.expires_at > now).then_some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_back_until_it_ends() {
        let sessions = Sessions::new(&[1; 32], false);
        let now = crate::now();
        let session = sessions.begin(Role::Viewer, now);
        let cookie = sessions.set_cookie(&session);
        let cookie = cookie.split(';').next().unwrap_or_default();
        assert_eq!(
            sessions.read(&format!("a=b; {cookie}"), now).as_ref(),
            Some(&session)
        );
        assert_eq!(sessions.read(cookie, session.expires_at), None);
        assert_eq!(Sessions::new(&[2; 32], false).read(cookie, now), None);
        assert_eq!(sessions.read("muster_session=", now), None);
    }
}
