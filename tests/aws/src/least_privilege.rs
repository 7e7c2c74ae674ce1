//! Whether each role allows exactly what its function asks for: what the rehearsal recorded,
//! judged against the template's own policies.

use crate::{
    evaluator::{self, Request, Session},
    intrinsics::Place,
    policies::{self, Grant, Role},
    recording::Asked,
    tools::Tools,
};
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A grant that no function asks for itself.
#[derive(Debug, Clone, Copy)]
pub struct OnBehalf {
    /// The statement's Sid.
    pub sid: &'static str,
    /// The actions of it.
    pub actions: &'static [&'static str],
    /// Who asks, and why.
    pub reason: &'static str,
}

/// What AWS services do with a role of the template, unseen by a recording of the functions' own
/// requests.
pub const ON_BEHALF: &[OnBehalf] = &[
    OnBehalf {
        sid: "WriteItsLog",
        actions: &["logs:CreateLogStream", "logs:PutLogEvents"],
        reason: "Lambda writes what a function prints",
    },
    OnBehalf {
        sid: "TakeFromItsQueue",
        actions: &[
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ],
        reason: "Lambda's poller takes messages with the function's role",
    },
    OnBehalf {
        sid: "XRayHasNoResources",
        actions: &["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
        reason: "Lambda sends traces, where Tracing is Active",
    },
    OnBehalf {
        sid: "ThroughTheServicesThatKeepData",
        actions: &["kms:Decrypt", "kms:GenerateDataKey"],
        reason: "the services that keep data ask KMS in the caller's name, where KmsKeyArn is set",
    },
    OnBehalf {
        sid: "RenewSecret",
        actions: &[
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecretVersionStage",
        ],
        reason: "Secrets Manager starts a rotation; that its four steps use all of them is asserted of their own recording",
    },
    OnBehalf {
        sid: "RestoreSecret",
        actions: &["secretsmanager:RestoreSecret"],
        reason: "a person deletes a secret in the console; what is asked for then is asserted of the vault alone",
    },
    OnBehalf {
        sid: "ReadWhatFormerKeysEncrypted",
        actions: &["kms:Decrypt"],
        reason: "the same, for what a key before it encrypted, where FormerKmsKeyArns is set",
    },
    OnBehalf {
        sid: "SendDueTenants",
        actions: &["sqs:SendMessage"],
        reason: "EventBridge Scheduler sends with it",
    },
    OnBehalf {
        sid: "StartSecretExpiry",
        actions: &["lambda:InvokeFunction"],
        reason: "EventBridge Scheduler starts the function with it",
    },
];

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Requests that were recorded, each once.
    pub asked: usize,
    /// Evaluations that were made of them: an action on a resource each.
    pub evaluated: usize,
    /// Grants that were used.
    pub used: BTreeSet<Grant>,
    /// Grants that AWS services use on a function's behalf.
    pub on_behalf: BTreeSet<Grant>,
    /// Grants that nothing used: the role allows more than it uses.
    pub unused: BTreeSet<Grant>,
    /// What was asked for and would be refused.
    pub refused: BTreeSet<Refused>,
}

/// A request that its role does not allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The logical id of the role.
    pub role: String,
    /// The purpose that the session is tagged with.
    pub purpose: Option<String>,
    /// The action.
    pub action: String,
    /// The ARN.
    pub resource: String,
}

impl Verdict {
    /// Whether each role allows exactly what was asked for.
    pub fn is_exact(&self) -> bool {
        self.unused.is_empty() && self.refused.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} requests, {} evaluations; {} grants used, {} used by AWS services on a function's \
             behalf, {} unused; {} requests refused",
            self.asked,
            self.evaluated,
            self.used.len(),
            self.on_behalf.len(),
            self.unused.len(),
            self.refused.len(),
        )?;
        for Grant {
            role,
            sid,
            action,
            resource,
            purpose,
        } in &self.unused
        {
            let role = with_purpose(role, purpose.as_deref());
            writeln!(f, "more than it uses: {role} {sid} {action} {resource}")?;
        }
        for Refused {
            role,
            purpose,
            action,
            resource,
        } in &self.refused
        {
            let role = with_purpose(role, purpose.as_deref());
            writeln!(f, "less than it needs: {role} {action} {resource}")?;
        }
        Ok(())
    }
}

/// `TenantRole for sync`, or the role alone.
fn with_purpose(role: &str, purpose: Option<&str>) -> String {
    match purpose {
        Some(purpose) => format!("{role} for {purpose}"),
        None => role.to_owned(),
    }
}

/// Judges the template's roles, as deployed, by what was recorded.
///
/// # Errors
/// When a policy or a request cannot be evaluated, or a role is not in the template.
pub fn judge(
    tools: &Tools,
    template: &Value,
    place: &Place,
    recording: &[Asked],
) -> Result<Verdict> {
    let roles = policies::roles(template, place)?;
    let asked: BTreeSet<Asked> = recording.iter().cloned().collect();
    let mut sessions = Vec::new();
    let mut requests = Vec::new();
    let mut of_role = Vec::new();
    for one in &asked {
        let role = roles
            .get(&one.role)
            .with_context(|| format!("{} is no role of the template", one.role))?;
        let session = session(&mut sessions, role, one);
        let none = ["*".to_owned()];
        let resources = if one.resources.is_empty() {
            &none[..]
        } else {
            &one.resources
        };
        for resource in resources {
            of_role.push(one);
            requests.push(Request {
                session,
                action: one.action.clone(),
                resource: resource.clone(),
                account: place.account.clone(),
                context: context(&one.conditions),
                resource_policy: None,
            });
        }
    }
    let answers = evaluator::evaluate(tools, &sessions, &requests)?;
    let mut used = BTreeSet::new();
    let mut refused = BTreeSet::new();
    for ((answer, request), asker) in answers.iter().zip(&requests).zip(&of_role) {
        if !answer.allowed() {
            refused.insert(Refused {
                role: asker.role.clone(),
                purpose: asker.purpose.clone(),
                action: request.action.clone(),
                resource: request.resource.clone(),
            });
            continue;
        }
        for statement in &answer.by {
            used.extend(statement.resources.iter().map(|resource| Grant {
                role: asker.role.clone(),
                sid: statement.sid.clone(),
                action: request.action.clone(),
                resource: resource.clone(),
                purpose: asker.purpose.clone(),
            }));
        }
    }
    let rest = policies::grants(&roles)?.into_iter();
    let rest = rest.filter(|grant| !used.contains(grant));
    let (on_behalf, unused) = rest.partition(is_on_behalf);
    Ok(Verdict {
        asked: asked.len(),
        evaluated: requests.len(),
        used,
        on_behalf,
        unused,
        refused,
    })
}

fn is_on_behalf(grant: &Grant) -> bool {
    ON_BEHALF
        .iter()
        .any(|one| one.sid == grant.sid && one.actions.iter().any(|action| *action == grant.action))
}

/// Where the role's session is in the list; it is put there if it is not yet.
fn session(sessions: &mut Vec<Session>, role: &Role, asked: &Asked) -> usize {
    let session = role.session(asked.tenant.as_deref(), asked.purpose.as_deref());
    match sessions.iter().position(|known| *known == session) {
        Some(place) => place,
        None => {
            sessions.push(session);
            sessions.len() - 1
        }
    }
}

fn context(conditions: &BTreeMap<String, Vec<String>>) -> Map<String, Value> {
    conditions
        .iter()
        .map(|(key, values)| (key.clone(), json!(values)))
        .collect()
}
