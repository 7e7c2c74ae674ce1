//! Spells the `customKeyIdentifier` of a certificate in each of the ways that Graph was seen to.
//!
//! <https://learn.microsoft.com/graph/api/resources/keycredential>

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::tenant_handle::TenantHandle;

/// The spelling of a certificate's thumbprint: the SHA-1 of its DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyIdentifiers {
    /// Upper-case hexadecimal.
    #[default]
    Hex,
    /// Base64 of its bytes.
    Base64,
    /// Base64 of its hexadecimal text.
    Base64OfHex,
    /// Not at all.
    Null,
}

impl KeyIdentifiers {
    /// The identifier of a certificate.
    pub(crate) fn of(self, der: &[u8]) -> Option<String> {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, der);
        let hex = || -> String { digest.as_ref().iter().map(|b| format!("{b:02X}")).collect() };
        match self {
            Self::Hex => Some(hex()),
            Self::Base64 => Some(BASE64_STANDARD.encode(digest)),
            Self::Base64OfHex => Some(BASE64_STANDARD.encode(hex())),
            Self::Null => None,
        }
    }
}

impl TenantHandle {
    /// Sets how the app registration spells the identifiers of its certificates.
    pub fn set_key_identifiers(&self, identifiers: KeyIdentifiers) {
        self.tenant().write().key_identifiers = identifiers;
    }
}
