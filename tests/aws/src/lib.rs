//! The deployed whole, rehearsed on one machine: the template as AWS translates it, the real
//! bootstraps, the AWS protocols. `make tools` installs what it needs.

pub mod evaluator;
pub mod intrinsics;
pub mod least_privilege;
pub mod policies;
pub mod recording;
pub mod template;
mod tools;

pub use tools::{Tools, tools};
