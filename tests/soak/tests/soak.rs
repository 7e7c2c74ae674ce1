//! The engine under faults, one binary.

mod soak {
    mod completeness;
    mod crash_points;
    mod fencing;
    mod fuzz;
    mod hostile;
    mod indexes;
    mod moving;
    mod nothing_changed;
    mod planted;
    mod quirks;
    mod schedules;
    mod waits;
    mod writing;
}
