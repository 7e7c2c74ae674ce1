//! Devices managed by Intune.

use crate::{
    Column, Dataset, Enumeration, Kind, Permission,
    count::{Count, Tally},
    dataset::Key,
    lasting::LastingDates,
    pace::Service,
    verdict::Licence,
};

/// The devices that Intune manages.
///
/// Left out: what a list answers only by default (`ethernetMacAddress`, `iccid`, `notes`, `udid`,
/// `remoteAssistanceSessionUrl`, and `physicalMemoryInBytes`, whose 0 would be read as a fact;
/// Microsoft gives each only for one device at a time), and `activationLockBypassCode`, a secret.
pub const MANAGED_DEVICES: Dataset = Dataset {
    name: "managed_devices",
    title: "Intune devices",
    about: "The computers, phones and tablets that Intune manages: whose, what, how compliant, last seen when.",
    doc: "https://learn.microsoft.com/graph/api/intune-devices-manageddevice-list",
    path: "/deviceManagement/managedDevices",
    query: &[],
    service: Service::Intune,
    enumeration: Enumeration::Full,
    count: None,
    key: Key::Column("id"),
    columns: &[
        Column::new("id", "id", Kind::Text, "The Intune device id."),
        Column::new(
            "device_name",
            "deviceName",
            Kind::Text,
            "The device's name.",
        ),
        Column::new(
            "user_display_name",
            "userDisplayName",
            Kind::Text,
            "The primary user's name.",
        ),
        Column::new(
            "user_principal_name",
            "userPrincipalName",
            Kind::Text,
            "The primary user's sign-in name.",
        ),
        Column::new(
            "compliance_state",
            "complianceState",
            Kind::Text,
            "`compliant`, `noncompliant`, `inGracePeriod`, `conflict`, `error`, `configManager` or `unknown`.",
        ),
        Column::new(
            "last_sync_date_time",
            "lastSyncDateTime",
            Kind::DateTime,
            "When the device last spoke to Intune.",
        ),
        Column::new(
            "operating_system",
            "operatingSystem",
            Kind::Text,
            "The operating system: `Windows`, `iOS`, `macOS` …",
        ),
        Column::new("os_version", "osVersion", Kind::Text, "Its version."),
        Column::new(
            "manufacturer",
            "manufacturer",
            Kind::Text,
            "Who made the device.",
        ),
        Column::new("model", "model", Kind::Text, "The model."),
        Column::new(
            "serial_number",
            "serialNumber",
            Kind::Text,
            "The serial number.",
        ),
        Column::new(
            "is_encrypted",
            "isEncrypted",
            Kind::Bool,
            "Whether the storage is encrypted.",
        ),
        Column::new(
            "managed_device_owner_type",
            "managedDeviceOwnerType",
            Kind::Text,
            "`company`, `personal` or `unknown`.",
        ),
        Column::new(
            "enrolled_date_time",
            "enrolledDateTime",
            Kind::DateTime,
            "When the device was enrolled.",
        ),
        Column::new(
            "total_storage_space_in_bytes",
            "totalStorageSpaceInBytes",
            Kind::Integer,
            "The storage, in bytes.",
        ),
        Column::new(
            "free_storage_space_in_bytes",
            "freeStorageSpaceInBytes",
            Kind::Integer,
            "The free storage, in bytes.",
        ),
        Column::new(
            "managed_device_name",
            "managedDeviceName",
            Kind::Text,
            "The name Intune generated for the device.",
        ),
        Column::new(
            "user_id",
            "userId",
            Kind::Text,
            "The primary user's object id.",
        ),
        Column::new(
            "email_address",
            "emailAddress",
            Kind::Text,
            "The primary user's mail address.",
        ),
        Column::new(
            "phone_number",
            "phoneNumber",
            Kind::Text,
            "The device's phone number; personal devices show the last digits only.",
        ),
        Column::new(
            "device_category_display_name",
            "deviceCategoryDisplayName",
            Kind::Text,
            "The category an administrator gave it.",
        ),
        Column::new(
            "device_enrollment_type",
            "deviceEnrollmentType",
            Kind::Text,
            "How it was enrolled.",
        ),
        Column::new(
            "device_registration_state",
            "deviceRegistrationState",
            Kind::Text,
            "How its registration stands.",
        ),
        Column::new(
            "enrollment_profile_name",
            "enrollmentProfileName",
            Kind::Text,
            "The enrolment profile assigned to it.",
        ),
        Column::new(
            "management_agent",
            "managementAgent",
            Kind::Text,
            "What manages it: `mdm`, `eas`, `configurationManagerClient` …",
        ),
        Column::new(
            "management_state",
            "managementState",
            Kind::Text,
            "`managed`, `retirePending`, `wipePending` …",
        ),
        Column::new(
            "management_certificate_expiration_date",
            "managementCertificateExpirationDate",
            Kind::DateTime,
            "When its management certificate lapses, and the device with it.",
        ),
        Column::new(
            "compliance_grace_period_expiration_date_time",
            "complianceGracePeriodExpirationDateTime",
            Kind::DateTime,
            "When the grace period ends; the year 9999 is never.",
        ),
        Column::new(
            "partner_reported_threat_state",
            "partnerReportedThreatState",
            Kind::Text,
            "The threat level a defence partner reported.",
        ),
        Column::new(
            "jail_broken",
            "jailBroken",
            Kind::Text,
            "`True`, `False` or `Unknown`, as text.",
        ),
        Column::new(
            "is_supervised",
            "isSupervised",
            Kind::Bool,
            "Whether an Apple device is supervised.",
        ),
        Column::new(
            "require_user_enrollment_approval",
            "requireUserEnrollmentApproval",
            Kind::Bool,
            "Whether an Apple enrolment waits for the user's approval.",
        ),
        Column::new(
            "azure_ad_device_id",
            "azureADDeviceId",
            Kind::Text,
            "The Entra device id.",
        ),
        Column::new(
            "azure_ad_registered",
            "azureADRegistered",
            Kind::Bool,
            "Whether it is registered in Entra.",
        ),
        Column::new("imei", "imei", Kind::Text, "The IMEI."),
        Column::new("meid", "meid", Kind::Text, "The MEID."),
        Column::new(
            "wi_fi_mac_address",
            "wiFiMacAddress",
            Kind::Text,
            "The Wi-Fi MAC address.",
        ),
        Column::new(
            "subscriber_carrier",
            "subscriberCarrier",
            Kind::Text,
            "The mobile carrier.",
        ),
        Column::new(
            "android_security_patch_level",
            "androidSecurityPatchLevel",
            Kind::Text,
            "The Android security patch level.",
        ),
        Column::new(
            "exchange_access_state",
            "exchangeAccessState",
            Kind::Text,
            "Whether Exchange lets it in: `allowed`, `blocked`, `quarantined` …",
        ),
        Column::new(
            "exchange_access_state_reason",
            "exchangeAccessStateReason",
            Kind::Text,
            "Why.",
        ),
        Column::new(
            "exchange_last_successful_sync_date_time",
            "exchangeLastSuccessfulSyncDateTime",
            Kind::DateTime,
            "When it last reached Exchange.",
        ),
        Column::new(
            "eas_activated",
            "easActivated",
            Kind::Bool,
            "Whether Exchange ActiveSync is activated.",
        ),
        Column::new(
            "eas_activation_date_time",
            "easActivationDateTime",
            Kind::DateTime,
            "When Exchange ActiveSync was activated.",
        ),
        Column::new(
            "eas_device_id",
            "easDeviceId",
            Kind::Text,
            "The Exchange ActiveSync id.",
        ),
        Column::new(
            "configuration_manager_client_enabled_features",
            "configurationManagerClientEnabledFeatures",
            Kind::Json,
            "Which workloads Configuration Manager holds on a co-managed device.",
        ),
        Column::new(
            "device_action_results",
            "deviceActionResults",
            Kind::Json,
            "What became of the remote actions asked of it.",
        ),
    ],
    needs: &[&[Permission::DeviceManagementManagedDevicesReadAll]],
    licence: Some(Licence::Intune),
    // Microsoft's page for this list documents no query parameter, so no `$select` is sent. A page of a
    // thousand is what Intune gives by itself and the most that it gives; where the size is refused, a
    // smaller one is asked for (`asking.rs`).
    page_size: Some(1_000),
    select: false,
    due_every_minutes: 240,
    retention_days: None,
    priority: 2,
    volatile: &[
        "last_sync_date_time",
        "free_storage_space_in_bytes",
        "exchange_last_successful_sync_date_time",
    ],
    lasting: LastingDates {
        columns: &[
            "last_sync_date_time",
            "enrolled_date_time",
            "exchange_last_successful_sync_date_time",
        ],
        dates: "check-in or enrollment dates",
        one: "device",
        many: "devices",
    },
    counts: &[ALL_DEVICES, NONCOMPLIANT],
};

/// Intune devices.
pub const ALL_DEVICES: Count = Count {
    name: "devices",
    title: "Intune devices",
    evidence: "by Intune's list of managed devices",
    columns: &[],
    tally: Tally::Sum(|_| 1),
};

/// Devices that are not compliant.
pub const NONCOMPLIANT: Count = Count {
    name: "devices_noncompliant",
    title: "Devices not compliant",
    evidence: "by the compliance state that Intune gives each device",
    columns: &["compliance_state"],
    tally: Tally::Sum(|device| {
        let state = device.text("compliance_state");
        u64::from(matches!(state, Some("noncompliant" | "conflict" | "error")))
    }),
};
