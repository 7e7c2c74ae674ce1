//! The sync engine under faults, from outside: Graph on the wire by the simulator, DynamoDB's API
//! on the wire by a door before the embedded store, messages by the very handler that SQS calls.
//!
//! One seed is one schedule of everything that goes wrong. `cargo run -p muster-soak -- --seed 17`
//! replays one; `make soak N=20000` runs many.

pub mod dice;
pub mod door;
pub mod fuzz;
pub mod judge;
pub mod own_time;
pub mod planted;
pub mod play;
pub mod rig;
pub mod schedule;
pub mod witness;

/// Plays many seeds on as many threads as there are processors, telling of each when it has ended; gives the
/// sum, and every seed that failed with why.
pub fn play_seeds(
    seeds: std::ops::Range<u64>,
    ended: impl Fn(u64, &Result<play::Played, String>) + Sync,
) -> (play::Played, Vec<(u64, String)>) {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let mut sum = play::Played::default();
    let mut failures = Vec::new();
    std::thread::scope(|scope| {
        let work = || {
            let (mut sum, mut failures) = (play::Played::default(), Vec::new());
            loop {
                let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if seed >= seeds.end {
                    return (sum, failures);
                }
                let played = play_seed(seed);
                ended(seed, &played);
                match played {
                    Ok(played) => sum += played,
                    Err(why) => failures.push((seed, why)),
                }
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            if let Ok((own, wrong)) = thread.join() {
                sum += own;
                failures.extend(wrong);
            }
        }
    });
    failures.sort();
    (sum, failures)
}

/// Plays the schedule of one seed.
///
/// # Errors
/// What went wrong, with the schedule; a panic of the engine, too.
pub fn play_seed(seed: u64) -> Result<play::Played, String> {
    let schedule = schedule::Schedule::of(seed);
    let played = std::panic::catch_unwind(|| own_time::run(|| play::play(&schedule)));
    match played {
        Ok(Ok(played)) => Ok(played),
        Ok(Err(why)) => Err(format!("{why:#}\n{schedule}")),
        Err(_) => Err(format!("a panic\n{schedule}")),
    }
}

/// Prints what the engine logs, as `MUSTER_LOG` says (`muster_sync=info` …); nothing without it.
pub fn log() {
    if let Ok(filter) = std::env::var("MUSTER_LOG") {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        // An error: another test of this process has set it already.
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_test_writer()
            .try_init()
            .ok();
    }
}
