//! The engine under faults, one binary.

mod soak {
    mod completeness;
    mod crash_points;
    mod fencing;
    mod fuzz;
    mod indexes;
    mod licenses;
    mod moving;
    mod nothing_changed;
    mod planted;
    mod quirks;
    mod reports;
    mod schedules;
    mod throttling;
    mod waits;
    mod writing;
}
