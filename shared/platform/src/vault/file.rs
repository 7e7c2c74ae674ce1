//! The local vault: one sealed file, replaced whole and atomically, readable by its owner only.

use super::VaultError;
use crate::seal::{KeyBytes, SealingKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use muster_domain::TenantId;
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// An encrypted file of client secrets.
#[derive(Debug, Clone)]
pub struct FileVault {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    key_path: PathBuf,
    key: SealingKey,
    session_key: KeyBytes,
}

const PURPOSE: &str = "muster vault 1";

impl FileVault {
    /// Opens the vault at `path`, or makes it. The key comes from `key` (base64, from the
    /// environment) or else from the file `key_path`, which is made with the vault.
    ///
    /// # Errors
    /// When the key is missing or wrong, or the file was altered; nothing is changed then.
    pub fn open(
        path: PathBuf,
        key_path: PathBuf,
        key: Option<&SecretString>,
    ) -> Result<Self, VaultError> {
        let bytes = match key {
            Some(key) => decode(key.expose_secret(), "MUSTER_VAULT_KEY")?,
            None => read_or_make_key(&path, &key_path)?,
        };
        let session_key = derive(&bytes);
        let inner = Inner {
            path,
            key_path,
            key: SealingKey::new(&bytes),
            session_key,
        };
        inner.read()?;
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
        })
    }

    /// A key for session cookies, bound to the vault's key.
    pub fn session_key(&self) -> KeyBytes {
        self.lock().session_key.clone()
    }

    /// The tenant's secret.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, tenant: TenantId) -> Result<Option<SecretString>, VaultError> {
        Ok(self
            .lock()
            .read()?
            .remove(&tenant.to_string())
            .map(SecretString::from))
    }

    /// Keeps the tenant's secret.
    ///
    /// # Errors
    /// When the file cannot be written; it is as it was then.
    pub fn put(&self, tenant: TenantId, secret: &SecretString) -> Result<(), VaultError> {
        let inner = self.lock();
        let mut secrets = inner.read()?;
        secrets.insert(tenant.to_string(), secret.expose_secret().to_owned());
        inner.write(&secrets)
    }

    /// Forgets the tenant's secret.
    ///
    /// # Errors
    /// When the file cannot be written; it is as it was then.
    pub fn remove(&self, tenant: TenantId) -> Result<bool, VaultError> {
        let inner = self.lock();
        let mut secrets = inner.read()?;
        let there = secrets.remove(&tenant.to_string()).is_some();
        if there {
            inner.write(&secrets)?;
        }
        Ok(there)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // The file is replaced whole, so a panic elsewhere cannot have left it half-written.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn read(&self) -> Result<BTreeMap<String, String>, VaultError> {
        let sealed = match fs::read(&self.path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(trouble(&self.path, &error)),
        };
        let not_opened = || VaultError::NotOpened {
            file: self.path.display().to_string(),
            key: self.key_path.display().to_string(),
        };
        let plain = self.key.open(PURPOSE, &sealed).map_err(|_| not_opened())?;
        serde_json::from_slice(&plain).map_err(|_| not_opened())
    }

    fn write(&self, secrets: &BTreeMap<String, String>) -> Result<(), VaultError> {
        let plain = serde_json::to_vec(secrets).unwrap_or_default();
        replace(&self.path, &self.key.seal(PURPOSE, &plain)).map_err(|e| trouble(&self.path, &e))
    }
}

fn read_or_make_key(path: &Path, key_path: &Path) -> Result<[u8; 32], VaultError> {
    match fs::read_to_string(key_path) {
        Ok(text) => decode(&text, &key_path.display().to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if path.exists() {
                return Err(VaultError::KeyMissing {
                    file: path.display().to_string(),
                    key: key_path.display().to_string(),
                });
            }
            let key = crate::random::<32>();
            if let Some(folder) = key_path.parent() {
                fs::create_dir_all(folder).map_err(|e| trouble(key_path, &e))?;
            }
            replace(key_path, BASE64_STANDARD.encode(key).as_bytes())
                .map_err(|e| trouble(key_path, &e))?;
            Ok(key)
        }
        Err(error) => Err(trouble(key_path, &error)),
    }
}

fn decode(text: &str, place: &str) -> Result<[u8; 32], VaultError> {
    let bytes = BASE64_STANDARD.decode(text.trim()).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| VaultError::BadKey(place.to_owned()))
}

fn derive(key: &[u8; 32]) -> KeyBytes {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    let tag = aws_lc_rs::hmac::sign(&key, b"muster session 1");
    let mut derived = [0; 32];
    derived.copy_from_slice(tag.as_ref());
    KeyBytes(derived)
}

/// Replaces a file whole, owner-only: a crash leaves the old one or the new one.
///
/// # Errors
/// When it cannot be written; the old one is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()
    })();
    if let Err(error) = written {
        // The half-written file is of no use, and may hold the last free block.
        fs::remove_file(&beside).ok();
        return Err(error);
    }
    fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn trouble(path: &Path, error: &io::Error) -> VaultError {
    VaultError::Io {
        path: path.display().to_string(),
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn tenant() -> TenantId {
        "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
            .parse()
            .expect("a GUID")
    }

    fn open(folder: &Path) -> Result<FileVault, VaultError> {
        FileVault::open(folder.join("vault"), folder.join("keys/key"), None)
    }

    #[test]
    fn a_secret_survives_a_restart_and_is_nowhere_in_the_clear() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = SecretString::from("canary~secret");
        open(folder.path())
            .expect("opens")
            .put(tenant(), &secret)
            .expect("is kept");
        let vault = open(folder.path()).expect("opens again");
        let read = vault.get(tenant()).expect("reads").expect("is there");
        assert_eq!(read.expose_secret(), "canary~secret");
        for file in ["vault", "keys/key"] {
            let bytes = fs::read(folder.path().join(file)).expect("is there");
            assert!(!bytes.windows(6).any(|w| w == b"canary"));
            let mode = fs::metadata(folder.path().join(file))
                .expect("is there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "{file} is its owner's alone");
        }
        assert!(!format!("{vault:?}").contains("canary"));
    }

    #[test]
    fn a_tampered_vault_a_wrong_key_and_a_missing_key_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault");
        open(folder.path())
            .expect("opens")
            .put(tenant(), &SecretString::from("s"))
            .expect("is kept");
        let sealed = fs::read(&path).expect("is there");
        let other = SecretString::from(BASE64_STANDARD.encode([1; 32]));
        let wrong = FileVault::open(path.clone(), folder.path().join("keys/key"), Some(&other));
        assert!(matches!(wrong, Err(VaultError::NotOpened { .. })));
        let mut altered = sealed.clone();
        altered[20] ^= 1;
        fs::write(&path, &altered).expect("writes");
        assert!(matches!(
            open(folder.path()),
            Err(VaultError::NotOpened { .. })
        ));
        fs::write(&path, &sealed).expect("writes");
        fs::rename(folder.path().join("keys/key"), folder.path().join("away")).expect("moves");
        assert!(matches!(
            open(folder.path()),
            Err(VaultError::KeyMissing { .. })
        ));
        assert_eq!(fs::read(&path).expect("is there"), sealed);
        assert!(
            !folder.path().join("keys/key").exists(),
            "no key is made beside a vault of another"
        );
    }
}
