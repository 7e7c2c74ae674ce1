//! Software that Intune found on devices.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission, dataset::Key, lasting::LastingDates,
    pace::Service, verdict::Licence,
};

/// The software found on the devices that Intune manages.
pub const DETECTED_APPS: Dataset = Dataset {
    name: "detected_apps",
    title: "Software found on devices",
    about: "The software Intune found on managed devices, a record for each version, with how many devices have it.",
    doc: "https://learn.microsoft.com/graph/api/intune-devices-detectedapp-list",
    path: "/deviceManagement/detectedApps",
    query: &[],
    service: Service::Intune,
    enumeration: Enumeration::Full,
    count: None,
    key: Key::Column("id"),
    columns: &[
        Column::new(
            "id",
            "id",
            Kind::Text,
            "Intune's id of this app in this version.",
        ),
        Column::new("display_name", "displayName", Kind::Text, "The app's name."),
        Column::new("version", "version", Kind::Text, "The version."),
        Column::new("publisher", "publisher", Kind::Text, "The publisher."),
        Column::new(
            "device_count",
            "deviceCount",
            Kind::Integer,
            "How many devices have it.",
        ),
        Column::new(
            "platform",
            "platform",
            Kind::Text,
            "`windows`, `ios`, `macOS` …",
        ),
        Column::new(
            "size_in_byte",
            "sizeInByte",
            Kind::Integer,
            "The size, in bytes; 0 where Intune does not know.",
        ),
    ],
    needs: &[&[Permission::DeviceManagementManagedDevicesReadAll]],
    licence: Some(Licence::Intune),
    // The page documents no query parameter. Intune gives 50 apps a page by itself, and up to a thousand to
    // those who ask; where a size is refused, a smaller one is asked for (`asking.rs`).
    page_size: Some(1_000),
    select: false,
    due_every_minutes: 1440,
    retention_days: None,
    priority: 5,
    volatile: &["device_count"],
    lasting: LastingDates::NONE,
    counts: &[],
};
