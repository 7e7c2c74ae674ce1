//! Objects of a list that cannot be kept: which records they are is not known.

use crate::read::Reading;
use muster_domain::{Verdict, state::Phase, trouble::Cause};
use muster_platform::now;

impl Reading<'_> {
    /// Returns how many objects cannot be kept. Any record that did not come may be one of them, so
    /// nothing is proven gone.
    pub(crate) fn skipped(&self) -> u64 {
        self.unkeyed + self.unreadable
    }

    /// Ends an enumeration that skipped objects: the others are kept, and nothing is removed.
    pub(crate) fn objects_are_missing(&mut self) {
        self.state.phase = Phase::Incomplete;
        self.state.verdict = Verdict::Allowed;
        let repeated = self.state.falls_short(Cause::Unreadable, now());
        self.state.trouble = Some(repeated.told(
            &what_was_skipped(self.unreadable, self.unkeyed),
            "Muster reads the list again at the next sync.",
            "Muster goes on reading the list.",
        ));
    }
}

fn what_was_skipped(unreadable: u64, unkeyed: u64) -> String {
    let objects = |count: u64, why: &str| match count {
        0 => None,
        1 => Some(format!("One object {why}.")),
        more => Some(format!("{more} objects {why}.")),
    };
    let told = [
        objects(unreadable, "could not be read"),
        objects(unkeyed, "came without an id and cannot be kept"),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    format!(
        "{} All others are kept, and nothing was removed, since a record that is missing may be one of them.",
        told.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::what_was_skipped;

    #[test]
    fn what_was_skipped_is_counted_by_its_reason() {
        assert!(what_was_skipped(1, 0).starts_with("One object could not be read. All others"));
        assert!(what_was_skipped(2, 1).starts_with(
            "2 objects could not be read. One object came without an id and cannot be kept. All"
        ));
    }
}
