//! Makes what holds secrets its owner's alone: a copy that was restored without its modes, or a
//! lax umask, must not open it to others.

use anyhow::{Context, bail};
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

/// The bits that let anybody but the owner in.
const OTHERS: u32 = 0o077;
/// The bits that let anybody but the owner replace files in a directory.
const OTHERS_WRITE: u32 = 0o022;

/// Takes a file from everybody but its owner, and says so. A file that is not there is left so.
///
/// # Errors
/// When it is open to others and that cannot be changed.
pub(crate) fn make_owners_alone(path: &Path) -> anyhow::Result<()> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mode = found.mode() & 0o777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let own = mode & !OTHERS;
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(own)) {
        // Whoever mounts a key as another user's file, as container engines do, chose its mode.
        if found.uid() != rustix::process::geteuid().as_raw() {
            eprintln!(
                "{} is open to other users of this machine (mode {mode:03o}), and belongs to another user.",
                path.display()
            );
            return Ok(());
        }
        return Err(error).with_context(|| {
            format!(
                "{} is open to other users of this machine (mode {mode:03o}), and that cannot be changed. Make it its owner's alone: chmod {own:03o}",
                path.display()
            )
        });
    }
    eprintln!(
        "{} was open to other users of this machine (mode {mode:03o}); it is its owner's alone now.",
        path.display()
    );
    Ok(())
}

/// Refuses a directory in which others may replace files.
///
/// # Errors
/// When they may.
pub(crate) fn refuse_shared(directory: &Path) -> anyhow::Result<()> {
    let found =
        fs::metadata(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    if found.mode() & OTHERS_WRITE != 0 {
        bail!(
            "other users of this machine may write in the data directory {} (mode {:03o}), and could replace its files. Make it its owner's alone (chmod 700), or choose another directory with --data",
            directory.display(),
            found.mode() & 0o777
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_may_read_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("vault");
        make_owners_alone(&file).expect("there is none");
        fs::write(&file, "sealed").expect("written");
        for (before, after) in [
            (0o644, 0o600),
            (0o666, 0o600),
            (0o440, 0o400),
            (0o600, 0o600),
        ] {
            fs::set_permissions(&file, fs::Permissions::from_mode(before)).expect("set");
            make_owners_alone(&file).expect("mended");
            let mode = fs::metadata(&file).expect("there").mode() & 0o777;
            assert_eq!(mode, after, "{before:o}");
        }
    }

    #[test]
    fn a_directory_that_others_may_write_in_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        for (mode, refused) in [(0o700, false), (0o755, false), (0o775, true), (0o777, true)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("set");
            assert_eq!(refuse_shared(folder.path()).is_err(), refused, "{mode:o}");
        }
    }
}
