//! What a process has used, from `/proc`.

use anyhow::{Context, Result};

/// What a process has used so far.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Seconds of CPU, user and system.
    pub cpu_seconds: f64,
    /// Most resident memory at any time, in megabytes.
    pub peak_megabytes: f64,
}

/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux that Rust supports (`sysconf(3)`,
/// `_SC_CLK_TCK`; the kernel's `USER_HZ`).
const TICKS: f64 = 100.0;

/// Reads what a process has used.
///
/// # Errors
/// When it has ended, or this is no Linux.
pub fn used(pid: u32) -> Result<Used> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .context("reading /proc: Linux only")?;
    let (_, fields) = stat.rsplit_once(')').context("a stat line")?;
    let field = |n: usize| {
        fields
            .split_whitespace()
            .nth(n)
            .and_then(|f| f.parse::<f64>().ok())
    };
    let ticks = field(11)
        .zip(field(12))
        .map(|(user, system)| user + system)
        .context("times")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse::<f64>()
            .ok()
    });
    Ok(Used {
        cpu_seconds: ticks / TICKS,
        peak_megabytes: peak.context("VmHWM")? / 1024.0,
    })
}
