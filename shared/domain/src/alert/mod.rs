//! What a person is told without asking, when, and once: pure decisions over what is stored.

mod condition;
mod ledger;
mod settings;

pub use condition::{Condition, conditions, dead_letters, of_credential, silent};
pub use ledger::{Entry, Ledger, Message};
pub use settings::{Channel, ChannelKind, Quiet, Settings, SettingsError};
