//! Answers with one value that is unreadable or oversized: it costs no other record.

use anyhow::{Context, ensure};
use microsoft_simulator::{Fault, FaultKind, ScriptedAnswer, ValueFault};
use muster_domain::{
    DatasetState,
    state::{Checkpoint, Phase},
};
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};
use serde_json::{Map, Value, json};

/// The next answer to a request for this path holds the fault.
fn next_answer(rig: &Rig, path: &str, fault: ValueFault) {
    let kind = FaultKind::Value(fault);
    rig.simulator.add_fault(Fault::next(path, 1, kind));
}

/// Every answer to a request for this path holds the fault.
fn every_answer(rig: &Rig, path: &str, fault: ValueFault) {
    let kind = FaultKind::Value(fault);
    rig.simulator.add_fault(Fault::next(path, 999, kind));
}

fn trouble(state: &DatasetState) -> &str {
    state.trouble.as_deref().unwrap_or_default()
}

#[test]
fn one_bad_value_in_one_of_500_users_costs_no_user() {
    test(async || {
        let mut rig = Rig::of_users(500).await?;
        rig.sync().await?;
        let pages = rig.user_pages();
        for fault in ValueFault::VALUES {
            let mut rig = Rig::of_users(500).await?;
            every_answer(&rig, "users/delta", fault);
            rig.sync().await?;
            let (held, state) = (rig.held("users").await?, rig.state("users").await?);
            ensure!(held.len() == 500, "{fault:?}: {} are held", held.len());
            ensure!(state.phase == Phase::Fresh, "{fault:?}: {state:?}");
            ensure!(state.trouble.is_none() && state.records == 500);
            ensure!(
                rig.user_pages() == pages,
                "{fault:?}: a page was asked for again"
            );
        }
        Ok(())
    });
}

#[test]
fn one_bad_value_in_a_delta_round_costs_no_user_and_the_round_is_complete() {
    test(async || {
        for fault in ValueFault::VALUES {
            let mut rig = Rig::of_users(60).await?;
            rig.sync().await?;
            let before = rig.state("users").await?.checkpoint.delta_link;
            for id in rig.truth("users")?.keys().take(3) {
                let name = json!(format!("New {id}"));
                rig.microsoft
                    .set_user_property(id.parse()?, "displayName", name);
            }
            every_answer(&rig, "deltatoken", fault);
            rig.sync().await?;
            let state = rig.state("users").await?;
            ensure!(state.phase == Phase::Fresh, "{fault:?}: {state:?}");
            ensure!(state.run.written == 3, "{fault:?}: {:?}", state.run);
            ensure!(state.checkpoint.delta_link != before, "{fault:?}");
        }
        Ok(())
    });
}

#[test]
fn one_bad_value_in_a_report_costs_no_row() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(40, &["active_users"])).await?;
        let rows = rig.truth("active_users")?.len();
        for fault in [
            ValueFault::InvalidUtf8,
            ValueFault::ControlByte,
            ValueFault::CutEmoji,
        ] {
            next_answer(&rig, "Detail.csv", fault);
            rig.sync().await?;
            let state = rig.state("active_users").await?;
            ensure!(state.phase == Phase::Fresh, "{fault:?}: {state:?}");
            ensure!(state.rows.unreadable == 0, "{fault:?}: {:?}", state.rows);
            ensure!(rig.held("active_users").await?.len() == rows);
        }
        Ok(())
    });
}

#[test]
fn a_name_cut_within_an_emoji_is_held_with_a_replacement_character() {
    test(async || {
        let mut rig = Rig::of_users(5).await?;
        next_answer(&rig, "users/delta", ValueFault::CutEmoji);
        rig.sync().await?;
        let held = rig.held("users").await?;
        let is_cut = |user: &Map<String, Value>| {
            let name = user["display_name"].as_str();
            name.is_some_and(|name| name.contains('\u{fffd}'))
        };
        let cut = held.iter().filter(|(_, user)| is_cut(user));
        let cut: Vec<&String> = cut.map(|(id, _)| id).collect();
        ensure!(cut.len() == 1, "{cut:?}");
        // A whole name that comes later takes its place.
        let name = json!("Anna");
        rig.microsoft
            .set_user_property(cut[0].parse()?, "displayName", name);
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn an_object_that_stays_unreadable_is_counted_and_all_others_are_kept() {
    test(async || {
        for (fault, held) in [
            (ValueFault::BrokenObject, 500),
            (ValueFault::UnreadableId, 499),
        ] {
            let mut rig = Rig::of_users(500).await?;
            next_answer(&rig, "skiptoken", fault);
            rig.sync().await?;
            let state = rig.state("users").await?;
            ensure!(rig.held("users").await?.len() == held, "{fault:?}");
            ensure!(state.phase == Phase::Incomplete, "{state:?}");
            ensure!(trouble(&state).starts_with("One object could not be read. All others"));
            rig.sync().await?;
            right(&rig).await?;
            ensure!(rig.state("users").await?.phase == Phase::Fresh);
        }
        Ok(())
    });
}

#[test]
fn a_delta_round_with_an_unreadable_object_is_read_again_from_its_link() {
    test(async || {
        let mut rig = Rig::of_users(60).await?;
        rig.sync().await?;
        let before = rig.state("users").await?.checkpoint.delta_link;
        rig.microsoft.change_users(20);
        rig.microsoft.delete_users(3);
        next_answer(&rig, "deltatoken", ValueFault::UnreadableId);
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        ensure!(state.checkpoint.delta_link == before, "{state:?}");
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn nothing_is_removed_on_account_of_an_object_that_could_not_be_read() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["managed_devices"])).await?;
        rig.sync().await?;
        let before = rig.held("managed_devices").await?;
        // A list of one device and one broken object: any other device may be that object.
        let first = before.keys().next().context("a device")?;
        let device = json!({"id": first, "deviceName": "x"});
        let body = format!(r#"{{"value":[{device},{{"id" "y"}}]}}"#);
        let kind = FaultKind::Answer(ScriptedAnswer::ok(body));
        rig.simulator
            .add_fault(Fault::next("managedDevices", 1, kind));
        rig.sync().await?;
        let held = rig.held("managed_devices").await?;
        let state = rig.state("managed_devices").await?;
        ensure!(held.keys().eq(before.keys()), "{} are held", held.len());
        ensure!(held[first]["device_name"] == "x", "its neighbor is kept");
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        ensure!(trouble(&state).contains("nothing was removed"), "{state:?}");
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn a_link_of_a_megabyte_is_refused_with_its_reason_and_its_page_is_kept() {
    test(async || {
        // A next link after the first page of three, and one after the second.
        for (path, held) in [("users/delta", 100), ("skiptoken", 200)] {
            let mut rig = Rig::of_users(300).await?;
            next_answer(&rig, path, ValueFault::LongLink(1 << 20));
            rig.sync().await?;
            let state = rig.state("users").await?;
            ensure!(state.phase == Phase::Incomplete, "{state:?}");
            let why = trouble(&state);
            ensure!(why.contains("a link of more than 16 KB"), "{why}");
            ensure!(rig.held("users").await?.len() == held, "{path}");
            rig.sync().await?;
            right(&rig).await?;
        }
        Ok(())
    });
}

#[test]
fn a_delta_link_of_a_megabyte_is_not_stored() {
    test(async || {
        let mut rig = Rig::of_users(20).await?;
        next_answer(&rig, "users/delta", ValueFault::LongLink(1 << 20));
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        ensure!(state.checkpoint == Checkpoint::default(), "{state:?}");
        ensure!(rig.held("users").await?.len() == 20);
        rig.sync().await?;
        right(&rig).await?;
        // In a delta round, the link before it stays.
        let before = rig.state("users").await?.checkpoint.delta_link;
        rig.microsoft.change_users(5);
        next_answer(&rig, "deltatoken", ValueFault::LongLink(1 << 20));
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        ensure!(state.checkpoint.delta_link == before, "{state:?}");
        rig.sync().await?;
        right(&rig).await
    });
}
