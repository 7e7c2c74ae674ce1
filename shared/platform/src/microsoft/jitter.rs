//! The random part of a delay before a retry.

/// Returns a random number from 0 up to 1. It is no secret, and tests seed where it is drawn from.
pub fn jitter() -> f64 {
    fastrand::f64()
}
