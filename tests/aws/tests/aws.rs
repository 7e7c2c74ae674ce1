//! The rehearsal, one binary.

mod aws {
    mod beside;
    mod installation;
    mod outline;
    mod ports;
    mod rehearsal;
}
