//! Apps that Intune deploys.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission, dataset::Key, lasting::LastingDates,
    pace::Service, verdict::Licence,
};

/// The apps set up in Intune for deployment.
pub const MOBILE_APPS: Dataset = Dataset {
    name: "mobile_apps",
    title: "Intune apps",
    about: "The apps set up in Intune for deployment to devices, of whatever platform.",
    doc: "https://learn.microsoft.com/graph/api/intune-apps-mobileapp-list",
    path: "/deviceAppManagement/mobileApps",
    query: &[],
    service: Service::Intune,
    enumeration: Enumeration::Full,
    count: None,
    key: Key::Column("id"),
    columns: &[
        Column::new("id", "id", Kind::Text, "The app's id."),
        Column::new(
            "odata_type",
            "@odata.type",
            Kind::Text,
            "What kind of app: `#microsoft.graph.win32LobApp`; new kinds appear.",
        ),
        Column::new(
            "display_name",
            "displayName",
            Kind::Text,
            "The name an administrator gave or imported.",
        ),
        Column::new("publisher", "publisher", Kind::Text, "The publisher."),
        Column::new(
            "publishing_state",
            "publishingState",
            Kind::Text,
            "`notPublished`, `processing` or `published`; only the last can be assigned.",
        ),
        Column::new(
            "description",
            "description",
            Kind::Text,
            "The description, which may hold markup.",
        ),
        Column::new("developer", "developer", Kind::Text, "The developer."),
        Column::new(
            "owner",
            "owner",
            Kind::Text,
            "Who owns it within the organization.",
        ),
        Column::new("notes", "notes", Kind::Text, "Notes of the administrators."),
        Column::new(
            "is_featured",
            "isFeatured",
            Kind::Bool,
            "Whether the company portal features it.",
        ),
        Column::new(
            "information_url",
            "informationUrl",
            Kind::Text,
            "Where there is more to read.",
        ),
        Column::new(
            "privacy_information_url",
            "privacyInformationUrl",
            Kind::Text,
            "The privacy statement.",
        ),
        Column::new(
            "created_date_time",
            "createdDateTime",
            Kind::DateTime,
            "When it was set up.",
        ),
        Column::new(
            "last_modified_date_time",
            "lastModifiedDateTime",
            Kind::DateTime,
            "When it was last changed.",
        ),
    ],
    needs: &[&[Permission::DeviceManagementAppsReadAll]],
    licence: Some(Licence::Intune),
    // As for managed devices, and the entries are of derived types that differ in their
    // properties, which one `$select` cannot name.
    page_size: Some(1_000),
    select: false,
    due_every_minutes: 1440,
    retention_days: None,
    priority: 4,
    volatile: &[],
    lasting: LastingDates::NONE,
    counts: &[],
};
