//! Python with the reference's packages, pinned, in a virtual environment beside the build.

use anyhow::{Context, Result, ensure};
use std::{path::PathBuf, process::Command};

/// The interpreter; makes the environment at the first call.
///
/// # Errors
/// When there is no Python 3 with venv, or the packages cannot be had.
pub fn interpreter() -> Result<PathBuf> {
    let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/requirements.txt");
    let built = std::env::current_exe()?;
    let target = built
        .parent()
        .and_then(std::path::Path::parent)
        .context("a target directory")?;
    let folder = target.join("tools/bench-python");
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    let wanted = std::fs::read(requirements)?;
    if std::fs::read(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--requirement", requirements]))?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{command:?} does not start; Debian has it as python3-venv"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
