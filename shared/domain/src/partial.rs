//! Objects that name only some of their columns, and how they are merged with what is held.
//!
//! A delta round may name only what changed of an object: with `Prefer: return=minimal` an absent member
//! is unchanged and a null member is null ("Use delta query to track changes in Microsoft Graph data",
//! <https://learn.microsoft.com/graph/delta-query-overview>, and "user: delta",
//! <https://learn.microsoft.com/graph/api/user-delta>). Without that header Microsoft leaves out what was
//! never set, which is null in what is held, too. So one rule serves both: an absent member keeps what is
//! held. In a whole enumeration, the first mention of an object is all that there is of it.

use crate::{Row, record};

/// The columns that an object did not name; all of them named is the default. Lasting dates without a value
/// are among them (`lasting.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing(u128);

impl Missing {
    /// The most columns that a dataset may have that is read by delta query or has lasting dates.
    pub const MOST_COLUMNS: usize = 128;

    /// All of the first `columns` columns.
    pub fn all(columns: usize) -> Self {
        (0..columns).fold(Self::default(), |all, column| Self(all.0 | bit(column)))
    }

    /// The same without a column that was named after all.
    #[must_use]
    pub fn without(self, column: usize) -> Self {
        Self(self.0 & !bit(column))
    }

    /// The same with another column.
    #[must_use]
    pub fn with(self, column: usize) -> Self {
        Self(self.0 | bit(column))
    }

    /// The columns that neither object named.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns true if any column was not named.
    pub fn any(self) -> bool {
        self.0 != 0
    }

    /// Returns true if this column was not named.
    pub fn has(self, column: usize) -> bool {
        self.0 & bit(column) != 0
    }
}

fn bit(column: usize) -> u128 {
    match u32::try_from(column) {
        Ok(column) => 1_u128.checked_shl(column).unwrap_or(0),
        Err(_) => 0,
    }
}

/// The stored form of an object that was held as `held` and of which `part` names what is so now.
pub fn merge(held: &str, part: &Row) -> String {
    fill(held, &part.text, part.missing)
}

/// A stored form with the cells of `held` in the place of those that are missing.
pub(crate) fn fill(held: &str, text: &str, missing: Missing) -> String {
    if !missing.any() {
        return text.to_owned();
    }
    let old: Vec<&str> = record::cells(held).collect();
    let new: Vec<&str> = record::cells(text).collect();
    let cell = |column: usize| {
        let from = if missing.has(column) { &old } else { &new };
        from.get(column).copied().unwrap_or("null")
    };
    let columns = old.len().max(new.len());
    let filled = (0..columns).rposition(|column| cell(column) != "null");
    let mut filled_text = String::with_capacity(held.len() + text.len());
    filled_text.push('[');
    for column in 0..filled.map_or(0, |last| last + 1) {
        if column > 0 {
            filled_text.push(',');
        }
        filled_text.push_str(cell(column));
    }
    filled_text.push(']');
    filled_text
}

/// Merges a later mention of an object into an earlier one of the same page.
pub fn merge_mentions(earlier: &Row, later: Row) -> Row {
    Row {
        text: merge(&earlier.text, &later),
        missing: earlier.missing.and(later.missing),
        key: later.key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Record,
        datasets::users::USERS,
        page::{Entry, from_json},
    };
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn row(object: &Value) -> Row {
        let body = json!({ "value": [object] }).to_string();
        let page = from_json(&USERS, body.as_bytes()).expect("it is a page");
        match page.entries.into_iter().next() {
            Some(Entry::Is(row)) => row,
            other => panic!("{other:?}"),
        }
    }

    fn whole() -> Value {
        json!({
            "id": "a", "displayName": "Ada", "accountEnabled": true, "userType": "Member",
            "jobTitle": "Engineer", "assignedLicenses": [{"skuId": "s1"}, {"skuId": "s2"}],
            "businessPhones": ["1"],
        })
    }

    fn merged(held: &Value, part: &Value) -> Map<String, Value> {
        let held = Record::from_object(&USERS, held)
            .expect("it has an id")
            .to_text();
        let text = merge(&held, &row(part));
        let record = Record::from_text(&USERS, "a".to_owned(), &text).expect("an array");
        assert_eq!(record.to_text(), text, "the stored form has one spelling");
        record.to_object(&USERS)
    }

    #[test]
    fn an_absent_member_is_unchanged_and_a_null_member_is_null() {
        let now = merged(
            &whole(),
            &json!({"id": "a", "jobTitle": "Lead", "displayName": null, "assignedLicenses": []}),
        );
        assert_eq!(now["job_title"], "Lead");
        assert_eq!(now.get("display_name"), None);
        assert_eq!(now["account_enabled"], true);
        assert_eq!(now["assigned_licenses_sku_id"], json!([]));
        assert_eq!(now["business_phones"], json!(["1"]));
    }

    #[test]
    fn a_nested_column_is_missing_only_where_its_whole_property_is() {
        let held = merged(&whole(), &json!({"id": "a"}));
        assert_eq!(held["assigned_licenses_sku_id"], json!(["s1", "s2"]));
        let emptied = merged(&whole(), &json!({"id": "a", "assignedLicenses": null}));
        assert_eq!(emptied.get("assigned_licenses_sku_id"), None);
    }

    #[test]
    fn only_delta_queries_and_lasting_dates_tell_what_is_missing() {
        assert!(row(&json!({"id": "a"})).missing.any());
        let others = crate::datasets::ALL.iter().filter(|dataset| {
            !dataset.enumeration.is_delta() && dataset.lasting.columns.is_empty()
        });
        for dataset in others {
            let body = json!({ "value": [{"id": "a", "skuId": "a"}] }).to_string();
            let page = from_json(dataset, body.as_bytes());
            for entry in page.map(|page| page.entries).unwrap_or_default() {
                assert!(matches!(entry, Entry::Is(row) if !row.missing.any()));
            }
        }
        for dataset in crate::datasets::ALL {
            assert!(dataset.columns.len() <= Missing::MOST_COLUMNS);
        }
    }

    const NAMES: [&str; 5] = [
        "displayName",
        "jobTitle",
        "accountEnabled",
        "assignedLicenses",
        "companyName",
    ];

    /// An object of some of the members, each with one of few values.
    fn objects() -> impl Strategy<Value = Value> {
        let member = proptest::option::of(0_u8..3);
        proptest::collection::vec(member, NAMES.len()).prop_map(|members| {
            let mut object = json!({"id": "a"});
            for (name, value) in NAMES.iter().zip(members) {
                let Some(value) = value else { continue };
                object[*name] = match (*name, value) {
                    (_, 0) => Value::Null,
                    ("accountEnabled", value) => json!(value == 1),
                    ("assignedLicenses", value) => json!([{ "skuId": value.to_string() }]),
                    (_, value) => json!(value.to_string()),
                };
            }
            object
        })
    }

    proptest! {
        #[test]
        fn mentions_merge_as_objects_do(mentions in proptest::collection::vec(objects(), 1..5)) {
            let mut naive = whole();
            for mention in &mentions {
                for (name, value) in mention.as_object().expect("an object") {
                    naive[name] = value.clone();
                }
            }
            let rows: Vec<Row> = mentions.iter().map(row).collect();
            let one = rows.into_iter().reduce(|earlier, later| merge_mentions(&earlier, later));
            let held = Record::from_object(&USERS, &whole()).expect("it has an id").to_text();
            let text = merge(&held, &one.expect("there is one"));
            prop_assert_eq!(text, Record::from_object(&USERS, &naive).expect("it has an id").to_text());
        }
    }
}
