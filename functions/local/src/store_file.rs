//! The store's file: its format version, and overwriting what was deleted.

use crate::embedded::Embedded;
use anyhow::{Context, bail};
use muster_platform::store::{Overwrite, StoreFile};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A step from one format of the store to the next.
type Migration = fn(&Connection) -> rusqlite::Result<()>;

/// The step at place N brings a file from format N to N + 1; their number is the format that this version
/// writes. One is added whenever an older version would misread what a newer one stores. A file without a
/// format is of format 0, and differs from format 1 by the number alone.
const MIGRATIONS: &[Migration] = &[|_| Ok(())];

/// The longest wait for another connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes sure that the file is of this version's format before anything else opens it. An older one is
/// copied beside itself and migrated.
///
/// # Errors
/// When it is of a newer format, and nothing is changed then; or when it cannot be read or written.
pub(crate) fn bring_to_this_format(path: &Path) -> anyhow::Result<()> {
    bring_to_format_of(path, MIGRATIONS)
}

fn bring_to_format_of(path: &Path, migrations: &[Migration]) -> anyhow::Result<()> {
    // A first start: the format is stored when the tables are there.
    if fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        return Ok(());
    }
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let format = file.and_then(|file| format_of(&file)).with_context(|| {
        format!(
            "cannot read the store {}. Nothing was changed",
            path.display()
        )
    })?;
    let known = migrations.len();
    if format > known {
        bail!(
            "the store {} is of format {format}, which a newer version of Muster wrote; this version reads formats up to {known}. Nothing was changed. Run the newer version again.",
            path.display()
        );
    }
    if format == known {
        return Ok(());
    }
    // Format 1 differs by the number alone, and needs no copy.
    let copy = (known > 1).then(|| copy_of(path, format));
    if let Some(copy) = &copy {
        copy_to(path, copy)?;
    }
    migrate(path, format, migrations).with_context(|| {
        let kept = copy.map(|copy| format!(". Its copy is {}", copy.display()));
        format!(
            "cannot migrate the store {} from format {format} to {known}{}",
            path.display(),
            kept.unwrap_or_default()
        )
    })
}

fn format_of(file: &Connection) -> rusqlite::Result<usize> {
    file.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn migrate(path: &Path, from: usize, migrations: &[Migration]) -> rusqlite::Result<()> {
    let mut file = Connection::open(path)?;
    file.busy_timeout(PATIENCE)?;
    for (step, format) in migrations.iter().zip(1u32..).skip(from) {
        let change = file.transaction()?;
        step(&change)?;
        change.pragma_update(None, "user_version", format)?;
        change.commit()?;
    }
    Ok(())
}

/// Stores the format of a file that was made just now.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn store_format(path: &Path) -> anyhow::Result<()> {
    let file = Connection::open(path)?;
    file.busy_timeout(PATIENCE)?;
    if format_of(&file)? == 0 {
        let format = u32::try_from(MIGRATIONS.len())?;
        file.pragma_update(None, "user_version", format)?;
    }
    Ok(())
}

/// The path at which the copy of a file of an older format is kept.
fn copy_of(path: &Path, format: usize) -> PathBuf {
    path.with_extension(format!("db.format-{format}"))
}

fn copy_to(path: &Path, copy: &Path) -> anyhow::Result<()> {
    let file = Connection::open(path)?;
    file.busy_timeout(PATIENCE)?;
    if copy.exists() {
        fs::remove_file(copy)?;
    }
    file.execute("VACUUM INTO ?1", [copy.to_string_lossy()])
        .with_context(|| {
            format!(
                "cannot copy the store to {}. Nothing was changed",
                copy.display()
            )
        })?;
    fs::set_permissions(copy, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// Serves requests to overwrite what was deleted, for as long as there is somebody to ask. Requests that
/// come while the file is being rewritten share the next rewriting.
pub(crate) fn overwrite_on_request(path: PathBuf, store: Embedded) -> StoreFile {
    let (file, mut asked) = StoreFile::new();
    tokio::spawn(async move {
        let mut waiting: Vec<Overwrite> = Vec::new();
        while asked.recv_many(&mut waiting, usize::MAX).await > 0 {
            let done = overwrite(path.clone(), &store).await;
            if let Err(error) = &done {
                tracing::error!(%error, "the store's file was not rewritten");
            }
            for answer in waiting.drain(..) {
                // An error is somebody who does not wait any more.
                answer.send(done.clone()).ok();
            }
        }
    });
    file
}

async fn overwrite(path: PathBuf, store: &Embedded) -> Result<(), String> {
    let rewritten = store.run(move |database| {
        // VACUUM writes every page that is in use anew, into the write-ahead log; the checkpoint puts
        // them in the place of the old ones, cuts the rest of the file off, and empties the log.
        database.vacuum().map_err(|error| error.to_string())?;
        truncate_log(&path).map_err(|error| error.to_string())?;
        remove_copies(&path).map_err(|error| error.to_string())
    });
    let rewritten = rewritten.await.map_err(|error| error.to_string())?;
    rewritten.unwrap_or_else(|| Err("it is shutting down".to_owned()))
}

fn truncate_log(path: &Path) -> anyhow::Result<()> {
    let file = Connection::open(path)?;
    file.busy_timeout(PATIENCE)?;
    let busy: bool = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy {
        bail!("the store was too busy to empty its log");
    }
    Ok(())
}

/// Removes the copies of older formats, which hold what was deleted.
fn remove_copies(path: &Path) -> std::io::Result<()> {
    for format in 0..MIGRATIONS.len() {
        match fs::remove_file(copy_of(path, format)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_MORE: &[Migration] = &[
        |_| Ok(()),
        |file| file.execute_batch("UPDATE people SET name = upper(name)"),
    ];

    fn store(folder: &Path) -> PathBuf {
        let path = folder.join("muster.db");
        let file = Connection::open(&path).expect("opens");
        file.execute_batch("CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('anna')")
            .expect("is written");
        path
    }

    fn name(path: &Path) -> String {
        let file = Connection::open(path).expect("opens");
        file.query_row("SELECT name FROM people", [], |row| row.get(0))
            .expect("is there")
    }

    #[test]
    fn an_older_store_is_migrated_and_its_copy_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = store(folder.path());
        bring_to_this_format(&path).expect("the number alone");
        bring_to_format_of(&path, ONE_MORE).expect("migrates");
        bring_to_format_of(&path, ONE_MORE).expect("once");
        assert_eq!(name(&path), "ANNA");
        assert_eq!(name(&copy_of(&path, 1)), "anna");
    }

    #[test]
    fn a_newer_store_is_refused_in_one_sentence_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = store(folder.path());
        bring_to_format_of(&path, ONE_MORE).expect("migrates");
        let before = fs::read(&path).expect("is there");
        let refused = bring_to_this_format(&path)
            .expect_err("it is newer")
            .to_string();
        for part in [
            "format 2",
            "newer version of Muster",
            "up to 1",
            "Nothing was changed",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        assert_eq!(fs::read(&path).expect("is there"), before);
    }
}
