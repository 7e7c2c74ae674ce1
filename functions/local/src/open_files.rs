//! The limit of open files, which bounds connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files for the server's connections, those to Microsoft and the store, about.
const ENOUGH: u64 = 2_048;

/// Raises the limit of open files as far as this process may, and says so where that is not enough.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    if let Some(now) = now.filter(|now| *now < ENOUGH) {
        eprintln!(
            "Only {now} files may be open at the same time; {ENOUGH} are sensible. Raise the limit with `ulimit -n {ENOUGH}`, or LimitNOFILE in a systemd unit."
        );
    }
}
