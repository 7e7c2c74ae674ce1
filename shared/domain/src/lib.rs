//! Muster's words and decisions: pure values in, values out.
//!
//! Nothing here reads a clock, a socket, a file or the environment; what a function needs of the
//! world is an argument. The IO lives in `muster-platform`, which calls into this crate.

pub mod aadsts;
pub mod activity;
pub mod alert;
pub mod asking;
pub mod change;
pub mod clock_ahead;
pub mod cloud;
pub mod collation;
pub mod connect;
pub mod consent_answer;
pub mod count;
pub mod dataset;
pub mod datasets;
pub mod deletion;
pub mod documentation;
pub mod expiry;
pub mod fault;
pub mod figure;
pub mod holes;
pub mod http_status;
pub mod ids;
pub mod index;
pub mod integration;
pub mod item_size;
pub mod lasting;
pub mod latest;
pub mod licenses;
pub mod lossy_json;
pub mod moving;
pub mod pace;
pub mod page;
pub mod partial;
pub mod permission;
pub mod plan;
pub mod record;
pub mod removal;
pub mod renewal;
pub mod report;
pub mod retry;
pub mod row;
pub mod secret_policy;
pub mod setup;
pub mod sku;
mod spelling;
pub mod state;
pub mod summary;
pub mod sync_failure;
pub mod sync_state;
pub mod table;
pub mod tally;
pub mod token;
pub mod trouble;
pub mod verdict;

pub use dataset::{Column, Dataset, Enumeration, Kind};
pub use ids::{ClientId, TenantId};
pub use integration::Integration;
pub use permission::Permission;
pub use record::Record;
pub use row::Row;
pub use state::DatasetState;
pub use verdict::Verdict;
