//! What may be read of a dataset now, with the sentence a person reads.

use crate::{Dataset, Permission};
use serde::{Deserialize, Serialize};

/// A licence that a dataset's call presupposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Licence {
    /// Microsoft Entra ID P1 or P2.
    EntraIdP1,
    /// Microsoft Intune.
    Intune,
}

impl Licence {
    /// The product's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::EntraIdP1 => "Microsoft Entra ID P1",
            Self::Intune => "Microsoft Intune",
        }
    }

    /// The service plans that carry it, by GUID. Source: Microsoft, "Product names and service
    /// plan identifiers for licensing": `AAD_PREMIUM`, `AAD_PREMIUM_P2`; `INTUNE_A`,
    /// `INTUNE_A_VL`, `INTUNE_SMBIZ`, `INTUNE_EDU`.
    pub fn service_plans(self) -> &'static [&'static str] {
        match self {
            Self::EntraIdP1 => &[
                "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
                "eec0eb4f-6444-4f95-aba0-50c24d67f998",
            ],
            Self::Intune => &[
                "c1ec4a95-1f05-45b3-a911-aa3fa01094f5",
                "3e170737-c728-4eae-bbb9-3f3360f7184c",
                "8e9ff0ff-aa7a-4b20-83c1-2f636b600ac2",
                "da24caf9-af8e-485c-b7c8-e73336da2693",
            ],
        }
    }
}

/// What may be read of a dataset now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// Permissions that are not granted; one entry a group, `A or B` where either would do.
    MissingPermission {
        /// The missing groups.
        of: Vec<String>,
    },
    /// The tenant has no licence for it.
    NotLicensed {
        /// The licence it lacks.
        licence: Licence,
    },
    /// The tenant conceals the names in its usage reports, so that rows name nobody.
    Concealed,
    /// This national cloud does not have the call.
    UnavailableInCloud,
    /// The tenant holds the Intune license, and Intune was never set up in it: it has no authority for
    /// mobile device management.
    NotSetUp,
    /// Nothing is known to stand in the way. A word that only a newer version knows is read as this:
    /// the next sync finds out.
    #[serde(other)]
    Allowed,
}

impl Verdict {
    /// The verdict that the roles of a token give: every group needs one of its permissions.
    pub fn of_roles(dataset: &Dataset, roles: &[Permission]) -> Self {
        let of: Vec<String> = dataset
            .needs
            .iter()
            .filter(|group| !group.iter().any(|p| roles.contains(p)))
            .map(|group| {
                group
                    .iter()
                    .map(|p| p.value())
                    .collect::<Vec<_>>()
                    .join(" or ")
            })
            .collect();
        if of.is_empty() {
            Self::Allowed
        } else {
            Self::MissingPermission { of }
        }
    }

    /// Whether the dataset is worth asking for.
    pub fn allows(&self) -> bool {
        matches!(self, Self::Allowed)
    }

    /// A few words for a badge: `missing Reports.Read.All`.
    pub fn label(&self) -> String {
        match self {
            Self::Allowed => "allowed".to_owned(),
            Self::MissingPermission { of } => format!("missing {}", of.join(" and ")),
            Self::NotLicensed { .. } => "not licensed".to_owned(),
            Self::Concealed => "names concealed".to_owned(),
            Self::UnavailableInCloud => "not in this cloud".to_owned(),
            Self::NotSetUp => "Intune never set up".to_owned(),
        }
    }

    /// What a person reads: what is so, and what to do.
    pub fn sentence(&self) -> String {
        match self {
            Self::Allowed => "Muster may read this.".to_owned(),
            Self::MissingPermission { of } => format!(
                "The app registration has not been granted {}. Add {} under API permissions in Entra, grant admin consent, and choose Check again here.",
                of.join(" and "),
                if of.len() == 1 { "it" } else { "them" },
            ),
            Self::NotLicensed { licence } => format!(
                "This tenant has no {} licence, and Microsoft answers only tenants that have one. Nothing is known here: this is not a count of zero.",
                licence.name(),
            ),
            Self::Concealed => "This tenant conceals user names in its usage reports, so the rows cannot be matched to people. In the Microsoft 365 admin centre, Settings > Org settings > Services > Reports, switch off concealed names.".to_owned(),
            // Microsoft, "Set the mobile device management authority"
            // (<https://learn.microsoft.com/intune/intune-service/fundamentals/mdm-authority-set>), and
            // "Confirm the MDM authority" in "Sign up or sign in to Microsoft Intune".
            Self::NotSetUp => "Intune has never been set up in this tenant (the MDM authority is not set), though a subscription includes it. Sign in to the Microsoft Intune admin center (intune.microsoft.com) as an Intune Administrator, select the orange banner to open Mobile Device Management Authority, and choose Intune MDM Authority; Tenant administration > Tenant status then shows it. Muster reads the devices as soon as Microsoft answers.".to_owned(),
            Self::UnavailableInCloud => "Microsoft does not offer this in the tenant's national cloud.".to_owned(),
        }
    }
}
