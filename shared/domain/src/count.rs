//! A count of the summary, declared beside the dataset whose records it counts.

use jiff::Timestamp;

/// One count that a dataset feeds, and the evidence that it rests on.
#[derive(Debug)]
pub struct Count {
    /// The name in the API and in stored summaries: `inactive_90_days`. It never changes.
    pub name: &'static str,
    /// The title that a person reads: "Inactive for 90 days".
    pub title: &'static str,
    /// The evidence, as a phrase that begins with "by": "by successful sign-ins".
    pub evidence: &'static str,
    /// The columns that `tally` looks at. No other cell of a record is read.
    pub columns: &'static [&'static str],
    /// The way in which a record is counted.
    pub tally: Tally,
}

/// The way in which a dataset's records make up a count.
#[derive(Debug, Clone, Copy)]
pub enum Tally {
    /// Adds what the function returns for each record.
    Sum(fn(&Cells<'_>) -> u64),
    /// Takes the value of the record with the latest date among those that have a value.
    Newest {
        /// The column with that date, which is the date of the count.
        date: &'static str,
        /// The record's value; `None` where it has none.
        value: fn(&Cells<'_>) -> Option<u64>,
    },
    /// Is made of the records of several datasets together when a sync ends, as licenses are of SKUs,
    /// subscriptions and the account's choices (`licenses`).
    Joined,
}

/// The most columns that all counts of one dataset look at; a test holds the datasets to it.
pub const MOST_COLUMNS: usize = 16;

/// The cells of one record that are counted, as they are stored.
#[derive(Debug)]
pub struct Cells<'a> {
    columns: &'a [(usize, &'static str)],
    found: [&'a str; MOST_COLUMNS],
    /// The time at which the counting began.
    pub now: Timestamp,
}

impl<'a> Cells<'a> {
    /// Finds the cells of `columns`, which are in the order of their positions, in a stored form.
    pub(crate) fn of(text: &'a str, columns: &'a [(usize, &'static str)], now: Timestamp) -> Self {
        let mut found = [NULL; MOST_COLUMNS];
        let mut wanted = columns.iter().zip(&mut found).peekable();
        for (position, cell) in crate::record::cells(text).enumerate() {
            match wanted.next_if(|((column, _), _)| *column == position) {
                Some((_, place)) => *place = cell,
                None if wanted.peek().is_none() => break,
                None => {}
            }
        }
        Self {
            columns,
            found,
            now,
        }
    }

    /// A column's cell as JSON text; `null` where the record has none.
    pub fn get(&self, column: &str) -> &'a str {
        let place = self.columns.iter().position(|(_, name)| *name == column);
        debug_assert!(place.is_some(), "no count declares the column {column}");
        place.map_or(NULL, |place| self.found[place])
    }

    /// True if a column is `true`.
    pub fn is(&self, column: &str) -> bool {
        self.get(column) == "true"
    }

    /// A column's text, as it is stored: escapes are not resolved.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        self.get(column).strip_prefix('"')?.strip_suffix('"')
    }

    /// A column's whole number; 0 where there is none.
    pub fn number(&self, column: &str) -> u64 {
        self.get(column).parse().unwrap_or(0)
    }

    /// A column's number.
    pub fn decimal(&self, column: &str) -> Option<f64> {
        serde_json::from_str(self.get(column)).ok()
    }

    /// A column's instant.
    pub fn time(&self, column: &str) -> Option<Timestamp> {
        self.text(column)?.parse().ok()
    }

    /// True if a column holds a list with anything in it.
    pub fn has_any(&self, column: &str) -> bool {
        let list = self.get(column);
        list.starts_with('[') && list != "[]"
    }
}

/// The stored form of what is absent.
const NULL: &str = "null";

/// The columns that all counts of a dataset look at, by position.
pub(crate) fn columns_of(dataset: &crate::Dataset) -> Vec<(usize, &'static str)> {
    let wanted = |name| dataset.counts.iter().any(|count| count.reads(name));
    (dataset.columns.iter().enumerate())
        .map(|(position, column)| (position, column.name))
        .filter(|(_, name)| wanted(*name))
        .take(MOST_COLUMNS)
        .collect()
}

impl Count {
    /// True if the count looks at a column.
    fn reads(&self, column: &str) -> bool {
        let date = match self.tally {
            Tally::Sum(_) | Tally::Joined => None,
            Tally::Newest { date, .. } => Some(date),
        };
        self.columns.contains(&column) || date == Some(column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, datasets::ALL};
    use std::collections::BTreeSet;

    #[test]
    fn every_count_has_a_name_of_its_own_and_reads_columns_that_its_dataset_has() {
        let mut names = BTreeSet::new();
        for dataset in ALL {
            let columns = columns_of(dataset);
            assert!(columns.len() < MOST_COLUMNS, "{}", dataset.name);
            for count in dataset.counts {
                assert!(names.insert(count.name), "{} is counted twice", count.name);
                assert!(count.evidence.starts_with("by "), "{}", count.name);
                assert!(!count.evidence.ends_with('.'), "{}", count.name);
                for name in count.columns {
                    let column = dataset.column(name);
                    assert!(column.is_some(), "{} reads no {name}", count.name);
                }
                if let Tally::Newest { date, .. } = count.tally {
                    let column = dataset.column(date).map(|at| dataset.columns[at].kind);
                    assert_eq!(column, Some(Kind::DateTime), "{}", count.name);
                }
                // Panics where it looks at a column that it does not declare.
                let alone: Vec<(usize, &'static str)> = columns
                    .iter()
                    .copied()
                    .filter(|(_, name)| count.reads(name))
                    .collect();
                let cells = Cells::of("[]", &alone, Timestamp::UNIX_EPOCH);
                match count.tally {
                    Tally::Sum(of) => _ = of(&cells),
                    Tally::Newest { value, .. } => _ = value(&cells),
                    Tally::Joined => assert!(count.columns.is_empty(), "{}", count.name),
                }
            }
        }
    }
}
