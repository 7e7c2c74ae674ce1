//! Dates of events that cannot un-happen, such as a sign-in, a check-in or an enrollment.
//!
//! Microsoft leaves `signInActivity` out of some entries
//! (<https://github.com/microsoftgraph/msgraph-sdk-powershell/issues/1898>). A date that is absent, null or
//! "never" (0001-01-01) proves nothing about an event that was reported before, so the last known date
//! stays. A date that is given replaces it, an older one as well. A whole entry that is absent from a
//! complete list is removed as usual.
//!
//! A delta round is exempt: there an absent member is unchanged and a null member is null (`partial.rs`).

use crate::{
    Dataset, Row,
    partial::{self, Missing},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The dates of a dataset that outlive an entry without them, and their names in a sentence.
#[derive(Debug)]
pub struct LastingDates {
    /// Their columns.
    pub columns: &'static [&'static str],
    /// The words for the dates: "sign-in dates".
    pub dates: &'static str,
    /// The word for one record: "person".
    pub one: &'static str,
    /// The word for several records: "people".
    pub many: &'static str,
}

impl LastingDates {
    /// A dataset without such dates.
    pub const NONE: Self = Self {
        columns: &[],
        dates: "",
        one: "",
        many: "",
    };
}

/// The places of a dataset's lasting dates.
#[derive(Debug, Clone)]
pub struct Lasting {
    columns: Vec<usize>,
    all: Missing,
}

impl Lasting {
    /// Finds those of a dataset.
    pub fn of(dataset: &Dataset) -> Self {
        let names = dataset.lasting.columns.iter();
        let columns: Vec<usize> = names.filter_map(|name| dataset.column(name)).collect();
        Self {
            all: columns
                .iter()
                .fold(Missing::default(), |all, column| all.with(*column)),
            columns,
        }
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Adds the dates that `is_absent` says an entry lacks to what is missing of it.
    pub fn note(&self, missing: Missing, is_absent: impl Fn(usize) -> bool) -> Missing {
        let absent = self.columns.iter().filter(|column| is_absent(**column));
        absent.fold(missing, |missing, column| missing.with(*column))
    }

    /// Returns whether an entry lacks any of the dates.
    pub fn lacks(&self, row: &Row) -> bool {
        row.missing.and(self.all).any()
    }

    /// Fills the dates that an entry lacks from the stored form `before`, and returns whether there were any.
    pub fn keep(&self, before: &str, row: &mut Row) -> bool {
        let filled = partial::fill(before, &row.text, row.missing.and(self.all));
        let kept = filled != row.text;
        row.text = filled;
        kept
    }
}

/// Counts the records of the last whole enumeration that show a date which Microsoft left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDates {
    /// The records.
    pub records: u64,
    /// The time of the first enumeration in a row that left dates out: the dates are older.
    pub since: Timestamp,
}

impl KeptDates {
    /// Says so to a person.
    pub fn sentence(&self, dataset: &Dataset) -> String {
        let lasting = &dataset.lasting;
        let records = match self.records {
            1 => format!("1 {}", lasting.one),
            more => format!("{more} {}", lasting.many),
        };
        format!(
            "Microsoft left out the {} of {records} this time; Muster shows the last known ones, from before {}.",
            lasting.dates,
            self.since.strftime("%Y-%m-%d %H:%M UTC"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        datasets::{ALL, sign_in_activity::SIGN_IN_ACTIVITY, users::USERS},
        page::{Entry, from_json},
    };
    use serde_json::{Value, json};

    const OLD: &str = "2026-01-01T00:00:00Z";
    const NEW: &str = "2026-02-01T00:00:00Z";

    fn entry(dataset: &'static Dataset, object: &Value) -> Row {
        let body = json!({ "value": [object] }).to_string();
        let page = from_json(dataset, body.as_bytes()).expect("it is a page");
        match page.entries.into_iter().next() {
            Some(Entry::Is(row)) => row,
            other => panic!("{other:?}"),
        }
    }

    /// Applies an entry with this activity to a user who is held.
    fn after(activity: &Value) -> (bool, Value) {
        let lasting = Lasting::of(&SIGN_IN_ACTIVITY);
        let all = json!({"id": "a", "signInActivity": {"lastSignInDateTime": NEW,
            "lastSuccessfulSignInDateTime": NEW, "lastNonInteractiveSignInDateTime": NEW}});
        let before = entry(&SIGN_IN_ACTIVITY, &all);
        assert!(lasting.lacks(&before), "it was never created");
        let mut object = json!({"id": "a"});
        if !activity.is_null() {
            object["signInActivity"] = activity.clone();
        }
        let mut row = entry(&SIGN_IN_ACTIVITY, &object);
        let kept = lasting.keep(&before.text, &mut row);
        let record = row.record(&SIGN_IN_ACTIVITY).expect("an array");
        assert_eq!(
            record.to_text(),
            row.text,
            "the stored form has one spelling"
        );
        let short = |name: &str| record.get(&SIGN_IN_ACTIVITY, name).clone();
        let dates = json!([
            short("sign_in_activity_last_sign_in_date_time"),
            short("sign_in_activity_last_successful_sign_in_date_time"),
            short("sign_in_activity_last_non_interactive_sign_in_date_time"),
        ]);
        (kept, dates)
    }

    #[test]
    fn only_an_absence_keeps_the_last_known_date() {
        let never = "0001-01-01T00:00:00Z";
        for nothing in [
            json!(null),
            json!({}),
            json!({"lastSignInDateTime": null, "lastNonInteractiveSignInDateTime": null}),
            json!({"lastSignInDateTime": never, "lastNonInteractiveSignInDateTime": never}),
        ] {
            assert_eq!(after(&nothing), (true, json!([NEW, NEW, NEW])), "{nothing}");
        }
        let one = json!({"lastSignInDateTime": OLD});
        assert_eq!(after(&one), (true, json!([OLD, NEW, NEW])));
        let all = json!({"lastSignInDateTime": OLD, "lastSuccessfulSignInDateTime": OLD,
            "lastNonInteractiveSignInDateTime": OLD});
        assert_eq!(after(&all), (false, json!([OLD, OLD, OLD])));
    }

    #[test]
    fn a_null_of_a_delta_query_is_null_and_an_absent_member_is_not() {
        let lasting = Lasting::of(&USERS);
        assert!(lasting.lacks(&entry(&USERS, &json!({"id": "a"}))));
        let null = entry(&USERS, &json!({"id": "a", "createdDateTime": null}));
        assert!(!lasting.lacks(&null));
    }

    #[test]
    fn every_lasting_date_is_a_column_and_has_a_name_in_a_sentence() {
        for dataset in ALL {
            let lasting = Lasting::of(dataset);
            let declared = &dataset.lasting;
            assert_eq!(
                lasting.columns.len(),
                declared.columns.len(),
                "{}",
                dataset.name
            );
            assert!(dataset.columns.len() <= Missing::MOST_COLUMNS);
            let named = [declared.dates, declared.one, declared.many];
            assert!(
                named
                    .iter()
                    .all(|name| name.is_empty() == lasting.is_empty())
            );
        }
        let kept = KeptDates {
            records: 10,
            since: "2026-11-29T08:00:00Z".parse().expect("a time"),
        };
        assert_eq!(
            kept.sentence(&SIGN_IN_ACTIVITY),
            "Microsoft left out the sign-in dates of 10 people this time; Muster shows the last known ones, from before 2026-11-29 08:00 UTC."
        );
    }
}
