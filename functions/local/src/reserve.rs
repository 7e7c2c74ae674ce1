//! Space in reserve: a file that is given up where the disk is full at start. SQLite needs some space
//! even to read, and deleting a client needs some before it frees any.

use rustix::fs::statvfs;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Bytes in reserve.
const SIZE: usize = 4 << 20;
/// Bytes that a start takes, about.
const NEEDED: u64 = 1 << 20;

fn file(directory: &Path) -> PathBuf {
    directory.join("reserve")
}

/// Keeps space in reserve where there is some. Without it everything works, until the disk is full.
pub(crate) fn keep(directory: &Path) {
    let path = file(directory);
    if fs::metadata(&path).is_ok_and(|kept| kept.len() == SIZE as u64) {
        return;
    }
    let written = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        // Zeros are written, since a file of holes takes no space.
        .and_then(|mut file| file.write_all(&vec![0; SIZE]));
    if let Err(error) = written {
        tracing::warn!(%error, "no space is kept in reserve");
        fs::remove_file(&path).ok();
    }
}

/// Gives the space up where the disk is full, and says so.
pub(crate) fn release_if_full(directory: &Path) {
    let free = statvfs(directory).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    let full = free.is_ok_and(|free| free < NEEDED);
    if full && fs::remove_file(file(directory)).is_ok() {
        eprintln!(
            "The disk that holds {} is full. Muster has given up its {} MB in reserve; free some more.",
            directory.display(),
            SIZE >> 20
        );
    }
}
