//! A date of an event that cannot un-happen stays where a later list leaves it out.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ListFault};
use muster_domain::{
    datasets::{
        managed_devices::MANAGED_DEVICES,
        sign_in_activity::{INACTIVE_90_DAYS, SIGN_IN_ACTIVITY},
    },
    summary::Counts,
};
use muster_platform::now;
use muster_soak::{
    door::{Calls, StoreFault},
    judge::right,
    own_time::test,
    rig::{Delivery, Records, Rig, Setup, Worker},
    witness::sign_in,
};
use serde_json::json;

const SIGN_INS: &str = "sign_in_activity";

/// A rig with 20 people, of whom each signs in within the last days, read whole once.
async fn twenty() -> Result<(Rig, Worker)> {
    let setup = Setup {
        largest_page: 50,
        ..Setup::small(20, &[SIGN_INS])
    };
    let mut rig = Rig::new(&setup).await?;
    for user in rig.truth(SIGN_INS)?.keys() {
        let day = |ago: i64| (now() - jiff::SignedDuration::from_hours(24 * ago)).to_string();
        let activity = json!({"lastSignInDateTime": day(1), "lastSuccessfulSignInDateTime": day(2),
            "lastNonInteractiveSignInDateTime": day(3)});
        rig.microsoft
            .set_user_property(user.parse()?, "signInActivity", activity);
    }
    let worker = rig.worker(0).await?;
    sync(&mut rig, &worker).await?;
    right(&rig).await?;
    Ok((rig, worker))
}

/// Everything is asked for and read.
async fn sync(rig: &mut Rig, worker: &Worker) -> Result<()> {
    let asked = now();
    rig.change(|integration| integration.sync.requested_at = Some(asked))
        .await?;
    ensure!(rig.deliver(worker, Delivery::default()).await, "it failed");
    Ok(())
}

/// From now on a list leaves a property out of the first so many objects of each page.
fn leave_out(rig: &Rig, path: &str, property: &str, count: usize) {
    rig.simulator.clear_faults();
    let kind = FaultKind::List(ListFault::LeftOut(property.to_owned(), count));
    rig.simulator.add_fault(Fault::next(path, u32::MAX, kind));
}

fn sign_ins_left_out(rig: &Rig, count: usize) {
    leave_out(rig, "signInActivity", "signInActivity", count);
}

async fn counts(rig: &Rig) -> Result<Counts> {
    let summaries = rig.store.summaries(rig.tenant).await?;
    Ok(summaries.last().context("a summary")?.counts.clone())
}

async fn same_as(rig: &Rig, before: &Records) -> Result<()> {
    let held = rig.held(SIGN_INS).await?;
    ensure!(held == *before, "{before:#?}\nbecame\n{held:#?}");
    Ok(())
}

#[test]
fn dates_that_a_later_list_leaves_out_stay_and_the_counts_with_them() {
    test(async || {
        let (mut rig, worker) = twenty().await?;
        let before = rig.held(SIGN_INS).await?;
        let counted = counts(&rig).await?;
        sign_ins_left_out(&rig, 10);
        let began = now();
        sync(&mut rig, &worker).await?;
        same_as(&rig, &before).await?;
        let state = rig.state(SIGN_INS).await?;
        let kept = state.kept.context("it tells")?;
        ensure!(kept.records == 10, "{kept:?}");
        ensure!(kept.since >= began.checked_sub(jiff::SignedDuration::from_secs(1))?);
        ensure!(state.run.written == 0, "{:?}", state.run);
        let sentence = kept.sentence(&SIGN_IN_ACTIVITY);
        ensure!(
            sentence.starts_with("Microsoft left out the sign-in dates of 10 people this time"),
            "{sentence}"
        );
        ensure!(counts(&rig).await? == counted, "{counted:?}");
        ensure!(counted.get(&INACTIVE_90_DAYS) == Some(0), "{counted:?}");
        Ok(())
    });
}

#[test]
fn a_second_list_that_leaves_the_same_dates_out_writes_nothing() {
    test(async || {
        let (mut rig, worker) = twenty().await?;
        let before = rig.held(SIGN_INS).await?;
        sign_ins_left_out(&rig, 10);
        sync(&mut rig, &worker).await?;
        let kept = rig.state(SIGN_INS).await?.kept;
        let writes = worker.door.seen(Calls::Writes);
        sync(&mut rig, &worker).await?;
        let written = worker.door.seen(Calls::Writes) - writes;
        ensure!(written == 3, "{written} items were written");
        let state = rig.state(SIGN_INS).await?;
        ensure!(state.kept == kept && kept.is_some(), "{state:?}");
        ensure!(state.run.unchanged == 20, "{:?}", state.run);
        same_as(&rig, &before).await?;
        // The dates come back: nothing was kept.
        rig.simulator.clear_faults();
        sync(&mut rig, &worker).await?;
        ensure!(rig.state(SIGN_INS).await?.kept.is_none());
        right(&rig).await
    });
}

#[test]
fn dates_that_wait_or_are_packed_are_the_last_known_ones() {
    test(async || {
        let (mut rig, worker) = twenty().await?;
        let users: Vec<String> = rig.held(SIGN_INS).await?.into_keys().collect();
        for second in 1..3 {
            for user in &users {
                sign_in(&rig.microsoft, user.parse()?, second);
            }
            sync(&mut rig, &worker).await?;
            right(&rig).await?;
        }
        let before = rig.held(SIGN_INS).await?;
        sign_ins_left_out(&rig, 10);
        sync(&mut rig, &worker).await?;
        same_as(&rig, &before).await?;
        // Somebody who is packed and has another name is looked up, and joined with what is packed.
        rig.microsoft.set_user_property(
            users[0].parse()?,
            "userPrincipalName",
            "another@soak.example".into(),
        );
        sync(&mut rig, &worker).await?;
        rig.simulator.clear_faults();
        right(&rig).await?;
        sync(&mut rig, &worker).await?;
        right(&rig).await
    });
}

#[test]
fn an_older_date_that_is_given_replaces_the_last_known_one() {
    test(async || {
        let (mut rig, worker) = twenty().await?;
        let user = rig.held(SIGN_INS).await?.into_keys().next();
        let user = user.context("somebody")?.parse()?;
        sign_in(&rig.microsoft, user, 1);
        sync(&mut rig, &worker).await?;
        right(&rig).await?;
        ensure!(rig.state(SIGN_INS).await?.kept.is_none());
        // One date of three is given: the others stay.
        let activity = json!({"lastSignInDateTime": "2025-01-01T00:00:00Z",
            "lastSuccessfulSignInDateTime": null});
        let before = rig.held(SIGN_INS).await?;
        rig.microsoft
            .set_user_property(user, "signInActivity", activity);
        sync(&mut rig, &worker).await?;
        let (mut expected, key) = (before, user.to_string());
        let record = expected.get_mut(&key).context("it is held")?;
        record["sign_in_activity_last_sign_in_date_time"] = json!("2025-01-01T00:00:00Z");
        same_as(&rig, &expected).await
    });
}

#[test]
fn a_person_whose_row_is_gone_is_removed_with_the_dates() {
    test(async || {
        let (mut rig, worker) = twenty().await?;
        sign_ins_left_out(&rig, 10);
        sync(&mut rig, &worker).await?;
        rig.microsoft.delete_users(1);
        sync(&mut rig, &worker).await?;
        let state = rig.state(SIGN_INS).await?;
        ensure!(state.run.removed == 1 && state.records == 19, "{state:?}");
        Ok(())
    });
}

#[test]
fn a_crash_between_keeping_dates_and_the_index_loses_none() {
    test(async || {
        for nth in 1..12 {
            let (mut rig, worker) = twenty().await?;
            // In the order of the list, which leaves the dates of the first eight out.
            let users = rig.microsoft.objects("/users").into_iter();
            let users: Vec<String> = users
                .filter_map(|user| user["id"].as_str().map(str::to_owned))
                .collect();
            // Some sign in and one has another name, so that there is something to write.
            for user in &users[8..14] {
                sign_in(&rig.microsoft, user.parse()?, 5);
            }
            rig.microsoft.set_user_property(
                users[1].parse()?,
                "userPrincipalName",
                "another@soak.example".into(),
            );
            let truth = rig.truth(SIGN_INS)?;
            sign_ins_left_out(&rig, 8);
            worker
                .door
                .add_fault(Calls::Writes, nth, 99, StoreFault::ServerError);
            let asked = now();
            rig.change(|integration| integration.sync.requested_at = Some(asked))
                .await?;
            rig.deliver(&worker, Delivery::default()).await;
            worker.door.clear();
            rig.sync().await?;
            let held = rig.held(SIGN_INS).await?;
            ensure!(held == truth, "{nth}: {truth:#?}\nbecame\n{held:#?}");
        }
        Ok(())
    });
}

#[test]
fn a_device_keeps_its_last_check_in_and_its_enrollment() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["managed_devices"])).await?;
        let worker = rig.worker(0).await?;
        sync(&mut rig, &worker).await?;
        right(&rig).await?;
        for property in ["lastSyncDateTime", "enrolledDateTime"] {
            leave_out(&rig, "managedDevices", property, 2);
            let writes = worker.door.seen(Calls::Writes);
            sync(&mut rig, &worker).await?;
            sync(&mut rig, &worker).await?;
            let written = worker.door.seen(Calls::Writes) - writes;
            ensure!(written <= 8, "{written} items were written");
            right(&rig).await?;
            let kept = rig.state("managed_devices").await?.kept;
            let kept = kept.context("it tells")?;
            ensure!(
                kept.sentence(&MANAGED_DEVICES)
                    .contains("check-in or enrollment dates"),
                "{kept:?}"
            );
        }
        Ok(())
    });
}
