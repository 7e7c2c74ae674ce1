//! What was asked of the simulator, for tests to look at.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// Which of the three hosts was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Sign-in and consent.
    Login,
    /// Graph.
    Graph,
    /// The host that reports are downloaded from.
    Reports,
}

/// One request and the status it was answered with.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// The host.
    pub origin: Origin,
    /// `GET`, `POST` …
    pub method: String,
    /// Percent-decoded.
    pub path: String,
    /// Percent-decoded, without the question mark; empty when there was none.
    pub query: String,
    /// Whether an `Authorization` header came along.
    pub had_authorization: bool,
    /// All other headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// 0 where the connection was dropped without an answer.
    pub status: u16,
    /// Whose data or sign-in it was, when that is known.
    pub tenant: Option<Uuid>,
    /// By the simulator's clock.
    pub at: Timestamp,
}

/// Enough for a sync of the largest tenants; a simulator left running forgets the oldest.
const KEPT: usize = 100_000;

/// The requests so far.
#[derive(Debug, Default)]
pub struct RequestLog(Mutex<VecDeque<Request>>);

impl RequestLog {
    pub(crate) fn push(&self, request: Request) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == KEPT {
            log.pop_front();
        }
        log.push_back(request);
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
