//! The GUIDs that name things, parsed at the edge and trusted after.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// A text that is not a GUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID such as 11111111-2222-3333-4444-555555555555")]
pub struct NotAGuid;

/// Parses the 36-character, hyphenated form only: it is what Entra shows, and the one spelling
/// keeps keys unique.
fn guid(text: &str) -> Result<Uuid, NotAGuid> {
    let text = text.trim();
    if text.len() != 36 {
        return Err(NotAGuid);
    }
    let uuid = Uuid::parse_str(text).map_err(|_| NotAGuid)?;
    if uuid.is_nil() {
        Err(NotAGuid)
    } else {
        Ok(uuid)
    }
}

impl TenantId {
    /// No tenant: the account itself, whose settings and alerts are kept where a tenant's would be,
    /// fenced in the same way. No form, path or message can name it, since the nil GUID is no ID.
    pub const ACCOUNT: Self = Self(Uuid::nil());
}

/// Whether a text has the shape of a GUID (a secret never has; its *Secret ID* does).
pub fn is_guid(text: &str) -> bool {
    guid(text).is_ok()
}

macro_rules! guid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The GUID itself.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = NotAGuid;
            fn from_str(text: &str) -> Result<Self, NotAGuid> {
                guid(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAGuid;
            fn try_from(text: String) -> Result<Self, NotAGuid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }
    };
}

guid_type! {
    /// The *directory (tenant) ID* of a Microsoft Entra directory: the unit of isolation.
    TenantId
}
guid_type! {
    /// The *application (client) ID* of the app registration in that tenant.
    ClientId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_a_guid() {
        assert!(
            "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
                .parse::<TenantId>()
                .is_ok()
        );
        assert_eq!(
            " 6F1C0C5E-0B7A-4A4F-9C55-2F6D8F0A1B2C "
                .parse::<TenantId>()
                .map(|t| t.to_string()),
            Ok("6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c".to_owned()),
        );
        for bad in [
            "",
            "contoso.com",
            "6f1c0c5e0b7a4a4f9c552f6d8f0a1b2c",
            "{6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c}",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(bad.parse::<TenantId>(), Err(NotAGuid), "{bad}");
        }
    }
}
