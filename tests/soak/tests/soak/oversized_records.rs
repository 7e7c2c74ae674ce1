//! Records that are too large to store: they are truncated and told, and stop no other.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ScriptedAnswer, ValueFault};
use muster_domain::state::Phase;
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};
use serde_json::json;
use std::time::Duration;

/// The first user, by its key, which gets this name.
fn name(rig: &Rig, name: &str) -> Result<String> {
    rig.name_the_first(name)?;
    let users = rig.truth("users")?;
    Ok(users.keys().next().context("a user")?.clone())
}

#[test]
fn a_record_too_large_to_store_is_truncated_and_told_and_stops_no_other() {
    test(async || {
        let mut rig = Rig::of_users(60).await?;
        let large = name(&rig, &"é".repeat(225_000))?;
        rig.sync().await?;
        right(&rig).await?;
        let (held, state) = (rig.held("users").await?, rig.state("users").await?);
        let text = held[&large]["display_name"].as_str().context("a name")?;
        ensure!(text.starts_with("éééé"));
        ensure!(text.ends_with("é [truncated by Muster: 450000 bytes in all]"));
        ensure!(state.phase == Phase::Fresh, "{state:?}");
        ensure!(held.len() == 60 && state.truncated == 1, "{state:?}");
        let notes = state.size_notes();
        let note = notes.first().context("it is told")?;
        ensure!(note.starts_with("1 record is too large to store whole"));
        // Read whole once more, it is unchanged.
        rig.simulator.advance(Duration::from_secs(8 * 86_400));
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(state.run.read == 60 && state.run.written == 0, "{state:?}");
        ensure!(state.truncated == 1, "{state:?}");
        Ok(())
    });
}

#[test]
fn a_delta_round_may_make_a_record_too_large_and_small_again() {
    test(async || {
        let mut rig = Rig::of_users(60).await?;
        rig.sync().await?;
        for (long, truncated) in [(true, 1), (true, 1), (false, 0), (true, 1)] {
            let text = if long {
                "y".repeat(450_000)
            } else {
                "short".to_owned()
            };
            let large = name(&rig, &format!("{} {text}", rig.simulator.requests().len()))?;
            rig.sync().await?;
            right(&rig).await?;
            let state = rig.state("users").await?;
            ensure!(state.truncated == truncated, "{state:?}");
            ensure!(state.run.written == 1, "{state:?}");
            ensure!(state.size_notes().len() == usize::from(long) && !large.is_empty());
        }
        let first = rig
            .truth("users")?
            .keys()
            .next()
            .context("a user")?
            .parse()?;
        rig.microsoft.delete_user(first);
        rig.sync().await?;
        ensure!(rig.state("users").await?.truncated == 0);
        right(&rig).await
    });
}

#[test]
fn parts_that_are_too_large_together_are_truncated_where_they_meet() {
    test(async || {
        let mut rig = Rig::of_users(5).await?;
        let first = rig.truth("users")?.keys().next().context("a user")?.clone();
        let set = |rig: &Rig, name: &str| -> Result<()> {
            let long = json!("z".repeat(200_000));
            rig.microsoft.set_user_property(first.parse()?, name, long);
            Ok(())
        };
        set(&rig, "jobTitle")?;
        rig.sync().await?;
        ensure!(rig.state("users").await?.truncated == 0);
        set(&rig, "department")?;
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(
            state.phase == Phase::Fresh && state.truncated == 1,
            "{state:?}"
        );
        right(&rig).await
    });
}

#[test]
fn a_row_of_a_report_too_large_to_store_is_truncated_and_told() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(40, &["active_users"])).await?;
        let rows = rig.truth("active_users")?.len();
        let kind = FaultKind::Value(ValueFault::LongName(450_000));
        rig.simulator.add_fault(Fault::next("Detail.csv", 1, kind));
        rig.sync().await?;
        let state = rig.state("active_users").await?;
        ensure!(
            state.phase == Phase::Fresh && state.truncated == 1,
            "{state:?}"
        );
        ensure!(rig.held("active_users").await?.len() == rows);
        rig.sync().await?;
        ensure!(rig.state("active_users").await?.truncated == 0);
        right(&rig).await
    });
}

#[test]
fn an_object_whose_id_is_too_long_to_store_is_left_out_and_told_and_stops_no_other() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["managed_devices"])).await?;
        rig.sync().await?;
        let mut held = rig.held("managed_devices").await?;
        let gone = held.keys().next_back().context("a device")?.clone();
        held.remove(&gone);
        let devices = held.keys().map(|id| json!({"id": id}));
        let long = json!({"id": "x".repeat(450_000)});
        let devices: Vec<_> = devices.chain([long]).collect();
        let body = json!({"value": devices}).to_string();
        let kind = FaultKind::Answer(ScriptedAnswer::ok(body));
        rig.simulator
            .add_fault(Fault::next("managedDevices", 1, kind));
        rig.sync().await?;
        let state = rig.state("managed_devices").await?;
        ensure!(state.phase == Phase::Fresh, "{state:?}");
        ensure!(
            state.size_notes()
                == ["1 record has an ID too long to store. Everything else is kept."]
        );
        // It cannot be the device that is gone: that one is removed.
        ensure!(rig.held("managed_devices").await?.keys().eq(held.keys()));
        rig.sync().await?;
        ensure!(rig.state("managed_devices").await?.size_notes().is_empty());
        right(&rig).await
    });
}

#[test]
fn the_change_of_a_large_value_is_recorded_with_the_beginnings_of_both_sides() {
    test(async || {
        let mut rig = Rig::of_users(3).await?;
        rig.sync().await?;
        name(&rig, &"a".repeat(350_000))?;
        rig.sync().await?;
        name(&rig, &"b".repeat(350_000))?;
        rig.sync().await?;
        right(&rig).await?;
        let all = muster_platform::store::ChangeQuery {
            limit: 9,
            ..Default::default()
        };
        let changes = rig.store.changes(rig.tenant, &all).await?.changes;
        let sides = &changes[0].columns["display_name"];
        for (side, letters) in [("before", "aaa"), ("after", "bbb")] {
            let text = sides[side].as_str().context("a text")?;
            ensure!(
                text.starts_with(letters) && text.ends_with("bytes in all]"),
                "{side}"
            );
            ensure!(text.len() < 5000, "{side}");
        }
        Ok(())
    });
}

#[test]
fn many_large_records_at_once_are_all_written() {
    test(async || {
        let mut rig = Rig::of_users(40).await?;
        for id in rig.truth("users")?.keys() {
            let name = json!("\"".repeat(170_000));
            rig.microsoft
                .set_user_property(id.parse()?, "displayName", name);
        }
        rig.sync().await?;
        right(&rig).await?;
        rig.microsoft.change_users(40);
        rig.sync().await?;
        right(&rig).await
    });
}
