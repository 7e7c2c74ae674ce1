//! Plans are values: each situation's plan, as text.

use jiff::{SignedDuration, Timestamp};
use muster_domain::{
    DatasetState, Integration, Permission, Verdict,
    cloud::Cloud,
    connect::{Checked, Proof},
    datasets,
    expiry::Credential,
    plan::plan,
    state::{Completeness, HeldRemoval, Phase},
};
use secrecy::SecretString;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn start() -> Timestamp {
    at("2026-03-01T08:00:00Z")
}

fn later(hours: i64) -> Timestamp {
    start()
        .checked_add(SignedDuration::from_hours(hours))
        .expect("in range")
}

fn integration() -> Integration {
    let form = Checked {
        name: "Contoso".into(),
        tenant_id: "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
            .parse()
            .expect("a GUID"),
        client_id: "0c5e6f1c-7a0b-4f4a-559c-0a1b2c2f6d8f"
            .parse()
            .expect("a GUID"),
        proof: Proof::Secret(SecretString::from("not kept")),
        cloud: None,
        cadence_minutes: 60,
        secret_expires_at: None,
    };
    let mut integration = Integration::new(
        &form,
        Cloud::Global,
        Credential::client_secret("abc".into(), start()),
        start(),
    );
    integration.saw_roles(Permission::required().collect(), start());
    integration
}

/// Every dataset as it is after a whole first sync.
fn synced() -> Vec<DatasetState> {
    let states = datasets::ALL.iter().map(|dataset| {
        let mut state = DatasetState::new(dataset);
        state.phase = Phase::Fresh;
        state.last_attempt_at = Some(start());
        state.last_success_at = Some(start());
        state.complete = Some(Completeness {
            began_at: start(),
            ended_at: start(),
            objects: 10,
            proof: "last page".into(),
            counted: None,
        });
        if dataset.name == "users" {
            state.checkpoint.delta_link =
                Some("https://graph.microsoft.com/v1.0/users/delta?t".into());
            state.checkpoint.delta_link_at = Some(start());
        }
        state
    });
    states.collect()
}

fn of<'a>(states: &'a mut [DatasetState], name: &str) -> &'a mut DatasetState {
    let found = states.iter_mut().find(|state| state.dataset == name);
    found.expect("a dataset")
}

fn line(plan: &impl ToString, dataset: &str) -> String {
    let plan = plan.to_string();
    let found = plan.lines().find(|line| line.starts_with(dataset));
    let (_, action) = found.and_then(|line| line.split_once(' ')).expect("a line");
    action.trim().to_owned()
}

#[test]
fn a_first_sync_reads_everything_users_and_licences_first() {
    insta::assert_snapshot!(plan(&integration(), &[], start()));
}

#[test]
fn an_hour_later_only_what_is_due_is_read() {
    insta::assert_snapshot!(plan(&integration(), &synced(), later(1)));
}

#[test]
fn missing_permissions_and_datasets_switched_off_are_said() {
    let mut integration = integration();
    integration.roles.retain(|role| {
        !matches!(
            role,
            Permission::ReportsReadAll | Permission::AuditLogReadAll
        )
    });
    integration.datasets_off = vec!["secure_scores".into()];
    insta::assert_snapshot!(plan(&integration, &[], start()));
}

#[test]
fn a_sync_asked_for_reads_what_is_not_due() {
    let mut integration = integration();
    integration.sync.requested_at = Some(later(1));
    let plan = plan(&integration, &synced(), later(1));
    assert_eq!(line(&plan, "organization"), "read whole");
    assert_eq!(line(&plan, "users"), "read what changed");
}

#[test]
fn what_fell_short_is_read_again_at_the_next_sync() {
    let mut states = synced();
    of(&mut states, "organization").phase = Phase::Incomplete;
    assert_eq!(
        line(&plan(&integration(), &states, later(1)), "organization"),
        "read whole"
    );
}

#[test]
fn a_report_with_rows_that_cannot_be_read_is_due_every_twelve_hours_as_others_are() {
    let mut states = synced();
    let state = of(&mut states, "active_users");
    state.phase = Phase::Incomplete;
    state.rows.unreadable = 2;
    let action = |states: &[DatasetState], hours| {
        line(&plan(&integration(), states, later(hours)), "active_users")
    };
    assert!(action(&states, 1).starts_with("due "));
    assert_eq!(action(&states, 13), "read whole");
    // A later download that failed is worth another try at once.
    of(&mut states, "active_users").rows.unreadable = 0;
    assert_eq!(action(&states, 1), "read whole");
}

#[test]
fn a_permission_granted_since_is_used_at_once() {
    let mut states = synced();
    let state = of(&mut states, "active_users");
    state.phase = Phase::Blocked;
    state.verdict = Verdict::MissingPermission {
        of: vec!["Reports.Read.All".into()],
    };
    assert_eq!(
        line(&plan(&integration(), &states, later(1)), "active_users"),
        "read whole"
    );
}

#[test]
fn an_old_delta_link_and_a_week_without_a_whole_enumeration_begin_anew() {
    assert_eq!(
        line(&plan(&integration(), &synced(), later(6 * 24 - 1)), "users"),
        "read what changed"
    );
    assert_eq!(
        line(&plan(&integration(), &synced(), later(6 * 24)), "users"),
        "read whole"
    );
    let mut states = synced();
    of(&mut states, "users").checkpoint.delta_link_at = Some(later(7 * 24));
    assert_eq!(
        line(&plan(&integration(), &states, later(7 * 24)), "users"),
        "read whole"
    );
}

#[test]
fn a_first_enumeration_goes_on_where_it_stopped_while_its_page_lives() {
    let mut states = synced();
    let state = of(&mut states, "users");
    state.complete = None;
    state.phase = Phase::Running;
    state.checkpoint.next_link = Some("https://graph.microsoft.com/v1.0/users/delta?s".into());
    state.checkpoint.next_link_at = Some(start());
    let minutes = |minutes| {
        start()
            .checked_add(SignedDuration::from_mins(minutes))
            .expect("in range")
    };
    assert_eq!(
        line(&plan(&integration(), &states, minutes(3)), "users"),
        "read on from the next page"
    );
    assert_eq!(
        line(&plan(&integration(), &states, minutes(5)), "users"),
        "read whole"
    );
}

#[test]
fn a_held_removal_is_looked_at_again_by_a_whole_enumeration() {
    let mut states = synced();
    of(&mut states, "users").held_removal = Some(HeldRemoval {
        records: 30,
        of: 100,
        since: start(),
    });
    assert_eq!(
        line(&plan(&integration(), &states, later(1)), "users"),
        "read whole"
    );
}
