//! Deep links into Entra's admin center, to the page of one app registration.

use muster_domain::{ClientId, TenantId, cloud::Cloud};

/// A page of an app registration.
#[derive(Debug, Clone, Copy)]
pub enum Blade {
    /// Certificates & secrets.
    Credentials,
    /// API permissions.
    Permissions,
}

/// The address, in the client's own directory.
pub fn app(cloud: Cloud, tenant: TenantId, client: ClientId, blade: Blade) -> String {
    let host = match cloud {
        Cloud::Global => "entra.microsoft.com",
        Cloud::GccHigh | Cloud::Dod => "entra.microsoft.us",
        Cloud::China => "portal.azure.cn",
    };
    let blade = match blade {
        Blade::Credentials => "Credentials",
        Blade::Permissions => "CallAnAPI",
    };
    format!(
        "https://{host}/{tenant}/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/{blade}/appId/{client}"
    )
}
