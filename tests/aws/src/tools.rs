//! What the rehearsal needs beside Rust, installed and pinned by the Makefile.

use anyhow::bail;
use std::path::{Path, PathBuf};

/// Where the tools are.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Python with the emulator and SAM's translator.
    pub python: PathBuf,
    /// The built bootstraps, one folder a binary.
    pub lambda: PathBuf,
    /// npm packages.
    pub node_modules: PathBuf,
}

/// Finds them in cargo's target directory.
///
/// # Errors
/// Names what is missing, and the command that installs it.
pub fn tools() -> anyhow::Result<Tools> {
    let target = target_dir();
    let tools = Tools {
        python: target.join("tools/aws/bin/python"),
        lambda: target.join("lambda"),
        node_modules: target.join("tools/policies/node_modules"),
    };
    for path in [&tools.python, &tools.lambda, &tools.node_modules] {
        if !path.exists() {
            bail!(
                "{} is not there: run `make rehearsal-tools`",
                path.display()
            );
        }
    }
    Ok(tools)
}

/// Cargo's target directory, as the Makefile sets it.
fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
