//! Subscribed SKUs: what is paid for, and how much of it is assigned.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission,
    count::{Count, Tally},
    dataset::Key,
    lasting::LastingDates,
    pace::Service,
};

/// The licenses the tenant holds and how many are assigned.
pub const SUBSCRIBED_SKUS: Dataset = Dataset {
    name: "subscribed_skus",
    title: "Licenses",
    about: "The licenses the tenant holds: how many are paid for, and how many are assigned.",
    doc: "https://learn.microsoft.com/graph/api/subscribedsku-list",
    path: "/subscribedSkus",
    query: &[],
    service: Service::Directory,
    enumeration: Enumeration::Full,
    count: None,
    // `id` is `{tenant id}_{sku id}`; users are joined on `sku_id`.
    key: Key::Column("id"),
    columns: &[
        Column::new(
            "id",
            "id",
            Kind::Text,
            "The tenant id and the SKU id, joined by an underscore.",
        ),
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
            "prepaid_units_enabled",
            "prepaidUnits/enabled",
            Kind::Integer,
            "Licences paid for and usable.",
        ),
        Column::new(
            "consumed_units",
            "consumedUnits",
            Kind::Integer,
            "Licences assigned.",
        ),
        Column::new(
            "capability_status",
            "capabilityStatus",
            Kind::Text,
            "`Enabled`, `Warning`, `Suspended`, `Deleted` or `LockedOut`.",
        ),
        Column::new(
            "prepaid_units_warning",
            "prepaidUnits/warning",
            Kind::Integer,
            "Licences past their term, in the grace period.",
        ),
        Column::new(
            "prepaid_units_suspended",
            "prepaidUnits/suspended",
            Kind::Integer,
            "Licences suspended, which can no longer be assigned.",
        ),
        Column::new(
            "prepaid_units_locked_out",
            "prepaidUnits/lockedOut",
            Kind::Integer,
            "Licences locked out after the subscription was cancelled.",
        ),
        Column::new(
            "applies_to",
            "appliesTo",
            Kind::Text,
            "`User` or `Company`.",
        ),
        Column::new(
            "service_plans",
            "servicePlans",
            Kind::Json,
            "The service plans within, and how far each is provisioned.",
        ),
        Column::new(
            "subscription_ids",
            "subscriptionIds",
            Kind::Texts,
            "The subscriptions that make up the SKU.",
        ),
        Column::new(
            "account_name",
            "accountName",
            Kind::Text,
            "The account the SKU belongs to.",
        ),
        Column::new(
            "account_id",
            "accountId",
            Kind::Text,
            "The id of that account.",
        ),
    ],
    needs: &[&[Permission::OrganizationReadAll]],
    licence: None,
    page_size: None,
    select: false,
    due_every_minutes: 0,
    retention_days: None,
    priority: 0,
    volatile: &[],
    lasting: LastingDates::NONE,
    counts: &[
        BOUGHT,
        ASSIGNED,
        UNASSIGNED,
        OVER_ASSIGNED,
        IN_GRACE,
        SUSPENDED,
        LOCKED_OUT,
        TRIAL,
        WITHOUT_NUMBERS,
    ],
};

/// Usable licenses of the SKUs that count.
pub const BOUGHT: Count = Count {
    name: "licences_bought",
    title: "Licenses bought",
    evidence: "by the enabled units, and those in grace, of every SKU that is neither free nor a trial",
    columns: &[],
    tally: Tally::Joined,
};

/// Licenses assigned, of those SKUs.
pub const ASSIGNED: Count = Count {
    name: "licences_assigned",
    title: "Licenses assigned",
    evidence: "by the consumed units of every SKU that is neither free nor a trial",
    columns: &[],
    tally: Tally::Joined,
};

/// Usable licenses that nobody has, SKU by SKU.
pub const UNASSIGNED: Count = Count {
    name: "licences_unassigned",
    title: "Licenses unassigned",
    evidence: "by what is usable and not assigned, SKU by SKU",
    columns: &[],
    tally: Tally::Joined,
};

/// Licenses assigned beyond the usable ones, SKU by SKU.
pub const OVER_ASSIGNED: Count = Count {
    name: "licences_over_assigned",
    title: "Licenses over-assigned",
    evidence: "by what is assigned beyond what is usable, SKU by SKU",
    columns: &[],
    tally: Tally::Joined,
};

/// Usable licenses past their term.
pub const IN_GRACE: Count = Count {
    name: "licences_in_grace",
    title: "Licenses in grace",
    evidence: "by the units past their term that are usable until the grace period ends",
    columns: &[],
    tally: Tally::Joined,
};

/// Suspended licenses.
pub const SUSPENDED: Count = Count {
    name: "licences_suspended",
    title: "Licenses suspended",
    evidence: "by the suspended units",
    columns: &[],
    tally: Tally::Joined,
};

/// Licenses locked out after a cancellation.
pub const LOCKED_OUT: Count = Count {
    name: "licences_locked_out",
    title: "Licenses locked out",
    evidence: "by the units locked out after a cancellation",
    columns: &[],
    tally: Tally::Joined,
};

/// Licenses on trial, which are in none of the others.
pub const TRIAL: Count = Count {
    name: "licences_trial",
    title: "Licenses on trial",
    evidence: "by the units of subscriptions that are trials",
    columns: &[],
    tally: Tally::Joined,
};

/// SKUs that count, some number of which Microsoft does not tell.
pub const WITHOUT_NUMBERS: Count = Count {
    name: "skus_without_numbers",
    title: "SKUs without numbers",
    evidence: "by the SKUs some of whose numbers Microsoft does not tell",
    columns: &[],
    tally: Tally::Joined,
};
