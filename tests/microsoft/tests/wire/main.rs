//! What the simulator answers, over HTTP.

mod bodies;
mod control;
mod datasets;
mod delta;
mod faults;
mod options;
mod refusals;
mod reports;
mod scale;
mod sign_in;
mod support;
