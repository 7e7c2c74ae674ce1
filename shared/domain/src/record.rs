//! A record: one object's columns, by position, with a digest to compare by.
//!
//! A record is stored as the JSON text of its values in column order, trailing nulls left off:
//! names would double its size, and a DynamoDB write is billed by the kilobyte. Position is
//! therefore identity: columns are appended to a dataset, never reordered.

use crate::{
    dataset::{Column, Dataset, Key, Kind},
    report::NO_NAME,
    spelling,
};
use memchr::{memchr, memchr2};
use serde_json::Value;

/// One object of a dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The key within its dataset.
    pub key: String,
    /// The values in column order; `Null` is absent.
    pub values: Vec<Value>,
}

/// A record's longest key, in bytes: a DynamoDB sort key holds 1,024, and a change's holds the time
/// and the dataset beside it.
pub const LONGEST_KEY: usize = 900;

/// 128 bits that tell one content from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// Its first 64 bits: what an index remembers.
    pub fn short(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl Record {
    /// Projects a Graph object onto the dataset's columns; `None` where it has no key.
    pub fn from_object(dataset: &Dataset, object: &Value) -> Option<Self> {
        Self::project(dataset, |column| {
            convert(column.kind, lookup(object, column.source))
        })
    }

    /// Projects by column; `None` where the result has no key.
    pub fn project(dataset: &Dataset, value: impl FnMut(&Column) -> Value) -> Option<Self> {
        let values: Vec<Value> = dataset.columns.iter().map(value).collect();
        let text = |name: &str| {
            let text = dataset.column(name).and_then(|i| values[i].as_str())?;
            (1..=LONGEST_KEY)
                .contains(&text.len())
                .then(|| text.to_owned())
        };
        let key = match dataset.key {
            Key::Column(name) => text(name)?,
            Key::ColumnOr(name, other) => text(name).or_else(|| text(other))?,
            Key::Constant(key) => key.to_owned(),
            Key::Shared(shared) => text(shared.column).unwrap_or_else(|| NO_NAME.to_owned()),
        };
        Some(Self { key, values })
    }

    /// The stored form.
    pub fn to_text(&self) -> String {
        let filled = self
            .values
            .iter()
            .rposition(|v| !v.is_null())
            .map_or(0, |last| last + 1);
        serde_json::to_string(&self.values[..filled]).unwrap_or_else(|_| "[]".to_owned())
    }

    /// Reads the stored form back; columns that are newer than it are absent.
    ///
    /// # Errors
    /// When the text is not a JSON array.
    pub fn from_text(
        dataset: &Dataset,
        key: String,
        text: &str,
    ) -> Result<Self, serde_json::Error> {
        let mut values: Vec<Value> = serde_json::from_str(text)?;
        values.resize(dataset.columns.len(), Value::Null);
        Ok(Self { key, values })
    }

    /// The value of a column.
    pub fn get(&self, dataset: &Dataset, name: &str) -> &Value {
        dataset
            .column(name)
            .and_then(|i| self.values.get(i))
            .unwrap_or(&Value::Null)
    }

    /// The present columns as a JSON object, in column order.
    pub fn to_object(&self, dataset: &Dataset) -> serde_json::Map<String, Value> {
        dataset
            .columns
            .iter()
            .zip(&self.values)
            .filter(|(_, value)| !value.is_null())
            .map(|(column, value)| (column.name.to_owned(), value.clone()))
            .collect()
    }
}

/// The digest of a stored text.
pub fn digest(text: &str) -> Digest {
    Digest(xxhash_rust::xxh3::xxh3_128(text.as_bytes()).to_be_bytes())
}

/// The texts of a stored form's values, one after the other: `["a",null,[1]]` is `"a"`, `null`,
/// `[1]`.
pub fn cells(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or_default();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = cell_end(rest);
        let cell = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(cell)
    })
}

/// Where the first value of a list ends: at the first comma that is in no text, list or object.
fn cell_end(list: &str) -> usize {
    let bytes = list.as_bytes();
    let comma = |from: usize| memchr(b',', &bytes[from..]).map_or(bytes.len(), |at| from + at);
    let (mut at, mut depth) = match bytes.first() {
        Some(b'"') => return comma(text_end(bytes, 0)),
        Some(b'[' | b'{') => (1, 1_usize),
        _ => return comma(0),
    };
    while depth > 0 {
        match bytes.get(at) {
            Some(b'"') => {
                at = text_end(bytes, at);
                continue;
            }
            Some(b'[' | b'{') => depth += 1,
            Some(b']' | b'}') => depth -= 1,
            Some(_) => {}
            None => return bytes.len(),
        }
        at += 1;
    }
    comma(at)
}

/// Where a text ends that begins at a quote, behind its other quote.
fn text_end(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        // What is escaped is no end.
        at += 2;
    }
    bytes.len()
}

/// The value at a path of property names; a list on the way gives the list of what it holds there.
pub(crate) fn lookup<'a>(object: &'a Value, path: &str) -> std::borrow::Cow<'a, Value> {
    use std::borrow::Cow;
    let mut at = object;
    let mut rest = path;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('/').unwrap_or((rest, ""));
        match at {
            Value::Object(map) => match map.get(name) {
                Some(value) => at = value,
                None => return Cow::Owned(Value::Null),
            },
            Value::Array(items) => {
                let found = items.iter().map(|item| lookup(item, rest).into_owned());
                return Cow::Owned(Value::Array(found.filter(|v| !v.is_null()).collect()));
            }
            _ => return Cow::Owned(Value::Null),
        }
        rest = after;
    }
    Cow::Borrowed(at)
}

/// Brings a value into its column's kind; what does not fit is kept as it came.
pub(crate) fn convert(kind: Kind, value: std::borrow::Cow<'_, Value>) -> Value {
    match (kind, value.as_ref()) {
        (_, Value::String(text)) => convert_text(kind, text),
        (Kind::Json, _) => without_secrets(value.into_owned()),
        _ => value.into_owned(),
    }
}

/// The same for a text.
pub(crate) fn convert_text(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::DateTime => spelling::date_time(text),
        Kind::Date => spelling::date(text),
        _ => Value::from(text),
    }
}

/// Drops what a record must never hold: Graph answers `secretText` with null on every read of a
/// credential, and should that ever change, Muster still keeps none.
fn without_secrets(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.remove("secretText");
            for member in members.values_mut() {
                *member = without_secrets(member.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_secrets(item.take());
            }
        }
        _ => {}
    }
    value
}

/// Reads a CSV cell into its column's kind; what does not fit is kept as text.
pub fn from_cell(kind: Kind, cell: &str) -> Value {
    let cell = cell.trim();
    if cell.is_empty() {
        return Value::Null;
    }
    let text = || Value::String(cell.to_owned());
    match kind {
        Kind::Bool => spelling::flag(cell).map_or_else(text, Value::from),
        Kind::Integer => spelling::integer(cell).map_or_else(text, Value::from),
        Kind::Decimal => spelling::decimal(cell).map_or_else(text, Value::from),
        Kind::Date => spelling::date(cell),
        Kind::DateTime => spelling::date_time(cell),
        Kind::Texts | Kind::Skus => {
            let parts = split_products(cell).into_iter().map(str::trim);
            parts
                .filter(|part| !part.is_empty())
                .map(Value::from)
                .collect()
        }
        Kind::Text | Kind::Sku | Kind::Json => text(),
    }
}

/// Splits a report's list at each `+`, but not within a product's name: `ENTERPRISE MOBILITY +
/// SECURITY E3` has spaces about its sign, and the reports put none about theirs.
fn split_products(cell: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in cell.match_indices('+') {
        if cell[..at].ends_with(' ') && cell[at + 1..].starts_with(' ') {
            continue;
        }
        parts.push(&cell[from..at]);
        from = at + 1;
    }
    parts.push(&cell[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{applications::APPLICATIONS, users::USERS};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_record_survives_its_stored_form() {
        let object = json!({
            "id": "a", "displayName": "Zoë", "accountEnabled": true,
            "assignedLicenses": [{"skuId": "x", "disabledPlans": []}, {"skuId": "y"}],
            "createdDateTime": "2017-01-01T00:02:43.5775965-08:00",
        });
        let record = Record::from_object(&USERS, &object).expect("it has an id");
        assert_eq!(
            record.get(&USERS, "assigned_licenses_sku_id"),
            &json!(["x", "y"])
        );
        assert_eq!(
            record.get(&USERS, "created_date_time"),
            "2017-01-01T08:02:43.5775965Z"
        );
        let read =
            Record::from_text(&USERS, "a".to_owned(), &record.to_text()).expect("it is an array");
        assert_eq!(read, record);
    }

    #[test]
    fn what_has_no_key_is_no_record() {
        let long = json!({"id": "x".repeat(LONGEST_KEY + 1)});
        assert_eq!(Record::from_object(&USERS, &long), None);
        for object in [
            json!({"displayName": "x"}),
            json!({"id": null}),
            json!({"id": ""}),
            json!([1]),
            json!(null),
        ] {
            assert_eq!(Record::from_object(&USERS, &object), None);
        }
    }

    #[test]
    fn never_is_absent_and_nonsense_is_kept() {
        let at = spelling::date_time;
        assert_eq!(at("0001-01-01T00:00:00Z"), Value::Null);
        assert_eq!(
            at("9999-12-31T23:59:59.9999999Z"),
            "9999-12-31T23:59:59.9999999Z"
        );
        assert_eq!(at("soon"), "soon");
        assert_eq!(from_cell(Kind::Integer, "12"), json!(12));
        assert_eq!(from_cell(Kind::Integer, "many"), json!("many"));
        for not_a_number in ["NaN", "inf", "-Infinity"] {
            assert_eq!(from_cell(Kind::Decimal, not_a_number), json!(not_a_number));
        }
    }

    #[test]
    fn a_plus_within_a_products_name_does_not_split_it() {
        assert_eq!(
            from_cell(
                Kind::Texts,
                "OFFICE 365 E3+ENTERPRISE MOBILITY + SECURITY E3+"
            ),
            json!(["OFFICE 365 E3", "ENTERPRISE MOBILITY + SECURITY E3"])
        );
    }

    #[test]
    fn a_secrets_text_is_dropped_at_any_depth() {
        let credentials = json!([{"keyId": "k", "secretText": "x", "deep": {"secretText": "y"}}]);
        let object = json!({"id": "a", "passwordCredentials": credentials});
        let record = Record::from_object(&APPLICATIONS, &object).expect("it has an id");
        assert_eq!(
            record.get(&APPLICATIONS, "password_credentials"),
            &json!([{"keyId": "k", "deep": {}}])
        );
    }

    #[test]
    fn a_path_reads_through_objects_and_lists() {
        let object =
            json!({"a": {"b": 1}, "list": [{"c": 1}, {}, {"c": null}, 7, {"c": 2}], "n": null});
        for (path, value) in [
            ("a/b", json!(1)),
            ("a", json!({"b": 1})),
            ("list/c", json!([1, 2])),
            ("n/b", Value::Null),
            ("a/b/c", Value::Null),
            ("absent", Value::Null),
        ] {
            assert_eq!(lookup(&object, path).into_owned(), value, "{path}");
        }
    }

    /// Any JSON, with the names that the datasets look for among its members.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|hundredths| Value::from(f64::from(hundredths) / 100.0)),
            "\\PC{0,8}".prop_map(Value::from),
            Just(json!("0001-01-01T00:00:00Z")),
            Just(json!("9999-12-31T23:59:59.9999999-08:00")),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let name = "id|assignedLicenses|skuId|createdDateTime|businessPhones|[a-z]{1,3}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_becomes_a_record_survives_its_stored_form(object in any_json()) {
            for dataset in crate::datasets::ALL {
                if let Some(record) = Record::from_object(dataset, &object) {
                    let text = record.to_text();
                    let filled = record.values.iter().rposition(|v| !v.is_null()).map_or(0, |last| last + 1);
                    let whole = record.values[..filled].iter().map(Value::to_string);
                    prop_assert!(cells(&text).eq(whole.collect::<Vec<_>>()));
                    let read = Record::from_text(dataset, record.key.clone(), &text);
                    prop_assert_eq!(read.expect("it is an array").to_text(), text);
                    prop_assert_eq!(record.values.len(), dataset.columns.len());
                }
            }
        }

        #[test]
        fn a_value_once_converted_stays_as_it_is(cell in "\\PC{0,24}") {
            for kind in [Kind::Text, Kind::Date, Kind::DateTime, Kind::Json, Kind::Sku] {
                let once = from_cell(kind, &cell);
                let twice = convert(kind, std::borrow::Cow::Borrowed(&once));
                prop_assert_eq!(twice, once);
            }
        }
    }
}
