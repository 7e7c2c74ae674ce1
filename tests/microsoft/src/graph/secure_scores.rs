//! `/security/secureScores`: one for each day, newest first, 90 days back.

use serde_json::{Value, json};

use super::control_profiles::CONTROLS;
use super::error::GraphError;
use super::page::Sizes;
use super::{Call, Reply};
use crate::json::date_into;
use crate::seeded::mix;
use crate::tenant::Facts;

const DAY: i64 = 86_400;
const KEPT: i64 = 90;

/// The scores that Microsoft keeps at `now`.
pub fn all(facts: &Facts, now: i64) -> Vec<Value> {
    let today = now.div_euclid(DAY);
    (0..KEPT).map(|ago| score(facts, today - ago)).collect()
}

fn score(facts: &Facts, day: i64) -> Value {
    let mut date = String::with_capacity(10);
    date_into(day * DAY, &mut date);
    let mut current = 0.0;
    let mut controls = Vec::new();
    for (&(name, category, title, most, ..), index) in CONTROLS.iter().zip(0u64..) {
        // A control is taken up on some day and kept from then on.
        let since = i64::try_from(mix(facts.seed, 0x5C0, index) % 140).unwrap_or_default() - 110;
        let reached = (day - facts.anchor.div_euclid(DAY) - since).clamp(0, 10);
        let points = f64::from(most) * f64::from(i32::try_from(reached).unwrap_or_default()) / 10.0;
        current += points;
        controls.push(json!({
            "controlCategory": category,
            "controlName": name,
            "description": format!("{title}."),
            "score": points,
            "lastSynced": format!("{date}T00:00:00Z"),
            "implementationStatus": (index % 3 == 0).then_some("You have <b>2</b> of 3 in place."),
            "on": "true",
            "count": (index % 2 == 0).then_some("3"),
        }));
    }
    let most: u32 = CONTROLS.iter().map(|control| control.3).sum();
    let active = facts.users
        - u32::try_from(
            mix(facts.seed, 0xAC7, day.unsigned_abs()) % u64::from(facts.users / 9 + 1),
        )
        .unwrap_or_default();
    json!({
        "id": format!("{}_{date}", facts.id),
        "azureTenantId": facts.id,
        "activeUserCount": active,
        "createdDateTime": format!("{date}T00:00:00Z"),
        // Sums of tenths come out with long fractions in the real service too.
        "currentScore": current,
        "enabledServices": ["HasExchange", "HasSharePoint", "HasIntune", "HasNewThing"],
        "licensedUserCount": facts.users,
        "maxScore": f64::from(most),
        "averageComparativeScores": [
            { "basis": "AllTenants", "averageScore": 37.12 },
            { "basis": "TotalSeats", "averageScore": 41.5, "SeatSizeRangeLowerValue": "1", "SeatSizeRangeUpperValue": "100" },
            { "basis": "IndustryTypes", "averageScore": null },
        ],
        "controlScores": controls,
        "vendorInformation": {
            "provider": "SecureScore",
            "providerVersion": null,
            "subProvider": null,
            "vendor": "Microsoft",
        },
    })
}

/// `/security/secureScores`.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.page_of(
        &all(&call.tenant.facts, call.world.clock.now()),
        Sizes::new(999, 999),
    )
}
