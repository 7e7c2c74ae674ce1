//! One tenant's sync.
