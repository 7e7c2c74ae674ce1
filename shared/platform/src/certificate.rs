//! Key pairs and self-signed certificates for app registrations, and client assertions made with
//! them.
//!
//! Microsoft, "Microsoft identity platform application authentication certificate credentials":
//! PS256, `x5t#S256`, and an audience that is the token endpoint.

use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest},
    rand::SystemRandom,
    signature::{RSA_PSS_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jiff::{SignedDuration, Timestamp};
use muster_domain::{ClientId, renewal::Offered};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    RsaKeySize,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

/// How long a certificate lives.
pub const LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Microsoft asks for five to ten minutes at most.
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// Why there is no certificate, or no assertion.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The cryptographic library refuses.
    #[error("the key pair could not be made or used: {0}")]
    Crypto(String),
    /// What the vault holds is no key pair of Muster's.
    #[error("what the vault holds is no certificate's key")]
    Unreadable,
}

fn crypto(error: impl std::fmt::Display) -> CertificateError {
    CertificateError::Crypto(error.to_string())
}

/// A certificate's private key, and the certificate.
pub struct Certificate {
    key: RsaKeyPair,
    der: Vec<u8>,
    /// When it was made and when it lapses; unknown of those kept before that was noted.
    life: Option<(Timestamp, Timestamp)>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate")
    }
}

/// Makes a key pair and a self-signed certificate: what goes into the vault, and what is public.
///
/// # Errors
/// When the cryptographic library refuses.
pub fn make(name: &str, now: Timestamp) -> Result<(SecretString, Offered), CertificateError> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(crypto)?;
    let expires_at = now.checked_add(LIFE).unwrap_or(now);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Muster {name}"));
    params.not_before = date(now)?;
    params.not_after = date(expires_at)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let signed = params.self_signed(&key).map_err(crypto)?;
    let der = signed.der().to_vec();
    let kept = json!({
        super::microsoft::KIND: "certificate",
        "key": BASE64_STANDARD.encode(key.serialized_der()),
        "certificate": BASE64_STANDARD.encode(&der),
        "made_at": now,
        "expires_at": expires_at,
    });
    let offered = Offered {
        thumbprint: thumbprint(&der),
        pem: pem(&der),
        made_at: now,
        expires_at,
    };
    Ok((SecretString::from(kept.to_string()), offered))
}

fn date(at: Timestamp) -> Result<time::OffsetDateTime, CertificateError> {
    time::OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(crypto)
}

/// The SHA-1 of the DER, in upper-case hex: what Entra shows and names it by.
fn thumbprint(der: &[u8]) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, der);
    digest.as_ref().iter().map(|b| format!("{b:02X}")).collect()
}

/// RFC 7468.
fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

impl Certificate {
    /// Reads what [`make`] put into the vault.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(kept: &serde_json::Value) -> Result<Self, CertificateError> {
        let bytes = |name: &str| {
            let text = kept.get(name).and_then(serde_json::Value::as_str);
            text.and_then(|text| BASE64_STANDARD.decode(text).ok())
                .ok_or(CertificateError::Unreadable)
        };
        let time = |name: &str| kept.get(name)?.as_str()?.parse().ok();
        let key =
            RsaKeyPair::from_pkcs8(&bytes("key")?).map_err(|_| CertificateError::Unreadable)?;
        Ok(Self {
            key,
            der: bytes("certificate")?,
            life: time("made_at").zip(time("expires_at")),
        })
    }

    /// When it lapses, where that is known.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.life.map(|(_, expires_at)| expires_at)
    }

    /// What is public of it, where its dates are known.
    pub fn public(&self) -> Option<Offered> {
        let (made_at, expires_at) = self.life?;
        Some(Offered {
            thumbprint: self.thumbprint(),
            pem: pem(&self.der),
            made_at,
            expires_at,
        })
    }

    /// The SHA-1 thumbprint in upper-case hex.
    pub fn thumbprint(&self) -> String {
        thumbprint(&self.der)
    }

    /// A client assertion for this token endpoint, good for five minutes and once.
    ///
    /// # Errors
    /// When the cryptographic library refuses.
    pub fn assertion(
        &self,
        client: ClientId,
        endpoint: &str,
        now: Timestamp,
    ) -> Result<SecretString, CertificateError> {
        let header = json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.der)),
        });
        let ends = now.checked_add(ASSERTION_LIFE).unwrap_or(now);
        let claims = json!({
            "aud": endpoint,
            "iss": client,
            "sub": client,
            "jti": uuid::Builder::from_random_bytes(crate::random()).into_uuid(),
            "iat": now.as_second(),
            // Clocks differ by seconds.
            "nbf": now.as_second() - 30,
            "exp": ends.as_second(),
        });
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(crypto)?;
        let assertion = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        Ok(SecretString::from(assertion))
    }
}

/// The certificate of what the vault keeps, where it keeps one.
pub fn of(kept: &SecretString) -> Option<Certificate> {
    let kept = serde_json::from_str(kept.expose_secret()).ok()?;
    Certificate::read(&kept).ok()
}
