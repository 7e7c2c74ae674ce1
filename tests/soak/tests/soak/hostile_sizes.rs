//! Answers that are far larger than any of Microsoft's, and reports too large for memory.

use anyhow::ensure;
use microsoft_simulator::{Fault, FaultKind, ScriptedAnswer, ValueFault};
use muster_domain::state::Phase;
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};
use serde_json::json;

const MEGABYTE: usize = 1 << 20;

fn next_answer(rig: &Rig, path: &str, kind: FaultKind) {
    rig.simulator.add_fault(Fault::next(path, 1, kind));
}

#[test]
fn an_answer_larger_than_any_of_microsofts_is_refused_once_and_says_why() {
    test(async || {
        for fault in [
            ValueFault::LongPage(40 * MEGABYTE),
            ValueFault::GzipBomb(40 * MEGABYTE),
        ] {
            let mut rig = Rig::new(&Setup::small(5, &["users"])).await?;
            next_answer(&rig, "users/delta", FaultKind::Value(fault));
            rig.simulator.clear_requests();
            rig.sync().await?;
            let state = rig.state("users").await?;
            ensure!(state.phase == Phase::Incomplete, "{state:?}");
            let why = state.trouble.unwrap_or_default();
            ensure!(why.contains("an answer of more than 32 MB"), "{why}");
            ensure!(
                rig.user_pages() == 1,
                "it was asked for {} times",
                rig.user_pages()
            );
            rig.sync().await?;
            right(&rig).await?;
        }
        Ok(())
    });
}

#[test]
fn an_error_of_many_megabytes_is_still_the_error_that_it_is() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(5, &["users"])).await?;
        rig.sync().await?;
        let body = json!({"error": {"code": "syncStateNotFound", "message": "m".repeat(9 << 20)}});
        let answer = ScriptedAnswer::status(403, body.to_string());
        next_answer(&rig, "deltatoken", FaultKind::Answer(answer));
        rig.simulator.clear_requests();
        rig.sync().await?;
        let state = rig.state("users").await?;
        ensure!(state.phase == Phase::Fresh, "{state:?}");
        ensure!(state.run.read == 5, "the list was read anew: {state:?}");
        right(&rig).await
    });
}

/// A report of so many megabytes, by rows of some 16 KB. Each tenth name is borne by two rows.
fn report(megabytes: usize) -> String {
    let mut report = String::from("User Principal Name,Display Name,Is Deleted\r\n");
    let mut person = 0;
    while report.len() < megabytes * MEGABYTE {
        let name = "n".repeat(16_000);
        for deleted in (0..=u32::from(person % 10 == 0)).rev() {
            let row = format!("p{person}@soak.example,{name} {person},{}\r\n", deleted > 0);
            report.push_str(&row);
        }
        person += 1;
    }
    report
}

#[test]
fn a_report_too_large_for_memory_is_read_in_parts_and_no_row_is_lost() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(40, &["active_users"])).await?;
        let report = report(17);
        let rows = report.lines().count() - 1;
        let answer = FaultKind::Answer(ScriptedAnswer::ok(report));
        rig.simulator
            .add_fault(Fault::next("Detail.csv", 2, answer));
        rig.sync().await?;
        let (held, state) = (
            rig.held("active_users").await?,
            rig.state("active_users").await?,
        );
        ensure!(state.phase == Phase::Fresh, "{state:?}");
        ensure!(
            rows > 1000 && held.len() == rows,
            "{} of {rows}",
            held.len()
        );
        ensure!(state.rows.sharing > 100, "{:?}", state.rows);
        // Of two rows of one name, the person who is there has it.
        let there = held.iter().filter(|(key, _)| !key.contains('#'));
        ensure!(there.into_iter().all(|(_, row)| row["is_deleted"] == false));
        // Read once more, nothing of it is written; then the ordinary report follows.
        rig.sync().await?;
        let state = rig.state("active_users").await?;
        ensure!(
            state.run.written == 0 && state.phase == Phase::Fresh,
            "{state:?}"
        );
        Ok(())
    });
}

#[test]
fn of_a_large_report_that_is_cut_nothing_is_written() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(40, &["active_users"])).await?;
        rig.sync().await?;
        let before = rig.held("active_users").await?;
        let answer = FaultKind::Answer(ScriptedAnswer::ok(report(17) + "cut"));
        rig.simulator
            .add_fault(Fault::next("Detail.csv", 9, answer));
        rig.sync().await?;
        let state = rig.state("active_users").await?;
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        let why = state.trouble.unwrap_or_default();
        ensure!(why.contains("it ends within a row"), "{why}");
        ensure!(rig.held("active_users").await? == before);
        rig.simulator.clear_faults();
        rig.sync().await?;
        right(&rig).await
    });
}
