//! The rehearsal, one binary.

mod aws {
    mod installation;
    mod outline;
    mod rehearsal;
}
