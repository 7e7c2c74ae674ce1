//! Throughput, memory, requests and cost, measured: what a sync costs a process of its own, beside
//! what it costs a program that a user would write instead.

pub mod cost;
pub mod door;
pub mod engine;
pub mod hostile;
pub mod many;
pub mod muster;
pub mod process;
pub mod python;
pub mod readers;
pub mod replay;
pub mod report;
pub mod secrets;
pub mod share;
pub mod tenant;
pub mod whole;
