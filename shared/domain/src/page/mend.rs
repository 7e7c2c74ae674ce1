//! Mends a JSON document that a strict reader refuses for the sake of one value.
//!
//! Microsoft passes on what others typed: half a surrogate pair where a name was cut in the middle of an
//! emoji, control bytes, bytes that are not UTF-8, numbers beyond every type. Such a value is replaced or
//! kept as text, and everything around it stays as it came. The structure is never guessed: a document
//! with an open string, an open bracket or anything after its end is not mended, since it may be cut.

use std::ops::Range;

/// Brackets may be nested so deep. What lies deeper is replaced by [`TOO_DEEP`]: the strict reader gives
/// up at 128, and no column of any dataset lies deeper than a few.
const DEEPEST: usize = 64;
const TOO_DEEP: &str = "\"[nested too deep]\"";

/// A mended document is at most so much longer than the original. Only a hostile one is.
const MOST_GROWTH: usize = 16 << 20;

/// A bare word of more bytes is not kept as text.
const LONGEST_WORD: usize = 512;

/// The document with every unreadable value replaced: half a surrogate pair and bytes that are not UTF-8
/// by U+FFFD, control bytes by their escapes, numbers that no type holds and words such as `NaN` by text,
/// what is nested too deep by a note. `None` where the document is not whole.
pub(crate) fn mend(body: &[u8]) -> Option<String> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut mender = Mender {
        body,
        at: 0,
        out: String::with_capacity(body.len() + 64),
        open: Vec::new(),
    };
    mender.document()?;
    Some(mender.out)
}

struct Mender<'a> {
    body: &'a [u8],
    at: usize,
    out: String,
    /// The closing bracket of each bracket that is open.
    open: Vec<u8>,
}

impl Mender<'_> {
    fn document(&mut self) -> Option<()> {
        let most = self.body.len() + MOST_GROWTH;
        let mut ended = false;
        while let Some(&byte) = self.body.get(self.at) {
            if byte.is_ascii_whitespace() {
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

    /// Opens a bracket, or passes over all that is in it where it is nested too deep.
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

    /// A text, from one quote to the other.
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

    /// What follows a backslash. An escape that is none is kept as the text that it looks like.
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

    /// The UTF-16 unit of an escape that begins at this place.
    fn unit(&self, at: usize) -> Option<u16> {
        let digits = self.body.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let hex = digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok().filter(|_| hex)?;
        u16::from_str_radix(digits, 16).ok()
    }

    /// A number, `true`, `false`, `null`, or a word that is none of them.
    fn word(&mut self) {
        let rest = &self.body[self.at..];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"{}[]:,\"".contains(byte);
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        let word = &rest[..length];
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._".contains(byte);
        let is_text = length <= LONGEST_WORD && word.iter().all(plain);
        // A word that begins no value stays as it is, and its object is not read.
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
        serde_json::from_str(&mend(body)?).ok()
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
            (b"\xEF\xBB\xBF{\"a\": 1}", json!({"a": 1})),
        ] {
            let text = String::from_utf8_lossy(body);
            assert_eq!(read(body), Some(value), "{text}");
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
    fn what_is_not_whole_is_not_mended() {
        for body in [
            "", "{", "{]", "[1}", "\"a", "\"\\", "[1] 2", "{}x", "[\"a]", "[[[",
        ] {
            assert_eq!(mend(body.as_bytes()), None, "{body}");
        }
        let deep = "[".repeat(5000);
        assert_eq!(mend(deep.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn what_can_be_read_stays_as_it_is(text in "\\PC{0,24}", number in any::<i64>()) {
            let value = json!({"a": [text, number, null, true, {"b": {}}]});
            prop_assert_eq!(read(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = mend(&body);
        }

        #[test]
        fn a_cut_document_is_never_mended(part in 0.0..1.0) {
            let body = include_bytes!("../../fixtures/users.json").trim_ascii_end();
            prop_assert_eq!(mend(&body[..(body.len() as f64 * part) as usize]), None);
        }
    }
}
