//! Report settings: whether the tenant conceals names in its usage reports.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission, dataset::Key, lasting::LastingDates,
    pace::Service,
};

/// Whether the tenant conceals names in its usage reports.
pub const REPORT_SETTINGS: Dataset = Dataset {
    name: "report_settings",
    title: "Report settings",
    about: "Whether the tenant conceals the names of users, groups and sites in its usage reports.",
    doc: "https://learn.microsoft.com/graph/api/adminreportsettings-get",
    path: "/admin/reportSettings",
    query: &[],
    service: Service::Directory,
    enumeration: Enumeration::Single,
    count: None,
    key: Key::Constant("report_settings"),
    columns: &[Column::new(
        "display_concealed_names",
        "displayConcealedNames",
        Kind::Bool,
        "Whether names are concealed.",
    )],
    // Reading would take ReportSettings.Read.All; Muster carries the one that can also un-conceal.
    needs: &[&[Permission::ReportSettingsReadWriteAll]],
    licence: None,
    page_size: None,
    select: false,
    due_every_minutes: 360,
    retention_days: None,
    // Before the reports, whose rows it explains.
    priority: 2,
    volatile: &[],
    lasting: LastingDates::NONE,
    counts: &[],
};
