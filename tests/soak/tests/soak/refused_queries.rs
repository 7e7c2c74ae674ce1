//! A wish that Microsoft refuses costs the wish, and not the dataset.

use anyhow::{Context, Result, ensure};
use microsoft_simulator::{Fault, FaultKind, ListFault, ScriptedAnswer};
use muster_domain::{
    DatasetState, Verdict,
    datasets::users::{ALL_USERS, ENABLED},
    state::Phase,
};
use muster_soak::{
    judge::right,
    own_time::test,
    rig::{Rig, Setup},
};
use serde_json::json;

const ALWAYS: u32 = 9_999;

async fn rig(users: u32, datasets: &[&'static str]) -> Result<Rig> {
    let setup = Setup {
        largest_page: 1_000,
        ..Setup::small(users, datasets)
    };
    Rig::new(&setup).await
}

fn goes_wrong(rig: &Rig, path: &str, kind: FaultKind) {
    rig.simulator.add_fault(Fault::next(path, ALWAYS, kind));
}

fn refusal(status: u16, code: &str, message: &str) -> FaultKind {
    let body = json!({"error": {"code": code, "message": message}});
    FaultKind::Answer(ScriptedAnswer::status(status, body.to_string()))
}

fn asked(rig: &Rig) -> Vec<String> {
    let requests = rig.simulator.requests().into_iter();
    let of_users = requests.filter(|request| request.path.contains("/users"));
    let counts = |path: &str| path.ends_with("$count");
    of_users
        .filter(|request| !counts(&request.path))
        .map(|request| request.path)
        .collect()
}

async fn later(rig: &mut Rig, hours: i64) -> Result<()> {
    let by = jiff::SignedDuration::from_hours(hours);
    Box::pin(muster_platform::clock::ahead(by, rig.sync())).await
}

async fn fresh(rig: &Rig, name: &str) -> Result<DatasetState> {
    let state = rig.state(name).await?;
    ensure!(
        state.phase == Phase::Fresh && state.verdict == Verdict::Allowed,
        "{state:?}"
    );
    Ok(state)
}

#[test]
fn a_tenant_without_change_enumeration_has_its_whole_list_read_each_time() {
    test(async || {
        let mut rig = rig(30, &["users"]).await?;
        goes_wrong(
            &rig,
            "users/delta",
            FaultKind::List(ListFault::UnsupportedQuery),
        );
        rig.sync().await?;
        right(&rig).await?;
        let state = fresh(&rig, "users").await?;
        let users = muster_domain::datasets::find("users").context("users")?;
        let notes = state.asking.notes(users);
        ensure!(
            notes.iter().any(|note| note.contains(
                "Microsoft does not offer changes for this tenant; the whole list is read each time"
            )),
            "{notes:?}"
        );
        ensure!(state.complete.context("whole")?.proof == "last page");
        // It is remembered: no request is wasted, and a list that ends proves who is gone.
        rig.microsoft.delete_users(3);
        rig.microsoft.change_users(2);
        rig.simulator.clear_requests();
        rig.sync().await?;
        ensure!(asked(&rig) == ["/v1.0/users"], "{:?}", asked(&rig));
        right(&rig).await?;
        ensure!(rig.held("users").await?.len() == 27);
        // After a week changes are asked for again, and had where they are offered.
        rig.simulator.clear_faults();
        rig.simulator.clear_requests();
        later(&mut rig, 8 * 24).await?;
        ensure!(asked(&rig) == ["/v1.0/users/delta"], "{:?}", asked(&rig));
        ensure!(fresh(&rig, "users").await?.checkpoint.delta_link.is_some());
        right(&rig).await
    });
}

#[test]
fn other_words_for_the_same_refusal_have_the_list_read_too() {
    test(async || {
        for kind in [
            refusal(
                501,
                "NotImplemented",
                "This operation target is not yet supported.",
            ),
            refusal(
                400,
                "BadRequest",
                "Resource not found for the segment 'delta'.",
            ),
            refusal(
                400,
                "BadRequest",
                "Delta query isn't available in your tenant.",
            ),
            refusal(400, "BadRequest", ""),
            refusal(400, "UnknownError", "Something went wrong."),
        ] {
            let mut rig = rig(12, &["users"]).await?;
            goes_wrong(&rig, "users/delta", kind);
            rig.sync().await?;
            fresh(&rig, "users").await?;
            right(&rig).await?;
        }
        Ok(())
    });
}

#[test]
fn changes_that_are_offered_no_more_have_the_list_read_at_once() {
    test(async || {
        let mut rig = rig(30, &["users"]).await?;
        rig.sync().await?;
        rig.microsoft.delete_users(2);
        goes_wrong(
            &rig,
            "users/delta",
            FaultKind::List(ListFault::UnsupportedQuery),
        );
        rig.sync().await?;
        fresh(&rig, "users").await?;
        right(&rig).await
    });
}

#[test]
fn a_refused_page_size_is_asked_for_smaller_and_then_without_and_remembered() {
    test(async || {
        for (kind, tries) in [
            (FaultKind::List(ListFault::LargestTop(200)), 2),
            (FaultKind::List(ListFault::NoTop), 4),
        ] {
            let mut rig = rig(30, &["users"]).await?;
            goes_wrong(&rig, "users/delta", kind);
            rig.sync().await?;
            right(&rig).await?;
            ensure!(asked(&rig).len() == tries, "{:?}", asked(&rig));
            let state = fresh(&rig, "users").await?;
            ensure!(!state.asking.without_changes, "{state:?}");
            // A lost place has the list begin anew, in pages of the size that was taken.
            rig.simulator
                .advance(std::time::Duration::from_secs(8 * 86_400));
            rig.simulator.clear_requests();
            rig.sync().await?;
            ensure!(asked(&rig).len() == 2, "{:?}", asked(&rig));
            right(&rig).await?;
        }
        Ok(())
    });
}

#[test]
fn a_page_size_refused_of_any_list_costs_no_dataset() {
    test(async || {
        let names = [
            "users",
            "sign_in_activity",
            "detected_apps",
            "mobile_apps",
            "managed_devices",
            "mfa_registration",
        ];
        let mut rig = rig(12, &names).await?;
        goes_wrong(&rig, "$top=", refusal(400, "BadRequest", "Bad request."));
        rig.sync().await?;
        for name in names {
            fresh(&rig, name).await?;
        }
        right(&rig).await
    });
}

#[test]
fn a_property_that_microsoft_does_not_know_is_left_out_and_told() {
    test(async || {
        let mut rig = rig(30, &["users"]).await?;
        let kind = ListFault::UnknownProperty("accountEnabled".to_owned());
        goes_wrong(&rig, "users/delta", FaultKind::List(kind));
        rig.sync().await?;
        let state = fresh(&rig, "users").await?;
        ensure!(state.asking.left_out == ["accountEnabled"], "{state:?}");
        let held = rig.held("users").await?;
        ensure!(held.len() == 30);
        ensure!(
            held.values()
                .all(|user| !user.contains_key("account_enabled"))
        );
        let summaries = rig.store.summaries(rig.tenant).await?;
        let counts = &summaries.last().context("a summary")?.counts;
        ensure!(counts.get(&ALL_USERS) == Some(30), "{counts:?}");
        ensure!(
            counts.get(&ENABLED).is_none(),
            "not known is not none: {counts:?}"
        );
        Ok(())
    });
}

#[test]
fn a_call_that_the_cloud_lacks_is_unavailable_whatever_its_status() {
    test(async || {
        let mut rig = rig(12, &["users", "secure_scores", "mobile_apps"]).await?;
        goes_wrong(&rig, "secureScores", FaultKind::List(ListFault::NoSegment));
        let html = "<html><body>Resource not found for the segment “mobileApps”</body></html>";
        let html = FaultKind::Answer(ScriptedAnswer::status(404, html));
        goes_wrong(&rig, "mobileApps", html);
        rig.sync().await?;
        for name in ["secure_scores", "mobile_apps"] {
            let state = rig.state(name).await?;
            ensure!(state.verdict == Verdict::UnavailableInCloud, "{state:?}");
            ensure!(state.phase == Phase::Blocked, "{state:?}");
        }
        Ok(())
    });
}

#[test]
fn intune_that_was_never_set_up_is_called_so_after_three_syncs_and_recovers_by_itself() {
    test(async || {
        let names = ["users", "subscribed_skus", "managed_devices"];
        let mut rig = rig(12, &names).await?;
        rig.sync().await?;
        fresh(&rig, "managed_devices").await?;
        let held = rig.held("managed_devices").await?;
        goes_wrong(
            &rig,
            "managedDevices",
            FaultKind::List(ListFault::NotApplicable),
        );
        for sync in 1..=5 {
            rig.sync().await?;
            let state = rig.state("managed_devices").await?;
            if sync < 3 {
                ensure!(state.phase == Phase::Incomplete, "{sync}: {state:?}");
                ensure!(
                    state
                        .trouble
                        .context("it says why")?
                        .contains("This passes")
                );
            } else {
                ensure!(state.verdict == Verdict::NotSetUp, "{sync}: {state:?}");
                ensure!(state.phase == Phase::Blocked && state.trouble.is_none());
                let sentence = state.verdict.sentence();
                ensure!(
                    sentence.contains("never been set up in this tenant"),
                    "{sentence}"
                );
                ensure!(!sentence.contains("passes"), "{sentence}");
            }
        }
        ensure!(
            rig.held("managed_devices").await? == held,
            "what was held is kept"
        );
        rig.simulator.clear_faults();
        rig.sync().await?;
        fresh(&rig, "managed_devices").await?;
        right(&rig).await
    });
}

#[test]
fn what_fails_at_every_sync_is_not_said_to_pass() {
    test(async || {
        let mut rig = rig(12, &["users"]).await?;
        goes_wrong(&rig, "users", FaultKind::HtmlBody(503));
        for _ in 0..2 {
            rig.sync().await?;
        }
        let first = rig
            .state("users")
            .await?
            .repeated
            .context("it is counted")?;
        rig.sync().await?;
        let state = rig.state("users").await?;
        let why = state.trouble.context("it says why")?;
        ensure!(why.contains("at each of the last 3 syncs, since"), "{why}");
        ensure!(!why.contains("tries again at the next sync"), "{why}");
        ensure!(state.repeated.context("it is counted")?.since == first.since);
        rig.simulator.clear_faults();
        rig.sync().await?;
        ensure!(fresh(&rig, "users").await?.repeated.is_none());
        Ok(())
    });
}

#[test]
fn a_list_is_asked_for_in_the_largest_pages_that_microsoft_serves() {
    test(async || {
        let names = [
            "detected_apps",
            "managed_devices",
            "mobile_apps",
            "mfa_registration",
        ];
        let mut rig = rig(2_500, &names).await?;
        rig.sync().await?;
        for (name, path) in [
            ("detected_apps", "/detectedApps"),
            ("managed_devices", "/managedDevices"),
            ("mobile_apps", "/mobileApps"),
            ("mfa_registration", "/userRegistrationDetails"),
        ] {
            let held = fresh(&rig, name).await?.records.max(1);
            let requests = rig.simulator.requests();
            let asked = requests
                .iter()
                .filter(|request| request.path.ends_with(path));
            let fewest = usize::try_from(held.div_ceil(999))?;
            ensure!(asked.count() <= fewest, "{name}: {held} records");
        }
        Ok(())
    });
}
