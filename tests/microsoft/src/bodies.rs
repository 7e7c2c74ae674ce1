//! Bodies served verbatim from a directory, such as those that Microsoft's pages print.
//!
//! With an `INDEX.json` (name to `{"request": "GET https://graph.microsoft.com/v1.0/…"}`) the body of
//! a path is `NAME.json` or `NAME.csv`; without one, `deviceManagement__managedDevices.json` is the body
//! of `/v1.0/deviceManagement/managedDevices`. Next and delta links alone are changed: they lead to this
//! origin, as a client must follow them to no other.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

/// A directory of bodies.
#[derive(Debug)]
pub struct Bodies {
    directory: PathBuf,
    /// Path segments and the body's name, ordered by name.
    index: Vec<(Vec<String>, String)>,
    chosen: Mutex<BTreeMap<String, String>>,
}

/// A body, and whether it is the CSV of a report.
#[derive(Debug)]
pub struct Found {
    /// As in the file.
    pub body: Bytes,
    /// Goes behind a redirect.
    pub csv: bool,
}

impl Bodies {
    /// Reads the index, or the names of the files.
    ///
    /// # Errors
    ///
    /// A directory or index that cannot be read.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let mut index = Vec::new();
        let file = directory.join("INDEX.json");
        if file.exists() {
            let entries: BTreeMap<String, Value> = serde_json::from_slice(&std::fs::read(file)?)?;
            for (name, entry) in entries {
                let request = entry["request"].as_str().unwrap_or_default();
                let Some(target) = request.strip_prefix("GET ") else {
                    continue;
                };
                let target = target.lines().next().unwrap_or_default();
                let target = target.trim_start_matches("https://graph.microsoft.com");
                let path = target.split('?').next().unwrap_or_default();
                // Documented for a user's devices; the tenant's have the same shape.
                if path.ends_with("/users/{usersId}/managedDevices") {
                    index.push((segments("/deviceManagement/managedDevices"), name.clone()));
                    let stubs = "/deviceManagement/detectedApps/{id}/managedDevices";
                    index.push((segments(stubs), name.clone()));
                }
                index.push((segments(path), name));
            }
        } else {
            for entry in std::fs::read_dir(directory)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if let Some(stem) = name
                    .strip_suffix(".json")
                    .or_else(|| name.strip_suffix(".csv"))
                {
                    index.push((segments(&stem.replace("__", "/")), stem.to_owned()));
                }
            }
            index.sort_by(|a, b| a.1.cmp(&b.1));
        }
        Ok(Self {
            directory: directory.to_owned(),
            index,
            chosen: Mutex::default(),
        })
    }

    /// Answers `path` with the body of this name from now on.
    pub fn choose(&self, path: &str, name: &str) {
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        chosen.insert(segments(path).join("/"), name.to_owned());
    }

    /// The body for a path, if there is one.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Found> {
        let wanted = segments(path);
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = chosen.get(&wanted.join("/")) {
            return self.load(name);
        }
        drop(chosen);
        let exact = self.index.iter().filter(|(path, _)| *path == wanted);
        let alike = self.index.iter().filter(|(path, _)| matches(path, &wanted));
        exact.chain(alike).find_map(|(_, name)| self.load(name))
    }

    fn load(&self, name: &str) -> Option<Found> {
        let read =
            |suffix: &str| std::fs::read(self.directory.join(format!("{name}.{suffix}"))).ok();
        let json = read("json").map(|body| Found {
            body: body.into(),
            csv: false,
        });
        json.or_else(|| {
            read("csv").map(|body| Found {
                body: body.into(),
                csv: true,
            })
        })
    }
}

/// Whether a path of the index stands for this one: ids in it stand for any id.
fn matches(indexed: &[String], wanted: &[String]) -> bool {
    let stands =
        |(a, b): (&String, &String)| a == b || a.starts_with('{') || Uuid::try_parse(a).is_ok();
    indexed.len() == wanted.len() && indexed.iter().zip(wanted).all(stands)
}

/// The parts of a path, without the version and without a function's arguments.
fn segments(path: &str) -> Vec<String> {
    let parts = path.split('/').filter(|s| !s.is_empty());
    let parts = parts.map(|s| s.split('(').next().unwrap_or_default().to_owned());
    let mut parts: Vec<String> = parts.collect();
    if parts.first().is_some_and(|s| s == "v1.0") {
        parts.remove(0);
    }
    parts
}
