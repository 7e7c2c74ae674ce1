//! What a tenant's licenses come to, SKU by SKU and then in sum.

mod units;

pub use units::{Capability, Units, assigned, gives};
