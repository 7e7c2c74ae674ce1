//! Licenses in grace, and what is read with them.

use anyhow::{Result, ensure};
use microsoft_simulator::{Fault, FaultKind, SkuHolding};
use muster_domain::{Verdict, state::Phase};
use muster_soak::{
    own_time::test,
    rig::{Rig, Setup},
};
use uuid::{Uuid, uuid};

/// `AAD_PREMIUM`.
const P1: Uuid = uuid!("41781fb2-bc02-4b7c-bd55-b576c07bb09d");

/// What becomes of sign-in activity where Microsoft denies the license, and the tenant holds P1 so.
async fn denied(status: &str, units: [i64; 4]) -> Result<(Phase, Verdict, String)> {
    let mut rig = Rig::new(&Setup::small(2, &["subscribed_skus", "sign_in_activity"])).await?;
    let p1 = SkuHolding::new("AAD_PREMIUM", 0, 2).status(status, units);
    rig.microsoft.set_skus(Some(vec![p1.with_plan(P1)]));
    rig.sync().await?;
    let fault = Fault::next("signInActivity", 99, FaultKind::NonPremium);
    rig.simulator.add_fault(fault);
    tokio::time::sleep(std::time::Duration::from_secs(25 * 3600)).await;
    rig.sync().await?;
    let state = rig.state("sign_in_activity").await?;
    let trouble = state.trouble.unwrap_or_default();
    Ok((state.phase, state.verdict, trouble))
}

#[test]
fn a_license_in_grace_is_a_license() {
    test(async || {
        for status in ["Warning", "Enabled"] {
            let (phase, verdict, trouble) = denied(status, [0, 2, 0, 0]).await?;
            ensure!(phase == Phase::Incomplete, "{status}: {phase:?}");
            ensure!(verdict == Verdict::Allowed, "{status}: {verdict:?}");
            ensure!(trouble.contains("though it holds one"), "{trouble}");
        }
        for status in ["Suspended", "LockedOut", "Deleted"] {
            let (phase, ..) = denied(status, [2, 0, 0, 0]).await?;
            ensure!(phase == Phase::Blocked, "{status}: {phase:?}");
        }
        Ok(())
    });
}
