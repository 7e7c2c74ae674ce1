//! A count as it is told: its value, the evidence that it rests on, and as of when, or why it is not
//! known.

use crate::{
    Dataset,
    count::{Count, Tally},
    summary::{Counts, OLD_AFTER},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;

/// A count of a tenant, as the API and the pages tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// The name of the count.
    pub name: &'static str,
    /// The title that a person reads.
    pub title: &'static str,
    /// The dataset whose records are counted.
    pub dataset: &'static str,
    /// The value; `None` is "not known".
    pub value: Option<u64>,
    /// The evidence, as a phrase: "by successful sign-ins".
    pub evidence: &'static str,
    /// As of when the value is right.
    pub as_of: Option<Timestamp>,
    /// True if that is more than seven days ago.
    pub old: bool,
    /// One sentence with the evidence and the date, or the reason why the value is not known.
    pub detail: String,
}

/// The state of the dataset that a count is of.
#[derive(Debug, Clone)]
pub struct Source {
    /// The time at which its records were last known to be complete.
    pub complete_as_of: Option<Timestamp>,
    /// The reason why it is not read now, or why its last run fell short.
    pub gap: Option<String>,
    /// What else its counts rest on, as a sentence.
    pub note: Option<String>,
}

impl Figure {
    /// Tells a count of a dataset.
    pub fn new(
        dataset: &'static Dataset,
        count: &'static Count,
        counts: &Counts,
        source: &Source,
        now: Timestamp,
    ) -> Self {
        let value = counts.get(count);
        let as_of = match count.tally {
            Tally::Sum(_) | Tally::Joined => source.complete_as_of,
            Tally::Newest { .. } => counts.as_of(count),
        };
        let as_of = as_of.filter(|_| value.is_some());
        let mut figure = Self {
            name: count.name,
            title: count.title,
            dataset: dataset.name,
            value,
            evidence: count.evidence,
            as_of,
            old: as_of.is_some_and(|at| is_old(at, now)),
            detail: String::new(),
        };
        figure.detail = figure.sentence(dataset, count, source, now);
        figure
    }

    fn sentence(
        &self,
        dataset: &Dataset,
        count: &Count,
        source: &Source,
        now: Timestamp,
    ) -> String {
        if self.value.is_none() {
            let not_yet = || format!("{} has not been read whole yet.", dataset.title);
            let why = source.gap.clone().unwrap_or_else(not_yet);
            return format!("Not known: {why}");
        }
        let evidence = upper(self.evidence);
        let Some(at) = self.as_of else {
            return format!("{evidence}.");
        };
        let dated = match count.tally {
            Tally::Sum(_) | Tally::Joined => {
                format!("complete as of {}", at.strftime("%Y-%m-%d %H:%M UTC"))
            }
            Tally::Newest { .. } => format!("which is of {}", at.strftime("%Y-%m-%d")),
        };
        let old = match self.old {
            true => format!(" This is {} days old.", days(at, now)),
            false => String::new(),
        };
        let note = source.note.iter().map(|note| format!(" {note}"));
        format!("{evidence}, {dated}.{old}{}", note.collect::<String>())
    }
}

/// True if data of that time is called old.
pub fn is_old(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) > OLD_AFTER
}

/// Returns the beginning of a day, in UTC.
pub fn start_of(day: Date) -> Timestamp {
    let start = day.to_zoned(TimeZone::UTC);
    start.map_or(Timestamp::MIN, |start| start.timestamp())
}

/// Whole days from then to now.
pub fn days(at: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(at).as_hours() / 24
}

fn upper(phrase: &str) -> String {
    let mut chars = phrase.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
