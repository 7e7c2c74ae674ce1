//! `soak [FROM] COUNT`: plays so many seeds and prints what they came to; `soak --seed N` replays one
//! with its log; `soak --fuzz COUNT` tries so many inputs on every parser.

use std::process::ExitCode;

fn main() -> ExitCode {
    muster_soak::log();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    if let (Some("--fuzz"), [count]) = (arguments.first().map(String::as_str), &numbers[..]) {
        return fuzz(*count);
    }
    let seeds = match (arguments.first().map(String::as_str), &numbers[..]) {
        (Some("--seed"), [seed]) => *seed..seed + 1,
        (_, [count]) => 0..*count,
        (_, [from, count]) => *from..from + count,
        _ => {
            eprintln!("say how many: soak [FROM] COUNT, or soak --seed N");
            return ExitCode::from(2);
        }
    };
    let began = std::time::Instant::now();
    let count = seeds.end - seeds.start;
    let (played, failures) = muster_soak::play_seeds(seeds);
    for (_, why) in &failures {
        println!("{why}");
    }
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

fn fuzz(count: u64) -> ExitCode {
    println!("| parser | inputs | made sense | seconds |");
    println!("|---|---:|---:|---:|");
    for parser in muster_soak::fuzz::PARSERS {
        let began = std::time::Instant::now();
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
