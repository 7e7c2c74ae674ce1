//! `/deviceManagement/managedDevices`: four devices for every five users.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::GraphError;
use super::page::Sizes;
use super::{Call, Reply};
use crate::json::{Json, Property, property, selected, write_object};
use crate::people::Person;
use crate::seeded::{id_of, mix};
use crate::tenant::{Facts, State};

const DEVICE: u64 = 0xDE71;
const DAY: i64 = 86_400;
/// Intune's pages.
pub const SIZES: Sizes = Sizes::new(1_000, 1_000);
const NEVER_ENDS: &str = "9999-12-31T23:59:59.9999999Z";
const ZERO: &str = "0001-01-01T00:00:00Z";
const GIB: i64 = 1 << 30;

/// A device.
#[derive(Debug)]
pub struct Device {
    /// Where in the tenant.
    pub index: u32,
    /// Intune's id.
    pub id: Uuid,
    hash: u64,
    /// The one who enrolled it, as generated.
    owner: Person,
    model: &'static Model,
}

#[derive(Debug)]
struct Model {
    system: &'static str,
    versions: [&'static str; 2],
    manufacturer: &'static str,
    name: &'static str,
    enrollment: &'static str,
    prefix: &'static str,
    phone: bool,
}

#[rustfmt::skip]
static MODELS: [Model; 6] = [
    Model { system: "Windows", versions: ["10.0.26100.4652", "10.0.19045.6093"], manufacturer: "LENOVO", name: "21HES0AB00", enrollment: "windowsAzureADJoin", prefix: "LAP", phone: false },
    Model { system: "Windows", versions: ["10.0.22631.5624", "10.0.26100.4652"], manufacturer: "Dell Inc.", name: "Latitude 5450", enrollment: "windowsAutoEnrollment", prefix: "DESK", phone: false },
    Model { system: "iOS", versions: ["18.6", "17.7.1"], manufacturer: "Apple", name: "iPhone 15", enrollment: "userEnrollment", prefix: "iPhone", phone: true },
    Model { system: "macOS", versions: ["15.6 (24G84)", "14.7.6 (23H626)"], manufacturer: "Apple", name: "MacBook Air", enrollment: "appleUserEnrollment", prefix: "Mac", phone: false },
    Model { system: "AndroidForWork", versions: ["15", "13"], manufacturer: "samsung", name: "SM-S921B", enrollment: "androidEnterpriseDedicatedDevice", prefix: "AND", phone: true },
    // Of no published list: values appear before the documentation has them.
    Model { system: "visionOS", versions: ["2.6", "2.5"], manufacturer: "Apple", name: "Apple Vision Pro", enrollment: "spatialEnrollment", prefix: "VIS", phone: false },
];

/// How many devices a tenant has.
pub fn count(facts: &Facts) -> u32 {
    facts.users - facts.users / 5
}

/// The id of the device at `index`.
pub fn id(index: u32, facts: &Facts) -> Uuid {
    id_of(facts.seed, DEVICE, index)
}

/// The device's id in the directory: `deviceId` there, `azureADDeviceId` here, in upper case for some.
pub fn registration_id(index: u32, facts: &Facts) -> String {
    let id = id_of(facts.seed, DEVICE ^ 0x77, index).to_string();
    if index % 20 == 6 {
        id.to_ascii_uppercase()
    } else {
        id
    }
}

/// The index of the device with this id.
pub fn index_of(id: Uuid, facts: &Facts) -> Option<u32> {
    crate::seeded::index_of(facts.seed, DEVICE, id).filter(|index| *index < count(facts))
}

impl Device {
    /// The device at `index`.
    pub fn generated(index: u32, facts: &Facts) -> Self {
        let hash = mix(facts.seed, DEVICE ^ 0xFF, u64::from(index));
        let at = match hash % 100 {
            0..40 => 0,
            40..65 => 1,
            65..80 => 2,
            80..88 => 3,
            88..98 => 4,
            _ => 5,
        };
        let owner = Person::generated(index + index / 4, facts);
        Self {
            index,
            id: id(index, facts),
            hash,
            owner,
            model: &MODELS[at],
        }
    }

    /// Its name; one in fifteen has none that is unique.
    pub fn name(&self) -> String {
        match self.index % 15 {
            7 => "<unnamed> & 'spare'".to_owned(),
            _ => format!("{}-{:05}", self.model.prefix, self.index),
        }
    }

    fn roll(&self, purpose: u64, below: i64) -> i64 {
        i64::try_from(mix(self.hash, purpose, 1) % below.unsigned_abs().max(1)).unwrap_or_default()
    }

    /// Nobody enrolled it: a kiosk or a shared tablet.
    fn shared(&self) -> bool {
        self.index % 11 == 5
    }

    fn enrolled(&self, facts: &Facts) -> i64 {
        facts.anchor - 40 * DAY - self.roll(1, 900 * DAY)
    }

    fn synced(&self, facts: &Facts) -> i64 {
        // One in eight has not been seen for months.
        let span = if self.roll(2, 8) == 0 {
            300 * DAY
        } else {
            2 * DAY
        };
        (facts.anchor - self.roll(3, span)).max(self.enrolled(facts))
    }

    fn compliance(&self) -> &'static str {
        match self.roll(4, 20) {
            0..13 => "compliant",
            13..16 => "noncompliant",
            16 => "inGracePeriod",
            17 => "unknown",
            18 => "configManager",
            // No member of the documented enumeration.
            _ => "pendingEvaluation",
        }
    }
}

fn phone_only(device: &Device, value: String, json: &mut Json) {
    // Strings that Intune does not know are empty as often as null.
    json.string(if device.model.phone { &value } else { "" });
}

#[rustfmt::skip]
static PROPERTIES: [Property<Device>; 46] = [
    property("id", |d, _, json| json.uuid(d.id)),
    property("userId", |d, _, json| if d.shared() { json.string("") } else { json.uuid(d.owner.id) }),
    property("deviceName", |d, _, json| json.string(&d.name())),
    property("managedDeviceOwnerType", |d, _, json| json.string(match d.roll(5, 9) { 0 => "unknown", 1 | 2 => "personal", _ => "company" })),
    property("enrolledDateTime", |d, facts, json| json.date_time(d.enrolled(facts))),
    property("lastSyncDateTime", |d, facts, json| if d.index % 40 == 9 { json.string(ZERO) } else { json.date_time(d.synced(facts)) }),
    property("operatingSystem", |d, _, json| json.string(d.model.system)),
    property("complianceState", |d, _, json| json.string(d.compliance())),
    property("jailBroken", |d, _, json| json.string(if d.model.phone { "False" } else { "Unknown" })),
    property("managementAgent", |d, _, json| json.string(if d.index % 9 == 4 { "configurationManagerClientMdm" } else { "mdm" })),
    property("osVersion", |d, _, json| json.string(d.model.versions[usize::from(d.roll(6, 4) == 0)])),
    property("easActivated", |d, _, json| json.boolean(d.model.phone)),
    property("easDeviceId", |d, _, json| if d.model.phone { json.string(&format!("{:032X}", u128::from(d.hash))) } else { json.null() }),
    property("easActivationDateTime", |_, _, json| json.string(ZERO)),
    property("azureADRegistered", |d, _, json| if d.index % 13 == 3 { json.null() } else { json.boolean(true) }),
    property("deviceEnrollmentType", |d, _, json| json.string(d.model.enrollment)),
    property("activationLockBypassCode", |_, _, json| json.null()),
    property("emailAddress", |d, facts, json| json.string(&owned(d, d.owner.mail(facts)))),
    property("azureADDeviceId", |d, facts, json| json.string(&registration_id(d.index, facts))),
    property("deviceRegistrationState", |d, _, json| json.string(if d.index % 17 == 2 { "keyConflict" } else { "registered" })),
    property("deviceCategoryDisplayName", |d, _, json| json.string(if d.index % 6 == 1 { "Field, outdoor" } else { "Unknown" })),
    property("isSupervised", |d, _, json| json.boolean(d.model.phone && d.index % 2 == 0)),
    property("exchangeLastSuccessfulSyncDateTime", |_, _, json| json.string(ZERO)),
    property("exchangeAccessState", |_, _, json| json.string("none")),
    property("exchangeAccessStateReason", |_, _, json| json.string("none")),
    property("remoteAssistanceSessionUrl", |_, _, json| json.null()),
    property("isEncrypted", |d, _, json| json.boolean(d.roll(7, 6) != 0)),
    property("userPrincipalName", |d, facts, json| json.string(&owned(d, Some(d.owner.principal_name(facts))))),
    property("model", |d, _, json| if d.index % 30 == 8 { json.null() } else { json.string(d.model.name) }),
    property("manufacturer", |d, _, json| json.string(d.model.manufacturer)),
    property("imei", |d, _, json| phone_only(d, format!("35{:013}", d.hash % 10_000_000_000_000), json)),
    property("complianceGracePeriodExpirationDateTime", |d, facts, json| if d.compliance() == "inGracePeriod" { json.date_time(facts.anchor + 3 * DAY) } else { json.string(NEVER_ENDS) }),
    property("serialNumber", |d, _, json| if d.index % 25 == 11 { json.string("System Serial Number") } else { json.string(&format!("PF{:08X}", d.hash >> 32)) }),
    property("phoneNumber", |d, _, json| phone_only(d, format!("*******{:04}", d.roll(8, 10_000)), json)),
    property("androidSecurityPatchLevel", |d, _, json| if d.model.prefix == "AND" { json.string("2026-05-01") } else { json.string("") }),
    property("userDisplayName", |d, _, json| json.string(&owned(d, Some(d.owner.display_name())))),
    property("configurationManagerClientEnabledFeatures", |d, _, json| if d.index % 9 == 4 { json.raw("{\"inventory\":true,\"modernApps\":false,\"resourceAccess\":false,\"deviceConfiguration\":false,\"compliancePolicy\":false,\"windowsUpdateForBusiness\":true}") } else { json.null() }),
    property("wiFiMacAddress", |d, _, json| if d.index % 12 == 0 { json.string("") } else { json.string(&format!("{:012X}", d.hash >> 16)) }),
    property("subscriberCarrier", |d, _, json| phone_only(d, "Télé \"Nord\"".to_owned(), json)),
    property("meid", |_, _, json| json.string("")),
    property("totalStorageSpaceInBytes", |d, _, json| json.number(storage(d))),
    property("freeStorageSpaceInBytes", |d, _, json| json.number(storage(d) / 100 * d.roll(9, 90))),
    property("managedDeviceName", |d, facts, json| json.string(&format!("{}_{}_{}", owned(d, Some(d.owner.alias())), d.model.system, crate::json::date_time(d.enrolled(facts))))),
    property("partnerReportedThreatState", |d, _, json| json.string(if d.index % 45 == 20 { "highSeverity" } else { "unknown" })),
    property("managementCertificateExpirationDate", |d, facts, json| json.date_time(d.enrolled(facts) + 1_000 * DAY)),
    property("deviceActionResults", actions),
];

/// What follows from the owner; empty on shared devices.
fn owned(device: &Device, value: Option<String>) -> String {
    value.filter(|_| !device.shared()).unwrap_or_default()
}

fn storage(device: &Device) -> i64 {
    // Larger than 32 bits on purpose; 0 where a device never reported.
    if device.index % 35 == 13 {
        0
    } else {
        (64 * GIB) << device.roll(10, 4)
    }
}

fn actions(device: &Device, facts: &Facts, json: &mut Json) {
    if device.index % 16 != 3 {
        return json.raw("[]");
    }
    json.raw("[{\"actionName\":\"rebootNow\",\"actionState\":\"done\",\"startDateTime\":");
    json.date_time(facts.anchor - 9 * DAY);
    json.raw(",\"lastUpdatedDateTime\":");
    json.date_time(facts.anchor - 9 * DAY + 90);
    json.raw("}]");
}

/// `/deviceManagement/managedDevices`.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    let select = call.query.select(call.resource)?;
    let properties = selected(&PROPERTIES, select.as_deref(), None);
    let state = call.tenant.read();
    let facts = &call.tenant.facts;
    call.page(count(facts), SIZES, &|index, json| {
        write(index, &properties, &state, facts, json);
        true
    })
}

fn write(
    index: u32,
    properties: &[&Property<Device>],
    state: &State,
    facts: &Facts,
    json: &mut Json,
) {
    let edits = state.compliance.get(&index).map(|compliance| {
        BTreeMap::from([(
            "complianceState".to_owned(),
            Value::String(compliance.clone()),
        )])
    });
    write_object(
        properties,
        &Device::generated(index, facts),
        facts,
        edits.as_ref(),
        json,
    );
}

/// Writes a device with all its properties.
pub fn write_whole(index: u32, state: &State, facts: &Facts, json: &mut Json) {
    write(
        index,
        &selected(&PROPERTIES, None, None),
        state,
        facts,
        json,
    );
}

/// What is known of a device where it is reached through an app: its id and its name.
pub fn stub(index: u32, facts: &Facts) -> Value {
    let device = Device::generated(index, facts);
    json!({
        "id": device.id,
        "userId": null,
        "deviceName": device.name(),
        "managedDeviceOwnerType": "unknown",
        "enrolledDateTime": ZERO,
        "lastSyncDateTime": ZERO,
        "operatingSystem": null,
        "complianceState": "unknown",
        "osVersion": null,
        "emailAddress": null,
        "userPrincipalName": null,
        "model": null,
        "manufacturer": null,
        "serialNumber": null,
        "totalStorageSpaceInBytes": 0,
        "freeStorageSpaceInBytes": 0,
    })
}
