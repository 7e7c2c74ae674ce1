//! The tenant itself: `/organization`, `/subscribedSkus`, `/directory/subscriptions`, `/domains`.

use serde_json::{Value, json};

use super::error::GraphError;
use super::page::Sizes;
use super::{Call, Reply};
use crate::json::date_time;
use crate::licences;
use crate::names::PLACES;
use crate::tenant::{Facts, State};

const DAY: i64 = 86_400;
const ALL: Sizes = Sizes::new(999, 999);

/// `/organization`: one object.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.page_of(&organization(&call.tenant.read(), &call.tenant.facts), ALL)
}

/// `/subscribedSkus`.
pub fn skus(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.page_of(
        &licences::subscribed(&call.tenant.read(), &call.tenant.facts),
        ALL,
    )
}

/// `/directory/subscriptions`.
pub fn subscriptions(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.page_of(
        &licences::subscriptions(&call.tenant.read(), &call.tenant.facts),
        ALL,
    )
}

/// `/domains`.
pub fn domains(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.page_of(&all_domains(&call.tenant.facts), ALL)
}

/// The organization, as a collection of one.
pub fn organization(state: &State, facts: &Facts) -> Vec<Value> {
    let place = PLACES[usize::from(facts.id.as_bytes()[0]) % PLACES.len()];
    let assigned = date_time(facts.anchor - 390 * DAY);
    let held = |service: &str, id: &str, enabled: bool| {
        json!({
            "assignedDateTime": assigned,
            "capabilityStatus": if enabled { "Enabled" } else { "Deleted" },
            "service": service,
            "servicePlanId": id,
        })
    };
    let plans = [
        held("exchange", "efb87545-963c-4e0d-99df-69c6916d9eb0", true),
        held("SharePoint", "5dbe027f-2339-4123-9542-606e4d348a72", true),
        held(
            "AADPremiumService",
            "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
            state.entra_p1,
        ),
        held("SCO", "c1ec4a95-1f05-45b3-a911-aa3fa01094f5", state.intune),
    ];
    let provisioned: Vec<Value> = plans
        .iter()
        .map(|plan| {
            json!({
                "capabilityStatus": plan["capabilityStatus"],
                "provisioningStatus": "Success",
                "service": plan["service"],
            })
        })
        .collect();
    vec![json!({
        "id": facts.id,
        "deletedDateTime": null,
        "businessPhones": ["+45 555 0100"],
        "city": place.0,
        "country": null,
        "countryLetterCode": place.2,
        "createdDateTime": date_time(facts.anchor - 2_000 * DAY + 34_567),
        "defaultUsageLocation": null,
        "displayName": facts.options.name,
        "isMultipleDataLocationsForServicesEnabled": null,
        "marketingNotificationEmails": [],
        "mobileDeviceManagementAuthority": if state.intune { "intune" } else { "unknown" },
        "onPremisesLastSyncDateTime": null,
        "onPremisesSyncEnabled": null,
        "partnerTenantType": null,
        "postalCode": null,
        "preferredLanguage": &place.3[..2],
        "privacyProfile": { "contactEmail": "", "statementUrl": "" },
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "state": "",
        "street": "1 <Main> Street & Quay",
        "technicalNotificationMails": [format!("it@{}", facts.domain)],
        "tenantType": "AAD",
        "directorySizeQuota": { "used": state.live, "total": state.live.max(25_000) * 2 },
        "assignedPlans": plans,
        "provisionedPlans": provisioned,
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": true,
                "isInitial": false,
                "name": facts.domain,
                "type": "Managed",
            },
            {
                "capabilities": "Email, OfficeCommunicationsOnline, Intune",
                "isDefault": false,
                "isInitial": true,
                "name": facts.initial_domain,
                "type": "Managed",
            },
        ],
    })]
}

/// The default domain, the initial one, and one that was never verified.
pub fn all_domains(facts: &Facts) -> Vec<Value> {
    let domain = |name: &str, default: bool, initial: bool, verified: bool| {
        json!({
            "id": name,
            "authenticationType": "Managed",
            "availabilityStatus": null,
            "isAdminManaged": true,
            "isDefault": default,
            "isInitial": initial,
            "isRoot": true,
            "isVerified": verified,
            "manufacturer": null,
            "model": null,
            "passwordNotificationWindowInDays": 14,
            // What the service answers for "never".
            "passwordValidityPeriodInDays": 2_147_483_647,
            "state": null,
            "supportedServices": if verified { json!(["Email", "Intune"]) } else { json!([]) },
        })
    };
    vec![
        domain(&facts.domain, true, false, true),
        domain(&facts.initial_domain, false, true, true),
        domain(&format!("unverified.{}", facts.domain), false, false, false),
    ]
}
