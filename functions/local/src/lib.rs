//! The four handlers in one process, on an embedded store.
