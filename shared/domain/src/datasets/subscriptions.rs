//! Subscriptions: what was ordered, until when it runs, and whether it is a trial.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission, dataset::Key, lasting::LastingDates,
    pace::Service,
};

/// The tenant's commercial subscriptions. Several may make up one SKU.
pub const SUBSCRIPTIONS: Dataset = Dataset {
    name: "subscriptions",
    title: "Subscriptions",
    about: "The subscriptions that make up the licenses: status, number, trial or bought, and when each renews or ends.",
    doc: "https://learn.microsoft.com/graph/api/directory-list-subscriptions",
    path: "/directory/subscriptions",
    query: &[],
    service: Service::Directory,
    enumeration: Enumeration::Full,
    count: None,
    key: Key::Column("id"),
    columns: &[
        Column::new("id", "id", Kind::Text, "The subscription's id."),
        Column::new(
            "sku_id",
            "skuId",
            Kind::Sku,
            "The product, named by its SKU id.",
        ),
        Column::new(
            "sku_part_number",
            "skuPartNumber",
            Kind::Text,
            "The product's part number: `SPB`.",
        ),
        Column::new(
            "status",
            "status",
            Kind::Text,
            "`Enabled`, `Warning`, `Suspended`, `Deleted` or `LockedOut`.",
        ),
        Column::new(
            "total_licenses",
            "totalLicenses",
            Kind::Integer,
            "Licenses in this subscription.",
        ),
        Column::new(
            "is_trial",
            "isTrial",
            Kind::Bool,
            "Whether it is a free trial.",
        ),
        Column::new(
            "next_lifecycle_date_time",
            "nextLifecycleDateTime",
            Kind::DateTime,
            "When it goes on to its next state, unless it is renewed: the renewal date of an active one.",
        ),
        Column::new(
            "created_date_time",
            "createdDateTime",
            Kind::DateTime,
            "When it was created.",
        ),
        Column::new(
            "commerce_subscription_id",
            "commerceSubscriptionId",
            Kind::Text,
            "Its id in Microsoft's commerce system.",
        ),
        Column::new(
            "owner_type",
            "ownerType",
            Kind::Text,
            "What `owner_id` is of: `User`.",
        ),
        Column::new(
            "owner_id",
            "ownerId",
            Kind::Text,
            "The account's administrator.",
        ),
        Column::new(
            "owner_tenant_id",
            "ownerTenantId",
            Kind::Text,
            "The partner's tenant that ordered it.",
        ),
    ],
    needs: &[&[
        Permission::OrganizationReadAll,
        Permission::DirectoryReadAll,
    ]],
    licence: None,
    page_size: None,
    select: false,
    due_every_minutes: 720,
    retention_days: None,
    priority: 0,
    volatile: &[],
    lasting: LastingDates::NONE,
    counts: &[],
};
