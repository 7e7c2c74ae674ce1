//! Answers with one value that is unreadable or oversized. Everything around it stays as it was.
//!
//! | KIND | what happens |
//! |---|---|
//! | `cut-emoji` | the first name holds half a surrogate pair, as of an emoji that was cut |
//! | `control-byte` | the first name holds a control byte that is not escaped |
//! | `invalid-utf8` | the first name holds bytes that are not UTF-8 |
//! | `huge-number` | the first object has a member that is `1e400` |
//! | `nan` | the first object has a member that is `NaN` |
//! | `deep-nesting` | the first object has a member that is nested 300 deep |
//! | `broken-object` | the list begins with one more object, which is no JSON |
//! | `unreadable-id` | the first object's `id` holds half a surrogate pair |
//! | `long-name:450000` | the first name is that many bytes longer |
//! | `long-link:1048576` | the next link or delta link is that many bytes longer |
//! | `long-page:200000000` | the answer is that many bytes long |
//! | `gzip-bomb:200000000` | the same, compressed to a thousandth of that |
//! | `long-report:200000000` | the report is that many bytes long, by rows of other people |
//!
//! The first three are played in usage reports, too: `Detail.csv=invalid-utf8`.

use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

/// A way for one value to be unreadable or oversized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueFault {
    /// Half a surrogate pair in the first name.
    CutEmoji,
    /// A control byte in the first name.
    ControlByte,
    /// Bytes that are not UTF-8 in the first name.
    InvalidUtf8,
    /// A number that no type holds.
    HugeNumber,
    /// A word that is no JSON.
    Nan,
    /// A member that is nested 300 deep.
    DeepNesting,
    /// One more object, which is no JSON.
    BrokenObject,
    /// Half a surrogate pair in the first `id`.
    UnreadableId,
    /// The first name is so many bytes longer.
    LongName(usize),
    /// The next link or delta link is so many bytes longer.
    LongLink(usize),
    /// The answer is so many bytes long.
    LongPage(usize),
    /// The answer is so many bytes long once it is decompressed.
    GzipBomb(usize),
    /// The report is so many bytes long.
    LongReport(usize),
}

impl ValueFault {
    /// The kinds that leave every object of a list readable but for one value.
    pub const VALUES: [Self; 6] = [
        Self::CutEmoji,
        Self::ControlByte,
        Self::InvalidUtf8,
        Self::HugeNumber,
        Self::Nan,
        Self::DeepNesting,
    ];

    /// The kind that a schedule names; none where it names another.
    pub(crate) fn named(word: &str, argument: Option<&str>) -> Option<Self> {
        let bytes = argument.map(str::parse).transpose().ok()?;
        Some(match (word, bytes) {
            ("cut-emoji", None) => Self::CutEmoji,
            ("control-byte", None) => Self::ControlByte,
            ("invalid-utf8", None) => Self::InvalidUtf8,
            ("huge-number", None) => Self::HugeNumber,
            ("nan", None) => Self::Nan,
            ("deep-nesting", None) => Self::DeepNesting,
            ("broken-object", None) => Self::BrokenObject,
            ("unreadable-id", None) => Self::UnreadableId,
            ("long-name", Some(bytes)) => Self::LongName(bytes),
            ("long-link", Some(bytes)) => Self::LongLink(bytes),
            ("long-page", Some(bytes)) => Self::LongPage(bytes),
            ("gzip-bomb", Some(bytes)) => Self::GzipBomb(bytes),
            ("long-report", Some(bytes)) => Self::LongReport(bytes),
            _ => return None,
        })
    }

    /// Returns true if the answer is compressed.
    pub(crate) fn is_compressed(self) -> bool {
        matches!(self, Self::GzipBomb(_))
    }

    /// Returns the answer with the fault in it.
    pub(crate) fn apply(self, body: &[u8]) -> Vec<u8> {
        let deep = || format!("\"deep\":{}{},", "[".repeat(300), "]".repeat(300));
        match self {
            Self::CutEmoji => in_name(body, b"\\ud83d"),
            Self::ControlByte => in_name(body, b"\x01"),
            Self::InvalidUtf8 => in_name(body, b"\xff\xc3"),
            Self::LongName(bytes) => in_name(body, &vec![b'x'; bytes]),
            Self::HugeNumber => after(body, FIRST, b"\"displayName\":1e400,"),
            Self::Nan => after(body, FIRST, b"\"displayName\":NaN,"),
            Self::DeepNesting => after(body, FIRST, deep().as_bytes()),
            Self::BrokenObject => after(body, LIST, b"{\"id\":,\"broken\"},"),
            Self::UnreadableId => after(body, b"\"id\":\"", b"\\ud83d"),
            Self::LongLink(bytes) => after(body, b"token=", &vec![b'x'; bytes]),
            Self::LongPage(bytes) => padded(body, bytes),
            Self::GzipBomb(bytes) => gzip(&padded(body, bytes)),
            Self::LongReport(bytes) => with_rows(body, bytes),
        }
    }
}

const LIST: &[u8] = b"\"value\":[";
const FIRST: &[u8] = b"\"value\":[{";

/// The body with more after the first place that reads so; as it was where there is none.
fn after(body: &[u8], place: &[u8], more: &[u8]) -> Vec<u8> {
    let found = body.windows(place.len()).position(|at| at == place);
    match found.map(|at| body.split_at(at + place.len())) {
        Some((before, behind)) => [before, more, behind].concat(),
        None => body.to_vec(),
    }
}

/// The body with more in the first name of a page or a report.
fn in_name(body: &[u8], more: &[u8]) -> Vec<u8> {
    if body.first() == Some(&b'{') {
        return after(body, b"\"displayName\":\"", more);
    }
    let name_begins = || {
        let header = body.split(|byte| *byte == b'\n').next()?;
        let mut columns = header.split(|byte| *byte == b',');
        let name = columns.position(|column| column.trim_ascii() == b"Display Name")?;
        let row = &body[header.len() + 1..];
        let commas = row.iter().enumerate().filter(|(_, byte)| **byte == b',');
        let comma = commas.map(|(at, _)| at).nth(name.checked_sub(1)?)?;
        let quote = usize::from(row.get(comma + 1) == Some(&b'"'));
        Some(header.len() + 1 + comma + 1 + quote)
    };
    match name_begins().map(|at| body.split_at(at)) {
        Some((before, behind)) => [before, more, behind].concat(),
        None => body.to_vec(),
    }
}

fn padded(body: &[u8], bytes: usize) -> Vec<u8> {
    let padding = vec![b'x'; bytes.saturating_sub(body.len())];
    after(
        body,
        b"{",
        &[b"\"padding\":\"", &padding[..], b"\","].concat(),
    )
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory does not fail.
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// The report with its last row again and again, each time of somebody else.
fn with_rows(body: &[u8], bytes: usize) -> Vec<u8> {
    let mut report = body.to_vec();
    let text = String::from_utf8_lossy(body);
    let last = text.lines().last().unwrap_or_default();
    let Some((name, rest)) = last.split_once('@') else {
        return report;
    };
    let mut person = 0_u64;
    while report.len() < bytes {
        report.extend_from_slice(format!("{name}.{person}@{rest}\r\n").as_bytes());
        person += 1;
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_odd_and_the_rest_stays() {
        let page = br#"{"value":[{"id":"a","displayName":"Ann"}]}"#;
        let odd = |fault: ValueFault| String::from_utf8_lossy(&fault.apply(page)).into_owned();
        assert!(odd(ValueFault::CutEmoji).contains(r#""displayName":"\ud83dAnn""#));
        assert!(odd(ValueFault::HugeNumber).contains(r#"[{"displayName":1e400,"id""#));
        assert!(ValueFault::LongPage(5000).apply(page).len() >= 5000);
        assert!(ValueFault::GzipBomb(1 << 20).apply(page).len() < 8000);
        let report = b"Date,User Principal Name,Display Name\r\n2026-01-01,a@b,\"Ann\"\r\n";
        let report_odd = ValueFault::InvalidUtf8.apply(report);
        assert!(report_odd.ends_with(b"a@b,\"\xff\xc3Ann\"\r\n"));
        let long = ValueFault::LongReport(200).apply(report);
        assert!(long.ends_with(b"@b,\"Ann\"\r\n") && long.len() >= 200);
    }

    #[test]
    fn a_schedule_names_each_kind() {
        for (word, fault) in [
            ("users/delta=cut-emoji", ValueFault::CutEmoji),
            (
                "users/delta=long-link:1048576",
                ValueFault::LongLink(1 << 20),
            ),
            ("Detail.csv#1x*=long-report:9", ValueFault::LongReport(9)),
        ] {
            let faults = crate::Fault::parse_schedule(word).expect("a schedule");
            assert_eq!(faults[0].kind, crate::FaultKind::Value(fault), "{word}");
        }
        assert!(crate::Fault::parse_schedule("users=long-link").is_err());
        assert!(crate::Fault::parse_schedule("users=nan:3").is_err());
    }
}
