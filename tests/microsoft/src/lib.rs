//! A simulator of Microsoft's sign-in, admin consent and Graph v1.0, spoken to over HTTP.
//!
//! Three origins listen: sign-in, Graph, and the host that usage reports are downloaded from. Tenants
//! have state: consent, secrets, licences, users that come and go. What Microsoft documents, and what
//! its service is known to do besides, is answered on the wire; faults happen when asked for.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use microsoft_simulator::{Options, Simulator, TenantOptions};
//!
//! let tenant = TenantOptions::sample(7, "Fourth Coffee", 250);
//! let id = tenant.id;
//! let simulator = Simulator::start(Options { tenants: vec![tenant], ..Options::default() }).await?;
//! simulator.tenant(id).consent();
//! println!("{} {}", simulator.login_url(), simulator.graph_url());
//! simulator.tenant(id).change_users(10);
//! simulator.stop().await;
//! # Ok(())
//! # }
//! ```

mod bodies;
mod clock;
mod control;
mod csv_faults;
mod evidence_faults;
mod faults;
mod graph;
mod json;
mod key_identifiers;
mod licences;
mod list_faults;
mod login;
mod names;
mod observed;
mod occasions;
mod options;
mod people;
mod reports;
mod request_log;
mod seeded;
mod simulator;
mod sku_holding;
mod tenant;
mod tenant_handle;
mod value_faults;
mod world;

pub use csv_faults::CsvFault;
pub use evidence_faults::EvidenceFault;
pub use faults::{Fault, FaultKind, ParseFaultError, ScriptedAnswer};
pub use key_identifiers::KeyIdentifiers;
pub use list_faults::ListFault;
pub use options::{Cloud, Options, PERMISSIONS, TenantOptions};
pub use request_log::{Origin, Request};
pub use simulator::Simulator;
pub use sku_holding::SkuHolding;
pub use tenant_handle::TenantHandle;
pub use value_faults::ValueFault;
