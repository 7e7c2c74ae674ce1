//! The edge: Microsoft's sign-in and Graph, the DynamoDB store, and the four small ports that have
//! an AWS and a local side: secrets, the sync queue, schedules and alerts.
//!
//! Nothing here decides: what to do about an answer, a page or a date is `muster-domain`'s.

pub mod alert;
pub mod connect;
pub mod consent;
pub mod disconnect;
pub mod microsoft;
pub mod queue;
pub mod schedule;
pub mod seal;
pub mod services;
pub mod session;
pub mod store;
pub mod vault;

pub use services::Services;
pub use store::Store;

/// The time now. The one place the clock is read; the domain takes it as an argument.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// `N` random bytes from the system's generator.
///
/// # Panics
/// When the operating system gives no randomness: nothing is safe then.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}
