//! Evidence that misleads: attempts that look like activity, scores that are old or empty.

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use microsoft_simulator::{EvidenceFault, Fault, FaultKind, ListFault};
use muster_domain::{
    count::Count,
    datasets::{
        secure_scores::{MAX_SCORE, SCORE},
        sign_in_activity::{ATTEMPTS_ONLY_90_DAYS, INACTIVE_90_DAYS, NEVER_USED_90_DAYS},
    },
    figure::is_old,
};
use muster_soak::{
    own_time::test,
    rig::{Rig, Setup},
};

async fn misled(
    users: u32,
    dataset: &'static str,
    path: &str,
    fault: EvidenceFault,
) -> Result<Rig> {
    let setup = Setup {
        largest_page: 1_000,
        ..Setup::small(users, &[dataset])
    };
    let mut rig = Rig::new(&setup).await?;
    let kind = FaultKind::List(ListFault::Evidence(fault));
    rig.simulator.add_fault(Fault::next(path, 9_999, kind));
    rig.sync().await?;
    Ok(rig)
}

async fn counted(rig: &Rig, count: &Count) -> Result<Option<u64>> {
    let summaries = rig.store.summaries(rig.tenant).await?;
    Ok(summaries.last().context("a summary")?.counts.get(count))
}

#[test]
fn people_who_are_only_attacked_are_inactive() {
    test(async || {
        let rig = misled(
            20,
            "sign_in_activity",
            "signInActivity",
            EvidenceFault::Sprayed(20),
        )
        .await?;
        ensure!(counted(&rig, &INACTIVE_90_DAYS).await? == Some(20));
        ensure!(counted(&rig, &ATTEMPTS_ONLY_90_DAYS).await? == Some(0));
        ensure!(counted(&rig, &NEVER_USED_90_DAYS).await? == Some(0));
        Ok(())
    });
}

#[test]
fn a_success_that_was_not_recorded_makes_nobody_inactive() {
    test(async || {
        let fault = EvidenceFault::SuccessesUnknown(20);
        let rig = misled(20, "sign_in_activity", "signInActivity", fault).await?;
        ensure!(counted(&rig, &INACTIVE_90_DAYS).await? == Some(0));
        ensure!(counted(&rig, &ATTEMPTS_ONLY_90_DAYS).await? == Some(20));
        Ok(())
    });
}

/// The day of the score that is shown.
async fn scored(rig: &Rig) -> Result<Timestamp> {
    ensure!(counted(rig, &SCORE).await?.is_some() && counted(rig, &MAX_SCORE).await?.is_some());
    let summaries = rig.store.summaries(rig.tenant).await?;
    let counts = &summaries.last().context("a summary")?.counts;
    counts.as_of(&SCORE).context("a date")
}

#[test]
fn a_score_that_ended_is_shown_with_its_date_and_as_old() {
    test(async || {
        for (days, old) in [(0, false), (6, false), (26, true)] {
            let rig = misled(
                2,
                "secure_scores",
                "secureScores",
                EvidenceFault::ScoresEnd(days),
            )
            .await?;
            let now = muster_platform::now();
            let at = scored(&rig).await?;
            let age = now.duration_since(at);
            let day = SignedDuration::from_hours(24);
            let days = i32::try_from(days)?;
            ensure!(age >= day * days && age < day * (days + 1), "{days}: {age}");
            ensure!(is_old(at, now) == old, "{days}: {age}");
        }
        Ok(())
    });
}

#[test]
fn a_newest_score_without_a_value_gives_way_to_the_one_before() {
    test(async || {
        let rig = misled(
            2,
            "secure_scores",
            "secureScores",
            EvidenceFault::NewestScoreNull,
        )
        .await?;
        let age = muster_platform::now().duration_since(scored(&rig).await?);
        let day = SignedDuration::from_hours(24);
        ensure!(age >= day && age < day * 2, "{age}");
        Ok(())
    });
}
