//! What a tenant holds, read beside the wire.

use serde_json::Value;

use super::user_properties::PROPERTIES;
use super::{
    applications, control_profiles, detected_apps, devices, managed_devices, mobile_apps,
    organization, registration, secure_scores, usage_reports, users,
};
use crate::json::{Json, selected};
use crate::licences;
use crate::tenant::Tenant;
use crate::world::World;

/// Every object of the collection at `path`, with all properties.
pub fn objects(world: &World, tenant: &Tenant, path: &str) -> Vec<Value> {
    let path = path.trim_start_matches('/').trim_start_matches("v1.0/");
    let path = path.split('?').next().unwrap_or_default();
    let (state, facts) = (tenant.read(), &tenant.facts);
    let now = world.clock.now();
    let users = |deleted: bool| {
        let properties = selected(&PROPERTIES, None, None);
        written(state.total, &|index, json| {
            let person = state
                .person(index, facts)
                .filter(|p| p.deleted.is_some() == deleted);
            person.is_some_and(|person| users::write(&person, &properties, &state, facts, json))
        })
    };
    match path {
        "organization" => organization::organization(&state, facts),
        "subscribedSkus" => licences::subscribed(&state, facts),
        "directory/subscriptions" => licences::subscriptions(&state, facts),
        "domains" => organization::all_domains(facts),
        "users" | "users/delta" => users(false),
        "directory/deletedItems/microsoft.graph.user" => users(true),
        "applications" => applications::all(&state, facts),
        "deviceManagement/managedDevices" => {
            written(managed_devices::count(facts), &|index, json| {
                managed_devices::write_whole(index, &state, facts, json);
                true
            })
        }
        "devices" => written(devices::count(facts), &|index, json| {
            devices::write_whole(index, facts, json);
            true
        }),
        "deviceManagement/detectedApps" => detected_apps::all(facts),
        "deviceAppManagement/mobileApps" => mobile_apps::all(facts),
        "reports/authenticationMethods/userRegistrationDetails" => {
            written(state.total, &|index, json| {
                registration::write_whole(index, &state, facts, json)
            })
        }
        "admin/reportSettings" => {
            vec![serde_json::json!({ "displayConcealedNames": state.conceal })]
        }
        "security/secureScores" => secure_scores::all(facts, now),
        "security/secureScoreControlProfiles" => control_profiles::all(facts),
        _ => {
            if let Some(app) = path.strip_prefix("deviceManagement/detectedApps/") {
                return detected_apps::all_devices(
                    app.split('/').next().unwrap_or_default(),
                    facts,
                );
            }
            match path.strip_prefix("reports/getOffice365ActiveUserDetail(period='D") {
                Some(days) => {
                    let days = days.trim_end_matches("')").parse().unwrap_or_default();
                    usage_reports::objects(days, now, &state, facts)
                }
                None => Vec::new(),
            }
        }
    }
}

fn written(total: u32, write: &dyn Fn(u32, &mut Json) -> bool) -> Vec<Value> {
    let one = |index| {
        let mut json = Json::default();
        write(index, &mut json).then(|| serde_json::from_str(&json.text).unwrap_or_default())
    };
    (0..total).filter_map(one).collect()
}
