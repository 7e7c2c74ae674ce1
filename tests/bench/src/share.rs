//! A share of one processor, as Lambda gives it by memory: a process that has used up its share of a
//! period is stopped until the next.
//!
//! AWS, "Configure Lambda function memory": 1,769 MB is one vCPU.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Keeps a process to its share for as long as this lives.
#[derive(Debug)]
pub struct Share {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What Lambda gives a function of this memory, of one processor.
pub fn of_memory(megabytes: f64) -> f64 {
    megabytes / 1769.0
}

/// What may be saved up: the kernel's bandwidth control counts in periods of this length.
const PERIOD: Duration = Duration::from_millis(20);
const LOOK_EVERY: Duration = Duration::from_micros(500);

impl Share {
    /// Keeps the process of this id to a share of one processor.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn keep(pid: u32, share: f64) -> Result<Self> {
        let process = Pid::from_raw(i32::try_from(pid)?).context("a process id")?;
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            // When the process has ended there is nothing left to keep.
            let _ = hold(process, pid, share, &seen);
            let _ = kill_process(process, Signal::CONT);
        });
        Ok(Self {
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn hold(process: Pid, pid: u32, share: f64, over: &AtomicBool) -> Result<()> {
    let most = PERIOD.as_secs_f64() * share;
    let (mut budget, mut stopped) = (most, false);
    let (mut then, mut used) = (Instant::now(), 0.0);
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
        let (now, total) = (Instant::now(), ran(pid)?);
        budget += (now - then).as_secs_f64() * share - (total - used);
        budget = budget.min(most);
        (then, used) = (now, total);
        if budget < 0.0 && !stopped {
            kill_process(process, Signal::STOP)?;
            stopped = true;
        } else if budget >= most / 2.0 && stopped {
            kill_process(process, Signal::CONT)?;
            stopped = false;
        }
    }
    Ok(())
}

/// Seconds that the threads of a process have run, to the nanosecond (the kernel's
/// `Documentation/scheduler/sched-stats.rst`).
fn ran(pid: u32) -> Result<f64> {
    let mut sum = 0.0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let first = text.split_whitespace().next();
        sum += first.and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1e9;
    }
    Ok(sum)
}
