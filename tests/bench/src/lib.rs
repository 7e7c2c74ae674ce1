//! Throughput, memory and requests, measured.
