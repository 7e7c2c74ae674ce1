//! Completeness is a stored fact, and nothing is removed or called none without it.

use anyhow::{Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ScriptedAnswer};
use muster_domain::{datasets::users::ALL_USERS, state::Phase};
use muster_platform::now;
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Delivery, Rig, Setup},
};
use std::time::Duration;

#[test]
fn the_proof_says_which_enumeration_when_how_many_and_how() {
    test(async || {
        let mut rig =
            Rig::new(&Setup::small(9, &["users", "organization", "active_users"])).await?;
        let before = now();
        rig.sync().await?;
        for (name, proof) in [
            ("users", "deltaLink"),
            ("organization", "last page"),
            ("active_users", "whole report"),
        ] {
            let state = rig.state(name).await?;
            let whole = state.complete.expect("it is complete");
            ensure!(
                whole.proof == proof && whole.objects == state.records,
                "{whole:?}"
            );
            ensure!(
                before <= whole.began_at && whole.began_at <= whole.ended_at,
                "{whole:?}"
            );
        }
        Ok(())
    });
}

#[test]
fn an_enumeration_over_several_runs_is_proven_from_its_first_page() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["users"])).await?;
        let worker = rig.worker(0).await?;
        rig.deliver(
            &worker,
            Delivery {
                no_time: true,
                ..Delivery::default()
            },
        )
        .await;
        ensure!(rig.state("users").await?.phase == Phase::Incomplete);
        let between = now();
        rig.deliver(&worker, Delivery::default()).await;
        let state = rig.state("users").await?;
        let whole = state.complete.expect("it is complete");
        ensure!(whole.objects == 9, "{whole:?}");
        ensure!(
            whole.began_at < between && between < whole.ended_at,
            "{whole:?}"
        );
        Ok(())
    });
}

#[test]
fn what_an_earlier_try_left_is_looked_at_before_a_list_over_several_runs_is_called_fresh() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["users"])).await?;
        let worker = rig.worker(0).await?;
        let one_page = Delivery {
            no_time: true,
            ..Delivery::default()
        };
        rig.deliver(&worker, one_page).await;
        let held = rig.held("users").await?;
        ensure!(held.len() == 4, "a page is held");
        // One of them goes for good, and the place in the list is lost: a second try begins.
        let gone = held.keys().next().expect("there are four").parse()?;
        rig.microsoft.purge_user(gone);
        rig.simulator.advance(Duration::from_secs(3600));
        rig.deliver(&worker, one_page).await;
        rig.deliver(&worker, Delivery::default()).await;
        let state = rig.state("users").await?;
        ensure!(state.phase == Phase::Incomplete && state.complete.is_some());
        ensure!(rig.held("users").await?.contains_key(&gone.to_string()));
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn no_summary_says_none_before_a_list_was_read_to_its_end() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["users", "organization"])).await?;
        rig.simulator
            .add_fault(Fault::next("skiptoken", 99, FaultKind::HtmlBody(503)));
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(
            state.complete.is_none() && state.phase == Phase::Incomplete,
            "{state:?}"
        );
        for summary in rig.store.summaries(rig.tenant).await? {
            ensure!(summary.counts.get(&ALL_USERS).is_none(), "{summary:?}");
        }
        rig.simulator.clear_faults();
        rig.sync().await?;
        let summaries = rig.store.summaries(rig.tenant).await?;
        ensure!(summaries.last().and_then(|s| s.counts.get(&ALL_USERS)) == Some(9));
        right(&rig).await
    });
}

#[test]
fn a_later_list_that_breaks_off_leaves_the_summary_as_it_was() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["users"])).await?;
        rig.sync().await?;
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
        rig.simulator
            .add_fault(Fault::next("skiptoken", 99, FaultKind::HtmlBody(503)));
        rig.sync().await?;
        ensure!(rig.state("users").await?.phase == Phase::Incomplete);
        let summaries = rig.store.summaries(rig.tenant).await?;
        ensure!(
            summaries.last().and_then(|s| s.counts.get(&ALL_USERS)) == Some(9),
            "{summaries:?}"
        );
        Ok(())
    });
}

/// Forty users of whom all but ten are gone, in a whole enumeration.
async fn a_great_loss() -> Result<Rig> {
    let setup = Setup {
        largest_page: 50,
        ..Setup::small(40, &["users"])
    };
    let mut rig = Rig::new(&setup).await?;
    rig.sync().await?;
    rig.microsoft.delete_users(30);
    rig.simulator.advance(Duration::from_secs(8 * 86_400));
    rig.sync().await?;
    Ok(rig)
}

#[test]
fn a_great_loss_waits_for_an_answer_and_then_goes() {
    test(async || {
        let mut rig = a_great_loss().await?;
        let held = rig.state("users").await?.held_removal.expect("it is asked");
        ensure!((held.records, held.of) == (30, 40), "{held:?}");
        ensure!(rig.held("users").await?.len() == 40);
        // It is asked again and again, and nothing goes without an answer.
        rig.sync().await?;
        ensure!(rig.held("users").await?.len() == 40);
        rig.allow_removal("users").await?;
        rig.sync().await?;
        right(&rig).await?;
        ensure!(
            !rig.state("users").await?.removal_allowed,
            "one answer is for one removal"
        );
        Ok(())
    });
}

#[test]
fn an_answer_is_for_what_was_asked_about_and_no_more() {
    test(async || {
        let setup = Setup {
            largest_page: 80,
            ..Setup::small(80, &["users"])
        };
        let mut rig = Rig::new(&setup).await?;
        rig.sync().await?;
        rig.microsoft.delete_users(30);
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
        rig.sync().await?;
        rig.allow_removal("users").await?;
        // Thirty were allowed to go; now all eighty seem to be gone.
        let empty =
            r#"{"value": [], "@odata.deltaLink": "{graph}/v1.0/users/delta?$deltatoken=x"}"#;
        let kind = FaultKind::Answer(ScriptedAnswer::ok(empty));
        rig.simulator.add_fault(Fault::next("users/delta", 1, kind));
        // The guard stands alone: Microsoft's own count, which would tell, cannot be had.
        let kind = FaultKind::Status(404, None);
        rig.simulator.add_fault(Fault::next("/$count", 1, kind));
        rig.sync().await?;
        ensure!(
            rig.held("users").await?.len() == 80,
            "an answer for thirty removed all"
        );
        let state = rig.state("users").await?;
        ensure!(
            state.held_removal.is_some_and(|held| held.records == 80),
            "{state:?}"
        );
        ensure!(!state.removal_allowed);
        Ok(())
    });
}
