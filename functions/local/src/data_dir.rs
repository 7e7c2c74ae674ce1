//! The data directory: the store's file, the vault, the API tokens; one process at a time.

use crate::file_modes;
use anyhow::{Context, bail};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use muster_platform::vault::{FileVault, replace};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A data directory.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
    key_file: Option<PathBuf>,
    start_empty: bool,
}

/// The right to use a data directory; given back when dropped, or when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl DataDir {
    /// The directory at `path`, or the user's own of this name; made if need be.
    ///
    /// # Errors
    /// When it cannot be made, or there is no home directory to make it in.
    pub fn open(path: Option<PathBuf>, name: &str) -> anyhow::Result<Self> {
        let path = match path {
            Some(path) => path,
            None => base("XDG_DATA_HOME", ".local/share")?.join(name),
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make the data directory {}", path.display()))?;
        Ok(Self {
            path,
            key_file: None,
            start_empty: false,
        })
    }

    /// The same directory with its vault's key in this file.
    #[must_use]
    pub fn with_key_file(mut self, key_file: PathBuf) -> Self {
        self.key_file = Some(key_file);
        self
    }

    /// The same directory, where an empty store beside a filled vault is a new beginning.
    #[must_use]
    pub fn starting_empty(mut self, start_empty: bool) -> Self {
        self.start_empty = start_empty;
        self
    }

    /// Returns true if the store has a file with anything in it.
    pub fn has_store(&self) -> bool {
        fs::metadata(self.path.join("muster.db")).is_ok_and(|file| file.len() > 0)
    }

    /// Refuses a store without clients beside a vault that holds the secrets of some: the store was lost,
    /// and this is no first start. Where that was allowed, the vault is set aside instead; the vault to go
    /// on with is returned.
    ///
    /// # Errors
    /// When it is refused, or the vault cannot be read or set aside.
    pub fn empty_store(&self, vault: FileVault) -> anyhow::Result<FileVault> {
        // A certificate may wait for its client to be connected, but not beside a store that never was.
        let tenants = vault.tenants(!self.has_store())?;
        if tenants.is_empty() {
            return Ok(vault);
        }
        let path = self.path.join("vault");
        if !self.start_empty {
            bail!(
                "the store {} holds no client, but the vault {} holds the secrets of {}: the store was lost or replaced. Nothing was changed. Put the store back from a backup, or begin anew with `muster serve --start-empty`, which sets the vault aside.",
                self.path.join("muster.db").display(),
                path.display(),
                match tenants.len() {
                    1 => "1 client".to_owned(),
                    many => format!("{many} clients"),
                }
            );
        }
        let aside = format!("vault.set-aside-{}", muster_platform::now().as_second());
        let aside = self.path.join(aside);
        fs::rename(&path, &aside)
            .with_context(|| format!("cannot set the vault aside as {}", aside.display()))?;
        println!(
            "The store is empty. The vault was set aside as {}.",
            aside.display()
        );
        self.vault()
    }

    /// Makes every file that holds a secret its owner's alone.
    ///
    /// # Errors
    /// When others may replace files of the directory, or a file is open to others and that cannot be
    /// changed.
    pub fn protect(&self) -> anyhow::Result<()> {
        file_modes::refuse_shared(&self.path)?;
        for name in [
            "vault",
            "token",
            "viewer-token",
            "muster.db",
            "muster.db-wal",
        ] {
            file_modes::make_owners_alone(&self.path.join(name))?;
        }
        file_modes::make_owners_alone(&self.key_file()?)
    }

    /// The file of the vault's key.
    fn key_file(&self) -> anyhow::Result<PathBuf> {
        match &self.key_file {
            Some(file) => Ok(file.clone()),
            None => key_file(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the directory for this process; `None` while another has it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn try_lock(&self) -> anyhow::Result<Option<Lock>> {
        let path = self.path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Copies what the store is read from into another directory, which shares the vault's key.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn copy_to(&self, directory: &Path) -> anyhow::Result<Self> {
        for name in [
            "muster.db",
            "muster.db-wal",
            "vault",
            "token",
            "viewer-token",
        ] {
            let (from, to) = (self.path.join(name), directory.join(name));
            match fs::copy(&from, &to) {
                Ok(_) => fs::set_permissions(&to, fs::Permissions::from_mode(0o600))?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    let (from, to) = (from.display(), to.display());
                    return Err(error).with_context(|| format!("cannot copy {from} to {to}"));
                }
            }
        }
        Ok(Self {
            path: directory.to_owned(),
            ..self.clone()
        })
    }

    /// Returns true if nothing can be written into the directory, as on a disk that is mounted read-only.
    pub fn is_read_only(&self) -> bool {
        let opened = OpenOptions::new().append(true).open(self.path.join("lock"));
        opened.is_err_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem)
    }

    /// Takes the directory for this process, or says who has it.
    ///
    /// # Errors
    /// When another process has it.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        match self.try_lock()? {
            Some(lock) => Ok(lock),
            None => {
                let at = self
                    .address()
                    .map(|at| format!(" It answers at {at}."))
                    .unwrap_or_default();
                bail!(
                    "another muster is using the data directory {}.{at} Stop it first, or choose another directory with --data.",
                    self.path.display(),
                )
            }
        }
    }

    /// The store's file, made its owner's alone before SQLite opens it: the files that SQLite
    /// puts beside it take its mode.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn store(&self) -> anyhow::Result<PathBuf> {
        let path = self.path.join("muster.db");
        let made = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)));
        made.with_context(|| format!("cannot make {} its owner's alone", path.display()))?;
        Ok(path)
    }

    /// Opens the vault. Its key is in `MUSTER_VAULT_KEY`, or else in a file outside this directory.
    ///
    /// # Errors
    /// When the vault cannot be opened; nothing is changed then.
    pub fn vault(&self) -> anyhow::Result<FileVault> {
        let key = std::env::var("MUSTER_VAULT_KEY")
            .ok()
            .filter(|key| !key.is_empty())
            .map(SecretString::from);
        Ok(FileVault::open(
            self.path.join("vault"),
            self.key_file()?,
            key.as_ref(),
        )?)
    }

    /// The API token of this name, made at first use.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn token(&self, name: &str) -> anyhow::Result<SecretString> {
        let path = self.path.join(name);
        if let Ok(token) = fs::read_to_string(&path)
            && !token.trim().is_empty()
        {
            return Ok(SecretString::from(token.trim().to_owned()));
        }
        let token =
            SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(muster_platform::random::<32>()));
        replace(&path, token.expose_secret().as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(token)
    }

    /// Where the process that uses this directory answers.
    pub fn address(&self) -> Option<String> {
        fs::read_to_string(self.path.join("address"))
            .ok()
            .filter(|at| !at.is_empty())
    }

    /// Tells other commands where this process answers.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_address(&self, address: &str) -> anyhow::Result<()> {
        let path = self.path.join("address");
        // On a full disk nothing can be written, and nothing needs to be.
        if self.address().as_deref() == Some(address) {
            return Ok(());
        }
        replace(&path, address.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The vault's key file: outside every data directory, so that a copy of one holds no secret in
/// the clear.
fn key_file() -> anyhow::Result<PathBuf> {
    match std::env::var_os("MUSTER_VAULT_KEY_FILE").filter(|path| !path.is_empty()) {
        Some(path) => Ok(path.into()),
        None => Ok(base("XDG_CONFIG_HOME", ".config")?
            .join("muster")
            .join("vault.key")),
    }
}

fn base(variable: &str, below_home: &str) -> anyhow::Result<PathBuf> {
    if let Some(base) = std::env::var_os(variable).filter(|base| !base.is_empty()) {
        return Ok(base.into());
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.context("there is no home directory; choose a directory with --data")?;
    Ok(PathBuf::from(home).join(below_home))
}
