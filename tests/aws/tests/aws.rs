//! The rehearsal, one binary.

mod aws {
    mod asking;
    mod beside;
    mod credential;
    mod installation;
    mod isolation;
    mod least_privilege;
    mod outline;
    mod permissions_page;
    mod ports;
    mod rehearsal;
    mod rotation;
    mod secrets;
    mod stacks;
    mod template_rules;
    mod trust;
}
