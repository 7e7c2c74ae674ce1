//! A change: a record added, changed (which columns, before and after) or removed.

use crate::{Dataset, Record, item_size, record, sku};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not held before.
    Added,
    /// Some columns differ.
    Changed,
    /// It is gone.
    Removed,
}

/// One change of one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When the sync that saw it began.
    pub at: Timestamp,
    /// The dataset.
    pub dataset: String,
    /// The record's key.
    pub record: String,
    /// What happened.
    pub kind: ChangeKind,
    /// What the record is called, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The columns that differ: `{"column": {"before": …, "after": …}}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub columns: Map<String, Value>,
}

impl Change {
    /// The change between what was held and what is so; `None` when they are equal, or differ in
    /// volatile columns alone.
    pub fn between(
        dataset: &Dataset,
        before: Option<&Record>,
        after: Option<&Record>,
        at: Timestamp,
    ) -> Option<Self> {
        let (kind, named) = match (before, after) {
            (None, None) => return None,
            (None, Some(after)) => (ChangeKind::Added, after),
            (Some(before), None) => (ChangeKind::Removed, before),
            (Some(_), Some(after)) => (ChangeKind::Changed, after),
        };
        let mut columns = Map::new();
        if let (Some(before), Some(after)) = (before, after) {
            for (i, column) in dataset.columns.iter().enumerate() {
                let old = before.values.get(i).unwrap_or(&Value::Null);
                let new = after.values.get(i).unwrap_or(&Value::Null);
                if old != new && !dataset.volatile.contains(&column.name) {
                    columns.insert(column.name.to_owned(), json!({"before": old, "after": new}));
                }
            }
            if columns.is_empty() {
                return None;
            }
        }
        Some(Self {
            at,
            dataset: dataset.name.to_owned(),
            record: named.key.clone(),
            kind,
            title: title(dataset, named),
            columns,
        })
    }

    /// Truncates long values: a change holds each of them before and after.
    pub fn truncate(&mut self) {
        for sides in self.columns.values_mut().filter_map(Value::as_object_mut) {
            for value in sides.values_mut() {
                let short = item_size::truncate_value(&value.to_string());
                *value = serde_json::from_str(&short).unwrap_or_default();
            }
        }
    }

    /// The sort key that makes a repeated write of the same change land on itself: the time of
    /// the sync, the record, and what was held before.
    pub fn sort_key(&self, before: Option<&str>) -> String {
        let held = before.map_or([0; 16], |text| record::digest(text).0);
        let held: String = held[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "{}#{}#{}#{held}",
            instant(self.at),
            self.dataset,
            self.record
        )
    }
}

/// An instant as fixed-width text, so that text order is time order.
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// What a record is called: its display name, or else what else names it; a SKU by its product, where
/// Microsoft's table knows it.
pub fn title(dataset: &Dataset, record: &Record) -> Option<String> {
    let product = record.get(dataset, "sku_id").as_str().and_then(sku::name);
    if let Some(product) = product {
        return Some(product.to_owned());
    }
    [
        "display_name",
        "user_display_name",
        "device_name",
        "user_principal_name",
        "sku_part_number",
    ]
    .into_iter()
    .find_map(|name| record.get(dataset, name).as_str())
    .map(|title| title.chars().take(LONGEST_TITLE).collect())
}

/// The longest title, in characters. Display names have at most 256
/// (<https://learn.microsoft.com/graph/api/resources/user>).
const LONGEST_TITLE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::users::USERS;

    fn user(name: &str) -> Record {
        let object = json!({"id": "a", "displayName": name, "accountEnabled": true});
        Record::from_object(&USERS, &object).expect("it has an id")
    }

    fn at() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("a date")
    }

    #[test]
    fn a_change_names_the_columns_that_differ() {
        let change =
            Change::between(&USERS, Some(&user("A")), Some(&user("B")), at()).expect("they differ");
        assert_eq!(change.kind, ChangeKind::Changed);
        assert_eq!(
            Value::Object(change.columns),
            json!({"display_name": {"before": "A", "after": "B"}})
        );
        assert_eq!(
            Change::between(&USERS, Some(&user("A")), Some(&user("A")), at()),
            None
        );
    }

    #[test]
    fn a_change_of_values_too_long_to_store_keeps_their_beginnings() {
        let (before, after) = (user(&"a".repeat(350_000)), user(&"b".repeat(350_000)));
        let change = Change::between(&USERS, Some(&before), Some(&after), at());
        let mut change = change.expect("they differ");
        change.truncate();
        let text = serde_json::to_string(&change).expect("it is JSON");
        assert!(text.len() < 20_000, "{}", text.len());
        let before = change.columns["display_name"]["before"].as_str();
        assert!(before.is_some_and(|t| t.starts_with("aaa") && t.ends_with("bytes in all]")));
    }

    #[test]
    fn the_same_change_seen_twice_has_one_key() {
        let change = Change::between(&USERS, None, Some(&user("A")), at()).expect("added");
        assert_eq!(change.sort_key(None), change.sort_key(None));
        assert_ne!(change.sort_key(None), change.sort_key(Some("[]")));
        assert!(
            change
                .sort_key(None)
                .starts_with("2026-01-01T00:00:00.000Z#users#a#")
        );
    }
}
