//! A client that hangs gives its slot back to the others, and comes back by a schedule.

use anyhow::{Context as _, Result, ensure};
use microsoft_simulator::Fault;
use muster_domain::state::Phase;
use muster_soak::{
    judge::right,
    own_time,
    rig::{Delivery, Rig, Setup},
};
use std::time::Duration;
use tokio::time::Instant;

/// The longest that a run keeps its slot for a client that hangs: one request that is not answered.
const SLOT_SECONDS: u64 = 65;

/// A tenant whose every request to Graph goes wrong; how long the run kept its slot.
async fn hang(fault: &str) -> Result<(u64, Rig)> {
    let names = [
        "users",
        "organization",
        "managed_devices",
        "mobile_apps",
        "detected_apps",
    ];
    let mut rig = Rig::new(&Setup::small(6, &names)).await?;
    rig.simulator
        .add_fault(format!("v1.0/#1x*={fault}").parse::<Fault>()?);
    let (worker, began) = (rig.worker(0).await?, Instant::now());
    ensure!(rig.deliver(&worker, Delivery::default()).await);
    Ok((began.elapsed().as_secs(), rig))
}

#[test]
fn a_client_that_hangs_keeps_its_slot_for_a_minute_at_most_and_comes_back_by_schedule() {
    own_time::test(async || {
        for (fault, most) in [
            ("429:20", 5),
            ("429:300", 5),
            ("503:600", 5),
            ("hang:7200", SLOT_SECONDS),
        ] {
            let (took, mut rig) = hang(fault).await?;
            ensure!(took <= most, "{fault}: {took} s");
            let state = rig.state("users").await?;
            ensure!(state.phase == Phase::Incomplete, "{fault}: {state:?}");
            let next = state
                .next_try
                .with_context(|| format!("{fault}: {state:?}"))?;
            ensure!(rig.next_due() <= Some(next.at), "{fault}: it is scheduled");
            // The schedule's next message before then costs no request.
            let held = next.holds(muster_platform::now());
            rig.simulator.clear_requests();
            let worker = rig.worker(1400).await?;
            ensure!(rig.deliver(&worker, Delivery::default()).await);
            let asked = rig.simulator.requests().into_iter();
            let asked = asked.filter(|it| it.path.starts_with("/v1.0/")).count();
            ensure!(asked == 0 || !held, "{fault}: asked {asked} times");
            rig.simulator.clear_faults();
            tokio::time::sleep(Duration::from_secs(900)).await;
            rig.sync().await?;
            right(&rig).await?;
        }
        Ok(())
    });
}

#[test]
fn a_list_that_was_read_in_part_is_waited_for_a_little_longer() {
    own_time::test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["users"])).await?;
        rig.sync().await?;
        rig.change(|it| it.read_again_at = Some(muster_platform::now()))
            .await?;
        // The second page of a list that cannot be read on from a checkpoint.
        rig.simulator
            .add_fault("users/delta#2=429:40".parse::<Fault>()?);
        let began = Instant::now();
        rig.sync().await?;
        ensure!((40..=50).contains(&began.elapsed().as_secs()));
        right(&rig).await
    });
}

/// A queue of `servers` places whose tenants come at these times; how long each waited and took.
fn serve(turns: &[(u64, u64)], servers: usize) -> Vec<u64> {
    let mut free = vec![0; servers];
    let each = turns.iter().map(|(due, takes)| {
        let place = free.iter_mut().min().expect("there are places");
        *place = (*place).max(*due) + takes;
        *place - due
    });
    each.collect()
}

#[test]
fn on_aws_one_in_twenty_of_a_thousand_tenants_that_hang_makes_no_others_sync_half_as_long_again() {
    // The places that the template gives the sync function, and an hour's turns in milliseconds.
    let template = include_str!("../../../../template.yaml");
    let (_, parameter) = template
        .split_once("SyncConcurrency:\n")
        .expect("it is there");
    let (_, default) = parameter.split_once("Default: ").expect("it has a default");
    let servers = default.lines().next().and_then(|n| n.trim().parse().ok());
    let servers = servers.expect("a number");
    let turns = |hang: u64| -> Vec<(u64, u64)> {
        (0..1000)
            .map(|tenant| (tenant * 3600, if tenant % 20 == 7 { hang } else { 2000 }))
            .collect()
    };
    let others = |hang: u64| -> Vec<u64> {
        let took = serve(&turns(hang), servers).into_iter().enumerate();
        took.filter(|(tenant, _)| tenant % 20 != 7)
            .map(|(_, took)| took)
            .collect()
    };
    let (alone, beside) = (others(2000), others(SLOT_SECONDS * 1000));
    let mean = |all: &[u64]| all.iter().sum::<u64>() / all.len() as u64;
    assert!(
        mean(&beside) * 2 <= mean(&alone) * 3,
        "{} and {}",
        mean(&alone),
        mean(&beside)
    );
    assert!(beside.iter().max() <= alone.iter().max().map(|most| most * 3 / 2).as_ref());
    // Before slots were given back, a run waited for five minutes and longer.
    assert!(
        mean(&others(840_000)) > mean(&alone) * 3,
        "the simulation tells"
    );
}
