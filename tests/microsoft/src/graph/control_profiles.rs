//! `/security/secureScoreControlProfiles`: what the secure score is made of.

use serde_json::{Value, json};

use super::error::GraphError;
use super::page::Sizes;
use super::{Call, Reply};
use crate::json::date_time;
use crate::tenant::Facts;

/// A control: name, category, title, most points, service, tier.
pub type Control = (
    &'static str,
    &'static str,
    &'static str,
    u32,
    &'static str,
    &'static str,
);

/// The names are Microsoft's; the wording is not.
#[rustfmt::skip]
pub const CONTROLS: [Control; 10] = [
    ("AdminMFAV2", "Identity", "Ask administrators for a second factor", 10, "AzureAD", "Core"),
    ("MFARegistrationV2", "Identity", "Ask everyone for a second factor", 9, "AzureAD", "Core"),
    ("BlockLegacyAuthentication", "Identity", "Refuse sign-in methods that know no second factor", 8, "AzureAD", "Core"),
    ("SelfServicePasswordReset", "Identity", "Let people reset their own passwords", 1, "AzureAD", "Core"),
    ("PWAgePolicyNew", "Identity", "Let passwords live on", 8, "AzureAD", "Core"),
    ("OneAdmin", "Identity", "Have more than one global administrator", 1, "AzureAD", "Core"),
    ("IntegratedApps", "Apps", "Keep people from consenting to apps that <i>nobody</i> looked at", 4, "AzureAD", "Defense in Depth"),
    ("DLPEnabled", "Data", "Guard data with loss-prevention policies", 20, "IP", "Advanced"),
    ("mip_sensitivitylabelspolicies", "Data", "Label what is sensitive & keep it so", 5, "MIP", "Advanced"),
    ("scid_2016", "Device", "Switch on real-time protection", 10, "MDATP", "Defense in Depth"),
];

/// Every control.
pub fn all(facts: &Facts) -> Vec<Value> {
    let controls = CONTROLS.iter().zip(1u32..);
    controls
        .map(|(&(name, category, title, most, service, tier), rank)| {
            json!({
                "id": name,
                "azureTenantId": facts.id,
                "actionType": if rank % 3 == 0 { "Behavior" } else { "Config" },
                "actionUrl": format!("https://security.example/controls/{name}?tab=1&view=all"),
                "controlCategory": category,
                "title": title,
                "deprecated": name == "PWAgePolicyNew",
                "implementationCost": (["Low", "Moderate", "High"][rank as usize % 3]),
                // Seldom known.
                "lastModifiedDateTime": (rank == 4).then(|| date_time(facts.anchor - 86_400 * 77)),
                "maxScore": f64::from(most),
                "rank": rank,
                "remediation": format!("<p>Open the portal, then <a href=\"https://security.example\">{name}</a>.</p>"),
                "remediationImpact": (rank % 4 != 0).then_some("People notice once."),
                "service": service,
                "threats": if rank % 5 == 0 { json!([]) } else { json!(["Account Breach", "Data Exfiltration"]) },
                "tier": tier,
                "userImpact": if rank == 7 { "Negligible" } else { "Low" },
                "complianceInformation": [],
                "controlStateUpdates": [{
                    "assignedTo": null,
                    "comment": null,
                    "state": if rank == 6 { "thirdParty" } else { "Default" },
                    "updatedBy": null,
                    "updatedDateTime": date_time(facts.anchor - 86_400 * 200),
                }],
                "vendorInformation": {
                    "provider": "SecureScore",
                    "providerVersion": null,
                    "subProvider": null,
                    "vendor": "Microsoft",
                },
            })
        })
        .collect()
}

/// `/security/secureScoreControlProfiles`.
pub fn list(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.page_of(&all(&call.tenant.facts), Sizes::new(999, 999))
}
