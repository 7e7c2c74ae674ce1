//! What one answer of Microsoft Graph holds: records, removals, and where to go on.

mod lenient;

use crate::{
    dataset::{Dataset, Enumeration},
    holes::Presence,
    lossy_json,
    record::Record,
    report::{ReportReader, ReportRows},
    row::{Row, RowReader, other},
};
use jiff::civil::Date;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use std::{borrow::Cow, fmt};

/// One page, projected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// What the page says, in its order.
    pub entries: Vec<Entry>,
    /// `@odata.nextLink`: there is more.
    pub next_link: Option<String>,
    /// `@odata.deltaLink`: the round is complete.
    pub delta_link: Option<String>,
    /// Objects without a key, which cannot be stored.
    pub unkeyed: u64,
    /// Objects whose keys are too long to be stored. Nothing of them is or was held.
    pub oversized_keys: u64,
    /// Objects that cannot be read; not even their keys are known.
    pub unreadable: u64,
    /// Rows whose names are concealed, which name nobody.
    pub concealed: u64,
    /// What else a report's rows were.
    pub rows: ReportRows,
    /// The day that a report is about, as its first dated row says.
    pub data_date: Option<Date>,
    /// The objects that have the watched property.
    pub presence: Presence,
}

/// One entry of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The object is so.
    Is(Row),
    /// The object of this key is gone (soft-deleted or finally).
    Gone(String),
}

/// An answer that is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPage {
    /// The body is not JSON.
    #[error("the answer is not whole JSON: {0}")]
    Json(String),
    /// The body is JSON of another shape.
    #[error("the answer has no list named value, nor is it the one object asked for")]
    Shape,
    /// The report was cut or garbled on its way: another try may bring it whole.
    #[error("the report did not come whole: {0}")]
    Cut(String),
    /// The report came whole and is none that can be read: another try brings the same.
    #[error("{0}")]
    Csv(String),
}

/// Reads a JSON answer. An unreadable value or object costs the others nothing.
///
/// # Errors
/// When the body is no whole JSON document or holds no `value`; nothing of it is believed then.
pub fn from_json(dataset: &'static Dataset, body: &[u8]) -> Result<Page, NotAPage> {
    if dataset.enumeration == Enumeration::Single {
        return single(dataset, body);
    }
    let wrong = |error: &dyn fmt::Display| NotAPage::Json(error.to_string());
    // Known to be UTF-8 as a whole, no text in it is looked at again.
    let read = match std::str::from_utf8(body) {
        Ok(text) => lenient::strict(dataset, text).map_err(|e| wrong(&e)),
        Err(error) => Err(wrong(&error)),
    };
    match read {
        Ok(page) => page.ok_or(NotAPage::Shape),
        Err(refused) => lenient::list(dataset, body).unwrap_or(Err(refused)),
    }
}

/// Reads an answer that is one object, bare or wrapped in `value`.
fn single(dataset: &Dataset, body: &[u8]) -> Result<Page, NotAPage> {
    let mut object: Value =
        lossy_json::from_slice(body).map_err(|e| NotAPage::Json(e.to_string()))?;
    if let Some(wrapped) = object.get_mut("value") {
        object = wrapped.take();
    }
    // A constant key makes a record of anything: what holds none of the columns, such as an
    // error, is not the object asked for.
    let record = Record::from_object(dataset, &object)
        .filter(|record| object.is_object() && !record.values.iter().all(Value::is_null))
        .ok_or(NotAPage::Shape)?;
    Ok(Page {
        entries: vec![Entry::Is(record.into())],
        ..Page::default()
    })
}

/// The document of a list; `None` where it is none.
struct List {
    reader: RowReader,
    page: Page,
}

impl<'de> Visitor<'de> for List {
    type Value = Option<Page>;
    other!(Option<Page>, None);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Page>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Option<Page>, A::Error> {
        let mut is_list = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "@odata.nextLink" => link(&mut self.page.next_link, map.next_value()?)?,
                "@odata.deltaLink" => link(&mut self.page.delta_link, map.next_value()?)?,
                "value" => {
                    let entries = Entries {
                        reader: &mut self.reader,
                        page: &mut self.page,
                    };
                    is_list |= map.next_value_seed(entries)?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(is_list.then_some(self.page))
    }
}

/// Takes a link. A link that is no text, or differs from the one before it, would end the list too early.
fn link<E: Error>(to: &mut Option<String>, value: Value) -> Result<(), E> {
    match value {
        Value::Null => Ok(()),
        Value::String(link) if link.is_empty() => Ok(()),
        Value::String(link) if to.as_ref().is_none_or(|before| *before == link) => {
            *to = Some(link);
            Ok(())
        }
        Value::String(_) => Err(E::custom("two links lead to different places")),
        _ => Err(E::custom("a link is no text")),
    }
}

/// The objects of a list; whether it is one.
struct Entries<'a> {
    reader: &'a mut RowReader,
    page: &'a mut Page,
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = bool;
    other!(bool, false);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while let Some(object) = list.next_element_seed(&mut *self.reader)? {
            let has_watched = self.reader.has_watched();
            self.page.take(object, has_watched);
        }
        Ok(true)
    }
}

/// Reads a usage report that came whole; see [`crate::report`].
///
/// # Errors
/// When the file was cut or garbled on its way, or is no report of this dataset.
pub fn from_csv(dataset: &Dataset, body: &[u8]) -> Result<Page, NotAPage> {
    let mut reader = ReportReader::new(dataset);
    reader.read(body, true)?;
    reader.finish()
}

/// Concealed names are 32 upper-case hexadecimal digits, and concealed ids all zeros
/// (Microsoft, "Microsoft Graph reports: concealed user, group and site names").
pub fn is_concealed(key: &str) -> bool {
    let hex = key.len() == 32
        && key
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    hex || key == "00000000-0000-0000-0000-000000000000"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{ALL, report_settings::REPORT_SETTINGS, users::USERS};
    use proptest::prelude::*;

    #[test]
    fn the_one_object_is_read_wrapped_or_bare() {
        for body in [
            r#"{"value": {"displayConcealedNames": true}}"#,
            r#"{"displayConcealedNames": true}"#,
        ] {
            let page = from_json(&REPORT_SETTINGS, body.as_bytes()).expect("it is the object");
            let [Entry::Is(row)] = &page.entries[..] else {
                panic!("{page:?}")
            };
            let record = row.record(&REPORT_SETTINGS).expect("it is an array");
            assert_eq!(record.key, "report_settings");
            assert_eq!(
                record.get(&REPORT_SETTINGS, "display_concealed_names"),
                true
            );
        }
    }

    #[test]
    fn what_is_not_the_one_object_is_no_page() {
        for body in [
            "{}",
            r#"{"error": {"code": "x"}}"#,
            r#"{"value": null}"#,
            r#"{"value": [{"a": 1}]}"#,
            "[]",
            "7",
        ] {
            let page = from_json(&REPORT_SETTINGS, body.as_bytes());
            assert_eq!(page, Err(NotAPage::Shape), "{body}");
        }
    }

    #[test]
    fn a_list_without_value_is_no_page() {
        for body in ["{}", r#"{"value": {}}"#, r#"{"value": null}"#, "[]", "null"] {
            assert_eq!(
                from_json(&USERS, body.as_bytes()),
                Err(NotAPage::Shape),
                "{body}"
            );
        }
    }

    #[test]
    fn a_list_that_is_cut_or_goes_on_after_its_end_is_no_page() {
        let whole = r#"{"value": [{"id": "a"}]}"#;
        assert!(from_json(&USERS, format!("{whole}\r\n").as_bytes()).is_ok());
        let cut = (1..whole.len()).map(|end| whole[..end].to_owned());
        let followed = ["}", "x", whole].map(|more| format!("{whole}{more}"));
        for body in cut.chain(followed) {
            let page = from_json(&USERS, body.as_bytes());
            assert!(matches!(page, Err(NotAPage::Json(_))), "{body}: {page:?}");
        }
    }

    #[test]
    fn a_link_that_is_no_text_is_not_the_end_of_the_list() {
        for link in [
            "7",
            "{}",
            "[]",
            "true",
            r#""https://x/1", "@odata.nextLink": "https://x/2""#,
        ] {
            let body = format!(r#"{{"value": [{{"id": "a"}}], "@odata.nextLink": {link}}}"#);
            let page = from_json(&USERS, body.as_bytes());
            assert!(matches!(page, Err(NotAPage::Json(_))), "{link}: {page:?}");
        }
        let body = r#"{"@odata.nextLink": "https://x/1", "value": [], "@odata.nextLink": null}"#;
        let page = from_json(&USERS, body.as_bytes()).expect("it is a page");
        assert_eq!(page.next_link.as_deref(), Some("https://x/1"));
    }

    #[test]
    fn an_object_whose_key_is_too_long_is_no_object_without_a_key() {
        let long = "x".repeat(900);
        let body =
            format!(r#"{{"value": [{{"id": "{long}"}}, {{"id": "{long}x"}}, {{"id": 7}}]}}"#);
        let page = from_json(&USERS, body.as_bytes()).expect("it is a page");
        assert_eq!(
            (page.entries.len(), page.oversized_keys, page.unkeyed),
            (1, 1, 1)
        );
    }

    #[test]
    fn one_object_is_read_in_spite_of_one_value() {
        let body = b"{\"displayConcealedNames\": true, \"x\": \"a\xff\\ud83d\"}";
        let page = from_json(&REPORT_SETTINGS, body).expect("it is the object");
        assert_eq!(page.entries.len(), 1);
    }

    #[test]
    fn an_empty_link_leads_nowhere_and_a_null_removal_removes_nothing() {
        let body = r#"{"@odata.nextLink": "", "@odata.deltaLink": null, "value": [
            {"id": "a", "@removed": null}, {"id": "b", "@removed": {"reason": "changed"}}, null]}"#;
        let page = from_json(&USERS, body.as_bytes()).expect("it is a page");
        assert_eq!(
            (page.next_link, page.delta_link, page.unkeyed),
            (None, None, 1)
        );
        let [Entry::Is(a), Entry::Gone(b)] = &page.entries[..] else {
            panic!("{:?}", page.entries)
        };
        assert_eq!((a.key.as_str(), b.as_str()), ("a", "b"));
    }

    #[test]
    fn only_a_hash_or_a_zero_id_is_concealed() {
        for (key, concealed) in [
            ("0F8DC9A1B2C3D4E5F60718293A4B5C6D", true),
            ("00000000-0000-0000-0000-000000000000", true),
            ("0f8dc9a1b2c3d4e5f60718293a4b5c6d", false),
            ("0F8DC9A1B2C3D4E5F60718293A4B5C6", false),
            ("0F8DC9A1B2C3D4E5F60718293A4B5C6D@b.example", false),
            ("", false),
        ] {
            assert_eq!(is_concealed(key), concealed, "{key}");
        }
    }

    /// The entries of a page, but for which columns their objects did not name.
    fn entries(page: Page) -> Vec<Entry> {
        let plain = |entry| match entry {
            Entry::Is(row) => Entry::Is(Row {
                missing: Default::default(),
                ..row
            }),
            gone => gone,
        };
        page.entries.into_iter().map(plain).collect()
    }

    fn by_tree(dataset: &'static Dataset, body: &Value) -> Vec<Entry> {
        let objects = body["value"].as_array().into_iter().flatten();
        let entry = |object: &Value| {
            let record = Record::from_object(dataset, object)?;
            let removed = object
                .get("@removed")
                .is_some_and(|reason| !reason.is_null());
            Some(match removed {
                true => Entry::Gone(record.key),
                false => Entry::Is(record.into()),
            })
        };
        objects.filter_map(entry).collect()
    }

    /// An object with the members that a dataset looks for, and what they seldom are.
    fn object_of(dataset: &'static Dataset) -> impl Strategy<Value = Value> {
        let any_text = prop_oneof![
            "\\PC{0,12}",
            Just("0001-01-01T00:00:00Z".to_owned()),
            Just("2026-02-03T04:05:06.789Z".to_owned()),
            Just("2026-02-03T04:05:06+02:00".to_owned()),
            Just("tab\tquote\" back\\".to_owned()),
        ];
        let leaf = prop_oneof![
            4 => any_text.prop_map(Value::from),
            1 => Just(Value::Null),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<i16>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        ];
        let names: Vec<&str> = dataset
            .columns
            .iter()
            .flat_map(|column| column.source.split('/'))
            .chain(["@removed", "secretText", "other"])
            .collect();
        let name = prop::sample::select(names);
        let value = leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        });
        let tops: Vec<&str> = dataset
            .columns
            .iter()
            .filter_map(|column| column.source.split('/').next())
            .chain(["@removed"])
            .collect();
        let members = (prop::sample::select(tops), value);
        prop::collection::vec(members, 0..10).prop_map(|members| {
            let mut object: Value = members.into_iter().collect();
            if let Some(id) = object.get_mut("id").filter(|id| !id.is_string()) {
                *id = Value::from("x");
            }
            object
        })
    }

    #[test]
    fn a_list_of_texts_is_read_as_it_goes_by_whatever_is_in_it() {
        let odd = serde_json::json!([null, "a \"b\" \\", 1, true, ["x", null], {"y": [null]}, ""]);
        for phones in [
            odd,
            serde_json::json!([]),
            serde_json::json!([null]),
            serde_json::json!(["+45 1"]),
        ] {
            let body = serde_json::json!({"value": [{"id": "x", "businessPhones": phones}]});
            let users = &USERS;
            let page = from_json(users, body.to_string().as_bytes()).expect("it is a page");
            assert_eq!(entries(page), by_tree(users, &body));
        }
    }

    proptest! {
        #[test]
        fn a_page_read_as_it_goes_by_is_the_page_read_as_a_tree(
            (dataset, objects) in prop::sample::select(ALL.to_vec()).prop_flat_map(|dataset| {
                (Just(dataset), prop::collection::vec(object_of(dataset), 0..4))
            })
        ) {
            if dataset.enumeration != Enumeration::Single {
                let body = serde_json::json!({"value": objects});
                let page = from_json(dataset, body.to_string().as_bytes()).expect("it is a page");
                prop_assert_eq!(entries(page), by_tree(dataset, &body));
            }
        }

        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..256)) {
            for dataset in ALL {
                let _ = from_json(dataset, &body);
                let _ = from_csv(dataset, &body);
            }
        }

        #[test]
        fn a_body_cut_anywhere_is_never_a_page(part in 0.0..1.0) {
            let body = include_bytes!("../fixtures/users.json").trim_ascii_end();
            let cut = (body.len() as f64 * part) as usize;
            prop_assert!(from_json(&USERS, &body[..cut]).is_err());
        }
    }
}
