//! The products a tenant holds, and who has them.
//!
//! Identifiers are those of Microsoft's "Product names and service plan identifiers for licensing":
//! <https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference>

use serde_json::{Value, json};

use crate::people::{Kind, Person};
use crate::seeded::mix;
use crate::tenant::{Facts, State};

/// A service plan: name, GUID, the service as `assignedPlans` spells it.
type Plan = (&'static str, &'static str, &'static str);

const AAD_PREMIUM: Plan = (
    "AAD_PREMIUM",
    "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
    "AADPremiumService",
);
const INTUNE_A: Plan = ("INTUNE_A", "c1ec4a95-1f05-45b3-a911-aa3fa01094f5", "SCO");
const EXCHANGE_2: Plan = (
    "EXCHANGE_S_ENTERPRISE",
    "efb87545-963c-4e0d-99df-69c6916d9eb0",
    "exchange",
);
const EXCHANGE_1: Plan = (
    "EXCHANGE_S_STANDARD",
    "9aaf7827-d63c-4b61-89c3-182f06f82e5c",
    "exchange",
);
const SHAREPOINT_2: Plan = (
    "SHAREPOINTENTERPRISE",
    "5dbe027f-2339-4123-9542-606e4d348a72",
    "SharePoint",
);
const SHAREPOINT_1: Plan = (
    "SHAREPOINTSTANDARD",
    "c7699d2e-19aa-44de-8edf-1736da088ca1",
    "SharePoint",
);
const TEAMS: Plan = (
    "TEAMS1",
    "57ff2da0-773e-42df-b2af-ffb7a2317929",
    "TeamspaceAPI",
);
const OFFICE: Plan = (
    "OFFICESUBSCRIPTION",
    "43de0ff5-c92c-492b-9116-175376d08c38",
    "MicrosoftOffice",
);
const OFFICE_BUSINESS: Plan = (
    "OFFICE_BUSINESS",
    "094e7854-93fc-4d55-b2c0-3ab5369ebdc1",
    "MicrosoftOffice",
);
const FLOW: Plan = (
    "FLOW_P2_VIRAL",
    "50e68c76-46c6-4674-81f9-75456511b170",
    "ProcessSimple",
);
const POWER_BI: Plan = (
    "BI_AZURE_P0",
    "2049e525-b859-401b-b2a0-e0a31c4b1fe4",
    "PowerBI",
);
const VISIO: Plan = (
    "VISIOONLINE",
    "2bdbaf8f-738f-4ac7-9234-3c3ee2ce7d0f",
    "WhiteboardServices",
);

/// A product.
#[derive(Debug)]
pub struct Sku {
    /// `skuPartNumber`.
    pub part: &'static str,
    /// `skuId`.
    pub id: &'static str,
    /// As the usage reports spell it.
    pub product: &'static str,
    plans: &'static [Plan],
}

/// Every product the simulator knows; a person's licences are a bit for each.
pub static SKUS: [Sku; 10] = [
    Sku {
        part: "SPE_E3",
        id: "05e9a617-0261-4cee-bb44-138d3ef5d965",
        product: "MICROSOFT 365 E3",
        plans: &[
            EXCHANGE_2,
            SHAREPOINT_2,
            TEAMS,
            OFFICE,
            AAD_PREMIUM,
            INTUNE_A,
        ],
    },
    Sku {
        part: "SPB",
        id: "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46",
        product: "MICROSOFT 365 BUSINESS PREMIUM",
        plans: &[
            EXCHANGE_1,
            SHAREPOINT_1,
            TEAMS,
            OFFICE_BUSINESS,
            AAD_PREMIUM,
            INTUNE_A,
        ],
    },
    Sku {
        part: "ENTERPRISEPACK",
        id: "6fd2c87f-b296-42f0-b197-1e91e994b900",
        product: "OFFICE 365 E3",
        plans: &[EXCHANGE_2, SHAREPOINT_2, TEAMS, OFFICE],
    },
    Sku {
        part: "EXCHANGESTANDARD",
        id: "4b9405b0-7788-4568-add1-99614e613b69",
        product: "EXCHANGE ONLINE (PLAN 1)",
        plans: &[EXCHANGE_1],
    },
    Sku {
        part: "FLOW_FREE",
        id: "f30db892-07e9-47e9-837c-80727f46fd3d",
        product: "MICROSOFT POWER AUTOMATE FREE",
        plans: &[FLOW],
    },
    Sku {
        part: "POWER_BI_STANDARD",
        id: "a403ebcc-fae0-4ca2-8c8c-7a907fd6c235",
        product: "POWER BI (FREE)",
        plans: &[POWER_BI],
    },
    Sku {
        part: "VISIOCLIENT",
        id: "c5928f49-12ba-48f7-ada3-0d743a3601d5",
        product: "VISIO PLAN 2",
        plans: &[VISIO],
    },
    Sku {
        part: "AAD_PREMIUM",
        id: "078d2b04-f1bd-4111-bbd4-b4b1b354cef4",
        product: "AZURE ACTIVE DIRECTORY PREMIUM P1",
        plans: &[AAD_PREMIUM],
    },
    Sku {
        part: "INTUNE_A",
        id: "061f9ace-7d42-4136-88ac-31dc755f143f",
        product: "INTUNE",
        plans: &[INTUNE_A],
    },
    // Of no published table: new products appear before the table knows them.
    Sku {
        part: "WORKPLACE_PREVIEW_TRIAL",
        id: "9d1c7b52-60ae-4c3f-8f0e-2b7a51e3c964",
        product: "WORKPLACE PREVIEW TRIAL",
        plans: &[],
    },
];

const ENTRA_P1: usize = 7;
const INTUNE: usize = 8;
const TRIAL: usize = 9;

/// Which bundle most people of a tenant have: a bundle with P1 and Intune only where it holds both.
#[must_use]
pub fn bundle(users: u32, entra_p1: bool, intune: bool) -> usize {
    match (entra_p1 && intune, users < 300) {
        (true, false) => 0,
        (true, true) => 1,
        (false, _) => 2,
    }
}

/// The licences of a person whom nobody has changed, a bit for each of [`SKUS`].
#[must_use]
pub fn generated(kind: Kind, hash: u64, facts: &Facts) -> u16 {
    let roll = mix(hash, 0x11C, 0) % 100;
    let base = 1u16 << facts.bundle;
    let mut licences = match kind {
        Kind::Guest | Kind::SharedMailbox | Kind::Disabled => 0,
        _ if roll < 70 => base,
        _ if roll < 80 => 1 << 3,
        _ if roll < 88 => 1 << 4,
        _ => 0,
    };
    if licences == base {
        licences |= u16::from(roll.is_multiple_of(5)) << 4;
        licences |= u16::from(roll.is_multiple_of(7)) << 5;
        licences |= u16::from(roll.is_multiple_of(13)) << 6;
        if facts.bundle == 2 {
            licences |= u16::from(facts.standalone_p1) << ENTRA_P1;
            licences |= u16::from(facts.standalone_intune) << INTUNE;
        }
    }
    licences
}

/// The products named by `licences`.
pub fn held(licences: u16) -> impl Iterator<Item = &'static Sku> {
    SKUS.iter()
        .enumerate()
        .filter(move |(i, _)| licences & (1 << i) != 0)
        .map(|(_, sku)| sku)
}

/// The service plans that come with `licences`, each with its product.
pub fn plans(licences: u16) -> impl Iterator<Item = &'static Plan> {
    held(licences).flat_map(|sku| sku.plans)
}

/// Whether `licences` bring a plan of this service (`exchange`, `SharePoint`, `TeamspaceAPI` …).
#[must_use]
pub fn has_service(licences: u16, service: &str) -> bool {
    plans(licences).any(|plan| plan.2 == service)
}

/// The bit of a product, by part number or id.
#[must_use]
pub fn bit_of(sku: &str) -> Option<u16> {
    let at = SKUS
        .iter()
        .position(|s| s.part.eq_ignore_ascii_case(sku) || s.id.eq_ignore_ascii_case(sku))?;
    Some(1 << at)
}

/// One count for each of [`SKUS`] over all people who are not deleted.
pub fn consumed(people: impl Iterator<Item = Person>) -> [u32; SKUS.len()] {
    let mut counts = [0; SKUS.len()];
    for person in people.filter(|p| p.deleted.is_none()) {
        let mut rest = person.licences;
        while rest != 0 {
            counts[rest.trailing_zeros() as usize] += 1;
            rest &= rest - 1;
        }
    }
    counts
}

/// Every `subscribedSku` of a tenant.
pub fn subscribed(state: &State, facts: &Facts) -> Vec<Value> {
    if let Some(skus) = &state.skus {
        return skus.iter().map(|sku| sku.subscribed(facts)).collect();
    }
    let consumed = state.consumed(facts);
    let mut all = Vec::new();
    for (i, sku) in SKUS.iter().enumerate() {
        let standalone = match i {
            ENTRA_P1 => facts.standalone_p1 || (state.entra_p1 && facts.bundle == 2),
            INTUNE => facts.standalone_intune || (state.intune && facts.bundle == 2),
            0..=2 => i == facts.bundle,
            _ => true,
        };
        if !standalone && consumed[i] == 0 {
            continue;
        }
        let lapsed = (i == ENTRA_P1 && !state.entra_p1) || (i == INTUNE && !state.intune);
        let suspended = i == TRIAL || lapsed;
        let bought = match i {
            4 | 5 => 10_000.max(facts.users * 2),
            TRIAL => 25,
            _ => consumed[i].max(facts.users / 12) / 10 * 11 + 5,
        };
        // A lapsed plan leaves its bundle; what else the bundle brings stays.
        let plans: Vec<Value> = sku
            .plans
            .iter()
            .filter(|p| (p.0 != "AAD_PREMIUM" || state.entra_p1) && (p.0 != "INTUNE_A" || state.intune))
            .map(|p| {
                json!({
                    "servicePlanId": p.1,
                    "servicePlanName": p.0,
                    "provisioningStatus": if p.0 == "TEAMS1" { "PendingProvisioning" } else { "Success" },
                    "appliesTo": if p.0 == "INTUNE_A" { "Company" } else { "User" },
                })
            })
            .collect();
        all.push(json!({
            "id": format!("{}_{}", facts.id, sku.id),
            "accountId": facts.id,
            "accountName": facts.domain.split('.').next(),
            "appliesTo": "User",
            "capabilityStatus": if suspended { "Suspended" } else { "Enabled" },
            "consumedUnits": consumed[i],
            "prepaidUnits": {
                "enabled": if suspended { 0 } else { bought },
                "suspended": if suspended { bought } else { 0 },
                "warning": 0,
                "lockedOut": 0,
            },
            "servicePlans": plans,
            "skuId": sku.id,
            "skuPartNumber": sku.part,
            "subscriptionIds": [subscription_id(facts, i)],
        }));
    }
    all
}

/// Every `companySubscription` of a tenant: what was bought, one for each product.
pub fn subscriptions(state: &State, facts: &Facts) -> Vec<Value> {
    if let Some(skus) = &state.skus {
        let each = skus.iter().map(|sku| sku.company_subscriptions(facts));
        return each.flatten().collect();
    }
    let created = crate::json::date_time(facts.anchor - 400 * 86_400);
    subscribed(state, facts)
        .iter()
        .map(|sku| {
            let suspended = sku["capabilityStatus"] == "Suspended";
            let total =
                sku["prepaidUnits"][if suspended { "suspended" } else { "enabled" }].clone();
            // Free products never renew.
            let renews = (!sku["skuPartNumber"]
                .as_str()
                .unwrap_or_default()
                .ends_with("_FREE"))
            .then(|| crate::json::date_time(facts.anchor + 120 * 86_400));
            json!({
                "id": sku["subscriptionIds"][0],
                "commerceSubscriptionId": sku["subscriptionIds"][0],
                "createdDateTime": created,
                "isTrial": sku["skuPartNumber"] == "WORKPLACE_PREVIEW_TRIAL",
                "nextLifecycleDateTime": renews,
                "ownerId": null,
                "ownerTenantId": null,
                "ownerType": null,
                "serviceStatus": [],
                "skuId": sku["skuId"],
                "skuPartNumber": sku["skuPartNumber"],
                "status": if suspended { "Suspended" } else { "Enabled" },
                "totalLicenses": total,
            })
        })
        .collect()
}

fn subscription_id(facts: &Facts, sku: usize) -> uuid::Uuid {
    crate::seeded::id_of(facts.seed, 0x5B5, u32::try_from(sku).unwrap_or_default())
}
