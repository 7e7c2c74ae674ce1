//! Splits a CSV text into rows and a row into fields (RFC 4180), strictly enough to see a broken row.

use memchr::{memchr, memchr2};

/// The longest row, in bytes. A quoted field that is not closed within it is a broken row, so that
/// one stray quote never takes the rest of a large report with it.
pub(super) const LONGEST_ROW: usize = 1024 * 1024;

/// The fields of one row. The buffer is reused for the next row.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: String,
    ends: Vec<usize>,
    replaced: bool,
}

impl Fields {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, field: usize) -> Option<&str> {
        let end = *self.ends.get(field)?;
        let begin = match field {
            0 => 0,
            field => self.ends[field - 1],
        };
        self.text.get(begin..end)
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|field| self.get(field).unwrap_or_default())
    }

    /// True if bytes that are not UTF-8 were replaced by U+FFFD.
    pub fn are_replaced(&self) -> bool {
        self.replaced
    }

    /// Takes the fields' bytes, replacing what is not UTF-8 in each field by itself.
    fn take_lossy(&mut self, bytes: &[u8]) {
        let mut begin = 0;
        for end in &mut self.ends {
            let field = String::from_utf8_lossy(&bytes[begin..*end]);
            self.text.push_str(&field);
            begin = std::mem::replace(end, self.text.len());
        }
        self.replaced = true;
    }

    /// True if every field is blank: an empty line.
    pub fn are_blank(&self) -> bool {
        self.iter().all(|field| field.trim().is_empty())
    }
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// A row of so many bytes, its line end included.
    Row { bytes: usize, ended: bool },
    /// A line of so many bytes that cannot be split into fields.
    Broken { bytes: usize },
    /// The text ends within a row that cannot be split into fields.
    Cut,
    /// The row goes on behind these bytes.
    More,
}

/// Splits the first row off. `last` says that nothing follows these bytes.
pub(super) fn split(bytes: &[u8], delimiter: u8, last: bool, fields: &mut Fields) -> Split {
    fields.ends.clear();
    fields.replaced = false;
    let mut text = std::mem::take(&mut fields.text).into_bytes();
    text.clear();
    let split = fields_of(bytes, delimiter, last, &mut text, &mut fields.ends);
    match String::from_utf8(text) {
        Ok(text) => fields.text = text,
        Err(error) => fields.take_lossy(error.as_bytes()),
    }
    split
}

fn fields_of(
    bytes: &[u8],
    delimiter: u8,
    last: bool,
    text: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Split {
    let mut at = 0;
    loop {
        let field = match bytes.get(at) {
            Some(b'"') => quoted(bytes, at, text),
            _ => plain(bytes, at, delimiter, last, text),
        };
        let Some(end) = field else {
            return unfinished(bytes, last);
        };
        at = end;
        ends.push(text.len());
        match bytes[at..] {
            [] | [b'\r'] if last => {
                return Split::Row {
                    bytes: bytes.len(),
                    ended: false,
                };
            }
            [] | [b'\r'] => return Split::More,
            [b'\n', ..] => {
                return Split::Row {
                    bytes: at + 1,
                    ended: true,
                };
            }
            [b'\r', b'\n', ..] => {
                return Split::Row {
                    bytes: at + 2,
                    ended: true,
                };
            }
            [byte, ..] if byte == delimiter => at += 1,
            // Text behind a closing quote: the quote was none, or a quote is missing.
            _ => return broken(bytes, last),
        }
    }
}

/// Copies a quoted field; gives where it ends, behind its closing quote.
fn quoted(bytes: &[u8], begin: usize, text: &mut Vec<u8>) -> Option<usize> {
    let mut at = begin + 1;
    loop {
        let quote = at + memchr(b'"', &bytes[at..])?;
        text.extend_from_slice(&bytes[at..quote]);
        at = quote + 1;
        if bytes.get(at) != Some(&b'"') {
            return Some(at);
        }
        text.push(b'"');
        at += 1;
    }
}

/// Copies a field without quotes; gives where it ends, at its delimiter or line end.
fn plain(
    bytes: &[u8],
    begin: usize,
    delimiter: u8,
    last: bool,
    text: &mut Vec<u8>,
) -> Option<usize> {
    let rest = &bytes[begin..];
    let length = match memchr2(delimiter, b'\n', rest) {
        Some(length) if rest[length] == b'\n' && rest[..length].ends_with(b"\r") => length - 1,
        Some(length) => length,
        None if last => rest.len(),
        None => return None,
    };
    text.extend_from_slice(&rest[..length]);
    Some(begin + length)
}

/// The field in hand does not end within the bytes.
fn unfinished(bytes: &[u8], last: bool) -> Split {
    match last || bytes.len() > LONGEST_ROW {
        true => broken(bytes, last),
        false => Split::More,
    }
}

/// The first line cannot be split: the next line is tried as a row of its own.
fn broken(bytes: &[u8], last: bool) -> Split {
    match memchr(b'\n', bytes) {
        Some(end) => Split::Broken { bytes: end + 1 },
        None if last => Split::Cut,
        None => Split::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: &str) -> Vec<Option<Vec<String>>> {
        let (mut rest, mut rows, mut fields) = (text.as_bytes(), Vec::new(), Fields::default());
        while !rest.is_empty() {
            match split(rest, b',', true, &mut fields) {
                Split::Row { bytes, .. } => {
                    rows.push(Some(fields.iter().map(str::to_owned).collect()));
                    rest = &rest[bytes..];
                }
                Split::Broken { bytes } => {
                    rows.push(None);
                    rest = &rest[bytes..];
                }
                Split::Cut | Split::More => break,
            }
        }
        rows
    }

    #[test]
    fn quotes_hold_commas_line_ends_and_doubled_quotes() {
        let row = |fields: &[&str]| Some(fields.iter().map(|&f| f.to_owned()).collect());
        assert_eq!(
            rows("a,\"b,\r\n\"\"c\"\"\",\r\nd,e f,5\" pipe\nlast,,"),
            [
                row(&["a", "b,\r\n\"c\"", ""]),
                row(&["d", "e f", "5\" pipe"]),
                row(&["last", "", ""]),
            ]
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_own_line_alone() {
        let read = rows("a,\"b,c\nd,\"e\",f\ng,h,i\n");
        assert_eq!(read.iter().filter(|row| row.is_none()).count(), 1);
        assert_eq!(read[1].as_deref().map(<[_]>::len), Some(3));
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn a_row_of_which_more_may_come_waits_for_it() {
        let mut fields = Fields::default();
        for begun in ["a,b", "a,\"b", "a,\"b\"", "a,\"b\"\r", "\"a\nb", ""] {
            assert_eq!(
                split(begun.as_bytes(), b',', false, &mut fields),
                Split::More,
                "{begun:?}"
            );
        }
        assert_eq!(split(b"a,\"b", b',', true, &mut fields), Split::Cut);
    }

    proptest! {
        #[test]
        fn what_a_csv_writer_wrote_is_read_back(
            table in prop::collection::vec(prop::collection::vec("[a\"\r\n, é]{0,6}", 2..5), 1..6)
        ) {
            let quote = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quote).collect::<Vec<_>>().join(",");
            let text: String = table.iter().map(|row| line(row) + "\r\n").collect();
            let read: Option<Vec<Vec<String>>> = rows(&text).into_iter().collect();
            prop_assert_eq!(read, Some(table));
        }

        #[test]
        fn no_bytes_make_it_panic_or_stand_still(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut fields = Fields::default();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                match split(rest, b',', true, &mut fields) {
                    Split::Row { bytes, .. } | Split::Broken { bytes } => {
                        prop_assert!(bytes > 0);
                        rest = &rest[bytes..];
                    }
                    Split::Cut | Split::More => break,
                }
            }
        }
    }
}
