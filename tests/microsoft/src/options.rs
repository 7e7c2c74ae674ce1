//! What a simulator is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::faults::Fault;
use crate::seeded::{hash_text, id_of, mix, secret};
use crate::sku_holding::SkuHolding;

/// How a simulator is started. `Options::default()` is an empty one on free ports.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where sign-in listens; Graph and the report downloads take the next two ports when this names
    /// one, and free ports otherwise. `None` is a free port on 127.0.0.1.
    pub listen: Option<SocketAddr>,
    /// All generated data follows from this.
    pub seed: u64,
    /// Where the simulator's clock begins; its day is the anchor of all generated dates.
    pub now: Timestamp,
    /// Whether the simulator's clock goes on by itself from `now`, or moves by `advance` alone.
    pub real_clock: bool,
    /// Added to every answer.
    pub latency: Duration,
    /// No page holds more objects than this, whatever `$top` says: small tenants then have several.
    pub largest_page: Option<u32>,
    /// The tenants that exist.
    pub tenants: Vec<TenantOptions>,
    /// A directory of bodies to serve verbatim, to any tenant, instead of generated data.
    pub bodies: Option<PathBuf>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: None,
            seed: 1,
            now: Timestamp::now(),
            real_clock: true,
            latency: Duration::ZERO,
            largest_page: None,
            tenants: Vec::new(),
            bodies: None,
            faults: Vec::new(),
        }
    }
}

/// Which of Microsoft's clouds a tenant lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// Microsoft 365 worldwide, GCC included.
    #[default]
    Global,
    /// GCC High.
    GccHigh,
    /// The US Department of Defense.
    Dod,
    /// China, operated by 21Vianet.
    China,
}

/// The application permissions that the registration of a sample tenant asks for.
pub const PERMISSIONS: [&str; 9] = [
    "AuditLog.Read.All",
    "DeviceManagementApps.Read.All",
    "DeviceManagementManagedDevices.Read.All",
    "Directory.Read.All",
    "Organization.Read.All",
    "Reports.Read.All",
    "ReportSettings.ReadWrite.All",
    "SecurityEvents.Read.All",
    "User.Read.All",
];

/// One tenant with one app registration.
#[derive(Debug, Clone)]
pub struct TenantOptions {
    /// Directory (tenant) ID.
    pub id: Uuid,
    /// The organization's display name.
    pub name: String,
    /// The default verified domain.
    pub domain: String,
    /// How many users there are to begin with.
    pub users: u32,
    /// Application (client) ID of the registration.
    pub client_id: Uuid,
    /// The registration's client secret: its Value. Valid for 180 days from the anchor.
    pub client_secret: String,
    /// Whether the tenant holds Entra ID P1.
    pub entra_p1: bool,
    /// Whether the tenant holds Intune.
    pub intune: bool,
    /// The SKUs that the tenant holds, in place of those that follow from the above; what people are
    /// assigned stays as generated.
    pub skus: Option<Vec<SkuHolding>>,
    /// Whether usage reports conceal names.
    pub conceal_names: bool,
    /// The roles the registration asks for; consent grants them.
    pub permissions: Vec<String>,
    /// Whether an admin has consented already.
    pub consented: bool,
    /// How long after consent the roles begin to appear in tokens.
    pub roles_lag: Duration,
    /// The cloud.
    pub cloud: Cloud,
    /// The redirect URIs registered; when empty, `…/account/integration/oauth` on localhost is taken.
    pub redirect_uris: Vec<String>,
}

impl TenantOptions {
    /// A tenant with everything, not consented yet; ids and secret follow from `seed` and `name`.
    #[must_use]
    pub fn sample(seed: u64, name: &str, users: u32) -> Self {
        let own = mix(seed, 0x7E4A, hash_text(name));
        let label: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let label = if label.is_empty() {
            format!("tenant{:04x}", own & 0xFFFF)
        } else {
            label
        };
        Self {
            id: id_of(own, 1, 0),
            name: name.to_owned(),
            domain: format!("{label}.example"),
            users,
            client_id: id_of(own, 2, 0),
            client_secret: secret(own),
            entra_p1: true,
            intune: true,
            skus: None,
            conceal_names: false,
            permissions: PERMISSIONS.map(str::to_owned).to_vec(),
            consented: false,
            roles_lag: Duration::ZERO,
            cloud: Cloud::Global,
            redirect_uris: Vec::new(),
        }
    }
}
