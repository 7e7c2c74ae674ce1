//! Seeded schedules: a small number of what `make soak` plays.

use muster_soak::play::Played;

/// As many as a minute or so allows.
const SCHEDULES: u64 = 301;
/// So many are played before it is looked at whether one failed.
const AT_ONCE: usize = 43;

#[test]
fn every_schedule_ends_in_the_truth() {
    muster_soak::log();
    let mut played = Played::default();
    for first in (0..SCHEDULES).step_by(AT_ONCE) {
        let seeds = first..SCHEDULES.min(first + AT_ONCE as u64);
        let (these, failures) = muster_soak::play_seeds(seeds, |_, _| {});
        played += these;
        let told: Vec<&str> = failures.iter().map(|(_, why)| why.as_str()).collect();
        assert!(
            failures.is_empty(),
            "{} of {AT_ONCE} failed\n{}",
            failures.len(),
            told.join("\n")
        );
    }
    println!("{played:#?}");
    assert!(
        played.crashes > 0
            && played.failed > 0
            && played.told > 0
            && played.fencing.late_batches > 0,
        "the schedules are too tame: {played:?}"
    );
}

/// Seeds beyond the first few hundred that once failed: a purged user who stayed; a count of records that
/// drifted; a report's only record, which goes when a person says so; a dead worker that kept its name; a
/// write that arrived after its run.
const ONCE_FAILED: [u64; 9] = [
    838, 1321, 1471, 13_149, 13_843, 13_959, 15_396, 19_375, 19_620,
];

#[test]
fn a_seed_plays_in_the_same_order_again() {
    // Its calls are throttled, so that the AWS SDK draws how long it waits.
    let orders = [0; 4].map(|_| muster_soak::play_seed(13_843).expect("it plays").order);
    assert!(
        orders.iter().all(|order| *order == orders[0]),
        "{orders:x?}"
    );
    let another = muster_soak::play_seed(13_844).expect("it plays").order;
    assert_ne!(another, orders[0]);
}

#[test]
fn a_schedule_that_failed_once_ends_in_the_truth() {
    for seed in ONCE_FAILED {
        if let Err(why) = muster_soak::play_seed(seed) {
            panic!("seed {seed}: {why:#}");
        }
    }
}
