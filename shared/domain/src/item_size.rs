//! Truncates records that are too large to store.
//!
//! DynamoDB takes no item above 400 KB, attribute names and UTF-8 values counted together, no partition key
//! above 2,048 bytes and no sort key above 1,024 (AWS, "Quotas in Amazon DynamoDB",
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>). It would refuse a
//! larger record together with the batch that it travels in. The longest values of such a record are
//! truncated instead, each with a mark: the record is there, can be found, and is not taken for removed.

use crate::{DatasetState, record};
use serde_json::Value;

/// The longest stored form of a record, in bytes. The rest of 400 KB is for keys, digest and lease, and for
/// what packing adds to volatile columns.
pub const LONGEST_TEXT: usize = 360_000;

/// The bytes that are kept of a truncated value. A record fits with all of its columns truncated.
const KEPT: usize = 4096;

/// More bytes than a mark and its quotes take.
const MARK_ROOM: usize = 128;

/// Begins the mark at the end of a truncated value.
const MARK: &str = "[truncated by Muster: ";

/// Truncates the longest values of a stored form that is too long, until it fits. Returns true if it was
/// too long.
pub fn truncate_to_fit(text: &mut String) -> bool {
    let too_long = text.len() > LONGEST_TEXT;
    if too_long {
        *text = fitting(text);
    }
    too_long
}

/// Returns true if some value of a stored form is truncated.
pub fn is_truncated(text: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), MARK.as_bytes()).is_some()
}

fn fitting(text: &str) -> String {
    let mut cells: Vec<String> = record::cells(text).map(str::to_owned).collect();
    let mut longest_first: Vec<usize> = (0..cells.len()).collect();
    longest_first.sort_by_key(|cell| std::cmp::Reverse(cells[*cell].len()));
    let mut length = text.len();
    for cell in longest_first {
        if length <= LONGEST_TEXT {
            break;
        }
        let short = truncate_value(&cells[cell]);
        length = length - cells[cell].len() + short.len();
        cells[cell] = short;
    }
    format!("[{}]", cells.join(","))
}

/// Returns the beginning of a value with a mark: of a text its first characters, of a list its first
/// entries. A short value stays as it is.
pub fn truncate_value(cell: &str) -> String {
    if cell.len() <= KEPT + MARK_ROOM {
        return cell.to_owned();
    }
    let short = match serde_json::from_str(cell) {
        Ok(Value::String(text)) => {
            let mark = format!("{MARK}{} bytes in all]", text.len());
            Value::String(format!("{} {mark}", beginning(&text)))
        }
        Ok(Value::Array(entries)) => {
            let (all, mut left) = (entries.len(), KEPT);
            let mut kept: Vec<Value> = entries
                .into_iter()
                .take_while(|entry| {
                    let fits = left.checked_sub(entry.to_string().len());
                    left = fits.unwrap_or(0);
                    fits.is_some()
                })
                .collect();
            let mark = format!("{MARK}{} of {all} entries kept]", kept.len());
            kept.push(Value::String(mark));
            Value::Array(kept)
        }
        _ => Value::String(format!("{MARK}{} bytes in all]", cell.len())),
    };
    short.to_string()
}

/// Returns the first characters of a text: at most 4 KB of JSON.
fn beginning(text: &str) -> &str {
    let mut end = 0;
    let mut written = 0;
    for character in text.chars() {
        written += match character {
            '"' | '\\' => 2,
            '\0'..='\x1f' => 6,
            other => other.len_utf8(),
        };
        if written > KEPT {
            break;
        }
        end += character.len_utf8();
    }
    &text[..end]
}

impl DatasetState {
    /// Tells of records that are too large to store: truncated, or left out for their keys.
    pub fn size_notes(&self) -> Vec<String> {
        let truncated = match self.truncated {
            0 => None,
            1 => Some("1 record is".to_owned()),
            more => Some(format!("{more} records are")),
        };
        let truncated = truncated.map(|records| {
            format!("{records} too large to store whole. The longest values are truncated and end with “{MARK}…]”. Microsoft's admin center shows them whole.")
        });
        let left_out = match self.oversized_keys {
            0 => None,
            1 => Some("1 record has an ID too long to store. Everything else is kept.".to_owned()),
            more => Some(format!(
                "{more} records have IDs too long to store. Everything else is kept."
            )),
        };
        truncated.into_iter().chain(left_out).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Record, datasets::ALL};
    use proptest::prelude::*;
    use serde_json::json;

    fn truncated(value: &Value) -> Value {
        serde_json::from_str(&truncate_value(&value.to_string())).expect("it is JSON")
    }

    #[test]
    fn a_truncated_value_says_so() {
        let text = truncated(&json!("é".repeat(225_000)));
        let text = text.as_str().expect("it is a text");
        assert!(text.starts_with("éé"), "{text}");
        assert!(text.ends_with("é [truncated by Muster: 450000 bytes in all]"));
        let list = truncated(&json!(vec!["x".repeat(1000); 450]));
        assert_eq!(list.as_array().map(Vec::len), Some(5));
        assert_eq!(list[4], "[truncated by Muster: 4 of 450 entries kept]");
        let object = truncated(&json!({"a": "x".repeat(450_000)}));
        assert_eq!(object, "[truncated by Muster: 450008 bytes in all]");
        assert_eq!(truncated(&json!("short")), "short");
    }

    #[test]
    fn every_record_fits_whatever_is_in_its_columns() {
        for dataset in ALL {
            let (key, columns) = ("k".to_owned(), dataset.columns.len());
            for long in [LONGEST_TEXT / columns, 400_000] {
                let values = vec![json!("\u{1}\"é".repeat(long / 3)); columns];
                let mut text = Record {
                    key: key.clone(),
                    values,
                }
                .to_text();
                assert!(
                    truncate_to_fit(&mut text) && text.len() <= LONGEST_TEXT,
                    "{}",
                    dataset.name
                );
                assert!(
                    is_truncated(&text) && Record::from_text(dataset, key.clone(), &text).is_ok()
                );
            }
        }
    }

    #[test]
    fn a_state_tells_how_many_records_are_too_large() {
        let mut state = DatasetState::new(&crate::datasets::users::USERS);
        assert!(state.size_notes().is_empty());
        (state.truncated, state.oversized_keys) = (1, 2);
        let notes = state.size_notes();
        assert!(notes[0].starts_with("1 record is too large to store whole. The longest"));
        assert!(notes[0].contains("end with “[truncated by Muster: …]”."));
        assert_eq!(
            notes[1],
            "2 records have IDs too long to store. Everything else is kept."
        );
    }

    #[test]
    fn only_the_longest_values_are_truncated() {
        let before = json!(["id", "x".repeat(450_000), "y".repeat(20_000), null, 7]);
        let mut text = before.to_string();
        truncate_to_fit(&mut text);
        let after: Value = serde_json::from_str(&text).expect("it is an array");
        assert_eq!(
            (&after[0], &after[2], &after[4]),
            (&before[0], &before[2], &before[4])
        );
        assert!(after[1].as_str().is_some_and(|text| text.len() < 5000));
    }

    proptest! {
        #[test]
        fn what_fits_stays_as_it_is(text in "\\PC{0,64}") {
            let mut fits = json!([text]).to_string();
            let before = fits.clone();
            truncate_to_fit(&mut fits);
            prop_assert!(!is_truncated(&fits));
            prop_assert_eq!(fits, before);
        }
    }
}
