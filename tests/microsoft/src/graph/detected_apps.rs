//! `/deviceManagement/detectedApps` and the devices behind each, which come as stubs.

use serde_json::{Value, json};

use super::error::GraphError;
use super::managed_devices;
use super::page::{Sizes, project};
use super::{Call, Reply};
use crate::seeded::{hash_text, mix};
use crate::tenant::Facts;

const SIZES: Sizes = Sizes::new(50, 1_000);

#[rustfmt::skip]
const APPS: [(&str, Option<&str>, &str); 12] = [
    ("Contoso VPN", Some("Contoso, Ltd."), "windows"),
    ("7-Zip", Some("Igor Pavlov"), "windows"),
    ("Zürich Ledger \"Pro\"", Some("Fabrikam & Söhne GmbH"), "windows"),
    ("<script>alert(1)</script>", Some(""), "windows"),
    ("Company Portal", Some("Microsoft Corporation"), "ios"),
    ("メモ帳プラス", None, "macOS"),
    ("Reader", Some("Adventure Works"), "androidWorkProfile"),
    ("Notes, shared", None, "unknown"),
    ("=cmd|'/c calc'!A0", Some("-"), "windows"),
    ("Spatial Studio", Some("Proseware"), "visionOS"),
    ("Printer Driver", Some("Tailspin Toys"), "windows"),
    ("Time Clock", Some("Wingtip"), "chromeOS"),
];

/// How many apps there are, each in each of its versions: 4,000 in a tenant of 248,500 users.
pub fn count(facts: &Facts) -> u32 {
    24 + managed_devices::count(facts) / 50
}

/// Every so-many-th device has an app, beginning with one of them.
fn spread(index: u32, facts: &Facts) -> (u32, u32) {
    let step = 1 + index % 23;
    let start = u32::try_from(mix(facts.seed, 0xA99, u64::from(index)) % u64::from(step));
    (step, start.unwrap_or_default())
}

fn id(index: u32, facts: &Facts) -> String {
    // Not GUIDs: Intune's are long hexadecimal digests, some in upper case.
    let (a, b) = (
        mix(facts.seed, 0xA1, u64::from(index)),
        mix(facts.seed, 0xA2, u64::from(index)),
    );
    let digest = format!(
        "{a:016x}{b:016x}{:08x}",
        hash_text(APPS[index as usize % 12].0) >> 32
    );
    if index % 7 == 3 {
        digest.to_ascii_uppercase()
    } else {
        digest
    }
}

/// Every app.
pub fn all(facts: &Facts) -> Vec<Value> {
    let devices = managed_devices::count(facts);
    (0..count(facts))
        .map(|index| {
            let (name, publisher, platform) = APPS[index as usize % APPS.len()];
            let (step, start) = spread(index, facts);
            let size = if index % 5 == 0 { 0 } else { u64::from(index) * 1_234_567 + 5_000_000_000 };
            json!({
                "id": id(index, facts),
                "displayName": name,
                "version": if index % 9 == 8 { None } else { Some(format!("{}.{}.0", index / 12 + 1, index % 10)) },
                "sizeInByte": size,
                "deviceCount": devices.saturating_sub(start).div_ceil(step),
                "publisher": publisher,
                "platform": platform,
            })
        })
        .collect()
}

/// `/deviceManagement/detectedApps`.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.page_of(&all(&call.tenant.facts), SIZES)
}

/// `/deviceManagement/detectedApps/{id}/managedDevices`.
pub fn devices(call: &Call<'_>) -> Result<Reply, GraphError> {
    let facts = &call.tenant.facts;
    let select = call.query.select(call.resource)?;
    let (total, step, start) = devices_of(call.argument(), facts)
        .ok_or_else(|| GraphError::new(404, "ResourceNotFound", "The app was not found."))?;
    call.page(total, managed_devices::SIZES, &|at, json| {
        json.value(&project(
            &managed_devices::stub(start + at * step, facts),
            select.as_deref(),
        ));
        true
    })
}

/// Every stub behind an app; none where there is no such app.
pub fn all_devices(id: &str, facts: &Facts) -> Vec<Value> {
    let (total, step, start) = devices_of(id, facts).unwrap_or((0, 1, 0));
    (0..total)
        .map(|at| managed_devices::stub(start + at * step, facts))
        .collect()
}

fn devices_of(app: &str, facts: &Facts) -> Option<(u32, u32, u32)> {
    let index = (0..count(facts)).find(|index| id(*index, facts) == app)?;
    let (step, start) = spread(index, facts);
    Some((
        managed_devices::count(facts)
            .saturating_sub(start)
            .div_ceil(step),
        step,
        start,
    ))
}
