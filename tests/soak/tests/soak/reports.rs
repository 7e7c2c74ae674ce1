//! Usage reports as they are: shared names, dates spelled anew, rows that cannot be read.

use anyhow::{Result, ensure};
use microsoft_simulator::{CsvFault, Fault, FaultKind, ScriptedAnswer};
use muster_domain::{DatasetState, report::ReportRows, state::Phase};
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};

const NAME: &str = "active_users";
const FILE: &str = "Detail.csv";

async fn report(users: u32) -> Result<Rig> {
    Rig::new(&Setup::small(users, &[NAME])).await
}

async fn synced(users: u32) -> Result<Rig> {
    let mut rig = report(users).await?;
    rig.sync().await?;
    right(&rig).await?;
    Ok(rig)
}

async fn with(rig: &mut Rig, kind: FaultKind) -> Result<DatasetState> {
    rig.simulator.clear_faults();
    rig.simulator.clear_requests();
    rig.simulator.add_fault(Fault::next(FILE, 99, kind));
    rig.sync().await?;
    rig.state(NAME).await
}

fn downloads(rig: &Rig) -> usize {
    let asked = rig.simulator.requests();
    asked
        .iter()
        .filter(|request| request.path.contains(FILE))
        .count()
}

#[test]
fn rows_that_share_a_placeholder_are_each_a_record_and_told() {
    test(async || {
        let mut rig = report(30).await?;
        let rows = rig.truth(NAME)?.len();
        ensure!(rows > 10, "the report has {rows} rows");
        let state = with(&mut rig, FaultKind::Csv(CsvFault::PlaceholderRows(5))).await?;
        let told = ReportRows {
            nameless: 5,
            ..ReportRows::default()
        };
        ensure!(
            state.phase == Phase::Fresh && state.rows == told,
            "{state:?}"
        );
        ensure!(rig.held(NAME).await?.len() == rows);
        let again = with(&mut rig, FaultKind::Csv(CsvFault::PlaceholderRows(5))).await?;
        ensure!(
            again.run.written == 0 && again.run.removed == 0,
            "{again:?}"
        );
        Ok(())
    });
}

#[test]
fn somebody_deleted_and_made_anew_is_the_one_who_is_there() {
    test(async || {
        let mut rig = synced(30).await?;
        let before = rig.held(NAME).await?;
        let state = with(&mut rig, FaultKind::Csv(CsvFault::DeletedNamesakes(3))).await?;
        ensure!(state.phase == Phase::Fresh, "{state:?}");
        ensure!(state.rows.sharing == 6, "{:?}", state.rows);
        let after = rig.held(NAME).await?;
        ensure!(after.len() == before.len() + 3);
        for (key, record) in before {
            ensure!(after.get(&key) == Some(&record), "{key}");
        }
        Ok(())
    });
}

#[test]
fn a_date_that_changes_its_spelling_is_no_change() {
    test(async || {
        let mut rig = synced(30).await?;
        let state = with(&mut rig, FaultKind::Csv(CsvFault::DatesWithTime)).await?;
        ensure!(state.run.read > 0, "{state:?}");
        ensure!(
            state.run.written == 0 && state.run.changes == 0,
            "{state:?}"
        );
        right(&rig).await
    });
}

#[test]
fn a_bad_row_costs_itself_alone_and_removes_nothing() {
    test(async || {
        let mut rig = synced(30).await?;
        let held = rig.held(NAME).await?;
        let state = with(&mut rig, FaultKind::Csv(CsvFault::BadRows(3))).await?;
        ensure!(state.rows.unreadable == 3 && state.phase == Phase::Incomplete);
        let trouble = state.trouble.unwrap_or_default();
        ensure!(
            trouble.starts_with("3 rows of Microsoft's report"),
            "{trouble}"
        );
        ensure!(rig.held(NAME).await? == held, "nothing is removed");
        ensure!(downloads(&rig) == 1, "{} downloads", downloads(&rig));
        rig.simulator.clear_faults();
        rig.sync().await?;
        let state = rig.state(NAME).await?;
        ensure!(
            state.phase == Phase::Fresh && state.rows.is_empty(),
            "{state:?}"
        );
        right(&rig).await
    });
}

#[test]
fn the_good_rows_of_a_first_report_are_kept() {
    test(async || {
        let mut rig = report(30).await?;
        let rows = rig.truth(NAME)?.len();
        let state = with(&mut rig, FaultKind::Csv(CsvFault::BadRows(1))).await?;
        ensure!(rig.held(NAME).await?.len() == rows - 1);
        ensure!(
            state.records == rows as u64 - 1 && state.complete.is_none(),
            "{state:?}"
        );
        Ok(())
    });
}

#[test]
fn a_report_that_was_cut_is_downloaded_again() {
    test(async || {
        let mut rig = synced(30).await?;
        rig.simulator.clear_requests();
        let cut = FaultKind::Csv(CsvFault::CutRow);
        rig.simulator.add_fault(Fault::next(FILE, 1, cut));
        rig.sync().await?;
        ensure!(downloads(&rig) == 2, "{} downloads", downloads(&rig));
        ensure!(rig.state(NAME).await?.phase == Phase::Fresh);
        right(&rig).await
    });
}

#[test]
fn a_report_without_its_names_is_downloaded_once_and_leaves_what_is_held() {
    test(async || {
        let mut rig = synced(30).await?;
        let held = rig.held(NAME).await?;
        let other = ScriptedAnswer::ok("Report Refresh Date,Display Name\r\n2026-01-01,Ann\r\n");
        let state = with(&mut rig, FaultKind::Answer(other)).await?;
        ensure!(downloads(&rig) == 1, "{} downloads", downloads(&rig));
        ensure!(state.phase == Phase::Incomplete, "{state:?}");
        let trouble = state.trouble.unwrap_or_default();
        ensure!(
            trouble.contains("the column that names its rows is missing"),
            "{trouble}"
        );
        ensure!(rig.held(NAME).await? == held);
        Ok(())
    });
}

#[test]
fn semicolons_are_read_as_commas_are() {
    test(async || {
        let mut rig = report(30).await?;
        let state = with(&mut rig, FaultKind::Csv(CsvFault::Semicolons)).await?;
        ensure!(
            state.phase == Phase::Fresh && state.rows.is_empty(),
            "{state:?}"
        );
        right(&rig).await
    });
}
