//! The deployed whole, rehearsed on one machine: the template as AWS translates it, the real
//! bootstraps, the AWS protocols. `make rehearsal-tools` installs what it needs.

pub mod deployment;
pub mod door;
pub mod emulator;
pub mod evaluator;
pub mod front;
pub mod gaps;
pub mod intrinsics;
pub mod least_privilege;
pub mod policies;
pub mod recording;
pub mod template;
mod tools;

pub use deployment::Deployment;
pub use emulator::Emulator;
pub use tools::{Tools, root, tools};
