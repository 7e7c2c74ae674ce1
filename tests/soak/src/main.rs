//! `soak [FROM] COUNT`: plays so many seeds and prints what they came to; `soak --seed N` prints one
//! schedule and replays it; `soak --fuzz COUNT` tries so many inputs on every parser.

use muster_soak::{play::Played, schedule::Schedule};
use std::{
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

fn main() -> ExitCode {
    muster_soak::log();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    if let (Some("--fuzz"), [count]) = (arguments.first().map(String::as_str), &numbers[..]) {
        return fuzz(*count);
    }
    let seeds = match (arguments.first().map(String::as_str), &numbers[..]) {
        (Some("--seed"), [seed]) => {
            print!("{}", Schedule::of(*seed));
            *seed..seed + 1
        }
        (_, [count]) => 0..*count,
        (_, [from, count]) => *from..from + count,
        _ => {
            eprintln!("say how many: soak [FROM] COUNT, or soak --seed N");
            return ExitCode::from(2);
        }
    };
    let began = Instant::now();
    let count = seeds.end - seeds.start;
    let progress = Progress::of(count, began);
    let (played, failures) = muster_soak::play_seeds(seeds, |_, ended| progress.tell(ended));
    let seconds = began.elapsed().as_secs_f64();
    println!("{count} schedules in {seconds:.0} s: {played:#?}");
    let seeds: Vec<u64> = failures.iter().map(|(seed, _)| *seed).collect();
    println!("{} failed: {seeds:?}", failures.len());
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Tells of failures at once, and every minute how far it has come.
struct Progress {
    count: u64,
    began: Instant,
    /// How many have ended, how many of them failed, and when that was last told.
    so_far: Mutex<(u64, u64, Instant)>,
}

impl Progress {
    fn of(count: u64, began: Instant) -> Self {
        Self {
            count,
            began,
            so_far: Mutex::new((0, 0, began)),
        }
    }

    fn tell(&self, ended: &Result<Played, String>) {
        let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, failed, told) = &mut *so_far;
        *done += 1;
        if let Err(why) = ended {
            *failed += 1;
            println!("{why}");
        }
        if told.elapsed() >= Duration::from_secs(60) {
            *told = Instant::now();
            let minutes = self.began.elapsed().as_secs_f64() / 60.0;
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let left = minutes / *done as f64 * (self.count - *done) as f64;
            eprintln!(
                "{done} of {} schedules, {failed} failed; some {left:.0} minutes left",
                self.count
            );
        }
    }
}

fn fuzz(count: u64) -> ExitCode {
    println!("| parser | inputs | made sense | seconds |");
    println!("|---|---:|---:|---:|");
    for parser in muster_soak::fuzz::PARSERS {
        let began = Instant::now();
        match muster_soak::fuzz::run(parser, 0..count) {
            Ok(read) => {
                let seconds = began.elapsed().as_secs_f64();
                println!("| {} | {count} | {read} | {seconds:.1} |", parser.name);
            }
            Err(why) => {
                println!("{why}");
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some(peak) = muster_soak::fuzz::peak_megabytes() {
        println!("\npeak memory {peak} MB");
    }
    ExitCode::SUCCESS
}
