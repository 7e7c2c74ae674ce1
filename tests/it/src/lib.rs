//! Support for whole stories through the running stack: a simulated Microsoft and a fresh Muster
//! a test, each on ports of its own.

mod browser;
mod program;
mod world;

pub use browser::Browser;
pub use program::{Program, binary};
pub use world::{World, dataset, form, tenant};
