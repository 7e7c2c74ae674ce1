//! The real binaries, run as a user or Lambda would run them.

use anyhow::{Context, bail};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// The built binary of a package of this workspace. All are built by one call of cargo over the
/// whole workspace, as the tests are: built one by one, each would have its dependencies compiled
/// anew with features of its own.
///
/// # Errors
/// When it cannot be built.
pub fn binary(package: &str) -> anyhow::Result<PathBuf> {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if built.is_none() {
        *built = Some(build()?);
    }
    let path = built.as_ref().and_then(|built| built.get(package)).cloned();
    path.with_context(|| format!("{package} has a binary"))
}

fn build() -> anyhow::Result<HashMap<String, PathBuf>> {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "build",
            "--workspace",
            "--bins",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()?;
    if !output.status.success() {
        bail!(
            "the binaries do not build: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let messages = String::from_utf8(output.stdout)?;
    let built = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let name = message["target"]["name"].as_str()?.to_owned();
        Some((name, message["executable"].as_str()?.into()))
    });
    Ok(built.collect())
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
}

impl Program {
    /// Starts a command; it is killed when dropped.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let out = child.stdout.take().context("its output")?;
        Ok(Self {
            child,
            lines: BufReader::new(out).lines(),
            said: Vec::new(),
        })
    }

    /// Waits for a line that begins so, and gives the rest of it.
    ///
    /// # Errors
    /// When the program ends first, or says nothing like it in a minute.
    pub async fn says(&mut self, prefix: &str) -> anyhow::Result<String> {
        let wait = async {
            while let Some(line) = self.lines.next_line().await? {
                self.said.push(line.clone());
                if let Some(rest) = line.trim_start().strip_prefix(prefix) {
                    return Ok(rest.trim().to_owned());
                }
            }
            bail!(
                "it ended without saying {prefix:?}; it said {:?}",
                self.said
            )
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await?
    }

    /// Its process id.
    ///
    /// # Errors
    /// When it has ended.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.child.id().context("it is running")
    }

    /// Kills it as `kill -9` does.
    ///
    /// # Errors
    /// When that fails.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in a minute.
    pub async fn ended(mut self) -> anyhow::Result<std::process::ExitStatus> {
        Ok(tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await??)
    }
}
