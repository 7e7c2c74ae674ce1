//! The day that a usage report is about, which is earlier than the day on which it is read.

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, civil::Date};
use microsoft_simulator::{CsvFault, Fault, FaultKind, ScriptedAnswer};
use muster_domain::{
    figure::{is_old, start_of},
    state::Phase,
};
use muster_soak::{
    own_time::test,
    rig::{Rig, Setup},
};

const NAME: &str = "active_users";
const FILE: &str = "Detail.csv";

async fn read(rig: &mut Rig, faults: &[FaultKind]) -> Result<()> {
    rig.simulator.clear_faults();
    for kind in faults {
        rig.simulator
            .add_fault(Fault::next(FILE, 9_999, kind.clone()));
    }
    rig.sync().await
}

async fn data_date(rig: &Rig) -> Result<Date> {
    rig.state(NAME).await?.data_date.context("a date")
}

#[test]
fn a_report_is_as_of_the_day_that_it_is_about_and_old_after_a_week() {
    test(async || {
        for (earlier, old) in [(0, false), (4, false), (25, true)] {
            let mut rig = Rig::new(&Setup::small(30, &[NAME])).await?;
            let fault = FaultKind::Csv(CsvFault::OldReport(earlier));
            read(&mut rig, &[fault]).await?;
            let now = muster_platform::now();
            let about = start_of(data_date(&rig).await?);
            let age = now.duration_since(about);
            // Microsoft's reports are two days behind.
            let (day, days) = (SignedDuration::from_hours(24), i32::try_from(earlier)? + 2);
            ensure!(age >= day * days && age < day * (days + 1), "{days}: {age}");
            ensure!(is_old(about, now) == old, "{days}: {age}");
        }
        Ok(())
    });
}

#[test]
fn the_date_follows_each_report_and_stays_where_none_comes() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(30, &[NAME])).await?;
        let old = FaultKind::Csv(CsvFault::OldReport(25));
        read(&mut rig, &[old]).await?;
        let before = data_date(&rig).await?;
        let header = "Report Refresh Date,User Principal Name,Display Name\r\n";
        for none in [
            FaultKind::Status(503, None),
            FaultKind::Answer(ScriptedAnswer::ok(header)),
        ] {
            read(&mut rig, &[none]).await?;
            ensure!(data_date(&rig).await? == before);
            ensure!(rig.state(NAME).await?.records > 0);
        }
        read(&mut rig, &[]).await?;
        let state = rig.state(NAME).await?;
        ensure!(state.phase == Phase::Fresh, "{state:?}");
        ensure!(data_date(&rig).await? > before);
        read(&mut rig, &[]).await?;
        ensure!(rig.state(NAME).await?.data_date == state.data_date);
        Ok(())
    });
}
