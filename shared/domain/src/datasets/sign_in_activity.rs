//! Sign-in activity: when each user last signed in.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission,
    activity::{Activity, SignIns},
    count::{Cells, Count, Tally},
    dataset::Key,
    lasting::LastingDates,
    pace::Service,
    verdict::Licence,
};

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
        Column::new(
            "created_date_time",
            "createdDateTime",
            Kind::DateTime,
            "When the account was created. Stored with the columns that move, though it does not.",
        ),
    ],
    needs: &[
        &[Permission::AuditLogReadAll],
        &[Permission::UserReadAll, Permission::DirectoryReadAll],
    ],
    licence: Some(Licence::EntraIdP1),
    // Microsoft cuts the page to 120 by one page of its docs and to 500 by another, and larger pages
    // than 120 come with holes: <https://github.com/microsoftgraph/msgraph-sdk-powershell/issues/1898>.
    page_size: Some(120),
    select: true,
    due_every_minutes: 360,
    retention_days: None,
    priority: 2,
    volatile: &[
        "sign_in_activity_last_sign_in_date_time",
        "sign_in_activity_last_non_interactive_sign_in_date_time",
        "sign_in_activity_last_successful_sign_in_date_time",
        // It never changes. It is listed here so that its arrival on records that were stored without it is no
        // change.
        "created_date_time",
    ],
    lasting: LastingDates {
        columns: &[
            "sign_in_activity_last_successful_sign_in_date_time",
            "sign_in_activity_last_sign_in_date_time",
            "sign_in_activity_last_non_interactive_sign_in_date_time",
            "created_date_time",
        ],
        dates: "sign-in dates",
        one: "person",
        many: "people",
    },
    counts: &[INACTIVE_90_DAYS, ATTEMPTS_ONLY_90_DAYS, NEVER_USED_90_DAYS],
};

/// Users who have not signed in for 90 days.
pub const INACTIVE_90_DAYS: Count = Count {
    name: "inactive_90_days",
    title: "Inactive for 90 days",
    evidence: "by successful sign-ins, and by all attempts where Microsoft has recorded no success",
    columns: EVIDENCE,
    tally: Tally::Sum(|user| u64::from(activity(user) == Activity::Inactive)),
};

/// Users with attempts within 90 days and no success on record: neither active nor inactive for sure.
pub const ATTEMPTS_ONLY_90_DAYS: Count = Count {
    name: "attempts_only_90_days",
    title: "Attempts only for 90 days",
    evidence: "by attempts within 90 days where Microsoft has recorded no successful sign-in since December 2023",
    columns: EVIDENCE,
    tally: Tally::Sum(|user| u64::from(activity(user) == Activity::AttemptsOnly)),
};

/// Users whose accounts are younger than 90 days and were never used.
pub const NEVER_USED_90_DAYS: Count = Count {
    name: "never_used_90_days",
    title: "New and not used yet",
    evidence: "by accounts created within 90 days without any attempt to sign in",
    columns: EVIDENCE,
    tally: Tally::Sum(|user| u64::from(activity(user) == Activity::New)),
};

const SUCCESSFUL: &str = "sign_in_activity_last_successful_sign_in_date_time";
const INTERACTIVE: &str = "sign_in_activity_last_sign_in_date_time";
const NON_INTERACTIVE: &str = "sign_in_activity_last_non_interactive_sign_in_date_time";
const CREATED: &str = "created_date_time";
const EVIDENCE: &[&str] = &[SUCCESSFUL, INTERACTIVE, NON_INTERACTIVE, CREATED];

fn activity(user: &Cells<'_>) -> Activity {
    let told = SignIns {
        successful: user.time(SUCCESSFUL),
        attempt: user.time(INTERACTIVE).max(user.time(NON_INTERACTIVE)),
        created: user.time(CREATED),
    };
    told.activity(user.now)
}
