//! Reads a list of which some object cannot be read: the others are kept.
//!
//! The strict reader goes first, over every page; this one runs only where it has failed.

use super::{Entry, List, NotAPage, Page, mend::mend};
use crate::{
    dataset::Dataset,
    row::{Object, RowReader},
};
use serde::{Deserializer, de::DeserializeSeed};
use std::ops::Range;

/// Reads a whole list object by object. An object that stays unreadable, or whose key is, is counted and
/// left out. `None` where the body is not whole: nothing of it is believed then.
pub(super) fn list(dataset: &'static Dataset, body: &[u8]) -> Option<Result<Page, NotAPage>> {
    let text = mend(body)?;
    let page = match strict(dataset, &text) {
        Ok(page) => page,
        Err(_) => by_object(dataset, &text)?,
    };
    Some(page.map(without_mended_keys).ok_or(NotAPage::Shape))
}

pub(super) fn strict(
    dataset: &'static Dataset,
    text: &str,
) -> Result<Option<Page>, serde_json::Error> {
    let mut from = serde_json::Deserializer::from_str(text);
    let list = List {
        reader: RowReader::new(dataset),
        page: Page::default(),
    };
    let page = from.deserialize_any(list)?;
    from.end()?;
    Ok(page)
}

/// Reads what is around the objects first, which must be right, and then each object by itself.
fn by_object(dataset: &'static Dataset, text: &str) -> Option<Option<Page>> {
    let lists = lists_named_value(text);
    let mut around = String::new();
    let mut after = 0;
    for list in &lists {
        around.push_str(&text[after..list.start]);
        after = list.end;
    }
    around.push_str(&text[after..]);
    let Some(mut page) = strict(dataset, &around).ok()? else {
        return Some(None);
    };
    let mut reader = RowReader::new(dataset);
    for object in lists.into_iter().flat_map(|list| elements(&text[list])) {
        let mut from = serde_json::Deserializer::from_str(object);
        let read = DeserializeSeed::deserialize(&mut reader, &mut from);
        match read.and_then(|object| from.end().map(|()| object)) {
            Ok(object) => page.take(object),
            Err(_) => page.unreadable += 1,
        }
    }
    Some(Some(page))
}

impl Page {
    /// Takes one object of a list.
    pub(super) fn take(&mut self, object: Object) {
        match object {
            Object::Is(row) => self.entries.push(Entry::Is(row)),
            Object::Gone(key) => self.entries.push(Entry::Gone(key)),
            Object::Unkeyed => self.unkeyed += 1,
        }
    }
}

/// A key that had to be mended is not the object's key: two objects could come to share it.
fn without_mended_keys(mut page: Page) -> Page {
    let before = page.entries.len();
    page.entries.retain(|entry| {
        let key = match entry {
            Entry::Is(row) => &row.key,
            Entry::Gone(key) => key,
        };
        !key.contains(char::REPLACEMENT_CHARACTER)
    });
    page.unreadable += (before - page.entries.len()) as u64;
    page
}

/// What is between the brackets of each list that is a member named `value` of the document, which is
/// mended: its strings end and its brackets match.
fn lists_named_value(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut name, mut opened) = ("", None);
    each_token(text, |token, range, depth| match (token, depth) {
        (b'"', 1) => name = &text[range],
        (b'[', 1) if name == "\"value\"" => opened = Some(range.end),
        (b']', 1) => {
            if let Some(begin) = opened.take() {
                found.push(begin..range.start);
            }
        }
        (b',', 1) => name = "",
        _ => {}
    });
    found
}

/// The elements of a list, of which the brackets are left off.
fn elements(list: &str) -> Vec<&str> {
    let (mut found, mut begin) = (Vec::new(), 0);
    each_token(list, |token, range, depth| {
        if (token, depth) == (b',', 0) {
            found.push(&list[begin..range.start]);
            begin = range.end;
        }
    });
    if !(found.is_empty() && list[begin..].trim().is_empty()) {
        found.push(&list[begin..]);
    }
    found
}

/// Shows every string, bracket and comma, with where it is and how many brackets are open around it.
fn each_token(text: &str, mut see: impl FnMut(u8, Range<usize>, usize)) {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        let begin = at;
        at += 1;
        match byte {
            b'"' => {
                while let Some(&inner) = bytes.get(at) {
                    at += if inner == b'\\' { 2 } else { 1 };
                    if inner == b'"' {
                        break;
                    }
                }
                see(byte, begin..at.min(bytes.len()), depth);
            }
            b'{' | b'[' => {
                see(byte, begin..at, depth);
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                see(byte, begin..at, depth);
            }
            b',' => see(byte, begin..at, depth),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        datasets::users::USERS,
        page::{Entry, Page, from_json},
    };

    /// A page of three users, of which the second is this.
    fn page_with(object: &[u8]) -> Page {
        let before = br#"{"@odata.nextLink": "https://x/2", "value": [{"id": "a"}, "#;
        let body = [before, object, br#", {"id": "c", "displayName": "C"}]}"#].concat();
        from_json(&USERS, &body).expect("it is a page")
    }

    fn keys(page: &Page) -> Vec<&str> {
        let keys = page.entries.iter().map(|entry| match entry {
            Entry::Is(row) => row.key.as_str(),
            Entry::Gone(key) => key,
        });
        keys.collect()
    }

    #[test]
    fn one_bad_value_costs_no_record() {
        let deep = format!(
            r#"{{"id": "b", "businessPhones": {}{}}}"#,
            "[".repeat(300),
            "]".repeat(300)
        );
        for object in [
            &br#"{"id": "b", "displayName": "Anna \ud83d"}"#[..],
            br#"{"id": "b", "displayName": 1e400}"#,
            b"{\"id\": \"b\", \"displayName\": \"a\x01b\"}",
            b"{\"id\": \"b\", \"displayName\": \"a\xff\xfeb\"}",
            br#"{"id": "b", "displayName": NaN}"#,
            br#"{"id": "b", "displayName": -Infinity}"#,
            br#"{"id": "b", "displayName": "x", "displayName": "y"}"#,
            br#"{"id": "b", "displayName": 123456789012345678901234567890}"#,
            deep.as_bytes(),
        ] {
            let page = page_with(object);
            let text = String::from_utf8_lossy(object);
            assert_eq!(keys(&page), ["a", "b", "c"], "{text}");
            assert_eq!((page.unreadable, page.unkeyed), (0, 0), "{text}");
            assert_eq!(page.next_link.as_deref(), Some("https://x/2"));
        }
    }

    #[test]
    fn an_object_that_stays_unreadable_is_counted_and_its_neighbours_are_kept() {
        for object in [
            &br#"{"id": "b" "displayName": "x"}"#[..],
            br#"{"id": "b", <html>}"#,
            br#"{"id": "b",}"#,
            br#"{"id": "b\ud83d"}"#,
            b"{\"id\": \"b\xff\"}",
            br#"{"id": "b\ud83d", "@removed": {"reason": "changed"}}"#,
            b"",
        ] {
            let page = page_with(object);
            let text = String::from_utf8_lossy(object);
            assert_eq!(keys(&page), ["a", "c"], "{text}");
            assert_eq!(page.unreadable, 1, "{text}");
            assert_eq!(page.next_link.as_deref(), Some("https://x/2"));
        }
    }

    #[test]
    fn two_lists_named_value_lose_nobody() {
        let body = br#"{"value": [{"id": "a"}], "value": [{"id": "b", x}, {"id": "c"}]}"#;
        let page = from_json(&USERS, body).expect("it is a page");
        assert_eq!((keys(&page), page.unreadable), (vec!["a", "c"], 1));
        let body = br#"{"value": [{"id": "a"}], "value": [{"id": "b"}]}"#;
        let page = from_json(&USERS, body).expect("it is a page");
        assert_eq!(keys(&page), ["a", "b"]);
    }
}
