//! Muster's own app registration in the tenant: when its credentials lapse.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission, dataset::Key, lasting::LastingDates,
    pace::Service,
};

/// Muster's own app registration, whose credentials' end dates it tells.
///
/// A secret's text is not among them: Graph answers `secretText` with null on every read, and a
/// member of that name is dropped from JSON columns whatever it holds.
pub const APPLICATIONS: Dataset = Dataset {
    name: "applications",
    title: "App registration",
    about: "Muster's own app registration in the tenant: its credentials' end dates, its redirect addresses, the permissions it asks for.",
    doc: "https://learn.microsoft.com/graph/api/application-list",
    path: "/applications",
    query: &[("$filter", "appId eq '{client_id}'")],
    service: Service::Directory,
    enumeration: Enumeration::Full,
    count: None,
    key: Key::ColumnOr("id", "app_id"),
    columns: &[
        Column::new(
            "id",
            "id",
            Kind::Text,
            "The object id of the registration, which is not the client id.",
        ),
        Column::new(
            "app_id",
            "appId",
            Kind::Text,
            "The application (client) id.",
        ),
        Column::new("display_name", "displayName", Kind::Text, "The name."),
        Column::new(
            "password_credentials",
            "passwordCredentials",
            Kind::Json,
            "The client secrets: id, hint, name and dates, never the secret.",
        ),
        Column::new(
            "key_credentials",
            "keyCredentials",
            Kind::Json,
            "The certificates: id, name and dates.",
        ),
        Column::new(
            "created_date_time",
            "createdDateTime",
            Kind::DateTime,
            "When it was registered.",
        ),
        Column::new(
            "sign_in_audience",
            "signInAudience",
            Kind::Text,
            "Who may sign in: `AzureADMyOrg` is this tenant alone.",
        ),
        Column::new(
            "publisher_domain",
            "publisherDomain",
            Kind::Text,
            "The publisher's verified domain.",
        ),
        Column::new(
            "web_redirect_uris",
            "web/redirectUris",
            Kind::Texts,
            "The redirect addresses of the web platform.",
        ),
        Column::new(
            "spa_redirect_uris",
            "spa/redirectUris",
            Kind::Texts,
            "The redirect addresses of the single-page platform; Muster needs none.",
        ),
        Column::new(
            "public_client_redirect_uris",
            "publicClient/redirectUris",
            Kind::Texts,
            "The redirect addresses of public clients; Muster needs none.",
        ),
        Column::new(
            "is_fallback_public_client",
            "isFallbackPublicClient",
            Kind::Bool,
            "Whether it may act as a public client.",
        ),
        Column::new(
            "required_resource_access",
            "requiredResourceAccess",
            Kind::Json,
            "The permissions it asks for, granted or not.",
        ),
        Column::new(
            "identifier_uris",
            "identifierUris",
            Kind::Texts,
            "The application id URIs.",
        ),
        Column::new(
            "verified_publisher_display_name",
            "verifiedPublisher/displayName",
            Kind::Text,
            "The verified publisher, if there is one.",
        ),
        Column::new(
            "disabled_by_microsoft_status",
            "disabledByMicrosoftStatus",
            Kind::Text,
            "Set where Microsoft has disabled the app.",
        ),
        Column::new("description", "description", Kind::Text, "The description."),
        Column::new("notes", "notes", Kind::Text, "Notes of the administrators."),
        Column::new("tags", "tags", Kind::Texts, "The tags."),
        Column::new(
            "deleted_date_time",
            "deletedDateTime",
            Kind::DateTime,
            "When it was deleted.",
        ),
    ],
    needs: &[&[Permission::DirectoryReadAll]],
    licence: None,
    page_size: None,
    select: true,
    due_every_minutes: 360,
    retention_days: None,
    priority: 3,
    volatile: &[],
    lasting: LastingDates::NONE,
    counts: &[],
};
