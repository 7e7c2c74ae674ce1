//! The rehearsal, one binary.

mod aws {
    mod asking;
    mod beside;
    mod isolation;
    mod outline;
    mod trust;
}
