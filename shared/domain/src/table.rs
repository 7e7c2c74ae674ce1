//! Reading a dataset as a table: search, filter, sort and page, with memory for one page only.

mod cell;
mod filter;

pub use cell::{cell, display, safe};
pub use filter::COUNTED_AS;

use crate::{
    Dataset, Kind, Record,
    collation::{self, SortKey},
    sku::Names,
};
use cell::plain;
use filter::{Filter, filters};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{cmp::Ordering, sync::Arc};

/// A question that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// A column the dataset does not have.
    #[error("{dataset} has no column {column}; its columns are {columns}")]
    NoColumn {
        /// The dataset.
        dataset: &'static str,
        /// What was asked for.
        column: String,
        /// What there is.
        columns: String,
    },
    /// A count that the dataset does not feed.
    #[error("{dataset} has no count {count} to filter by; its counts are {counts}")]
    NoCount {
        /// The dataset.
        dataset: &'static str,
        /// What was asked for.
        count: String,
        /// What there is.
        counts: String,
    },
    /// A filter of another form.
    #[error(
        "a filter is `column operator value`, such as `account_enabled eq false` or `department contains sales`, joined by ` and `; the operators are eq, ne, gt, ge, lt, le, contains, starts, and the words `is absent`, `is present`; `counted as inactive_90_days` keeps what that count of the summary counts"
    )]
    Filter,
    /// A comparison that no value of the column could ever meet.
    #[error("{column} {takes}")]
    Comparison {
        /// The column.
        column: &'static str,
        /// What it can be compared with.
        takes: &'static str,
    },
    /// A limit out of range.
    #[error("limit is a whole number from 1 to 1000")]
    Limit,
    /// A cursor that this query did not give.
    #[error("this cursor does not belong to this query; leave it out to start again")]
    Cursor,
}

/// A checked question.
#[derive(Debug, Clone)]
pub struct Query {
    dataset: &'static Dataset,
    search: Option<String>,
    filters: Vec<Filter>,
    sort: Option<(usize, bool)>,
    after: Option<Place>,
    limit: usize,
    print: String,
    names: Arc<Names>,
}

/// The place after which a page begins: the last record's sort value and key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    of: String,
    value: Value,
    key: String,
}

/// The parameters as they came.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// Free text, looked for in every column.
    pub q: Option<String>,
    /// `column operator value`, joined by ` and `.
    pub filter: Option<String>,
    /// A column, `-column` for descending.
    pub sort: Option<String>,
    /// Records a page.
    pub limit: Option<String>,
    /// Where the last page ended: JSON text, carried base64url-encoded by the API.
    pub cursor: Option<String>,
}

/// Records a page where none is asked for.
pub const DEFAULT_LIMIT: usize = 100;
/// Records a page at most.
pub const MOST_LIMIT: usize = 1000;

impl Query {
    /// Checks the parameters against the dataset.
    ///
    /// # Errors
    /// When one of them cannot be.
    pub fn new(
        dataset: &'static Dataset,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Self, BadQuery> {
        let some = |text: &Option<String>| {
            text.as_deref()
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        let search = some(&parameters.q).map(|q| q.to_lowercase());
        let filters =
            some(&parameters.filter).map_or(Ok(Vec::new()), |text| filters(dataset, &text, now))?;
        let sort = match some(&parameters.sort) {
            None => None,
            Some(text) => {
                let name = text.strip_prefix('-').unwrap_or(&text);
                Some((column(dataset, name)?, text.starts_with('-')))
            }
        };
        let limit = match some(&parameters.limit) {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|n| (1..=MOST_LIMIT).contains(n))
                .ok_or(BadQuery::Limit)?,
        };
        let print = format!(
            "{}|{search:?}|{:?}|{sort:?}",
            dataset.name,
            some(&parameters.filter)
        );
        let print: String = crate::record::digest(&print).0[..6]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let after = match some(&parameters.cursor) {
            None => None,
            Some(text) => {
                let place: Place = serde_json::from_str(&text).map_err(|_| BadQuery::Cursor)?;
                if place.of != print {
                    return Err(BadQuery::Cursor);
                }
                Some(place)
            }
        };
        Ok(Self {
            dataset,
            search,
            filters,
            sort,
            after,
            limit,
            print,
            names: Arc::default(),
        })
    }

    /// The same, with the names of the tenant's SKUs: they are filtered, searched and sorted by what
    /// they are called.
    #[must_use]
    pub fn with_names(self, names: Arc<Names>) -> Self {
        Self { names, ..self }
    }

    /// The names of the tenant's SKUs.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// The dataset.
    pub fn dataset(&self) -> &'static Dataset {
        self.dataset
    }

    /// The key to begin reading after, when records are read in key order and that is the order
    /// asked for.
    pub fn start_after(&self) -> Option<&str> {
        if self.sort.is_some() {
            None
        } else {
            self.after.as_ref().map(|place| place.key.as_str())
        }
    }

    /// Whether a record is among those asked for, whatever the page.
    pub fn matches(&self, record: &Record) -> bool {
        self.filters
            .iter()
            .all(|filter| filter.matches(self.dataset, record, &self.names))
            && self.search.as_ref().is_none_or(|needle| {
                self.dataset
                    .columns
                    .iter()
                    .zip(&record.values)
                    .any(|(column, value)| {
                        !value.is_null()
                            && display(column, value, &self.names)
                                .to_lowercase()
                                .contains(needle)
                    })
            })
    }

    /// Whether an order was asked for, other than that of the keys.
    pub fn is_sorted(&self) -> bool {
        self.sort.is_some()
    }

    /// Returns true if a page of it may have to look at all records.
    pub fn scans(&self) -> bool {
        self.sort.is_some() || self.search.is_some() || !self.filters.is_empty()
    }

    /// Records in the order asked for.
    pub fn sorted(&self, records: Vec<Record>) -> Vec<Record> {
        let mut ranked: Vec<(Rank, Record)> = records
            .into_iter()
            .map(|record| (self.rank(&record), record))
            .collect();
        ranked.sort_by(|(a, _), (b, _)| self.order(a, b));
        ranked.into_iter().map(|(_, record)| record).collect()
    }

    /// Begins a page.
    pub fn page(&self) -> PageBuilder<'_> {
        PageBuilder {
            query: self,
            after: (self.after.as_ref()).map(|after| self.rank_of(after.value.clone(), &after.key)),
            kept: Vec::new(),
            matched: 0,
            overflow: false,
        }
    }

    fn rank(&self, record: &Record) -> Rank {
        let value = self.sort.map_or(Value::Null, |(column, _)| {
            record.values.get(column).cloned().unwrap_or(Value::Null)
        });
        self.rank_of(value, &record.key)
    }

    fn rank_of(&self, value: Value, key: &str) -> Rank {
        let column = self.sort.and_then(|(at, _)| self.dataset.columns.get(at));
        let by = match column {
            _ if value.is_null() => By::Absent,
            Some(column) if matches!(column.kind, Kind::Sku | Kind::Skus) => {
                By::text(&display(column, &value, &self.names))
            }
            _ => match value.as_f64() {
                Some(number) => By::Number(number),
                None => By::text(&plain(&value)),
            },
        };
        Rank {
            by,
            value,
            key: key.to_owned(),
        }
    }

    fn order(&self, a: &Rank, b: &Rank) -> Ordering {
        let by_value = match (&a.by, &b.by) {
            (By::Absent, By::Absent) => Ordering::Equal,
            // Absent values come last, whichever way the rest goes.
            (By::Absent, _) => Ordering::Greater,
            (_, By::Absent) => Ordering::Less,
            (a, b) if self.sort.is_some_and(|(_, descending)| descending) => b.order(a),
            (a, b) => a.order(b),
        };
        by_value.then_with(|| a.key.cmp(&b.key))
    }
}

/// Where a record stands in the order asked for. Made once for each record.
#[derive(Debug, Clone, PartialEq)]
struct Rank {
    by: By,
    value: Value,
    key: String,
}

/// What a record is sorted by: numbers come before texts.
#[derive(Debug, Clone, PartialEq)]
enum By {
    Absent,
    Number(f64),
    Text(Box<SortKey>),
}

impl By {
    fn text(text: &str) -> Self {
        Self::Text(Box::new(collation::sort_key(text)))
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), _) => Ordering::Less,
            (_, Self::Number(_)) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }
}

/// Keeps the records of one page while all are passed by it.
#[derive(Debug)]
pub struct PageBuilder<'a> {
    query: &'a Query,
    after: Option<Rank>,
    kept: Vec<(Rank, Record)>,
    matched: u64,
    overflow: bool,
}

/// One page of a table.
#[derive(Debug)]
pub struct TablePage {
    /// The records, in the order asked for.
    pub records: Vec<Record>,
    /// The cursor of the next page, as JSON text.
    pub next: Option<String>,
    /// How many records matched of those that passed by.
    pub matched: u64,
}

impl PageBuilder<'_> {
    /// Passes one record by.
    pub fn offer(&mut self, record: Record) {
        if !self.query.matches(&record) {
            return;
        }
        self.matched += 1;
        let rank = self.query.rank(&record);
        let passed = |after: &Rank| self.query.order(&rank, after) != Ordering::Greater;
        if self.after.as_ref().is_some_and(passed) {
            return;
        }
        let place = self
            .kept
            .partition_point(|(other, _)| self.query.order(other, &rank) == Ordering::Less);
        if place < self.query.limit {
            self.kept.insert(place, (rank, record));
        }
        if self.kept.len() > self.query.limit || place >= self.query.limit {
            self.kept.truncate(self.query.limit);
            self.overflow = true;
        }
    }

    /// Whether nothing that still comes in key order can belong to this page.
    pub fn full_in_key_order(&self) -> bool {
        self.query.sort.is_none() && self.overflow
    }

    /// The page.
    pub fn finish(self) -> TablePage {
        let last = self.kept.last().map(|(rank, _)| rank.clone());
        let next = last.filter(|_| self.overflow).and_then(|rank| {
            let place = Place {
                of: self.query.print.clone(),
                value: rank.value,
                key: rank.key,
            };
            serde_json::to_string(&place).ok()
        });
        let records = self.kept.into_iter().map(|(_, record)| record).collect();
        TablePage {
            records,
            next,
            matched: self.matched,
        }
    }
}

fn column(dataset: &'static Dataset, name: &str) -> Result<usize, BadQuery> {
    dataset.column(name).ok_or_else(|| BadQuery::NoColumn {
        dataset: dataset.name,
        column: name.chars().take(60).collect(),
        columns: dataset
            .columns
            .iter()
            .map(|c| c.name)
            .collect::<Vec<_>>()
            .join(", "),
    })
}

#[cfg(test)]
mod tests;
