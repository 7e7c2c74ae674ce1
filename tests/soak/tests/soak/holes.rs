//! Pages that leave out sign-in activity beyond some row: people who signed in are not made inactive.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ListFault};
use muster_domain::{
    DatasetState,
    datasets::sign_in_activity::{INACTIVE_90_DAYS, NEVER_USED_90_DAYS},
    state::Phase,
};
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};
use serde_json::Value;

const NAME: &str = "sign_in_activity";

async fn rig(users: u32) -> Result<Rig> {
    let setup = Setup {
        largest_page: 1_000,
        ..Setup::small(users, &[NAME])
    };
    Rig::new(&setup).await
}

fn leaves_out(rig: &Rig, beyond: usize, any_top: bool) {
    let kind = FaultKind::List(ListFault::SignInsBeyond(beyond, any_top));
    let fault = Fault::next("signInActivity", 9_999, kind);
    rig.simulator.add_fault(fault);
}

/// The numbers of inactive people and of those who never signed in, as the summary tells them.
async fn counted(rig: &Rig) -> Result<[Option<u64>; 2]> {
    let summaries = rig.store.summaries(rig.tenant).await?;
    let counts = &summaries.last().context("a summary")?.counts;
    Ok([
        counts.get(&INACTIVE_90_DAYS),
        counts.get(&NEVER_USED_90_DAYS),
    ])
}

/// The requests for the list since they were last asked for.
fn requests(rig: &Rig) -> usize {
    let all = rig.simulator.requests();
    rig.simulator.clear_requests();
    all.iter().filter(|r| r.path.ends_with("/users")).count()
}

async fn fresh(rig: &Rig) -> Result<DatasetState> {
    let state = rig.state(NAME).await?;
    ensure!(state.phase == Phase::Fresh, "{state:?}");
    Ok(state)
}

/// Checks that a list with holes in its smallest pages, too, is not believed, at a first reading and at a
/// later one.
async fn is_not_believed(beyond: usize, any_top: bool) -> Result<()> {
    for first in [true, false] {
        let mut rig = rig(500).await?;
        if !first {
            rig.sync().await?;
            fresh(&rig).await?;
        }
        let held = rig.held(NAME).await?;
        let before = match first {
            true => [None, None],
            false => counted(&rig).await?,
        };
        leaves_out(&rig, beyond, any_top);
        for sync in 1..=3 {
            rig.sync().await?;
            let state = rig.state(NAME).await?;
            ensure!(state.phase == Phase::Incomplete, "{state:?}");
            let why = state.trouble.context("it says why")?;
            ensure!(why.contains("leave out signInActivity"), "{why}");
            ensure!(why.contains("support request") == (sync == 3), "{why}");
            ensure!(counted(&rig).await? == before, "{:?}", counted(&rig).await?);
            ensure!(rig.held(NAME).await? == held, "no hole is written");
        }
        rig.simulator.clear_faults();
        rig.sync().await?;
        fresh(&rig).await?;
        right(&rig).await?;
    }
    Ok(())
}

#[test]
fn sign_ins_left_out_beyond_the_ninetieth_row_are_read_in_pages_of_sixty_which_is_remembered() {
    test(async || {
        let mut whole = rig(500).await?;
        whole.sync().await?;
        let expected = counted(&whole).await?;
        let mut rig = rig(500).await?;
        leaves_out(&rig, 90, false);
        rig.sync().await?;
        right(&rig).await?;
        ensure!(counted(&rig).await? == expected);
        ensure!(fresh(&rig).await?.asking.page_size == Some(60));
        requests(&rig);
        rig.sync().await?;
        ensure!(requests(&rig) == 9, "no page is read in vain");
        right(&rig).await?;
        // After a week the size that is wished is tried again.
        rig.simulator.clear_faults();
        let week = jiff::SignedDuration::from_hours(8 * 24);
        Box::pin(muster_platform::clock::ahead(week, rig.sync())).await?;
        ensure!(fresh(&rig).await?.asking.page_size.is_none());
        Ok(())
    });
}

#[test]
fn sign_ins_left_out_of_pages_that_cannot_be_made_smaller_change_no_count() {
    test(async || is_not_believed(90, true).await);
}

#[test]
fn sign_ins_left_out_beyond_the_tenth_row_change_no_count() {
    test(async || is_not_believed(10, false).await);
}

#[test]
fn a_tenant_where_only_the_first_few_ever_signed_in_is_believed_and_not_tested_at_each_sync() {
    test(async || {
        for first in [1, 5] {
            let mut rig = rig(300).await?;
            let all = rig.microsoft.objects("/users");
            for user in &all[first..] {
                let id = user["id"].as_str().context("an id")?.parse()?;
                rig.microsoft
                    .set_user_property(id, "signInActivity", Value::Null);
            }
            rig.sync().await?;
            let state = fresh(&rig).await?;
            right(&rig).await?;
            ensure!(state.asking.page_size.is_none(), "{state:?}");
            ensure!(state.asking.believed_beyond.is_some(), "{state:?}");
            ensure!(requests(&rig) > 3, "it was tested");
            rig.sync().await?;
            right(&rig).await?;
            ensure!(requests(&rig) == 3, "it is tested again");
        }
        Ok(())
    });
}
