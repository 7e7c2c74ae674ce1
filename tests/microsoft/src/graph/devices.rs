//! `/devices`: what is registered in the directory, whether or not Intune manages it.

use uuid::Uuid;

use super::error::GraphError;
use super::managed_devices::{self, registration_id};
use super::page::Sizes;
use super::{Call, Reply};
use crate::json::{Json, Property, property, selected, write_object};
use crate::seeded::{id_of, mix};
use crate::tenant::Facts;

const DAY: i64 = 86_400;

/// A registered device.
#[derive(Debug)]
struct Device {
    index: u32,
    hash: u64,
    managed: bool,
}

/// How many are registered: those that Intune manages, and some more.
pub fn count(facts: &Facts) -> u32 {
    managed_devices::count(facts) + facts.users / 6
}

fn id(device: &Device, facts: &Facts) -> Uuid {
    id_of(facts.seed, 0xDE7, device.index)
}

fn ago(device: &Device, purpose: u64, days: u64) -> i64 {
    i64::try_from(mix(device.hash, purpose, 0) % (days * 86_400)).unwrap_or_default()
}

static PROPERTIES: [Property<Device>; 18] = [
    property("id", |d, facts, json| json.uuid(id(d, facts))),
    property("deletedDateTime", |_, _, json| json.null()),
    property("accountEnabled", |d, _, json| {
        json.boolean(d.index % 19 != 4);
    }),
    // Absent, null and long ago all mean that nobody knows.
    property("approximateLastSignInDateTime", |d, facts, json| {
        match d.index % 23 {
            7 => json.null(),
            8 => {}
            _ => json.date_time(facts.anchor - ago(d, 1, 120)),
        }
    }),
    property("complianceExpirationDateTime", |_, _, json| json.null()),
    property("deviceId", |d, facts, json| {
        json.string(&registration_id(d.index, facts));
    }),
    property("deviceOwnership", |d, _, json| match d.index % 5 {
        0 => json.null(),
        1 => json.string("Personal"),
        _ => json.string("Company"),
    }),
    property("displayName", |d, _, json| match d.index % 31 {
        11 => json.string("<b>Kiosk</b> \u{202E}north"),
        _ => json.string(&format!("DEV-{:05}", d.index)),
    }),
    property("enrollmentProfileName", |_, _, json| json.null()),
    property("isCompliant", |d, _, json| match d.managed {
        true => json.boolean(d.index % 6 != 2),
        false => json.null(),
    }),
    property("isManaged", |d, _, json| match d.managed {
        true => json.boolean(true),
        false => json.null(),
    }),
    property("manufacturer", |d, _, json| {
        json.optional(d.managed.then_some("LENOVO"));
    }),
    property("model", |d, _, json| {
        json.optional(d.managed.then_some("21HES0AB00"));
    }),
    property("onPremisesSyncEnabled", |_, _, json| json.null()),
    property("operatingSystem", |d, _, json| {
        json.string(
            ["Windows", "IPhone", "MacMDM", "AndroidForWork", "VisionOS"][d.index as usize % 5],
        );
    }),
    property("operatingSystemVersion", |d, _, json| {
        json.string(&format!("10.0.{}", 19_045 + d.index % 9_000));
    }),
    property("registrationDateTime", |d, facts, json| {
        json.date_time(facts.anchor - 120 * DAY - ago(d, 2, 900));
    }),
    property("trustType", |d, _, json| {
        json.string(["AzureAd", "Workplace", "ServerAd", "AzureAd"][d.index as usize % 4]);
    }),
];

/// `/devices`.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    let select = call.query.select(call.resource)?;
    let properties = selected(&PROPERTIES, select.as_deref(), None);
    let facts = &call.tenant.facts;
    call.page(count(facts), Sizes::new(100, 999), &|index, json| {
        write(index, &properties, facts, json);
        true
    })
}

fn write(index: u32, properties: &[&Property<Device>], facts: &Facts, json: &mut Json) {
    let hash = mix(facts.seed, 0xDE8, u64::from(index));
    let device = Device {
        index,
        hash,
        managed: index < managed_devices::count(facts),
    };
    write_object(properties, &device, facts, None, json);
}

/// Writes a device with all its properties.
pub fn write_whole(index: u32, facts: &Facts, json: &mut Json) {
    write(index, &selected(&PROPERTIES, None, None), facts, json);
}
