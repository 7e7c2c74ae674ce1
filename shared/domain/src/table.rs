//! Reading a dataset as a table: search, filter, sort and page, with memory for one page only.

mod cell;
mod filter;

pub use cell::{cell, display};

use crate::{Dataset, Record};
use cell::plain;
use filter::{Filter, filters};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Ordering;

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
    /// A filter of another form.
    #[error(
        "a filter is `column operator value`, such as `account_enabled eq false` or `department contains sales`, joined by ` and `; the operators are eq, ne, gt, ge, lt, le, contains, starts, and the words `is absent`, `is present`"
    )]
    Filter,
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
    pub fn new(dataset: &'static Dataset, parameters: &Parameters) -> Result<Self, BadQuery> {
        let some = |text: &Option<String>| {
            text.as_deref()
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        let search = some(&parameters.q).map(|q| q.to_lowercase());
        let filters =
            some(&parameters.filter).map_or(Ok(Vec::new()), |text| filters(dataset, &text))?;
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
        })
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
            .all(|filter| filter.matches(self.dataset, record))
            && self.search.as_ref().is_none_or(|needle| {
                self.dataset
                    .columns
                    .iter()
                    .zip(&record.values)
                    .any(|(column, value)| {
                        !value.is_null() && display(column, value).to_lowercase().contains(needle)
                    })
            })
    }

    /// Whether an order was asked for, other than that of the keys.
    pub fn is_sorted(&self) -> bool {
        self.sort.is_some()
    }

    /// Whether a page of it may have to pass all records by.
    pub fn scans(&self) -> bool {
        self.sort.is_some() || self.search.is_some() || !self.filters.is_empty()
    }

    /// Records in the order asked for.
    pub fn sorted(&self, records: Vec<Record>) -> Vec<Record> {
        let mut ranked: Vec<(Rank, Record)> = records
            .into_iter()
            .map(|record| {
                let value = self.sort_value(&record);
                let key = record.key.clone();
                (Rank { value, key }, record)
            })
            .collect();
        ranked.sort_by(|(a, _), (b, _)| self.order(a, b));
        ranked.into_iter().map(|(_, record)| record).collect()
    }

    /// Begins a page.
    pub fn page(&self) -> PageBuilder<'_> {
        PageBuilder {
            query: self,
            kept: Vec::new(),
            matched: 0,
            overflow: false,
        }
    }

    fn sort_value(&self, record: &Record) -> Value {
        self.sort.map_or(Value::Null, |(column, _)| {
            record.values.get(column).cloned().unwrap_or(Value::Null)
        })
    }

    fn order(&self, a: &Rank, b: &Rank) -> Ordering {
        // Absent values come last, whichever way the rest goes.
        let by_value = match (a.value.is_null(), b.value.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let order = compare(&a.value, &b.value);
                if self.sort.is_some_and(|(_, descending)| descending) {
                    order.reverse()
                } else {
                    order
                }
            }
        };
        by_value.then_with(|| a.key.cmp(&b.key))
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Rank {
    value: Value,
    key: String,
}

/// Keeps the records of one page while all are passed by it.
#[derive(Debug)]
pub struct PageBuilder<'a> {
    query: &'a Query,
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
        let rank = Rank {
            value: self.query.sort_value(&record),
            key: record.key.clone(),
        };
        if let Some(after) = &self.query.after {
            let after = Rank {
                value: after.value.clone(),
                key: after.key.clone(),
            };
            if self.query.order(&rank, &after) != Ordering::Greater {
                return;
            }
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
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => {
            let (a, b) = (plain(a), plain(b));
            a.to_lowercase()
                .cmp(&b.to_lowercase())
                .then_with(|| a.cmp(&b))
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::users::USERS;
    use proptest::prelude::*;
    use serde_json::json;

    fn user(key: usize, name: Option<&str>, enabled: bool) -> Record {
        let object =
            json!({"id": format!("{key:03}"), "displayName": name, "accountEnabled": enabled});
        Record::from_object(&USERS, &object).expect("it has an id")
    }

    fn query(parameters: &Parameters) -> Query {
        Query::new(&USERS, parameters).expect("a good query")
    }

    fn walk(records: &[Record], mut parameters: Parameters) -> Vec<String> {
        let mut keys = Vec::new();
        loop {
            let query = query(&parameters);
            let mut page = query.page();
            records
                .iter()
                .cloned()
                .for_each(|record| page.offer(record));
            let page = page.finish();
            keys.extend(page.records.into_iter().map(|record| record.key));
            match page.next {
                Some(next) => parameters.cursor = Some(next),
                None => return keys,
            }
        }
    }

    proptest! {
        #[test]
        fn walking_the_pages_gives_every_record_once_in_order(
            names in proptest::collection::vec(proptest::option::of("[a-cA-C]{0,2}"), 0..40),
            limit in 1usize..8, descending: bool,
        ) {
            let records: Vec<Record> = names.iter().enumerate().map(|(i, n)| user(i, n.as_deref(), true)).collect();
            let sort = if descending { "-display_name" } else { "display_name" };
            let keys = walk(&records, Parameters { sort: Some(sort.into()), limit: Some(limit.to_string()), ..Parameters::default() });
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, records.iter().map(|r| r.key.clone()).collect::<Vec<_>>());
            let names: Vec<_> = keys.iter().map(|k| names[k.parse::<usize>().expect("a number")].as_deref().unwrap_or("").to_lowercase()).filter(|n| !n.is_empty()).collect();
            let ordered = names.windows(2).all(|w| if descending { w[0] >= w[1] } else { w[0] <= w[1] });
            prop_assert!(ordered, "{:?}", names);
        }
    }

    #[test]
    fn filters_and_search_narrow() {
        let records = [
            user(1, Some("Ann"), true),
            user(2, Some("Bob"), false),
            user(3, None, true),
        ];
        let keys = |filter: &str| {
            walk(
                &records,
                Parameters {
                    filter: Some(filter.into()),
                    ..Parameters::default()
                },
            )
        };
        assert_eq!(keys("account_enabled eq false"), ["002"]);
        assert_eq!(
            keys("account_enabled eq true and display_name is absent"),
            ["003"]
        );
        assert_eq!(keys("display_name contains 'O'"), ["002"]);
        assert_eq!(keys("display_name ne ann"), ["002", "003"]);
        assert_eq!(
            walk(
                &records,
                Parameters {
                    q: Some("ANN".into()),
                    ..Parameters::default()
                }
            ),
            ["001"]
        );
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let bad = |p: Parameters| Query::new(&USERS, &p).err();
        let filter = |text: &str| {
            bad(Parameters {
                filter: Some(text.into()),
                ..Parameters::default()
            })
        };
        assert!(matches!(
            filter("nope eq 1"),
            Some(BadQuery::NoColumn { .. })
        ));
        for text in ["id", "id like x", "id eq", "and", " and "] {
            assert!(filter(text).is_some(), "{text}");
        }
        for limit in ["0", "1001", "-1", "ten"] {
            assert_eq!(
                bad(Parameters {
                    limit: Some(limit.into()),
                    ..Parameters::default()
                }),
                Some(BadQuery::Limit)
            );
        }
        for cursor in ["{}", "x", r#"{"of":"0","value":null,"key":"a"}"#] {
            assert_eq!(
                bad(Parameters {
                    cursor: Some(cursor.into()),
                    ..Parameters::default()
                }),
                Some(BadQuery::Cursor)
            );
        }
    }
}
