//! `make plant`: plants each bug of `muster_soak::planted` and says which test catches it.
//!
//! All are edited into one copy of the workspace, each behind its number, so that it is built once; a
//! process is told which of them is in force. Writes the outcome into docs/reliability.md.

use anyhow::{Context, Result, bail, ensure};
use muster_soak::planted::{BUGS, Edit};
use serde_json::Value;
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const PACKAGES: [&str; 3] = ["muster-domain", "muster-sync", "muster-soak"];
/// The environment variable that says which bug is in force.
const NUMBER: &str = "MUSTER_PLANTED";
/// Tests that a bug makes wait for ever have caught it.
const PATIENCE: Duration = Duration::from_secs(600);
/// Where the copy of the domain tells which bug is in force, and how.
const SWITCH_AT: &str = "shared/domain/src/lib.rs";
const SWITCH: &str = r#"
/// Whether the bug of this number is in force.
#[doc(hidden)]
pub fn planted(number: usize) -> bool {
    static NUMBER: std::sync::LazyLock<Option<usize>> =
        std::sync::LazyLock::new(|| std::env::var("MUSTER_PLANTED").ok()?.parse().ok());
    *NUMBER == Some(number)
}
"#;

fn main() -> Result<()> {
    let only: Vec<usize> = std::env::args()
        .skip(1)
        .map(|number| number.parse().context("usage: plant [NUMBER …]"))
        .collect::<Result<_>>()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target =
        std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), PathBuf::from);
    let place = target.join("planted");
    let tree = place.join("tree");
    copy(&root, &tree)?;
    let tests = build(&tree, &place.join("target"))?;
    if let Some(test) = caught(&tests, None)? {
        bail!("without any bug {test} fails");
    }
    let (mut table, mut survivors) = (String::new(), 0);
    for (number, bug) in BUGS.iter().enumerate() {
        if !only.is_empty() && !only.contains(&number) {
            continue;
        }
        let began = Instant::now();
        let by = caught(&tests, Some(number))?;
        survivors += usize::from(by.is_none());
        let by = by.map_or_else(|| "**nothing**".to_owned(), |test| format!("`{test}`"));
        println!(
            "{number} {}: {by} ({:.0} s)",
            bug.name,
            began.elapsed().as_secs_f64()
        );
        writeln!(table, "| {} | {by} |", bug.name)?;
    }
    println!("{survivors} survived");
    if only.is_empty() {
        write_down(&root, &table)?;
    }
    Ok(())
}

/// Copies what git knows of the workspace, with the bugs planted. What is the same is left, so that it is
/// not built again.
fn copy(root: &Path, tree: &Path) -> Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()?;
    ensure!(
        listed.status.success(),
        "git does not list the workspace's files"
    );
    for file in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (root.join(file), tree.join(file));
        let Ok(text) = fs::read(&from) else {
            continue;
        };
        let text = planted(file, text)?;
        if fs::read(&to).is_ok_and(|held| held == text) {
            continue;
        }
        fs::create_dir_all(to.parent().context("a file is in a directory")?)?;
        fs::write(&to, text)?;
    }
    Ok(())
}

/// A file's text with the bugs planted that belong there.
fn planted(file: &str, text: Vec<u8>) -> Result<Vec<u8>> {
    let edits = BUGS.iter().enumerate().flat_map(|(number, bug)| {
        let edits = bug.edits.iter().filter(|edit| edit.file == file);
        edits.map(move |edit| (number, edit))
    });
    let mut edits = edits.peekable();
    if edits.peek().is_none() && file != SWITCH_AT {
        return Ok(text);
    }
    let mut text = String::from_utf8(text)?;
    for (number, edit) in edits {
        text = put(&text, edit, number).with_context(|| format!("planting bug {number}"))?;
    }
    if file == SWITCH_AT {
        text.push_str(SWITCH);
    }
    Ok(text.into_bytes())
}

fn put(text: &str, edit: &Edit, number: usize) -> Result<String> {
    ensure!(
        text.matches(edit.find).count() == 1,
        "{} does not hold this once: {}",
        edit.file,
        edit.find
    );
    let domain = if edit.file.starts_with("shared/domain/") {
        "crate"
    } else {
        "muster_domain"
    };
    let planted = edit
        .put
        .replace("PLANTED", &format!("{domain}::planted({number})"));
    Ok(text.replace(edit.find, &planted))
}

/// Builds the tests; gives their executables.
fn build(tree: &Path, target: &Path) -> Result<Vec<PathBuf>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--no-run", "--locked", "--message-format=json"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    let built = cargo
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(built.status.success(), "the copy does not build");
    let messages = String::from_utf8(built.stdout)?;
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let tests = messages.filter(|message| message["profile"]["test"] == true);
    let tests = tests.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    Ok(tests.collect())
}

/// Runs the tests with one bug in force, the long ones last; the first that fails, if any does.
fn caught(tests: &[PathBuf], number: Option<usize>) -> Result<Option<String>> {
    for filter in [["--skip", "schedules::"], ["schedules::", "--quiet"]] {
        for test in tests {
            let mut run = Command::new("timeout");
            run.arg(PATIENCE.as_secs().to_string())
                .arg(test)
                .args(filter);
            // That the places of the bugs are found is no test of the engine.
            run.args(["--skip", "planted::"]).env_remove(NUMBER);
            if let Some(number) = number {
                run.env(NUMBER, number.to_string());
            }
            let crate_of = |test: &Path| {
                let name = test.file_stem().unwrap_or_default().to_string_lossy();
                name.rsplit_once('-')
                    .map_or(name.to_string(), |(name, _)| name.to_owned())
            };
            let ran = run.stdin(Stdio::null()).output()?;
            if ran.status.success() {
                continue;
            }
            let said = String::from_utf8_lossy(&ran.stdout);
            let failed = said.lines().rev().find_map(|line| {
                line.strip_prefix("    ")
                    .filter(|name| name.contains("::") || !name.contains(' '))
            });
            let failed = failed.unwrap_or("its time limit").trim();
            return Ok(Some(format!("{} {failed}", crate_of(test))));
        }
    }
    Ok(None)
}

fn write_down(root: &Path, table: &str) -> Result<()> {
    const BEGIN: &str = "<!-- planted: begin -->\n";
    const END: &str = "<!-- planted: end -->";
    let page = root.join("docs/reliability.md");
    let before = fs::read_to_string(&page)?;
    let (head, rest) = before.split_once(BEGIN).context("no begin marker")?;
    let (_, tail) = rest.split_once(END).context("no end marker")?;
    let head_line = "| bug | caught by |\n|---|---|\n";
    Ok(fs::write(
        &page,
        format!("{head}{BEGIN}{head_line}{table}{END}{tail}"),
    )?)
}
