//! What a token that we minted ourselves says: the proof of consent.
//!
//! The token came straight from the token endpoint over TLS, so its signature is not checked;
//! only the claims are read (RFC 7519).

use crate::{ClientId, Permission, TenantId};
use serde::Deserialize;

/// The claims Muster reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `tid`: the directory the token is for.
    pub tenant_id: TenantId,
    /// `appid`: the app the token was issued to.
    pub client_id: ClientId,
    /// `roles` that Muster knows; a token without consent is issued happily and has none.
    pub roles: Vec<Permission>,
    /// `exp`, in seconds since the epoch.
    pub expires_at: i64,
}

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProof {
    /// It is no JWT with the claims of an app token.
    #[error("the sign-in service answered with a token that cannot be read")]
    Unreadable,
    /// It is for another directory.
    #[error("the token is for the directory {0}, not this one")]
    OtherTenant(TenantId),
    /// It is for another app.
    #[error("the token is for the app {0}, not this one")]
    OtherApp(ClientId),
}

#[derive(Deserialize)]
struct Payload {
    tid: TenantId,
    #[serde(alias = "azp")]
    appid: ClientId,
    #[serde(default)]
    roles: Vec<String>,
    exp: i64,
}

impl Claims {
    /// Reads the claims of a compact JWT whose payload has been base64url-decoded.
    ///
    /// # Errors
    /// When it is unreadable, or for another directory or app than expected.
    pub fn read(payload: &[u8], tenant: TenantId, app: ClientId) -> Result<Self, NotProof> {
        let payload: Payload = serde_json::from_slice(payload).map_err(|_| NotProof::Unreadable)?;
        if payload.tid != tenant {
            return Err(NotProof::OtherTenant(payload.tid));
        }
        if payload.appid != app {
            return Err(NotProof::OtherApp(payload.appid));
        }
        let mut roles: Vec<Permission> = payload
            .roles
            .iter()
            .filter_map(|role| Permission::find(role))
            .collect();
        roles.sort_unstable();
        roles.dedup();
        Ok(Self {
            tenant_id: payload.tid,
            client_id: payload.appid,
            roles,
            expires_at: payload.exp,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c";
    const APP: &str = "0c5e6f1c-7a0b-4f4a-559c-0a1b2c2f6d8f";

    fn read(payload: &str) -> Result<Claims, NotProof> {
        let id = |text: &str| text.parse().expect("a GUID");
        Claims::read(payload.as_bytes(), id(TENANT), APP.parse().expect("a GUID"))
    }

    #[test]
    fn a_token_without_roles_grants_nothing() {
        let claims =
            read(&format!(r#"{{"tid":"{TENANT}","appid":"{APP}","exp":1}}"#)).expect("readable");
        assert!(claims.roles.is_empty());
    }

    #[test]
    fn roles_are_read_and_unknown_ones_left() {
        let claims = read(&format!(
            r#"{{"tid":"{TENANT}","appid":"{APP}","exp":1,"roles":["User.Read.All","Mail.Send","User.Read.All"]}}"#
        ));
        assert_eq!(claims.expect("readable").roles, [Permission::UserReadAll]);
    }

    #[test]
    fn a_token_for_another_directory_or_app_proves_nothing() {
        let swapped = read(&format!(r#"{{"tid":"{APP}","appid":"{APP}","exp":1}}"#));
        assert!(matches!(swapped, Err(NotProof::OtherTenant(_))));
        let other = read(&format!(
            r#"{{"tid":"{TENANT}","appid":"{TENANT}","exp":1}}"#
        ));
        assert!(matches!(other, Err(NotProof::OtherApp(_))));
        assert_eq!(read("[]"), Err(NotProof::Unreadable));
    }
}
