//! The Microsoft Graph application permissions that Muster's app registration carries.
//!
//! Values and role ids: the app roles of the Microsoft Graph service principal
//! (`00000003-0000-0000-c000-000000000000`), as exported in merill/microsoft-info
//! `_info/GraphAppRoles.json`, 2026-08-20; that of `Policy.Read.All`: Graph permissions reference.

use crate::{Dataset, datasets};
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! permissions {
    ($($variant:ident, $value:literal, $id:literal, $optional:literal, $about:literal;)*) => {
        /// One application permission of Microsoft Graph.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Permission {
            $(#[doc = $about] #[serde(rename = $value)] $variant,)*
        }

        impl Permission {
            /// Every permission Muster knows, the nine required ones first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name shown in Entra and found in a token's `roles`.
            pub fn value(self) -> &'static str {
                match self { $(Self::$variant => $value),* }
            }

            /// The app role's GUID.
            pub fn role_id(self) -> &'static str {
                match self { $(Self::$variant => $id),* }
            }

            /// Optional permissions unlock more; leaving one out is no problem to report.
            pub fn optional(self) -> bool {
                match self { $(Self::$variant => $optional),* }
            }

            /// What it lets Muster read, in a few words.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),* }
            }
        }
    };
}

permissions! {
    AuditLogReadAll, "AuditLog.Read.All", "b0afded3-3588-46d8-8b3d-9842eff778da", false, "Sign-in activity and MFA registration.";
    DeviceManagementAppsReadAll, "DeviceManagementApps.Read.All", "7a6ee1e7-141e-4cec-ae74-d9db155731ff", false, "Apps deployed by Intune.";
    DeviceManagementManagedDevicesReadAll, "DeviceManagementManagedDevices.Read.All", "2f51be20-0bb4-4fed-bf7b-db946066c75e", false, "Intune devices and the software found on them.";
    DirectoryReadAll, "Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61", false, "The directory, with this app's own registration and the expiry of its secret.";
    OrganizationReadAll, "Organization.Read.All", "498476ce-e0fe-48b0-b801-37ba7e2685c6", false, "The organization, its licenses and its subscriptions.";
    ReportsReadAll, "Reports.Read.All", "230c1aed-a721-4c5d-9cb4-a90514e508ef", false, "Usage reports.";
    ReportSettingsReadWriteAll, "ReportSettings.ReadWrite.All", "2a60023f-3219-47ad-baa4-40e17cd02a1d", false, "Whether usage reports conceal names.";
    SecurityEventsReadAll, "SecurityEvents.Read.All", "bf394140-e372-4bf9-a898-299cfc7564e5", false, "Secure score.";
    UserReadAll, "User.Read.All", "df021288-bdef-4463-88db-98f22de89214", false, "Users and their licences.";
    SecurityAlertReadAll, "SecurityAlert.Read.All", "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5", true, "Security alerts (optional).";
    ApplicationReadWriteOwnedBy, "Application.ReadWrite.OwnedBy", "18a4783c-866b-4cc7-a460-3d5e5662c884", true, "Renewing this app's own secret (optional).";
    PolicyReadAll, "Policy.Read.All", "246dd0d5-5bd0-4def-940b-0421030a5b68", true, "Whether the tenant's policy forbids or shortens client secrets, before a renewal meets it (optional).";
}

impl Permission {
    /// The permission of that name, if Muster knows it.
    pub fn find(value: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.value() == value)
    }

    /// The nine permissions an app registration for Muster carries.
    pub fn required() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|p| !p.optional())
    }

    /// The datasets that need it, alone, with others or in place of another.
    pub fn feeds(self) -> Vec<&'static Dataset> {
        let needs = |dataset: &&Dataset| dataset.permissions().any(|p| p == self);
        datasets::ALL.iter().copied().filter(needs).collect()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_names_what_it_feeds() {
        let names = |p: Permission| p.feeds().iter().map(|d| d.name).collect::<Vec<_>>();
        assert_eq!(
            names(Permission::AuditLogReadAll),
            ["sign_in_activity", "mfa_registration"]
        );
        assert_eq!(
            names(Permission::DirectoryReadAll),
            ["users", "subscriptions", "sign_in_activity", "applications"]
        );
        assert!(names(Permission::ApplicationReadWriteOwnedBy).is_empty());
    }
}
