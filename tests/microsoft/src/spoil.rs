//! Answers of which one value is hostile: what is around it stays as it was.

use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

/// How one value is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    /// The first name holds half a surrogate pair, as of an emoji that was cut.
    Surrogate,
    /// The first name holds a control byte that is not escaped.
    Control,
    /// The first name holds bytes that are not UTF-8.
    NotUtf8,
    /// The first object has a number that no type holds.
    Number,
    /// The first object has a member that is `NaN`.
    NotANumber,
    /// The first object has a member that is nested 300 deep.
    Nested,
    /// The first object has a member twice.
    Twice,
    /// One more object, first, that is not JSON.
    Object,
    /// The first name is so many bytes long.
    Huge(usize),
    /// The next link or delta link is so many bytes long.
    Link(usize),
    /// The answer is so many bytes long.
    Page(usize),
    /// The answer is so many bytes long when it is unpacked, and a thousandth of that when it is not.
    Bomb(usize),
    /// The report is so many bytes long, by rows of people who are not there.
    Rows(usize),
}

impl Spoil {
    /// Every way that leaves each object readable, or adds one that is not.
    pub const VALUES: [Self; 8] = [
        Self::Surrogate,
        Self::Control,
        Self::NotUtf8,
        Self::Number,
        Self::NotANumber,
        Self::Nested,
        Self::Twice,
        Self::Object,
    ];

    pub(crate) fn parse(how: &str) -> Option<Self> {
        let (word, bytes) = match how.split_once(':') {
            Some((word, bytes)) => (word, Some(bytes.parse().ok()?)),
            None => (how, None),
        };
        Some(match (word, bytes) {
            ("surrogate", None) => Self::Surrogate,
            ("control", None) => Self::Control,
            ("utf8", None) => Self::NotUtf8,
            ("number", None) => Self::Number,
            ("nan", None) => Self::NotANumber,
            ("nested", None) => Self::Nested,
            ("twice", None) => Self::Twice,
            ("object", None) => Self::Object,
            ("huge", Some(bytes)) => Self::Huge(bytes),
            ("link", Some(bytes)) => Self::Link(bytes),
            ("page", Some(bytes)) => Self::Page(bytes),
            ("bomb", Some(bytes)) => Self::Bomb(bytes),
            ("rows", Some(bytes)) => Self::Rows(bytes),
            _ => return None,
        })
    }

    /// Whether the body comes as gzip.
    pub(crate) fn packs(self) -> bool {
        matches!(self, Self::Bomb(_))
    }

    pub(crate) fn spoiled(self, body: &[u8]) -> Vec<u8> {
        let deep = || format!("\"spoiled\":{}{},", "[".repeat(300), "]".repeat(300));
        match self {
            Self::Surrogate => after(body, NAME, b"\\ud83d"),
            Self::Control => after(body, NAME, b"\x01"),
            Self::NotUtf8 => after(body, NAME, b"\xff\xc3"),
            Self::Huge(bytes) => after(body, NAME, &vec![b'x'; bytes]),
            Self::Number => after(body, FIRST, b"\"displayName\":1e400,"),
            Self::NotANumber => after(body, FIRST, b"\"displayName\":NaN,"),
            Self::Nested => after(body, FIRST, deep().as_bytes()),
            Self::Twice => after(body, FIRST, b"\"spoiled\":1,\"spoiled\":2,"),
            Self::Object => after(body, LIST, b"{\"id\":,\"spoiled\"},"),
            Self::Link(bytes) => after(body, LINK, &vec![b'x'; bytes]),
            Self::Page(bytes) => padded(body, bytes),
            Self::Bomb(bytes) => gzip(&padded(body, bytes)),
            Self::Rows(bytes) => rows(body, bytes),
        }
    }
}

fn padded(body: &[u8], bytes: usize) -> Vec<u8> {
    let padding = bytes.saturating_sub(body.len());
    let padding = [b"\"padding\":\"", &vec![b'x'; padding][..], b"\","].concat();
    after(body, b"{", &padding)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let written = packed.write_all(body).and_then(|()| packed.finish());
    written.unwrap_or_default()
}

/// The last row again and again, each time of somebody else.
fn rows(body: &[u8], bytes: usize) -> Vec<u8> {
    let mut all = body.to_vec();
    let text = String::from_utf8_lossy(body);
    let Some((last, at)) = text
        .lines()
        .last()
        .and_then(|row| Some((row, row.find('@')?)))
    else {
        return all;
    };
    let mut person = 0_u64;
    while all.len() < bytes {
        let row = format!("{}.{person}{}\r\n", &last[..at], &last[at..]);
        all.extend_from_slice(row.as_bytes());
        person += 1;
    }
    all
}

const NAME: &[u8] = b"\"displayName\":\"";
const LIST: &[u8] = b"\"value\":[";
const FIRST: &[u8] = b"\"value\":[{";
const LINK: &[u8] = b"token=";

/// The body with more after the first place where it reads so; as it was where it nowhere does.
fn after(body: &[u8], place: &[u8], more: &[u8]) -> Vec<u8> {
    let found = body.windows(place.len()).position(|at| at == place);
    let Some(at) = found.map(|at| at + place.len()) else {
        return body.to_vec();
    };
    [&body[..at], more, &body[at..]].concat()
}
