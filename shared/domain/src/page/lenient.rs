//! Reads a list in which some object is unreadable: the other objects are kept.
//!
//! The strict reader goes first, over every page. This one runs only where that fails.

use super::{Entry, List, NotAPage, Page};
use crate::{
    dataset::Dataset,
    lossy_json::sanitize,
    row::{Object, Row, RowReader},
};
use serde::{Deserializer, de::DeserializeSeed};
use std::ops::Range;

/// Reads a list, sanitized, and object by object where that does not help. An object that stays
/// unreadable, or whose key does, is counted and left out. Returns `None` where the body is not whole or
/// its links are unreadable: nothing of it is believed then.
pub(super) fn list(dataset: &'static Dataset, body: &[u8]) -> Option<Result<Page, NotAPage>> {
    let text = sanitize(body)?;
    let page = match strict(dataset, &text) {
        Ok(page) => page,
        Err(_) => by_object(dataset, &text)?,
    };
    let Some(page) = page else {
        return Some(Err(NotAPage::Shape));
    };
    let mut links = page.next_link.iter().chain(&page.delta_link);
    if links.any(|link| is_replaced(link)) {
        return None;
    }
    Some(Ok(without_replaced_keys(page)))
}

/// Reads a list whole or not at all. Returns `Ok(None)` for JSON that is no list.
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

/// Reads the members around the objects, which must be sound, and then each object by itself.
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
            Ok(object) => page.take(object, reader.has_watched()),
            Err(_) => page.unreadable += 1,
        }
    }
    Some(Some(page))
}

impl Page {
    /// Takes one object of a list. `has_watched` tells whether it has the watched property, if there is one.
    pub(super) fn take(&mut self, object: Object, has_watched: Option<bool>) {
        match object {
            Object::Is(row) => {
                self.entries.push(Entry::Is(row));
                if let Some(has) = has_watched {
                    self.presence.note(has);
                }
            }
            Object::Gone(key) => self.entries.push(Entry::Gone(key)),
            Object::Unkeyed => self.unkeyed += 1,
            Object::KeyTooLong => self.oversized_keys += 1,
        }
    }
}

fn is_replaced(text: &str) -> bool {
    text.contains(char::REPLACEMENT_CHARACTER)
}

/// Leaves out objects whose keys are not as they came: two objects could come to share one.
fn without_replaced_keys(mut page: Page) -> Page {
    let before = page.entries.len();
    page.entries.retain(|entry| {
        let (Entry::Is(Row { key, .. }) | Entry::Gone(key)) = entry;
        !is_replaced(key)
    });
    page.unreadable += (before - page.entries.len()) as u64;
    page
}

/// Finds each list that is a member named `value` of a sanitized document, its brackets left off. The
/// document's strings end and its brackets match.
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

/// Splits a list, its brackets left off, into its elements.
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

/// Calls `see` for every string, bracket and comma, with its place and the number of brackets around it.
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
    fn an_object_that_stays_unreadable_is_counted_and_its_neighbors_are_kept() {
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
    fn an_unreadable_link_is_never_followed_nor_taken_for_the_end() {
        for link in ["@odata.nextLink", "@odata.deltaLink"] {
            let body = format!(r#"{{"value": [{{"id": "a"}}], "{link}": "https://x/\ud83d"}}"#);
            let page = from_json(&USERS, body.as_bytes());
            assert!(page.is_err(), "{link}: {page:?}");
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
