//! What goes wrong, and when.
//!
//! A schedule in text is a comma-separated list of `PATH[#FROM][xCOUNT]=KIND`: requests whose path or
//! query contains PATH are counted from 1; FROM (1) is the first that goes wrong, and COUNT (1) go wrong.
//!
//! | KIND | what happens |
//! |---|---|
//! | `429`, `503`, … | that status with Microsoft's error body, without `Retry-After` |
//! | `429:2`, `503:Wed, 21 Oct 2026 07:28:00 GMT` | the same, with `Retry-After` (a comma inside a date is kept) |
//! | `html` | 503 with an HTML page |
//! | `truncate` | the connection closes halfway through the body |
//! | `garble` | the body is not JSON |
//! | `reset` | the connection closes without an answer |
//! | `hang:30` | the answer comes 30 seconds late (`hang:250ms` too) |
//! | `foreign:evil.example` | the next link points to another host |
//! | `empty` | 200 with `"value": []` and no next link |
//! | `sync-state-not-found` | 404 `syncStateNotFound` |
//! | `half-gzip` | the answer claims to be gzip and ends halfway through it |
//! | `spoil:surrogate`, `spoil:control`, `spoil:utf8` | the first name holds half an emoji, a control byte, bytes that are not UTF-8 |
//! | `spoil:number`, `spoil:nan`, `spoil:nested`, `spoil:twice` | the first object has a member that is `1e400` or `NaN`, is nested 300 deep, or is there twice |
//! | `spoil:object` | one more object, first, that is not JSON |
//! | `spoil:huge:BYTES` | the first name is that long |
//! | `spoil:link:BYTES` | the next link or delta link is that long |
//! | `spoil:page:BYTES` | the answer is that long |
//! | `spoil:bomb:BYTES` | the same, as a gzip of a thousandth of that |
//! | `spoil:rows:BYTES` | the report is that long |
//! | `nonpremium` | 403 `Authentication_RequestFromNonPremiumTenantOrB2CTenant` |
//!
//! For example `users/delta#2=503,secureScores#1x3=429:2`.

use crate::spoil::Spoil;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Matches where the request's path and query contain this.
    pub path_contains: String,
    /// The first matching request that goes wrong, counted from 1 and from when the fault was added.
    pub from: u32,
    /// How many go wrong.
    pub count: u32,
    /// In what way.
    pub kind: FaultKind,
}

/// A way to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// This status, with Microsoft's error body.
    Status(u16, Option<String>),
    /// This status, with an HTML page.
    HtmlBody(u16),
    /// The connection closes halfway through the body.
    Truncate,
    /// The body is not JSON.
    GarbleJson,
    /// The connection closes without an answer.
    Reset,
    /// The answer comes this late.
    Hang(Duration),
    /// The next link points to this host.
    ForeignNextLink(String),
    /// 200 with an empty `value` and no next link.
    EmptyValue,
    /// 404 `syncStateNotFound`, as an aged delta token may be answered.
    SyncStateNotFound,
    /// 403, the intermittent answer of a licensed tenant's sign-in reports.
    NonPremium,
    /// The answer claims to be gzip and ends halfway through it.
    HalfGzip,
    /// One value of the answer is hostile.
    Spoil(Spoil),
    /// This very answer.
    Answer(ScriptedAnswer),
}

/// An answer word for word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedAnswer {
    /// Status.
    pub status: u16,
    /// Headers beside the content type, which is JSON's.
    pub headers: Vec<(&'static str, String)>,
    /// The body; `{graph}` stands for the Graph origin, without a slash at its end.
    pub body: String,
}

impl ScriptedAnswer {
    /// 200 with this body.
    #[must_use]
    pub fn ok(body: impl Into<String>) -> Self {
        Self::status(200, body)
    }

    /// This status with this body.
    #[must_use]
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// With one more header; `{graph}` as in the body.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Fault {
    /// The next `count` requests containing `path` go wrong.
    #[must_use]
    pub fn next(path: &str, count: u32, kind: FaultKind) -> Self {
        Self {
            path_contains: path.to_owned(),
            from: 1,
            count,
            kind,
        }
    }

    /// Reads a whole schedule, such as `users/delta#2=503,secureScores#1x3=429:2`.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be read.
    pub fn parse_schedule(text: &str) -> Result<Vec<Self>, ParseFaultError> {
        let mut entries: Vec<String> = Vec::new();
        for part in text.split(',') {
            match entries.last_mut() {
                // A comma without an entry behind it belongs to a date in Retry-After.
                Some(last) if !part.contains('=') => {
                    last.push(',');
                    last.push_str(part);
                }
                _ => entries.push(part.to_owned()),
            }
        }
        entries
            .iter()
            .filter(|e| !e.trim().is_empty())
            .map(|e| e.parse())
            .collect()
    }
}

/// A fault that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "cannot read the fault {entry:?}: {reason}; write PATH[#FROM][xCOUNT]=KIND, such as users/delta#2=503"
)]
pub struct ParseFaultError {
    entry: String,
    reason: &'static str,
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(entry: &str) -> Result<Self, Self::Err> {
        let fail = |reason| ParseFaultError {
            entry: entry.to_owned(),
            reason,
        };
        // The last `=`, because PATH may hold a query; a Retry-After never holds one.
        let (matcher, kind) = entry
            .trim()
            .rsplit_once('=')
            .ok_or_else(|| fail("no KIND"))?;
        let (path, from, count) = match matcher.rsplit_once('#') {
            None => (matcher, 1, 1),
            Some((path, when)) => {
                let (from, count) = when.split_once('x').unwrap_or((when, "1"));
                let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0);
                let from = number(from).ok_or_else(|| fail("FROM is not a number from 1"))?;
                let count = number(count).ok_or_else(|| fail("COUNT is not a number from 1"))?;
                (path, from, count)
            }
        };
        if path.is_empty() {
            return Err(fail("no PATH"));
        }
        let (word, argument) = match kind.split_once(':') {
            Some((word, argument)) => (word, Some(argument)),
            None => (kind, None),
        };
        let kind = match (word, argument) {
            ("html", None) => FaultKind::HtmlBody(503),
            ("truncate", None) => FaultKind::Truncate,
            ("garble", None) => FaultKind::GarbleJson,
            ("reset", None) => FaultKind::Reset,
            ("empty", None) => FaultKind::EmptyValue,
            ("sync-state-not-found", None) => FaultKind::SyncStateNotFound,
            ("nonpremium", None) => FaultKind::NonPremium,
            ("half-gzip", None) => FaultKind::HalfGzip,
            ("hang", Some(time)) => {
                FaultKind::Hang(duration(time).ok_or_else(|| fail("not a number of seconds"))?)
            }
            ("spoil", Some(how)) => {
                FaultKind::Spoil(Spoil::parse(how).ok_or_else(|| fail("an unknown way to spoil"))?)
            }
            ("foreign", Some(host)) => FaultKind::ForeignNextLink(host.to_owned()),
            (status, retry_after) => {
                let status = status.parse().ok().filter(|s| (400..600).contains(s));
                let status = status.ok_or_else(|| fail("an unknown KIND"))?;
                FaultKind::Status(status, retry_after.map(str::to_owned))
            }
        };
        Ok(Self {
            path_contains: path.to_owned(),
            from,
            count,
            kind,
        })
    }
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(milliseconds) => milliseconds.parse().ok().map(Duration::from_millis),
        None => text.parse().ok().map(Duration::from_secs),
    }
}

/// The faults of a running simulator, with how often each has matched.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<(Fault, u32)>>);

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(Mutex::new(
            faults.into_iter().map(|fault| (fault, 0)).collect(),
        ))
    }

    pub(crate) fn add(&self, fault: Fault) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((fault, 0));
    }

    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Counts this request with every fault that matches, and gives the first that strikes.
    pub(crate) fn strike(&self, path_and_query: &str) -> Option<FaultKind> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut struck = None;
        for (fault, seen) in faults.iter_mut() {
            if path_and_query.contains(&fault.path_contains) {
                *seen += 1;
                let due = *seen >= fault.from && *seen - fault.from < fault.count;
                if due && struck.is_none() {
                    struck = Some(fault.kind.clone());
                }
            }
        }
        struck
    }
}
