//! Lists are asked for in the largest pages that Microsoft serves.

use anyhow::ensure;
use muster_soak::{
    own_time::test,
    rig::{Rig, Setup},
};

/// The largest page that the simulator serves: each list has its own limit below it.
const LARGEST_PAGE: u32 = 1_000;

/// The number of requests for a list, its later pages included.
fn asked(rig: &Rig, path: &str) -> usize {
    let requests = rig.simulator.requests();
    requests.iter().filter(|r| r.path.ends_with(path)).count()
}

#[test]
fn four_thousand_detected_apps_take_four_requests() {
    test(async || {
        let setup = Setup {
            largest_page: LARGEST_PAGE,
            ..Setup::small(248_500, &["detected_apps"])
        };
        let mut rig = Rig::new(&setup).await?;
        rig.sync().await?;
        let held = rig.held("detected_apps").await?.len();
        ensure!(held == 4_000, "{held} apps");
        let asked = asked(&rig, "/deviceManagement/detectedApps");
        ensure!(asked == 4, "{asked} requests");
        Ok(())
    });
}

#[test]
fn every_list_takes_as_few_requests_as_microsofts_largest_pages_allow() {
    test(async || {
        for (dataset, path, users, largest) in [
            ("users", "/users/delta", 1_500, 999),
            ("sign_in_activity", "/users", 300, 120),
            ("mfa_registration", "/userRegistrationDetails", 1_500, 999),
            ("managed_devices", "/managedDevices", 2_000, 1_000),
            ("mobile_apps", "/mobileApps", 20, 1_000),
            // Microsoft keeps 90 days of them.
            ("secure_scores", "/secureScores", 20, 90),
        ] {
            let setup = Setup {
                largest_page: LARGEST_PAGE,
                ..Setup::small(users, &[dataset])
            };
            let mut rig = Rig::new(&setup).await?;
            rig.simulator.clear_requests();
            rig.sync().await?;
            let held = rig.held(dataset).await?.len();
            let asked = asked(&rig, path);
            ensure!(
                asked == held.div_ceil(largest),
                "{dataset}: {asked} requests for {held}"
            );
        }
        Ok(())
    });
}
