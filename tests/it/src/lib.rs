//! Support for whole stories through the running stack: a simulated Microsoft and a fresh Muster
//! a test, each on ports of its own.

mod browser;
mod caller;
pub mod contract;
pub mod issuer;
mod oidc_portal;
mod program;
mod served;
mod stored;
mod world;

pub use browser::Browser;
pub use caller::{Answer, Caller};
pub use issuer::Issuer;
pub use oidc_portal::{OidcPortal, settings};
pub use program::{Program, binary};
pub use served::{Served, muster, on, ran, serve_arguments};
pub use stored::{items, truth};
pub use world::{World, dataset, form, tenant};
