//! Throughput, memory and requests, measured: what a sync costs a process, beside what it costs a
//! program that does the same the straightforward way.

pub mod cost;
pub mod door;
pub mod muster;
pub mod process;
pub mod reference;
