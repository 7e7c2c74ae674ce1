//! Users, by delta query.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission,
    count::{Count, Tally},
    dataset::{Delta, Key},
    lasting::LastingDates,
    pace::Service,
};

/// The people, guests and shared mailboxes of the directory.
pub const USERS: Dataset = Dataset {
    name: "users",
    title: "Users",
    about: "The people, guests and shared mailboxes of the directory, with the licences each holds.",
    doc: "https://learn.microsoft.com/graph/api/user-delta",
    path: "/users/delta",
    query: &[],
    service: Service::Directory,
    enumeration: Enumeration::Delta(Delta {
        list: "/users",
        // The CSDL allows null for both; the directory sets them for everybody.
        always: &["user_principal_name", "account_enabled"],
    }),
    count: Some("/users/$count"),
    key: Key::Column("id"),
    columns: &[
        Column::new("id", "id", Kind::Text, "The object id."),
        Column::new(
            "display_name",
            "displayName",
            Kind::Text,
            "The name shown in the address book.",
        ),
        Column::new(
            "user_principal_name",
            "userPrincipalName",
            Kind::Text,
            "The sign-in name.",
        ),
        Column::new("mail", "mail", Kind::Text, "The SMTP address."),
        Column::new(
            "account_enabled",
            "accountEnabled",
            Kind::Bool,
            "Whether the account may sign in.",
        ),
        Column::new("user_type", "userType", Kind::Text, "`Member` or `Guest`."),
        Column::new(
            "assigned_licenses_sku_id",
            "assignedLicenses/skuId",
            Kind::Skus,
            "The licences the user holds, direct or by group.",
        ),
        Column::new("department", "department", Kind::Text, "The department."),
        Column::new("job_title", "jobTitle", Kind::Text, "The job title."),
        Column::new("given_name", "givenName", Kind::Text, "The first name."),
        Column::new("surname", "surname", Kind::Text, "The family name."),
        Column::new(
            "business_phones",
            "businessPhones",
            Kind::Texts,
            "Business phone numbers; Microsoft keeps one at most.",
        ),
        Column::new(
            "mobile_phone",
            "mobilePhone",
            Kind::Text,
            "The mobile phone number.",
        ),
        Column::new(
            "office_location",
            "officeLocation",
            Kind::Text,
            "The office.",
        ),
        Column::new(
            "preferred_language",
            "preferredLanguage",
            Kind::Text,
            "The preferred language, as an ISO 639-1 code.",
        ),
        Column::new(
            "usage_location",
            "usageLocation",
            Kind::Text,
            "The country the licences are used in, as ISO 3166 letters.",
        ),
        Column::new(
            "company_name",
            "companyName",
            Kind::Text,
            "The company, often set for guests.",
        ),
        Column::new(
            "created_date_time",
            "createdDateTime",
            Kind::DateTime,
            "When the account was created.",
        ),
        Column::new(
            "on_premises_sync_enabled",
            "onPremisesSyncEnabled",
            Kind::Bool,
            "Whether the account is synced from an on-premises directory.",
        ),
        Column::new(
            "external_user_state",
            "externalUserState",
            Kind::Text,
            "For a guest: `PendingAcceptance` or `Accepted`.",
        ),
    ],
    needs: &[&[Permission::UserReadAll, Permission::DirectoryReadAll]],
    licence: None,
    page_size: Some(999),
    select: true,
    due_every_minutes: 0,
    retention_days: None,
    priority: 0,
    volatile: &[],
    lasting: LastingDates {
        columns: &["created_date_time"],
        dates: "creation dates",
        one: "person",
        many: "people",
    },
    counts: &[ALL_USERS, ENABLED, GUESTS, LICENSED, LICENSED_DISABLED],
};

/// All users.
pub const ALL_USERS: Count = Count {
    name: "users",
    title: "Users",
    evidence: "by the directory's list of users, guests included",
    columns: &[],
    tally: Tally::Sum(|_| 1),
};

/// Users that may sign in.
pub const ENABLED: Count = Count {
    name: "users_enabled",
    title: "Users that may sign in",
    evidence: "by \"account enabled\" of each user",
    columns: &["account_enabled"],
    tally: Tally::Sum(|user| u64::from(user.is("account_enabled"))),
};

/// Guests.
pub const GUESTS: Count = Count {
    name: "guests",
    title: "Guests",
    evidence: "by the user type of each user",
    columns: &["user_type"],
    tally: Tally::Sum(|user| u64::from(user.text("user_type") == Some("Guest"))),
};

/// Users with at least one license.
pub const LICENSED: Count = Count {
    name: "users_licensed",
    title: "Users with a license",
    evidence: "by the licenses assigned to each user",
    columns: &["assigned_licenses_sku_id"],
    tally: Tally::Sum(|user| u64::from(user.has_any("assigned_licenses_sku_id"))),
};

/// Users with a license whose account is disabled.
pub const LICENSED_DISABLED: Count = Count {
    name: "licensed_disabled",
    title: "Licensed, account disabled",
    evidence: "by \"account enabled\" and the licenses assigned to each user",
    columns: &["account_enabled", "assigned_licenses_sku_id"],
    tally: Tally::Sum(|user| {
        let licensed = user.has_any("assigned_licenses_sku_id");
        u64::from(licensed && user.get("account_enabled") == "false")
    }),
};
