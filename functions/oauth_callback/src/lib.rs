//! Where Microsoft sends the administrator back after consent.
