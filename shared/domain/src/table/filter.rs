//! `column operator value`, joined by ` and `.

use super::{
    BadQuery,
    cell::{display, plain},
    column,
};
use crate::{
    Dataset, Kind, Record,
    count::{Cells, Tally, columns_of},
    sku::Names,
};
use jiff::{Timestamp, civil};
use serde_json::Value;
use std::cmp::Ordering;

#[derive(Debug, Clone)]
pub(super) enum Filter {
    /// A column's value compares like this.
    Column(Comparison),
    /// A count of the summary counts the record.
    Counted(Counted),
}

#[derive(Debug, Clone)]
pub(super) struct Comparison {
    column: usize,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone)]
pub(super) struct Counted {
    of: fn(&Cells<'_>) -> u64,
    columns: Vec<(usize, &'static str)>,
    now: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Contains,
    Starts,
    Absent,
    Present,
}

/// Reads a filter.
pub(super) fn filters(
    dataset: &'static Dataset,
    text: &str,
    now: Timestamp,
) -> Result<Vec<Filter>, BadQuery> {
    text.split(" and ")
        .map(|part| {
            let part = part.trim();
            if let Some(name) = part.strip_prefix(COUNTED_AS) {
                return counted(dataset, name.trim(), now).map(Filter::Counted);
            }
            let (name, rest) = part.split_once(' ').ok_or(BadQuery::Filter)?;
            let rest = rest.trim();
            let column = column(dataset, name)?;
            let plain = |operator| {
                Ok(Filter::Column(Comparison {
                    column,
                    operator,
                    value: String::new(),
                }))
            };
            if rest == "is absent" {
                return plain(Operator::Absent);
            }
            if rest == "is present" {
                return plain(Operator::Present);
            }
            let (operator, value) = rest.split_once(' ').ok_or(BadQuery::Filter)?;
            let operator = match operator {
                "eq" => Operator::Eq,
                "ne" => Operator::Ne,
                "gt" => Operator::Gt,
                "ge" => Operator::Ge,
                "lt" => Operator::Lt,
                "le" => Operator::Le,
                "contains" => Operator::Contains,
                "starts" => Operator::Starts,
                _ => return Err(BadQuery::Filter),
            };
            let value = value.trim();
            let quoted = value.strip_prefix('\'').and_then(|v| v.strip_suffix('\''));
            let value = quoted.unwrap_or(value).to_lowercase();
            if value.is_empty() && quoted.is_none() {
                return Err(BadQuery::Filter);
            }
            let of = dataset.columns.get(column).ok_or(BadQuery::Filter)?;
            if let Some(takes) = mismatch(of.kind, operator, &value) {
                let column = of.name;
                return Err(BadQuery::Comparison { column, takes });
            }
            Ok(Filter::Column(Comparison {
                column,
                operator,
                value,
            }))
        })
        .collect()
}

/// Says what a column of this kind can be compared with, where it is not this: an answer without records
/// would look like a fact.
fn mismatch(kind: Kind, operator: Operator, value: &str) -> Option<&'static str> {
    use Operator::{Contains, Eq, Ge, Gt, Le, Lt, Ne, Starts};
    let ordered = matches!(operator, Gt | Ge | Lt | Le);
    match kind {
        Kind::Bool => {
            let meant =
                matches!(operator, Eq | Ne) && ["true", "false", "yes", "no"].contains(&value);
            (!meant).then_some("is compared by eq or ne with true or false")
        }
        Kind::Integer | Kind::Decimal if !matches!(operator, Contains | Starts) => {
            let number = value.parse::<f64>().is_ok_and(f64::is_finite);
            (!number).then_some("is compared with a number")
        }
        Kind::Date | Kind::DateTime if !matches!(operator, Contains | Starts) => {
            (!is_date(value)).then_some("is compared with a date, such as 2026-01-31")
        }
        Kind::Texts | Kind::Skus | Kind::Json if ordered && !value.is_empty() => {
            Some("is a list, which is compared by eq, ne or contains")
        }
        _ => None,
    }
}

/// Returns true for a time, a day, a month or a year.
fn is_date(value: &str) -> bool {
    let digits = |part: &str, many| part.len() == many && part.bytes().all(|b| b.is_ascii_digit());
    let month = |value: &str| {
        let parts = value.split_once('-');
        parts.is_some_and(|(year, month)| digits(year, 4) && digits(month, 2))
    };
    digits(value, 4)
        || month(value)
        || value.parse::<civil::Date>().is_ok()
        || value.to_uppercase().parse::<Timestamp>().is_ok()
}

/// Begins a filter that keeps the records that a count of the summary counts.
pub const COUNTED_AS: &str = "counted as ";

fn counted(dataset: &'static Dataset, name: &str, now: Timestamp) -> Result<Counted, BadQuery> {
    let sums = dataset.counts.iter().filter_map(|count| match count.tally {
        Tally::Sum(of) => Some((count.name, of)),
        Tally::Newest { .. } | Tally::Joined => None,
    });
    let found = sums.clone().find(|(known, _)| *known == name);
    let (_, of) = found.ok_or_else(|| BadQuery::NoCount {
        dataset: dataset.name,
        count: name.chars().take(60).collect(),
        counts: sums.map(|(name, _)| name).collect::<Vec<_>>().join(", "),
    })?;
    Ok(Counted {
        of,
        columns: columns_of(dataset),
        now,
    })
}

impl Counted {
    fn matches(&self, record: &Record) -> bool {
        (self.of)(&Cells::of(&record.to_text(), &self.columns, self.now)) > 0
    }
}

impl Filter {
    pub(super) fn matches(&self, dataset: &Dataset, record: &Record, names: &Names) -> bool {
        match self {
            Self::Column(comparison) => comparison.matches(dataset, record, names),
            Self::Counted(counted) => counted.matches(record),
        }
    }
}

impl Comparison {
    fn matches(&self, dataset: &Dataset, record: &Record, names: &Names) -> bool {
        let value = record.values.get(self.column).unwrap_or(&Value::Null);
        match self.operator {
            Operator::Absent => return value.is_null(),
            Operator::Present => return !value.is_null(),
            Operator::Ne if value.is_null() => return true,
            _ if value.is_null() => return false,
            _ => {}
        }
        let Some(column) = dataset.columns.get(self.column) else {
            return false;
        };
        // A list matches by any of what it holds, by id and by name.
        if let Value::Array(items) = value
            && matches!(self.operator, Operator::Eq | Operator::Ne)
        {
            let any = items.iter().any(|item| {
                let id = plain(item).to_lowercase();
                id == self.value || names.display(&id).to_lowercase() == self.value
            });
            return any == (self.operator == Operator::Eq);
        }
        let text = || display(column, value, names).to_lowercase();
        let order = || match (value.as_f64(), self.value.parse::<f64>()) {
            (Some(a), Ok(b)) => a.total_cmp(&b),
            _ => plain(value)
                .to_lowercase()
                .as_str()
                .cmp(self.value.as_str()),
        };
        match self.operator {
            Operator::Eq => order() == Ordering::Equal || text() == self.value,
            Operator::Ne => order() != Ordering::Equal && text() != self.value,
            Operator::Gt => order() == Ordering::Greater,
            Operator::Ge => order() != Ordering::Less,
            Operator::Lt => order() == Ordering::Less,
            Operator::Le => order() != Ordering::Greater,
            Operator::Contains => text().contains(&self.value),
            Operator::Starts => text().starts_with(&self.value),
            Operator::Absent | Operator::Present => false,
        }
    }
}
