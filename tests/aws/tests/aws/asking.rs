//! Many requests at once, each with what must come of it.

use anyhow::Result;
use muster_aws::{
    Tools,
    evaluator::{Request, Session, evaluate},
};
use serde_json::{Map, Value};

/// Requests that are evaluated together.
#[derive(Default)]
pub struct Asking {
    sessions: Vec<Session>,
    requests: Vec<Request>,
    expected: Vec<Expected>,
}

struct Expected {
    told: String,
    allowed: bool,
}

/// How many were evaluated, and how many of them allowed.
#[derive(Debug, PartialEq, Eq)]
pub struct Count {
    pub evaluated: usize,
    pub allowed: usize,
}

impl Asking {
    /// Somebody who asks; the answer is its place.
    pub fn session(&mut self, session: Session) -> usize {
        self.sessions.push(session);
        self.sessions.len() - 1
    }

    /// One request, and whether it must be allowed. `told` says in a failure what it was.
    pub fn ask(&mut self, request: Request, told: String, allowed: bool) {
        self.requests.push(request);
        self.expected.push(Expected { told, allowed });
    }

    /// Evaluates all.
    ///
    /// # Panics
    /// When one does not end as it must, with all that do not.
    pub fn all_end_as_they_must(self, tools: &Tools) -> Result<Count> {
        let answers = evaluate(tools, &self.sessions, &self.requests)?;
        let mut wrong = Vec::new();
        let mut allowed = 0;
        for ((answer, request), expected) in answers.iter().zip(&self.requests).zip(&self.expected)
        {
            allowed += usize::from(answer.allowed());
            if answer.allowed() != expected.allowed {
                let Request {
                    action, resource, ..
                } = request;
                let told = &expected.told;
                let decision = answer.decision;
                wrong.push(format!("{decision:?}: {action} on {resource}: {told}"));
            }
        }
        assert!(
            wrong.is_empty(),
            "{} of {} end otherwise than they must:\n{}",
            wrong.len(),
            answers.len(),
            wrong.join("\n")
        );
        Ok(Count {
            evaluated: answers.len(),
            allowed,
        })
    }
}

/// A request without condition keys.
pub fn request(session: usize, action: &str, resource: &str, account: &str) -> Request {
    Request {
        session,
        action: action.to_owned(),
        resource: resource.to_owned(),
        account: account.to_owned(),
        context: Map::new(),
        resource_policy: None,
    }
}

/// Condition keys.
pub fn keys<const N: usize>(keys: [(&str, Value); N]) -> Map<String, Value> {
    keys.map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}
