//! Users, by delta query.

use crate::{Column, Dataset, Enumeration, Kind, Permission, dataset::Key};

/// The people, guests and shared mailboxes of the directory.
pub const USERS: Dataset = Dataset {
    name: "users",
    title: "Users",
    about: "The people, guests and shared mailboxes of the directory, with the licences each holds.",
    doc: "https://learn.microsoft.com/graph/api/user-delta",
    path: "/users/delta",
    query: &[],
    enumeration: Enumeration::Delta,
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
};
