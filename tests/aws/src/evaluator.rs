//! What AWS would answer to a request, by a policy evaluator that runs offline. See
//! `tests/aws/policies/README.md`.

use crate::tools::{Tools, root};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// A policy document and the name it is reported by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedPolicy {
    /// Its name.
    pub name: String,
    /// The document, without intrinsic functions.
    pub policy: Value,
}

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Session {
    /// The ARN of the role session, or a service such as `lambda.amazonaws.com`.
    pub principal: String,
    /// The identity policies.
    pub policies: Vec<NamedPolicy>,
    /// Condition keys that hold for all its requests, such as `aws:PrincipalTag/tenant`.
    pub context: Map<String, Value>,
}

/// One request of a session.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// Which session, by its place in the list.
    pub session: usize,
    /// Such as `dynamodb:Query`.
    pub action: String,
    /// The ARN, or `*` where the action has none.
    pub resource: String,
    /// The account that the resource is in.
    pub account: String,
    /// Condition keys of this request.
    pub context: Map<String, Value>,
    /// The resource's own policy, such as a role's trust policy.
    pub resource_policy: Option<Value>,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    ExplicitlyDenied,
    /// No statement allows it.
    ImplicitlyDenied,
}

/// A decision and the statements that made it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// How the request ends.
    pub decision: Decision,
    /// The statements that allow or deny it.
    pub by: Vec<Decisive>,
}

/// A statement that made a decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Decisive {
    /// The policy's name.
    pub policy: String,
    /// The statement's Sid.
    pub sid: String,
    /// Which of its resources match.
    pub resources: Vec<String>,
}

/// An action that AWS has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Action {
    /// Such as `dynamodb:Query`.
    pub action: String,
    /// The types of resource that it takes, such as `table` and `index`; none means `*` alone.
    pub resource_types: Vec<String>,
}

impl Answer {
    /// Whether AWS would do what was asked.
    pub fn allowed(&self) -> bool {
        self.decision == Decision::Allowed
    }
}

/// The decision on each request, in order.
///
/// # Errors
/// When the evaluator does not run, or finds a request or a policy that AWS would not take.
pub fn evaluate(tools: &Tools, sessions: &[Session], requests: &[Request]) -> Result<Vec<Answer>> {
    let asked = json!({"sessions": sessions, "requests": requests}).to_string();
    let answers: Vec<Value> = serde_json::from_slice(&run(tools, "evaluate.mjs", &[], asked)?)?;
    ensure!(answers.len() == requests.len(), "answers are missing");
    let answers = answers.into_iter().zip(requests);
    answers
        .map(|(answer, request)| match answer.get("error") {
            Some(error) => bail!("{} on {}: {error}", request.action, request.resource),
            None => Ok(serde_json::from_value(answer)?),
        })
        .collect()
}

/// Every action of these services.
///
/// # Errors
/// When the list cannot be had.
pub fn actions(tools: &Tools, services: &[&str]) -> Result<Vec<Action>> {
    let printed = run(tools, "actions.mjs", services, String::new())?;
    Ok(serde_json::from_slice(&printed)?)
}

fn run(tools: &Tools, script: &str, arguments: &[&str], input: String) -> Result<Vec<u8>> {
    let script = root().join("tests/aws/policies").join(script);
    let mut child = node(&script, &tools.node_modules)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("node does not start: install Node.js 20 or newer")?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    let written = writer.join();
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    written.ok().context("the writer panicked")??;
    Ok(output.stdout)
}

fn node(script: &Path, modules: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg(script).arg(modules);
    command
}
