//! Answers of which one value is hostile, and records too large to store: neither costs another record.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, FaultKind, Spoil};
use muster_domain::{
    DatasetState,
    state::{Checkpoint, Phase},
};
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};
use serde_json::{Value, json};
use std::time::Duration;

/// So many users, 100 a page.
async fn users(count: u32) -> Result<Rig> {
    let mut setup = Setup::small(count, &["users"]);
    setup.largest_page = 100;
    Rig::new(&setup).await
}

fn spoil(rig: &Rig, path: &str, spoil: Spoil) {
    let kind = FaultKind::Spoil(spoil);
    rig.simulator.add_fault(Fault::next(path, 1, kind));
}

fn trouble(state: &DatasetState) -> &str {
    state.trouble.as_deref().unwrap_or_default()
}

/// The first of the users, which `set` gives this name.
fn name(rig: &Rig, name: &str) -> Result<String> {
    rig.name_the_first(name)?;
    let users = rig.truth("users")?;
    Ok(users.keys().next().context("a user")?.clone())
}

#[test]
fn one_bad_value_in_one_of_500_users_costs_no_user() {
    test(async || {
        for value in Spoil::VALUES {
            let mut rig = users(500).await?;
            spoil(&rig, "skiptoken", value);
            rig.sync().await?;
            let (held, state) = (rig.held("users").await?, rig.state("users").await?);
            ensure!(held.len() == 500, "{value:?}: {} are held", held.len());
            if value == Spoil::Object {
                ensure!(state.phase == Phase::Incomplete, "{state:?}");
                ensure!(trouble(&state).starts_with("One object could not be read"));
            } else {
                ensure!(state.phase == Phase::Fresh, "{value:?}: {state:?}");
                ensure!(state.trouble.is_none() && state.records == 500);
            }
            rig.simulator.clear_faults();
            rig.sync().await?;
            ensure!(rig.state("users").await?.phase == Phase::Fresh);
        }
        Ok(())
    });
}

#[test]
fn a_name_cut_within_an_emoji_is_held_with_a_mark_in_its_place() {
    test(async || {
        let mut rig = users(5).await?;
        let first = name(&rig, "Anna \u{fffd}")?;
        rig.sync().await?;
        right(&rig).await?;
        let held = rig.held("users").await?;
        ensure!(held[&first]["display_name"] == "Anna \u{fffd}");
        Ok(())
    });
}

#[test]
fn nothing_is_removed_on_account_of_an_object_that_could_not_be_read() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(9, &["managed_devices"])).await?;
        rig.sync().await?;
        let before = rig.held("managed_devices").await?;
        // A list of one device and one object that is garbled: any other may be that one.
        let first = before.keys().next().context("a device")?;
        let body =
            format!("{{\"value\":[{{\"id\":\"{first}\",\"deviceName\":\"x\"}},{{\"id\" \"y\"}}]}}");
        let answer = microsoft_simulator::ScriptedAnswer::ok(body);
        let kind = FaultKind::Answer(answer);
        rig.simulator
            .add_fault(Fault::next("managedDevices", 1, kind));
        rig.sync().await?;
        let (held, state) = (
            rig.held("managed_devices").await?,
            rig.state("managed_devices").await?,
        );
        ensure!(held.keys().eq(before.keys()), "{} are held", held.len());
        ensure!(held[first]["device_name"] == "x", "its neighbor is kept");
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        ensure!(trouble(&state).contains("Nothing was removed"), "{state:?}");
        rig.simulator.clear_faults();
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn a_record_too_large_to_store_is_kept_with_its_longest_value_cut_and_stops_no_other() {
    test(async || {
        let mut rig = users(60).await?;
        let large = name(&rig, &"é".repeat(225_000))?;
        rig.sync().await?;
        right(&rig).await?;
        let (held, state) = (rig.held("users").await?, rig.state("users").await?);
        let text = held[&large]["display_name"].as_str().context("a name")?;
        ensure!(text.starts_with("éééé") && text.ends_with("[cut by Muster: 450000 bytes in all]"));
        ensure!(held.len() == 60 && state.cut == 1, "{state:?}");
        ensure!(
            state
                .note()
                .is_some_and(|note| note.starts_with("1 record was too large"))
        );
        // Read whole once more, it is unchanged.
        whole_again(&mut rig).await?;
        let state = rig.state("users").await?;
        ensure!(state.run.written == 0 && state.cut == 1, "{state:?}");
        // A delta round that brings another value of it, and one that brings a short one.
        name(&rig, &"y".repeat(450_000))?;
        rig.sync().await?;
        right(&rig).await?;
        ensure!(rig.state("users").await?.cut == 1);
        name(&rig, "short")?;
        rig.sync().await?;
        right(&rig).await?;
        let state = rig.state("users").await?;
        ensure!(state.cut == 0 && state.note().is_none(), "{state:?}");
        Ok(())
    });
}

async fn whole_again(rig: &mut Rig) -> Result<()> {
    rig.simulator.advance(Duration::from_secs(8 * 86_400));
    rig.sync().await
}

#[test]
fn the_change_of_a_large_value_is_recorded_with_the_beginnings_of_both_sides() {
    test(async || {
        let mut rig = users(3).await?;
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
        for (side, letter) in [("before", "aaa"), ("after", "bbb")] {
            let text = sides[side].as_str().context("a text")?;
            ensure!(
                text.starts_with(letter) && text.ends_with("bytes in all]"),
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
        let mut rig = users(40).await?;
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

#[test]
fn a_link_of_a_megabyte_is_refused_with_its_reason_and_its_page_is_kept() {
    test(async || {
        // A next link after the first page of three, and a delta link after the last.
        for (path, held) in [("users/delta", 100), ("skiptoken", 200)] {
            let mut rig = users(300).await?;
            spoil(&rig, path, Spoil::Link(1 << 20));
            rig.sync().await?;
            let state = rig.state("users").await?;
            ensure!(state.phase == Phase::Incomplete, "{state:?}");
            ensure!(
                trouble(&state).contains("a link of more than 16 KB"),
                "{state:?}"
            );
            ensure!(rig.held("users").await?.len() == held, "{path}");
            ensure!(state.checkpoint.next_link.is_none() || path == "skiptoken");
            rig.simulator.clear_faults();
            rig.sync().await?;
            right(&rig).await?;
        }
        let mut rig = users(20).await?;
        spoil(&rig, "users/delta", Spoil::Link(1 << 20));
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        ensure!(state.checkpoint == Checkpoint::default(), "{state:?}");
        ensure!(rig.held("users").await?.len() == 20);
        Ok(())
    });
}

#[test]
fn an_answer_larger_than_any_of_microsofts_is_refused_once_and_says_why() {
    test(async || {
        let mut rig = users(5).await?;
        spoil(&rig, "users/delta", Spoil::Page(40 << 20));
        rig.simulator.clear_requests();
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        ensure!(
            trouble(&state).contains("an answer of more than 32 MB"),
            "{state:?}"
        );
        let asked = rig.simulator.requests();
        let pages = asked
            .iter()
            .filter(|request| request.path.contains("users/delta"));
        ensure!(pages.count() == 1, "it was asked for again");
        rig.simulator.clear_faults();
        rig.sync().await?;
        right(&rig).await
    });
}

#[test]
fn an_error_of_many_megabytes_is_still_the_error_that_it_is() {
    test(async || {
        let mut rig = users(5).await?;
        let body: Value = json!({"error": {"code": "x", "message": "m".repeat(9 << 20)}});
        let answer = microsoft_simulator::ScriptedAnswer::status(404, body.to_string());
        let kind = FaultKind::Answer(answer);
        rig.simulator.add_fault(Fault::next("users/delta", 1, kind));
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(trouble(&state).contains("(404)"), "{state:?}");
        Ok(())
    });
}
