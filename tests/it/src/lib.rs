//! Support for whole stories through the running stack: a simulated Microsoft and a fresh Muster
//! a test, each on ports of its own.

mod browser;
mod calendar;
mod caller;
pub mod contract;
mod crash;
mod hook;
pub mod issuer;
mod oidc_portal;
mod program;
mod seen;
mod served;
mod stored;
mod web_identity;
mod world;

pub use browser::Browser;
pub use calendar::Calendar;
pub use caller::{Answer, Caller};
pub use crash::crash_after;
pub use hook::Hook;
pub use issuer::Issuer;
pub use oidc_portal::{OidcPortal, settings};
pub use program::{Program, binary};
pub use seen::{Seen, files_below};
pub use served::{Served, muster, on, ran, serve_arguments};
pub use stored::{items, truth};
pub use web_identity::{FakeSts, vouched_for};
pub use world::{World, dataset, form, tenant};
