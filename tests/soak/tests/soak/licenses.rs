//! Licenses: how they are counted, and what is read with those in grace.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, FaultKind, SkuHolding};
use muster_domain::{
    TenantId, Verdict,
    datasets::subscribed_skus as counts,
    licenses::{Choice, Choices},
    state::Phase,
};
use muster_platform::store::Control;
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
fn the_simulators_premium_in_grace_is_a_license() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(2, &["subscribed_skus", "sign_in_activity"])).await?;
        rig.microsoft
            .set_skus(SkuHolding::example("premium-in-grace"));
        let denied = "signInActivity#1x*=nonpremium".parse::<Fault>()?;
        rig.simulator.add_fault(denied);
        rig.sync().await?;
        rig.sync().await?;
        let state = rig.state("sign_in_activity").await?;
        ensure!(state.verdict == Verdict::Allowed, "{state:?}");
        let trouble = state.trouble.unwrap_or_default();
        ensure!(trouble.contains("though it holds one"), "{trouble}");
        Ok(())
    });
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

/// The counts of licenses: bought, assigned, unassigned, over-assigned, in grace, on trial.
async fn counted(rig: &Rig) -> Result<[u64; 6]> {
    let found = rig.store.integration(rig.tenant).await?;
    let glance = found.context("the integration is there")?.glance;
    let counts = [
        &counts::BOUGHT,
        &counts::ASSIGNED,
        &counts::UNASSIGNED,
        &counts::OVER_ASSIGNED,
        &counts::IN_GRACE,
        &counts::TRIAL,
    ];
    let values = counts.map(|count| glance.get(count));
    ensure!(values.iter().all(Option::is_some), "{glance:?}");
    Ok(values.map(Option::unwrap_or_default))
}

const HELD: [&str; 2] = ["subscribed_skus", "subscriptions"];

#[test]
fn licenses_are_counted_sku_by_sku() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(2, &HELD)).await?;
        for (example, right) in [
            ("grace", [60, 34, 26, 0, 40, 0]),
            ("over-assigned", [25, 8, 18, 1, 0, 0]),
            ("free", [9, 9, 0, 0, 0, 0]),
            ("large", [12_000, 11_500, 500, 0, 0, 0]),
            ("trial", [10, 10, 0, 0, 0, 50]),
            ("suspended", [20, 17, 17, 14, 0, 0]),
            ("unknown", [32, 8, 24, 0, 0, 0]),
            ("odd", [20, 11, 17, 4, 0, 0]),
        ] {
            rig.microsoft.set_skus(SkuHolding::example(example));
            tokio::time::sleep(std::time::Duration::from_secs(25 * 3600)).await;
            rig.sync().await?;
            let counted = counted(&rig).await?;
            ensure!(counted == right, "{example}: {counted:?}, not {right:?}");
        }
        Ok(())
    });
}

#[test]
fn a_choice_counts_at_the_next_sync_though_nothing_changed_at_microsofts() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(2, &HELD)).await?;
        rig.microsoft.set_skus(SkuHolding::example("free"));
        rig.sync().await?;
        ensure!(counted(&rig).await?[0] == 9);
        let stream = SkuHolding::new("STREAM", 0, 0).id;
        let mut control: Control<Choices> = rig
            .store
            .control(TenantId::ACCOUNT, "license_choices")
            .await?;
        control.value.choose(stream, Some(Choice::Count));
        let stored = rig
            .store
            .put_control(TenantId::ACCOUNT, "license_choices", &mut control);
        ensure!(stored.await?);
        rig.sync().await?;
        ensure!(counted(&rig).await?[0] == 1_009);
        Ok(())
    });
}

#[test]
fn without_subscriptions_trials_are_told_by_name_alone() {
    test(async || {
        let mut rig = Rig::new(&Setup::small(2, &["subscribed_skus"])).await?;
        let named = SkuHolding::new("CONTOSO_PREVIEW_TRIAL", 25, 4).trial();
        let other = SkuHolding::new("CONTOSO_PREVIEW", 10, 4).trial();
        rig.microsoft.set_skus(Some(vec![named, other]));
        rig.sync().await?;
        let without = counted(&rig).await?;
        ensure!(without == [10, 4, 6, 0, 0, 25], "{without:?}");
        rig.change(|integration| integration.datasets_off.retain(|name| name != HELD[1]))
            .await?;
        rig.sync().await?;
        let with = counted(&rig).await?;
        ensure!(with == [0, 0, 0, 0, 0, 35], "{with:?}");
        Ok(())
    });
}
