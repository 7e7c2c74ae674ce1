//! What goes wrong, and when.
//!
//! A schedule in text is a comma-separated list of `PATH[#FROM][xCOUNT]=KIND`: requests whose path or
//! query contains PATH are counted from 1; FROM (1) is the first that goes wrong, and COUNT (1) go wrong,
//! where `*` is all that follow.
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
//! | `bad-rows:3` | the last 3 rows of the usage report cannot be read: too few fields, an unquoted comma, an open quote |
//! | `placeholder-rows:5` | its last 5 rows are named `(Unknown)` |
//! | `deleted-namesakes:2` | its first 2 rows come again as somebody deleted of the same sign-in name |
//! | `dates-with-time` | its dates are written `2024-01-05T00:00:00Z` |
//! | `old-report:26` | it is about a day that is 26 days earlier (`Report Refresh Date`) |
//! | `semicolons` | semicolons stand between its fields |
//! | `cut-row` | it ends within its last row, in a body that is whole |
//! | `aadsts:90033`, `aadsts:50196:400`, `aadsts:90033:503:30` | the token endpoint refuses with that code; with status 400 or the one given, and with `Retry-After` |
//! | `nonpremium` | 403 `Authentication_RequestFromNonPremiumTenantOrB2CTenant` |
//!
//! The faults of lists are in `list_faults.rs`, the evidence that misleads in `evidence_faults.rs`, unreadable
//! and oversized values in `value_faults.rs`.
//!
//! For example `users/delta#2=503,secureScores#1x3=429:2`; `users/delta#1x*=429:1` throttles for ever, and
//! `oauth2/v2.0/token#1x*=aadsts:90033:503` gives no token. A report's rows are in the file that it redirects
//! to: `Detail.csv#1x9=bad-rows:3`.

use crate::list_faults::ListFault;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::csv_faults::CsvFault;
use crate::value_faults::ValueFault;

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
    /// The token endpoint refuses: AADSTS code, status, `Retry-After`.
    Aadsts(u32, u16, Option<String>),
    /// 403, the intermittent answer of a licensed tenant's sign-in reports.
    NonPremium,
    /// The answer claims to be gzip and ends halfway through it.
    HalfGzip,
    /// The usage report is odd.
    Csv(CsvFault),
    /// A refused query, or a page that misleads.
    List(ListFault),
    /// One value of the answer is unreadable or oversized.
    Value(ValueFault),
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
                let number = |text: &str| match text {
                    "*" => Some(u32::MAX),
                    text => text.parse::<u32>().ok().filter(|n| *n > 0),
                };
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
            ("aadsts", Some(refusal)) => {
                aadsts(refusal).ok_or_else(|| fail("write aadsts:CODE[:STATUS[:RETRY-AFTER]]"))?
            }
            ("foreign", Some(host)) => FaultKind::ForeignNextLink(host.to_owned()),
            (status, retry_after) if status.bytes().all(|byte| byte.is_ascii_digit()) => {
                let status = status.parse().ok().filter(|s| (400..600).contains(s));
                let status = status.ok_or_else(|| fail("an unknown KIND"))?;
                FaultKind::Status(status, retry_after.map(str::to_owned))
            }
            (word, argument) => {
                let csv = CsvFault::parse(word, argument).map(FaultKind::Csv);
                let list = || ListFault::named(word, argument).map(FaultKind::List);
                let value = || ValueFault::named(word, argument).map(FaultKind::Value);
                let kind = csv.or_else(list).or_else(value);
                kind.ok_or_else(|| fail("an unknown KIND"))?
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

fn aadsts(text: &str) -> Option<FaultKind> {
    let mut parts = text.splitn(3, ':');
    let code = parts.next()?.parse().ok()?;
    let status = parts.next().map_or(Some(400), |status| status.parse().ok());
    let status = status.filter(|status| (400..600).contains(status))?;
    let retry_after = parts.next().map(str::to_owned);
    Some(FaultKind::Aadsts(code, status, retry_after))
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
