//! The local vault: one sealed file, replaced whole and atomically, readable by its owner only.

use super::{Stage, VaultError};
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

    /// The tenant's secret at a stage.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, tenant: TenantId, stage: Stage) -> Result<Option<SecretString>, VaultError> {
        Ok(self
            .lock()
            .read()?
            .remove(&entry(tenant, stage))
            .map(SecretString::from))
    }

    /// Keeps the tenant's secret; the one before becomes the previous.
    ///
    /// # Errors
    /// When the file cannot be written; it is as it was then.
    pub fn put(&self, tenant: TenantId, secret: &SecretString) -> Result<(), VaultError> {
        let inner = self.lock();
        let mut secrets = inner.read()?;
        make_current(&mut secrets, tenant, secret.expose_secret().to_owned());
        inner.write(&secrets)
    }

    /// Keeps a secret as the current one of a tenant that has none; `false` where there is one,
    /// which stays.
    ///
    /// # Errors
    /// When the file cannot be written; it is as it was then.
    pub fn create(&self, tenant: TenantId, secret: &SecretString) -> Result<bool, VaultError> {
        let inner = self.lock();
        let mut secrets = inner.read()?;
        if secrets.contains_key(&entry(tenant, Stage::Current)) {
            return Ok(false);
        }
        make_current(&mut secrets, tenant, secret.expose_secret().to_owned());
        inner.write(&secrets)?;
        Ok(true)
    }

    /// Keeps a secret as pending.
    ///
    /// # Errors
    /// When the file cannot be written; it is as it was then.
    pub fn stage(&self, tenant: TenantId, secret: &SecretString) -> Result<(), VaultError> {
        let inner = self.lock();
        let mut secrets = inner.read()?;
        secrets.insert(
            entry(tenant, Stage::Pending),
            secret.expose_secret().to_owned(),
        );
        inner.write(&secrets)
    }

    /// Makes the pending secret the current one; `false` when none is pending.
    ///
    /// # Errors
    /// When the file cannot be written; it is as it was then.
    pub fn promote(&self, tenant: TenantId) -> Result<bool, VaultError> {
        let inner = self.lock();
        let mut secrets = inner.read()?;
        let Some(pending) = secrets.remove(&entry(tenant, Stage::Pending)) else {
            return Ok(false);
        };
        make_current(&mut secrets, tenant, pending);
        inner.write(&secrets)?;
        Ok(true)
    }

    /// Forgets the tenant's secrets.
    ///
    /// # Errors
    /// When the file cannot be written; it is as it was then.
    pub fn remove(&self, tenant: TenantId) -> Result<bool, VaultError> {
        let inner = self.lock();
        let mut secrets = inner.read()?;
        let stages = [Stage::Current, Stage::Pending, Stage::Previous];
        let gone = stages.map(|stage| secrets.remove(&entry(tenant, stage)).is_some());
        if gone.contains(&true) {
            inner.write(&secrets)?;
        }
        Ok(gone[0])
    }

    /// The tenants of which it holds something. A certificate that waits for its tenant to be connected
    /// is passed over unless `certificates` counts as well.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tenants(&self, certificates: bool) -> Result<Vec<TenantId>, VaultError> {
        let held = self.lock().read()?.into_iter();
        let held = held.filter_map(|(name, kept)| Some((name.parse().ok()?, kept)));
        let counts = |kept: &str| certificates || !kept.trim_start().starts_with('{');
        Ok(held
            .filter(|(tenant, kept)| *tenant != TenantId::ACCOUNT && counts(kept))
            .map(|(tenant, _)| tenant)
            .collect())
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

/// The name of an entry; the current secret's is the tenant alone.
fn entry(tenant: TenantId, stage: Stage) -> String {
    match stage {
        Stage::Current => tenant.to_string(),
        Stage::Pending => format!("{tenant}#pending"),
        Stage::Previous => format!("{tenant}#previous"),
    }
}

fn make_current(secrets: &mut BTreeMap<String, String>, tenant: TenantId, secret: String) {
    if let Some(before) = secrets.insert(entry(tenant, Stage::Current), secret) {
        secrets.insert(entry(tenant, Stage::Previous), before);
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
    let path = path.display().to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => VaultError::DiskFull { path },
        _ => VaultError::Io {
            path,
            problem: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_full_disk_is_told_apart() {
        let told = |kind: io::ErrorKind| trouble(Path::new("vault"), &kind.into());
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert!(matches!(told(kind), VaultError::DiskFull { .. }), "{kind}");
        }
        let denied = told(io::ErrorKind::PermissionDenied);
        assert!(matches!(denied, VaultError::Io { .. }), "{denied}");
    }

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
        let read = vault
            .get(tenant(), Stage::Current)
            .expect("reads")
            .expect("is there");
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
    fn a_secret_is_pending_then_current_then_previous_then_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let vault = open(folder.path()).expect("opens");
        let text = |stage| {
            let secret = vault.get(tenant(), stage).expect("reads");
            secret.map(|secret| secret.expose_secret().to_owned())
        };
        let secret = |text: &str| SecretString::from(text);
        vault.put(tenant(), &secret("one")).expect("is kept");
        assert!(!vault.promote(tenant()).expect("nothing is pending"));
        vault.stage(tenant(), &secret("two")).expect("is kept");
        assert_eq!(text(Stage::Current).as_deref(), Some("one"));
        assert!(vault.promote(tenant()).expect("is promoted"));
        assert!(!vault.promote(tenant()).expect("once"));
        assert_eq!(text(Stage::Current).as_deref(), Some("two"));
        assert_eq!(text(Stage::Previous).as_deref(), Some("one"));
        assert_eq!(text(Stage::Pending), None);
        vault.stage(tenant(), &secret("three")).expect("is kept");
        assert!(vault.remove(tenant()).expect("is removed"));
        assert!(!vault.remove(tenant()).expect("once"));
        for stage in [Stage::Pending, Stage::Current, Stage::Previous] {
            assert_eq!(text(stage), None);
        }
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
