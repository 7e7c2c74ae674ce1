//! The rehearsal, one binary.

mod aws {
    mod outline;
    mod rehearsal;
}
