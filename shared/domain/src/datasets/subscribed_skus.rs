//! Subscribed SKUs: what is paid for, and how much of it is assigned.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission,
    count::{Cells, Count, Tally},
    dataset::Key,
};

/// The licences the tenant holds and how many are assigned.
pub const SUBSCRIBED_SKUS: Dataset = Dataset {
    name: "subscribed_skus",
    title: "Licences",
    about: "The licences the tenant holds: how many are paid for, and how many are assigned.",
    doc: "https://learn.microsoft.com/graph/api/subscribedsku-list",
    path: "/subscribedSkus",
    query: &[],
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
    counts: &[BOUGHT, ASSIGNED],
};

/// SKUs handed out in the tens of thousands for nothing are no licenses anybody bought.
pub const FREE_UNITS: u64 = 10_000;

/// Licenses bought.
pub const BOUGHT: Count = Count {
    name: "licences_bought",
    title: "Licenses bought",
    evidence: "by the enabled units of every SKU that is not free",
    columns: &["prepaid_units_enabled", "applies_to"],
    tally: Tally::Sum(|sku| match is_bought(sku) {
        true => sku.number("prepaid_units_enabled"),
        false => 0,
    }),
};

/// Licenses assigned, of those bought.
pub const ASSIGNED: Count = Count {
    name: "licences_assigned",
    title: "Licenses assigned",
    evidence: "by the consumed units of every SKU that is not free",
    columns: &["prepaid_units_enabled", "consumed_units", "applies_to"],
    tally: Tally::Sum(|sku| match is_bought(sku) {
        true => sku.number("consumed_units"),
        false => 0,
    }),
};

fn is_bought(sku: &Cells<'_>) -> bool {
    let units = sku.number("prepaid_units_enabled");
    units < FREE_UNITS && sku.text("applies_to") != Some("Company")
}
