//! Authenticated encryption (AES-256-GCM, random nonce) for the vault file and session cookies.

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};

/// A 256-bit key.
pub struct SealingKey(RandomizedNonceKey);

/// What was sealed cannot be opened: another key, or not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed with another key, or altered since")]
pub struct NotOpened;

/// The bytes of a key, which no log shows.
#[derive(Clone)]
pub struct KeyBytes(pub [u8; 32]);

impl std::fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyBytes")
    }
}

impl std::ops::Deref for KeyBytes {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

const NONCE: usize = 12;

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey")
    }
}

impl SealingKey {
    /// A key of these bytes.
    ///
    /// # Panics
    /// Never: 32 bytes are the key length of AES-256.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(RandomizedNonceKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key"))
    }

    /// Seals `plain` for `purpose`: nonce, then ciphertext and tag.
    ///
    /// # Panics
    /// When the operating system gives no randomness for the nonce.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Vec<u8> {
        let mut body = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut body)
            .expect("the operating system gives randomness");
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut body);
        sealed
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    /// When the key, the purpose or the bytes are not those of the sealing.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (nonce, body) = sealed.split_at_checked(NONCE).ok_or(NotOpened)?;
        let nonce = <&[u8; NONCE]>::try_from(nonce).map_err(|_| NotOpened)?;
        let mut body = body.to_vec();
        let plain = self
            .0
            .open_in_place(nonce.into(), Aad::from(purpose.as_bytes()), &mut body)
            .map_err(|_| NotOpened)?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_purpose_and_bytes_open() {
        let key = SealingKey::new(&[7; 32]);
        let sealed = key.seal("vault", b"secret");
        assert_eq!(key.open("vault", &sealed).as_deref(), Ok(&b"secret"[..]));
        assert_eq!(key.open("session", &sealed), Err(NotOpened));
        assert_eq!(
            SealingKey::new(&[8; 32]).open("vault", &sealed),
            Err(NotOpened)
        );
        for i in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[i] ^= 1;
            assert_eq!(key.open("vault", &altered), Err(NotOpened));
        }
        assert_eq!(key.open("vault", b"short"), Err(NotOpened));
    }
}
