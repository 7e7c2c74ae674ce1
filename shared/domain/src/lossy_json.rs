//! Reads JSON in which some value is unreadable, as `String::from_utf8_lossy` reads text.
//!
//! Microsoft passes on what people and devices typed: half a surrogate pair where a name was cut within an
//! emoji, control bytes, bytes that are not UTF-8, numbers that no type holds. A strict reader refuses the
//! whole document for one of them. [`sanitize`] replaces such values and keeps everything around them.
//! It never guesses the structure: a document with an open string, an open bracket or text after its end
//! may be cut off, and is refused.
//!
//! The strict reader always goes first, so a good document costs nothing more.

use serde::de::DeserializeOwned;
use std::ops::Range;

/// The deepest nesting that is kept. `serde_json` refuses 128 levels, and no column of any dataset lies
/// deeper than a few.
const DEEPEST: usize = 64;
/// Stands in the place of a value that is nested deeper.
const TOO_DEEP: &str = "\"[nested too deep]\"";

/// The most bytes by which a sanitized document may outgrow the original. Only a hostile one does.
const MOST_GROWTH: usize = 16 << 20;

/// The longest bare word that is kept as text, in bytes.
const LONGEST_WORD: usize = 512;

/// Deserializes a JSON document, sanitized where the strict reader refuses it.
///
/// # Errors
/// The strict reader's error, where the document is not whole or does not fit the type.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body).or_else(|refused| {
        let sanitized = sanitize(body).ok_or(refused)?;
        serde_json::from_str(&sanitized)
    })
}

/// Returns the document with every unreadable value replaced, or `None` where it is not whole.
///
/// Half a surrogate pair and bytes that are not UTF-8 become U+FFFD, control bytes their escapes, numbers
/// that no type holds and words such as `NaN` text, and what is nested too deep a note.
pub fn sanitize(body: &[u8]) -> Option<String> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut sanitizer = Sanitizer {
        body,
        at: 0,
        out: String::with_capacity(body.len() + 64),
        open: Vec::new(),
    };
    sanitizer.document()?;
    Some(sanitizer.out)
}

/// Copies a document piece by piece, replacing what is unreadable.
struct Sanitizer<'a> {
    body: &'a [u8],
    at: usize,
    out: String,
    /// The closing bracket of each open bracket.
    open: Vec<u8>,
}

impl Sanitizer<'_> {
    fn document(&mut self) -> Option<()> {
        let most = self.body.len() + MOST_GROWTH;
        let mut ended = false;
        while let Some(&byte) = self.body.get(self.at) {
            if byte.is_ascii_whitespace() {
                // Two words that it separates must not become one.
                self.out.push(' ');
                self.at += 1;
                continue;
            }
            if ended || self.out.len() > most {
                return None;
            }
            match byte {
                b'"' => self.text()?,
                b'{' | b'[' => self.bracket(byte)?,
                b'}' | b']' => {
                    if self.open.pop() != Some(byte) {
                        return None;
                    }
                    self.out.push(char::from(byte));
                    self.at += 1;
                }
                b',' | b':' => {
                    self.out.push(char::from(byte));
                    self.at += 1;
                }
                _ => self.word(),
            }
            ended = self.open.is_empty();
        }
        ended.then_some(())
    }

    /// Opens a bracket. Skips everything in it where it is nested too deep.
    fn bracket(&mut self, byte: u8) -> Option<()> {
        if self.open.len() < DEEPEST {
            self.open.push(closing(byte));
            self.out.push(char::from(byte));
            self.at += 1;
            return Some(());
        }
        let mut open = Vec::new();
        let kept = self.out.len();
        loop {
            match *self.body.get(self.at)? {
                b'"' => {
                    self.text()?;
                    self.out.truncate(kept);
                    continue;
                }
                byte @ (b'{' | b'[') => open.push(closing(byte)),
                byte @ (b'}' | b']') if open.pop() != Some(byte) => return None,
                _ => {}
            }
            self.at += 1;
            if open.is_empty() {
                self.out.push_str(TOO_DEEP);
                return Some(());
            }
        }
    }

    /// Copies a string, from its opening to its closing quote.
    fn text(&mut self) -> Option<()> {
        self.out.push('"');
        self.at += 1;
        let mut plain = self.at;
        loop {
            let byte = *self.body.get(self.at)?;
            if byte != b'"' && byte != b'\\' && byte >= 0x20 {
                self.at += 1;
                continue;
            }
            self.copy(plain..self.at);
            match byte {
                b'"' => {
                    self.out.push('"');
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                control => {
                    self.out.push_str(&format!("\\u{control:04x}"));
                    self.at += 1;
                }
            }
            plain = self.at;
        }
    }

    /// Copies an escape. An invalid one is kept as the text that it looks like.
    fn escape(&mut self) -> Option<()> {
        let next = *self.body.get(self.at + 1)?;
        match next {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.out.push('\\');
                self.out.push(char::from(next));
                self.at += 2;
            }
            b'u' => match self.unit(self.at) {
                None => self.backslash(),
                Some(0xD800..=0xDBFF) => match self.unit(self.at + 6) {
                    Some(0xDC00..=0xDFFF) => {
                        self.copy(self.at..self.at + 12);
                        self.at += 12;
                    }
                    _ => self.replace(6),
                },
                Some(0xDC00..=0xDFFF) => self.replace(6),
                Some(_) => {
                    self.copy(self.at..self.at + 6);
                    self.at += 6;
                }
            },
            _ => self.backslash(),
        }
        Some(())
    }

    fn backslash(&mut self) {
        self.out.push_str("\\\\");
        self.at += 1;
    }

    fn replace(&mut self, bytes: usize) {
        self.out.push(char::REPLACEMENT_CHARACTER);
        self.at += bytes;
    }

    /// Returns the UTF-16 unit of the `\\u` escape that begins at this place.
    fn unit(&self, at: usize) -> Option<u16> {
        let digits = self.body.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let hex = digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok().filter(|_| hex)?;
        u16::from_str_radix(digits, 16).ok()
    }

    /// Copies a number, `true`, `false` or `null`, and quotes any other word.
    fn word(&mut self) {
        let rest = &self.body[self.at..];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"{}[]:,\"".contains(byte);
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let word = &rest[..length];
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
        let is_text = length <= LONGEST_WORD && word.iter().all(plain);
        // A word with other bytes stays as it is, so that its object is refused.
        let reads = serde_json::from_slice::<serde_json::Value>(word).is_ok();
        let quoted = is_text && !reads;
        let quote = if quoted { "\"" } else { "" };
        self.out.push_str(quote);
        self.copy(self.at..self.at + length);
        self.out.push_str(quote);
        self.at += length;
    }

    fn copy(&mut self, range: Range<usize>) {
        for chunk in self.body[range].utf8_chunks() {
            self.out.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                self.out.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}

fn closing(byte: u8) -> u8 {
    match byte {
        b'{' => b'}',
        _ => b']',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(body: &[u8]) -> Option<Value> {
        serde_json::from_str(&sanitize(body)?).ok()
    }

    #[test]
    fn a_value_that_cannot_be_read_becomes_text() {
        for (body, value) in [
            (&b"\"Anna \\ud83d\""[..], json!("Anna \u{fffd}")),
            (b"\"\\ude00 \\ud83d\\ude00\"", json!("\u{fffd} \u{1f600}")),
            (b"\"\\ud83d\\ud83d\\ude00\"", json!("\u{fffd}\u{1f600}")),
            (b"\"\\ud83d\\n\"", json!("\u{fffd}\n")),
            (b"\"a\x00b\nc\"", json!("a\0b\nc")),
            (b"\"a\xffb\xc3\"", json!("a\u{fffd}b\u{fffd}")),
            (b"\"C:\\Users\\x41 \\u12\"", json!("C:\\Users\\x41 \\u12")),
            (b"[1e400, -1E999]", json!(["1e400", "-1E999"])),
            (
                b"[NaN, Infinity, -Infinity]",
                json!(["NaN", "Infinity", "-Infinity"]),
            ),
            (b"[01, +1, .5, 0x1F]", json!(["01", "+1", ".5", "0x1F"])),
            (b"[true, null, -0.5e3]", json!([true, null, -0.5e3])),
            (b"\xEF\xBB\xBF{\"a\": 1}\r\n", json!({"a": 1})),
        ] {
            let text = String::from_utf8_lossy(body);
            assert_eq!(read(body), Some(value), "{text}");
        }
    }

    #[test]
    fn two_words_are_never_read_as_one() {
        for body in [
            &b"[1 2]"[..],
            b"[tr ue]",
            b"{\"a\": 1\n0}",
            b"[\"a\" \"b\"]",
        ] {
            assert_eq!(read(body), None, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_replaced_and_its_neighbours_stay() {
        let deep = format!("{}\"]\"{}", "[".repeat(5000), "]".repeat(5000));
        let value = read(format!("{{\"a\": {deep}, \"b\": 1}}").as_bytes()).expect("it is read");
        assert_eq!(value["b"], 1);
        assert!(value["a"].to_string().contains("nested too deep"));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for body in [
            "", "{", "{]", "[1}", "\"a", "\"\\", "[1] 2", "{}x", "[\"a]", "[[[",
        ] {
            assert_eq!(sanitize(body.as_bytes()), None, "{body}");
        }
        let deep = "[".repeat(5000);
        assert_eq!(sanitize(deep.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn what_can_be_read_stays_as_it_is(text in "\\PC{0,24}", number in any::<i64>()) {
            let value = json!({"a": [text, number, null, true, {"b": {}}]});
            prop_assert_eq!(read(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = sanitize(&body);
        }

        #[test]
        fn a_document_that_is_cut_is_always_refused(part in 0.0..1.0) {
            let body = include_bytes!("../fixtures/users.json").trim_ascii_end();
            prop_assert_eq!(sanitize(&body[..(body.len() as f64 * part) as usize]), None);
        }
    }
}
