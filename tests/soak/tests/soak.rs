//! The engine under faults, one binary.

mod soak {
    mod clocks;
    mod completeness;
    mod crash_points;
    mod data_dates;
    mod deletion;
    mod evidence;
    mod failures;
    mod fairness;
    mod fencing;
    mod fuzz;
    mod holes;
    mod hostile_sizes;
    mod hostile_values;
    mod indexes;
    mod kinds_table;
    mod lasting_dates;
    mod licenses;
    mod lists;
    mod moving;
    mod nothing_changed;
    mod oversized_records;
    mod page_sizes;
    mod partial_entries;
    mod planted;
    mod quirks;
    mod refused_queries;
    mod reports;
    mod requests;
    mod schedules;
    mod throttling;
    mod waits;
    mod writing;
}
