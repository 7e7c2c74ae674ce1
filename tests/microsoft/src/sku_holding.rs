//! SKUs that a tenant holds in place of the generated ones.
//!
//! | example | what it plays |
//! |---|---|
//! | `grace` | a SKU past its term: `Warning`, nothing enabled, 40 in grace, 31 assigned; beside 20 bought, 3 assigned |
//! | `premium-in-grace` | the only Entra ID P1 of the tenant in grace, for tenants that the license is denied to all the same (`nonpremium`) |
//! | `over-assigned` | 5 bought and 6 assigned, beside 20 bought and 2 assigned |
//! | `free` | 1,000 Stream, 25 Teams Phone resource accounts, 25 Teams Rooms Basic, beside 9 bought |
//! | `large` | 12,000 bought, of a product that is not free |
//! | `trial` | 25 of a trial, beside 10 bought and 25 on trial of one product |
//! | `suspended` | a SKU whose units are suspended, with people who still have it; one that is locked out |
//! | `unknown` | a SKU of no published table, with a part number |
//! | `odd` | a SKU of the whole company; numbers that can be none; a suspended SKU with enabled units |

use serde_json::{Value, json};
use uuid::Uuid;

use crate::json::date_time;
use crate::licences::SKUS;
use crate::seeded::{hash_text, id_of};
use crate::tenant::Facts;
use crate::tenant_handle::TenantHandle;

/// One SKU, as `/subscribedSkus` and `/directory/subscriptions` tell it.
#[derive(Debug, Clone)]
pub struct SkuHolding {
    /// `skuId`.
    pub id: Uuid,
    /// `skuPartNumber`.
    pub part: String,
    /// `capabilityStatus`.
    pub status: String,
    /// `appliesTo`.
    pub applies_to: String,
    /// `prepaidUnits`: enabled, warning, suspended, lockedOut.
    pub units: [i64; 4],
    /// `consumedUnits`.
    pub consumed: i64,
    /// Service plans by GUID.
    pub plans: Vec<Uuid>,
    /// Its subscriptions: `isTrial`, `status` and `totalLicenses`.
    pub subscriptions: Vec<(Option<bool>, String, i64)>,
}

/// The ids of SKUs that the examples name, beside those that people of a generated tenant have.
/// <https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference>
const IDS: [(&str, &str); 6] = [
    ("STREAM", "1f2f344a-700d-42c9-9427-5cea1d5d7ba6"),
    (
        "PHONESYSTEM_VIRTUALUSER",
        "440eaaa8-b3e0-484b-a8be-62870b9ba70a",
    ),
    (
        "Microsoft_Teams_Rooms_Basic",
        "6af4b3d6-14bb-4a2a-960c-6c902aad34f3",
    ),
    ("SPE_E5", "06ebc4ee-1bb5-47dd-8120-11324bc54e06"),
    (
        "O365_BUSINESS_PREMIUM",
        "f245ecc8-75af-4f8e-b61f-27d8114de5f3",
    ),
    ("POWERAPPS_VIRAL", "dcb1a3ae-b33f-4487-846a-a640262fadf4"),
];

/// The service plan `AAD_PREMIUM`.
const ENTRA_ID_P1: Uuid = Uuid::from_u128(0x4178_1fb2_bc02_4b7c_bd55_b576_c07b_b09d);

impl SkuHolding {
    /// A SKU with so many enabled units, so many of them assigned, from one subscription that was
    /// bought. A part number that is not known here gets an id of its own.
    #[must_use]
    pub fn new(part: &str, enabled: i64, consumed: i64) -> Self {
        let known = (SKUS.iter().map(|sku| (sku.part, sku.id)))
            .chain(IDS)
            .find(|(known, _)| *known == part)
            .and_then(|(_, id)| id.parse().ok());
        Self {
            id: known.unwrap_or_else(|| id_of(hash_text(part), 0x5C0, 0)),
            part: part.to_owned(),
            status: "Enabled".to_owned(),
            applies_to: "User".to_owned(),
            units: [enabled, 0, 0, 0],
            consumed,
            plans: Vec::new(),
            subscriptions: vec![(Some(false), "Enabled".to_owned(), enabled)],
        }
    }

    /// The same under another `capabilityStatus`, with these units: enabled, warning, suspended,
    /// lockedOut.
    #[must_use]
    pub fn status(mut self, status: &str, units: [i64; 4]) -> Self {
        let trial = self.subscriptions.first().and_then(|first| first.0);
        self.subscriptions = vec![(trial, status.to_owned(), units.iter().sum())];
        status.clone_into(&mut self.status);
        self.units = units;
        self
    }

    /// The same as a trial.
    #[must_use]
    pub fn trial(mut self) -> Self {
        for subscription in &mut self.subscriptions {
            subscription.0 = Some(true);
        }
        self
    }

    /// The same with this service plan.
    #[must_use]
    pub fn with_plan(mut self, id: Uuid) -> Self {
        self.plans.push(id);
        self
    }

    /// The SKUs of an example in the table above.
    #[must_use]
    pub fn example(name: &str) -> Option<Vec<Self>> {
        let new = Self::new;
        Some(match name {
            "grace" => vec![
                new("SPE_E3", 0, 31).status("Warning", [0, 40, 0, 0]),
                new("SPB", 20, 3),
            ],
            "premium-in-grace" => vec![
                new("AAD_PREMIUM", 0, 2)
                    .status("Warning", [0, 2, 0, 0])
                    .with_plan(ENTRA_ID_P1),
                new("SPB", 20, 3),
            ],
            "over-assigned" => vec![new("SPE_E3", 5, 6), new("SPB", 20, 2)],
            "free" => vec![
                new("STREAM", 1_000, 2),
                new("PHONESYSTEM_VIRTUALUSER", 25, 3),
                new("Microsoft_Teams_Rooms_Basic", 25, 1),
                new("SPB", 9, 9),
            ],
            "large" => vec![new("SPE_E3", 12_000, 11_500)],
            "trial" => {
                let mut mixed = new("SPB", 35, 12);
                mixed.subscriptions = vec![
                    (Some(false), "Enabled".to_owned(), 10),
                    (Some(true), "Enabled".to_owned(), 25),
                ];
                vec![new("SPE_E5", 25, 4).trial(), mixed]
            }
            "suspended" => vec![
                new("SPE_E3", 0, 14).status("Suspended", [0, 0, 25, 0]),
                new("ENTERPRISEPACK", 0, 0).status("LockedOut", [0, 0, 0, 7]),
                new("SPB", 20, 3),
            ],
            "unknown" => vec![new("CONTOSO_BRAND_NEW_SKU", 12, 5), new("SPB", 20, 3)],
            "odd" => vec![
                Self {
                    applies_to: "Company".to_owned(),
                    ..new("CONTOSO_STORAGE_ADD_ON", 500, 0)
                },
                new("ENTERPRISEPACK", -5, 2),
                new("SPE_E3", 9_000_000_000_000, 2),
                new("VISIOCLIENT", 10, 4).status("Suspended", [10, 0, 0, 0]),
                new("SPB", 20, 3),
            ],
            _ => return None,
        })
    }

    /// Its `subscribedSku`.
    pub(crate) fn subscribed(&self, facts: &Facts) -> Value {
        let [enabled, warning, suspended, locked_out] = self.units;
        let plans = self.plans.iter().map(|id| {
            json!({
                "servicePlanId": id,
                "servicePlanName": "PLAN",
                "provisioningStatus": "Success",
                "appliesTo": "User",
            })
        });
        let subscriptions = (0..self.subscriptions.len()).map(|at| self.subscription_id(facts, at));
        json!({
            "id": format!("{}_{}", facts.id, self.id),
            "accountId": facts.id,
            "accountName": facts.domain.split('.').next(),
            "appliesTo": self.applies_to,
            "capabilityStatus": self.status,
            "consumedUnits": self.consumed,
            "prepaidUnits": {
                "enabled": enabled,
                "suspended": suspended,
                "warning": warning,
                "lockedOut": locked_out,
            },
            "servicePlans": plans.collect::<Vec<_>>(),
            "skuId": self.id,
            "skuPartNumber": self.part,
            "subscriptionIds": subscriptions.collect::<Vec<_>>(),
        })
    }

    /// Its `companySubscription`s.
    pub(crate) fn company_subscriptions(&self, facts: &Facts) -> Vec<Value> {
        let each = self.subscriptions.iter().enumerate();
        each.map(|(at, (trial, status, total))| {
            json!({
                "id": self.subscription_id(facts, at),
                "commerceSubscriptionId": self.subscription_id(facts, at),
                "createdDateTime": date_time(facts.anchor - 400 * 86_400),
                "isTrial": trial,
                "nextLifecycleDateTime": date_time(facts.anchor + 120 * 86_400),
                "ownerId": null,
                "ownerTenantId": null,
                "ownerType": null,
                "serviceStatus": [],
                "skuId": self.id,
                "skuPartNumber": self.part,
                "status": status,
                "totalLicenses": total,
            })
        })
        .collect()
    }

    fn subscription_id(&self, facts: &Facts, at: usize) -> Uuid {
        let own = facts.seed ^ hash_text(&self.part);
        id_of(own, 0x5B6, u32::try_from(at).unwrap_or_default())
    }
}

impl TenantHandle {
    /// From now on the tenant holds exactly these SKUs; `None` is the generated ones again.
    pub fn set_skus(&self, skus: Option<Vec<SkuHolding>>) {
        self.tenant().write().skus = skus;
    }
}
