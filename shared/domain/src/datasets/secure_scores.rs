//! Secure scores: one a day.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission,
    count::{Cells, Count, Tally},
    dataset::Key,
    lasting::LastingDates,
    pace::Service,
};

/// Microsoft's score of the tenant's security, one a day.
pub const SECURE_SCORES: Dataset = Dataset {
    name: "secure_scores",
    title: "Secure score",
    about: "Microsoft's daily score of the tenant's security. Microsoft keeps 90 days; Muster keeps them all.",
    doc: "https://learn.microsoft.com/graph/api/security-list-securescores",
    path: "/security/secureScores",
    query: &[],
    service: Service::Security,
    enumeration: Enumeration::SnapshotByDay,
    count: None,
    key: Key::Column("id"),
    columns: &[
        Column::new(
            "id",
            "id",
            Kind::Text,
            "The tenant id and the day, joined by an underscore.",
        ),
        Column::new(
            "created_date_time",
            "createdDateTime",
            Kind::DateTime,
            "When the score was taken.",
        ),
        Column::new(
            "current_score",
            "currentScore",
            Kind::Decimal,
            "The points reached.",
        ),
        Column::new(
            "max_score",
            "maxScore",
            Kind::Decimal,
            "The points that could be reached.",
        ),
        Column::new(
            "active_user_count",
            "activeUserCount",
            Kind::Integer,
            "Active users that day.",
        ),
        Column::new(
            "licensed_user_count",
            "licensedUserCount",
            Kind::Integer,
            "Licensed users that day.",
        ),
        Column::new(
            "enabled_services",
            "enabledServices",
            Kind::Texts,
            "The services the score takes in: `HasExchange` …",
        ),
        Column::new(
            "average_comparative_scores",
            "averageComparativeScores",
            Kind::Json,
            "What other tenants score, by basis: all, of this size, of this industry.",
        ),
        Column::new(
            "control_scores",
            "controlScores",
            Kind::Json,
            "The points of each control.",
        ),
        Column::new(
            "vendor_information_provider",
            "vendorInformation/provider",
            Kind::Text,
            "Who scored: `SecureScore`.",
        ),
        Column::new(
            "azure_tenant_id",
            "azureTenantId",
            Kind::Text,
            "The directory (tenant) id.",
        ),
    ],
    needs: &[&[Permission::SecurityEventsReadAll]],
    licence: None,
    // The 90 days that Microsoft keeps, in one page.
    page_size: Some(100),
    select: false,
    due_every_minutes: 720,
    retention_days: None,
    priority: 4,
    volatile: &[],
    lasting: LastingDates::NONE,
    counts: &[SCORE, MAX_SCORE],
};

/// The latest secure score, in hundredths of a point.
pub const SCORE: Count = Count {
    name: "secure_score_hundredths",
    title: "Secure score",
    evidence: "by the newest daily score that has a value",
    columns: &["current_score", "max_score"],
    tally: Tally::Newest {
        date: "created_date_time",
        value: |day| Some(score(day)?.0),
    },
};

/// The score that could be reached that day, in hundredths of a point.
pub const MAX_SCORE: Count = Count {
    name: "secure_score_max_hundredths",
    title: "Highest possible secure score",
    evidence: "by the newest daily score that has a value",
    columns: &["current_score", "max_score"],
    tally: Tally::Newest {
        date: "created_date_time",
        value: |day| Some(score(day)?.1),
    },
};

/// The points of a day and the points that could be reached, in hundredths. A day without either, or
/// with nothing to reach, has no score: both counts are of one day.
fn score(day: &Cells<'_>) -> Option<(u64, u64)> {
    let most = hundredths(day.decimal("max_score")?);
    let points = hundredths(day.decimal("current_score")?);
    (most > 0).then_some((points, most))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a score is a small positive number; the clamp makes it so"
)]
fn hundredths(score: f64) -> u64 {
    (score * 100.0).round().clamp(0.0, 1e12) as u64
}
