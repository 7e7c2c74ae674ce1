//! Sign-in activity: when each user last signed in.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission,
    count::{Count, Tally},
    dataset::Key,
    pace::Service,
    verdict::Licence,
};
use jiff::SignedDuration;

/// When each user last signed in.
///
/// A dataset of its own: delta queries do not carry `signInActivity`, it moves all day, and it
/// takes a licence that users do not.
pub const SIGN_IN_ACTIVITY: Dataset = Dataset {
    name: "sign_in_activity",
    title: "Sign-in activity",
    about: "When each user last signed in; a user who never did, or not since April 2020, has no dates.",
    doc: "https://learn.microsoft.com/graph/api/user-list",
    path: "/users",
    query: &[],
    service: Service::IdentityReports,
    enumeration: Enumeration::Full,
    count: None,
    key: Key::Column("id"),
    columns: &[
        Column::new("id", "id", Kind::Text, "The user's object id."),
        Column::new(
            "user_principal_name",
            "userPrincipalName",
            Kind::Text,
            "The sign-in name.",
        ),
        Column::new(
            "sign_in_activity_last_successful_sign_in_date_time",
            "signInActivity/lastSuccessfulSignInDateTime",
            Kind::DateTime,
            "The last sign-in that succeeded, of either kind; recorded since December 2023.",
        ),
        Column::new(
            "sign_in_activity_last_sign_in_date_time",
            "signInActivity/lastSignInDateTime",
            Kind::DateTime,
            "The last interactive sign-in, failed attempts included.",
        ),
        Column::new(
            "sign_in_activity_last_non_interactive_sign_in_date_time",
            "signInActivity/lastNonInteractiveSignInDateTime",
            Kind::DateTime,
            "The last sign-in a client made on the user's behalf, failed attempts included.",
        ),
    ],
    needs: &[
        &[Permission::AuditLogReadAll],
        &[Permission::UserReadAll, Permission::DirectoryReadAll],
    ],
    licence: Some(Licence::EntraIdP1),
    // Microsoft cuts the page to 120 by one page of its docs and to 500 by another: ask for the
    // larger, take what comes.
    page_size: Some(500),
    select: true,
    due_every_minutes: 360,
    retention_days: None,
    priority: 2,
    volatile: &[
        "sign_in_activity_last_sign_in_date_time",
        "sign_in_activity_last_non_interactive_sign_in_date_time",
        "sign_in_activity_last_successful_sign_in_date_time",
    ],
    counts: &[INACTIVE_90_DAYS],
};

/// Users whose last sign-in is over 90 days ago, or never.
pub const INACTIVE_90_DAYS: Count = Count {
    name: "inactive_90_days",
    title: "Inactive for 90 days",
    evidence: "by the latest sign-in or attempt of each user",
    columns: LAST_SIGN_INS,
    tally: Tally::Sum(|user| {
        let times = LAST_SIGN_INS.iter().filter_map(|column| user.time(column));
        let limit = SignedDuration::from_hours(90 * 24);
        let active = times
            .max()
            .is_some_and(|last| user.now.duration_since(last) < limit);
        u64::from(!active)
    }),
};

const LAST_SIGN_INS: &[&str] = &[
    "sign_in_activity_last_successful_sign_in_date_time",
    "sign_in_activity_last_sign_in_date_time",
    "sign_in_activity_last_non_interactive_sign_in_date_time",
];
