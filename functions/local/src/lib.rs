//! The whole system in one process: the handlers that run as Lambda functions on AWS, on an
//! embedded store, with a local vault, queue and schedule.

mod allowed_hosts;
pub mod api;
pub mod command;
pub mod data_dir;
mod demo;
mod deployed;
mod embedded;
mod export;
mod file_modes;
mod http_server;
mod integrations;
mod move_out;
mod open_files;
mod report;
mod reserve;
mod serve;
mod signals;
mod simulate;
pub mod stack;
mod store_file;
mod sync;
mod worker;

pub use data_dir::DataDir;
pub use stack::{Stack, StackOptions};
