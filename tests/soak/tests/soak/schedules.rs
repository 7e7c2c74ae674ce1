//! Seeded schedules: a small number of what `make soak` plays.

/// As many as a minute or so allows.
const SCHEDULES: u64 = 301;

#[test]
fn every_schedule_ends_in_the_truth() {
    muster_soak::log();
    let (played, mut failures) = muster_soak::play_seeds(0..SCHEDULES);
    println!("{played:#?}");
    // A schedule replays exactly, so what is wrong is wrong twice.
    failures.retain(|(seed, _)| muster_soak::play_seed(*seed).is_err());
    let told: Vec<&str> = failures.iter().map(|(_, why)| why.as_str()).collect();
    assert!(
        failures.is_empty(),
        "{} failed\n{}",
        failures.len(),
        told.join("\n")
    );
    assert!(
        played.crashes > 0
            && played.failed > 0
            && played.told > 0
            && played.fencing.late_batches > 0,
        "the schedules are too tame: {played:?}"
    );
}
