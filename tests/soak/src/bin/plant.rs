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
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
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
    let chosen: Vec<usize> = (0..BUGS.len())
        .filter(|number| only.is_empty() || only.contains(number))
        .collect();
    let caught = all(&tests, &chosen)?;
    let (mut table, mut survivors) = (String::new(), 0);
    for (number, by) in caught {
        survivors += usize::from(by.is_none());
        let by = by.map_or_else(|| "**nothing**".to_owned(), |test| format!("`{test}`"));
        writeln!(table, "| {} | {by} |", BUGS[number].name)?;
    }
    println!("{survivors} of {} survived", chosen.len());
    if only.is_empty() {
        write_down(&root, &table)?;
    }
    Ok(())
}

/// Which test catches each of these bugs, in their order. As many are in force at a time, each in processes
/// of its own, as there are processors.
fn all(tests: &[PathBuf], chosen: &[usize]) -> Result<Vec<(usize, Option<String>)>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> Result<()> {
        while let Some(&number) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            let by = caught(tests, Some(number))?;
            let told = by.as_deref().unwrap_or("NOTHING");
            let (name, took) = (BUGS[number].name, began.elapsed().as_secs());
            println!("{number} {name}: {told} ({took} s)");
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((number, by));
        }
        Ok(())
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            let ended = worker.join();
            ended.unwrap_or_else(|_| bail!("a worker panicked"))
        })
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    Ok(done)
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
    let mut tests: Vec<PathBuf> = tests.collect();
    // The short ones first.
    let soak = |test: &PathBuf| test.to_string_lossy().contains("/soak-");
    tests.sort_by_key(|test| (soak(test), test.clone()));
    Ok(tests)
}

/// Runs the tests with one bug in force, the long ones last; the first that fails, if any does.
fn caught(tests: &[PathBuf], number: Option<usize>) -> Result<Option<String>> {
    // That the places of the bugs are found is no test of the engine.
    let short = &["schedules::", "fuzz::", "planted::"].map(|long| ["--skip", long]);
    let short = short.as_flattened();
    for filter in [short, &["schedules::", "fuzz::"]] {
        for test in tests {
            if let Some(failed) = failing(test, filter, number)? {
                let name = test.file_stem().unwrap_or_default().to_string_lossy();
                let name = name.rsplit_once('-').map_or(&*name, |(name, _)| name);
                return Ok(Some(format!("{name} {failed}")));
            }
        }
    }
    Ok(None)
}

/// Runs one executable's tests until one fails, and gives its name.
fn failing(test: &Path, filter: &[&str], number: Option<usize>) -> Result<Option<String>> {
    let mut run = Command::new(test);
    // What a planted bug makes proptest find is no finding: it is not kept.
    run.args(filter)
        .env_remove(NUMBER)
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    if let Some(number) = number {
        run.env(NUMBER, number.to_string());
    }
    run.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut ran = run.spawn()?;
    let said = BufReader::new(ran.stdout.take().context("its output")?);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let lines = said.lines().map_while(Result::ok);
        let failed = |line: String| {
            Some(
                line.strip_prefix("test ")?
                    .split_once(" ... FAILED")?
                    .0
                    .to_owned(),
            )
        };
        if let Some(name) = lines.filter_map(failed).next() {
            // Nobody listens any more where it has taken too long.
            let _ = tell.send(name);
        }
    });
    let failed = match told.recv_timeout(PATIENCE) {
        Ok(name) => Some(name),
        Err(RecvTimeoutError::Timeout) => Some("its time limit".to_owned()),
        Err(RecvTimeoutError::Disconnected) if ran.wait()?.success() => None,
        Err(RecvTimeoutError::Disconnected) => Some("the process died".to_owned()),
    };
    // It may have ended by itself.
    let _ = ran.kill();
    ran.wait()?;
    Ok(failed)
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
