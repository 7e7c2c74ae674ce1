//! Waiting as Microsoft says, in the schedule's own time.

use anyhow::{Result, ensure};
use microsoft_simulator::{Fault, FaultKind};
use muster_domain::state::Phase;
use muster_soak::{
    judge::right,
    own_time,
    rig::{Rig, Setup},
};
use std::time::Duration;
use tokio::time::Instant;

async fn throttled(retry_after: Option<&str>) -> Result<(Duration, Rig)> {
    let mut rig = Rig::new(&Setup::small(3, &["users"])).await?;
    let kind = FaultKind::Status(429, retry_after.map(str::to_owned));
    rig.simulator.add_fault(Fault::next("users/delta", 1, kind));
    let began = Instant::now();
    rig.sync().await?;
    Ok((began.elapsed(), rig))
}

#[test]
fn retry_after_is_waited_for_and_no_longer_than_a_step() {
    muster_soak::log();
    for (told, least, most) in [
        (Some("12"), 12, 18),
        (Some("0"), 0, 6),
        (None, 0, 6),
        (Some("soon"), 0, 6),
    ] {
        let (waited, _) = own_time::run(async || {
            let (waited, rig) = throttled(told).await?;
            right(&rig).await?;
            anyhow::Ok((waited, ()))
        })
        .expect("it comes right");
        let seconds = waited.as_secs();
        assert!((least..=most).contains(&seconds), "{told:?}: {seconds} s");
    }
}

#[test]
fn what_cannot_be_waited_for_is_told_and_kept() {
    muster_soak::log();
    own_time::run(async || {
        let (_, mut rig) = throttled(Some("3600")).await?;
        let state = rig.state("users").await?;
        ensure!(
            state.phase == Phase::Incomplete && state.trouble.is_some(),
            "{state:?}"
        );
        tokio::time::sleep(Duration::from_secs(3600)).await;
        rig.sync().await?;
        right(&rig).await
    })
    .expect("it comes right");
}
