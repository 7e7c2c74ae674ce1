//! The report: tables for `docs/performance.md`, written between its markers.

use crate::tenant::Measured;
use anyhow::{Context, Result};
use std::{fmt::Write, path::Path};

/// One row: what was measured, and over how many records.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was done.
    pub name: String,
    /// Records that Graph answered.
    pub records: f64,
    /// The fewest requests that could do it.
    pub fewest: Option<u64>,
    /// What was measured.
    pub measured: Measured,
}

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// The head of the table.
pub const HEAD: &str = "| | µs CPU a record | CPU s | wall s | peak MB | Graph requests | fewest | store calls | write units | a record | read units |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";

impl Row {
    /// The row as Markdown.
    pub fn line(&self) -> String {
        let measured = &self.measured;
        let (cpu, records) = (measured.used.cpu_seconds, self.records.max(1.0));
        let fewest = self.fewest.map_or_else(String::new, |n| n.to_string());
        format!(
            "| {} | {:.1} | {cpu:.2} | {:.2} | {:.1} | {} | {fewest} | {} | {:.0} | {:.3} | {:.0} |\n",
            self.name,
            cpu / records * 1e6,
            measured.done.seconds,
            measured.used.peak_megabytes,
            measured.requests,
            measured.passed.calls,
            measured.passed.write,
            measured.passed.write / records,
            measured.passed.read,
        )
    }
}

/// The machine, for whoever compares.
///
/// # Errors
/// When this is no Linux.
pub fn machine() -> Result<String> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let kilobytes: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next())
        .context("MemTotal")?
        .parse()?;
    let processors = std::thread::available_parallelism()?;
    let day = muster_platform::now().strftime("%Y-%m-%d");
    let mut text = String::new();
    write!(
        text,
        "Measured on {day}: {processors} processors ({model}), {} GB of memory, Linux.",
        kilobytes / 1024 / 1024
    )?;
    Ok(text)
}

/// Puts a text between the markers of the page.
///
/// # Errors
/// When the page has no markers.
pub fn write(page: &Path, text: &str) -> Result<()> {
    let before = std::fs::read_to_string(page)?;
    let (head, rest) = before.split_once(BEGIN).context("no begin marker")?;
    let (_, tail) = rest.split_once(END).context("no end marker")?;
    std::fs::write(page, format!("{head}{BEGIN}\n{text}\n{END}{tail}"))?;
    Ok(())
}
