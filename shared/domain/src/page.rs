//! What one answer of Microsoft Graph holds: records, removals, and where to go on.

use crate::{
    dataset::{Dataset, Enumeration, Key},
    record::{Record, from_cell},
};
use serde_json::Value;

/// One page, projected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// What the page says, in its order.
    pub entries: Vec<Entry>,
    /// `@odata.nextLink`: there is more.
    pub next_link: Option<String>,
    /// `@odata.deltaLink`: the round is complete.
    pub delta_link: Option<String>,
    /// Objects without a key, which cannot be stored.
    pub unkeyed: u64,
    /// Rows whose names are concealed, which name nobody.
    pub concealed: u64,
}

/// One entry of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// The object is so.
    Is(Record),
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
    /// The body is no CSV with the report's columns.
    #[error("the report is not a whole CSV file: {0}")]
    Csv(String),
}

/// Reads a JSON answer.
///
/// # Errors
/// When the body is no whole JSON document or holds no `value`; nothing of it is believed then.
pub fn from_json(dataset: &Dataset, body: &[u8]) -> Result<Page, NotAPage> {
    let mut answer: Value =
        serde_json::from_slice(body).map_err(|e| NotAPage::Json(e.to_string()))?;
    let link = |answer: &Value, name: &str| {
        let link = answer.get(name).and_then(Value::as_str);
        link.filter(|link| !link.is_empty()).map(str::to_owned)
    };
    let mut page = Page {
        next_link: link(&answer, "@odata.nextLink"),
        delta_link: link(&answer, "@odata.deltaLink"),
        ..Page::default()
    };
    let objects = if dataset.enumeration == Enumeration::Single {
        match answer {
            Value::Object(ref mut map) => vec![map.remove("value").unwrap_or(answer)],
            _ => return Err(NotAPage::Shape),
        }
    } else {
        match answer.get_mut("value").map(Value::take) {
            Some(Value::Array(objects)) => objects,
            _ => return Err(NotAPage::Shape),
        }
    };
    for object in &objects {
        let removed = object
            .get("@removed")
            .is_some_and(|reason| !reason.is_null());
        match (removed, Record::from_object(dataset, object)) {
            (true, Some(record)) => page.entries.push(Entry::Gone(record.key)),
            (false, Some(record)) => page.entries.push(Entry::Is(record)),
            (_, None) => page.unkeyed += 1,
        }
    }
    // A constant key makes a record of anything: what holds none of the columns, such as an
    // error, is not the object asked for.
    let found =
        |entry: &Entry| matches!(entry, Entry::Is(r) if !r.values.iter().all(Value::is_null));
    if dataset.enumeration == Enumeration::Single
        && !(objects.iter().all(Value::is_object) && page.entries.iter().any(found))
    {
        return Err(NotAPage::Shape);
    }
    Ok(page)
}

/// Reads a usage report by its headers, in whatever order and number they come.
///
/// # Errors
/// When the bytes are no UTF-8 CSV, a row is cut short, or the key's column is missing: a file
/// whose every row is unkeyed would otherwise read as a report that names nobody.
pub fn from_csv(dataset: &Dataset, body: &[u8]) -> Result<Page, NotAPage> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let wrong = |e: csv::Error| NotAPage::Csv(e.to_string());
    // A file that was garbled within its first line would read as a report that names nobody.
    if body.contains(&0) {
        let why = "it holds bytes that are no text";
        return Err(NotAPage::Csv(why.to_owned()));
    }
    let mut reader = csv::Reader::from_reader(body);
    let headers = reader.headers().map_err(wrong)?.clone();
    let places: Vec<Option<usize>> = dataset
        .columns
        .iter()
        .map(|column| {
            headers
                .iter()
                .position(|header| header.trim().eq_ignore_ascii_case(column.source))
        })
        .collect();
    let has = |name: &str| {
        dataset
            .column(name)
            .is_some_and(|column| places[column].is_some())
    };
    let keyed = match dataset.key {
        Key::Column(name) => has(name),
        Key::ColumnOr(name, other) => has(name) || has(other),
        Key::Constant(_) => places.iter().any(Option::is_some),
    };
    if !keyed {
        return Err(NotAPage::Csv(
            "the column that names its rows is missing".to_owned(),
        ));
    }
    let mut page = Page::default();
    for row in reader.records() {
        let row = row.map_err(wrong)?;
        let mut place = places.iter();
        let record = Record::project(dataset, |column| {
            let cell = place
                .next()
                .copied()
                .flatten()
                .and_then(|i| row.get(i))
                .unwrap_or("");
            from_cell(column.kind, cell)
        });
        match record {
            Some(record) if is_concealed(&record.key) => page.concealed += 1,
            Some(record) => page.entries.push(Entry::Is(record)),
            None => page.unkeyed += 1,
        }
    }
    Ok(page)
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
    use crate::datasets::{
        ALL, active_users::ACTIVE_USERS, report_settings::REPORT_SETTINGS, users::USERS,
    };
    use proptest::prelude::*;

    #[test]
    fn the_one_object_is_read_wrapped_or_bare() {
        for body in [
            r#"{"value": {"displayConcealedNames": true}}"#,
            r#"{"displayConcealedNames": true}"#,
        ] {
            let page = from_json(&REPORT_SETTINGS, body.as_bytes()).expect("it is the object");
            let [Entry::Is(record)] = &page.entries[..] else {
                panic!("{page:?}")
            };
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
        assert!(matches!(
            from_json(&USERS, br#"{"value": ["#),
            Err(NotAPage::Json(_))
        ));
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
    fn a_report_without_its_key_or_cut_in_a_row_is_no_page() {
        for body in [
            &b""[..],
            b"Display Name,Is Deleted\nZ,False\n",
            b"<html>,</html>\n",
            b"User Principal Name,Display Name\na@b.example\n",
            b"User Principal Name\n\xFF\n",
            b"User Principal Name,Display N\x00]}<<garbled",
        ] {
            let page = from_csv(&ACTIVE_USERS, body);
            assert!(matches!(page, Err(NotAPage::Csv(_))), "{body:?}: {page:?}");
        }
        assert_eq!(
            from_csv(&ACTIVE_USERS, b"user principal name\n"),
            Ok(Page::default())
        );
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

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..256)) {
            for dataset in ALL {
                let _ = from_json(dataset, &body);
                let _ = from_csv(dataset, &body);
            }
        }

        #[test]
        fn no_text_of_a_report_makes_it_panic(rows in "([\"+ ,\n0-9A-Fé-]{0,40}\n){0,6}") {
            let body = format!("Assigned Products,User Principal Name,Deleted Date\n{rows}");
            let _ = from_csv(&ACTIVE_USERS, body.as_bytes());
        }

        #[test]
        fn a_body_cut_anywhere_is_never_a_page(part in 0.0..1.0) {
            let body = include_bytes!("../fixtures/users.json").trim_ascii_end();
            let cut = (body.len() as f64 * part) as usize;
            prop_assert!(from_json(&USERS, &body[..cut]).is_err());
        }

        #[test]
        fn every_row_of_a_report_is_counted_once(
            names in prop::collection::vec("[A-F0-9]{32}|[a-z]{1,6}@b[.]example| {0,2}", 0..20)
        ) {
            let rows: String = names.iter().map(|n| format!("\"x,\ny\",{n}\r\n")).collect();
            let body = format!("\u{feff}Extra,User Principal Name\r\n{rows}");
            let page = from_csv(&ACTIVE_USERS, body.as_bytes()).expect("it is whole");
            let counted = page.entries.len() as u64 + page.concealed + page.unkeyed;
            prop_assert_eq!(counted, names.len() as u64);
            let concealed = names.iter().filter(|name| name.len() == 32).count() as u64;
            prop_assert_eq!(page.concealed, concealed);
        }
    }
}
