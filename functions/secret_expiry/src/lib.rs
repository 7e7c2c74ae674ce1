//! Alerts before a credential lapses.
