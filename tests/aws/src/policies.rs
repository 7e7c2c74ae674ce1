//! The policies of each role of the template, as AWS sees them once a stack is deployed.

use crate::{
    evaluator::{NamedPolicy, Session},
    intrinsics::{Place, Stack},
};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The session tag that names the tenant, as a condition key.
pub const TENANT: &str = "aws:PrincipalTag/tenant";
/// The session tag that names the purpose, as a condition key.
pub const PURPOSE: &str = "aws:PrincipalTag/purpose";
/// Every purpose that a session of the tenant role may have.
pub const PURPOSES: [&str; 5] = ["consent", "credential", "manage", "read", "sync"];

/// A role with everything that is attached to it.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Who may assume it.
    pub trust: Value,
    /// What it may do, by policy name.
    pub policies: Vec<NamedPolicy>,
}

/// One action on one resource that a statement allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The logical id of the role.
    pub role: String,
    /// The statement's Sid.
    pub sid: String,
    /// Such as `dynamodb:Query`.
    pub action: String,
    /// The statement's resource, with its wildcards and policy variables.
    pub resource: String,
    /// The purpose that the session must be tagged with, where the statement asks for one.
    pub purpose: Option<String>,
}

impl Role {
    /// A session of the role, tagged with a tenant and a purpose or not.
    ///
    /// # Panics
    /// When the ARN is no role's.
    pub fn session(&self, tenant: Option<&str>, purpose: Option<&str>) -> Session {
        let tags = [(TENANT, tenant), (PURPOSE, purpose)].into_iter();
        let context = tags.filter_map(|(key, value)| Some((key.to_owned(), json!(value?))));
        let context: Map<String, Value> = context.collect();
        let assumed = self
            .arn
            .replace(":iam:", ":sts:")
            .replace(":role/", ":assumed-role/");
        assert!(assumed.contains(":assumed-role/"), "{assumed} is no role");
        Session {
            principal: format!("{assumed}/session"),
            policies: self.policies.clone(),
            context,
        }
    }
}

/// Every role of the template, by logical id.
///
/// # Errors
/// When a policy cannot be worked out, or comes from somewhere that is not looked at here.
pub fn roles(template: &Value, place: &Place) -> Result<BTreeMap<String, Role>> {
    let stack = Stack { template, place };
    let resources = template["Resources"].as_object().context("no resources")?;
    let mut roles = BTreeMap::new();
    for (logical, resource) in resources {
        let properties = &resource["Properties"];
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::IAM::Role" if stack.is_made(resource)? => {
                roles.insert(logical.clone(), role(&stack, logical, properties)?);
            }
            "AWS::IAM::Role" | "AWS::IAM::Policy" => {}
            other if other.starts_with("AWS::IAM::") || is_resource_policy(other) => {
                bail!("{logical}: policies of {other} are not looked at");
            }
            _ => {}
        }
    }
    for (logical, resource) in resources {
        if resource["Type"] == "AWS::IAM::Policy" && stack.is_made(resource)? {
            attach(&stack, &mut roles, &resource["Properties"])
                .with_context(|| format!("the policy {logical}"))?;
        }
    }
    Ok(roles)
}

/// Every grant of these roles, in order. Statements that deny are none.
///
/// # Errors
/// When a statement is not as it must be.
pub fn grants(roles: &BTreeMap<String, Role>) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for (logical, role) in roles {
        for policy in &role.policies {
            for statement in statements(&policy.policy)? {
                if statement["Effect"] != "Allow" {
                    continue;
                }
                let sid = statement["Sid"].as_str();
                let sid = sid.with_context(|| format!("{logical}: a statement has no Sid"))?;
                for action in list(&statement["Action"])? {
                    for resource in list(&statement["Resource"])? {
                        grants.extend(purposes(statement)?.into_iter().map(|purpose| Grant {
                            role: logical.clone(),
                            sid: sid.to_owned(),
                            action: action.to_owned(),
                            resource: resource.to_owned(),
                            purpose,
                        }));
                    }
                }
            }
        }
    }
    grants.sort();
    Ok(grants)
}

/// The purposes that a statement's condition names; one that names none holds for any session.
fn purposes(statement: &Value) -> Result<Vec<Option<String>>> {
    let named = &statement["Condition"]["StringEquals"][PURPOSE];
    if named.is_null() {
        return Ok(vec![None]);
    }
    let named = list(named)?.into_iter();
    Ok(named.map(|purpose| Some(purpose.to_owned())).collect())
}

/// The statements of a policy.
///
/// # Errors
/// When it has none.
pub fn statements(policy: &Value) -> Result<&Vec<Value>> {
    policy["Statement"].as_array().context("no statements")
}

fn role(stack: &Stack<'_>, logical: &str, properties: &Value) -> Result<Role> {
    for elsewhere in ["ManagedPolicyArns", "PermissionsBoundary"] {
        if !properties[elsewhere].is_null() {
            bail!("{logical}: {elsewhere} is not looked at");
        }
    }
    let plain = |value: &Value| stack.resolve(value)?.context("no policy");
    let mut policies = Vec::new();
    for policy in properties["Policies"].as_array().into_iter().flatten() {
        policies.push(NamedPolicy {
            name: stack.text(&policy["PolicyName"])?,
            policy: plain(&policy["PolicyDocument"])?,
        });
    }
    Ok(Role {
        arn: stack.arn(logical)?,
        trust: plain(&properties["AssumeRolePolicyDocument"])?,
        policies,
    })
}

fn attach(stack: &Stack<'_>, roles: &mut BTreeMap<String, Role>, properties: &Value) -> Result<()> {
    let policy = NamedPolicy {
        name: stack.text(&properties["PolicyName"])?,
        policy: stack
            .resolve(&properties["PolicyDocument"])?
            .context("no policy")?,
    };
    if !properties["Users"].is_null() || !properties["Groups"].is_null() {
        bail!("it is attached to more than roles");
    }
    for reference in properties["Roles"].as_array().context("no roles")? {
        let logical = reference["Ref"].as_str().context("no role of this stack")?;
        let role = roles.get_mut(logical).context("no such role")?;
        role.policies.push(policy.clone());
    }
    Ok(())
}

/// Whether it grants access beside the roles. `AWS::Lambda::Permission` says which service may
/// start a function, which no role asks for.
fn is_resource_policy(kind: &str) -> bool {
    kind.ends_with("Policy") && !kind.ends_with("ScalingPolicy")
}

/// The values of an element that may be one text or a list of them.
///
/// # Errors
/// When it is neither.
pub fn list(element: &Value) -> Result<Vec<&str>> {
    let texts = match element {
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        one => one.as_str().map(|one| vec![one]),
    };
    texts.with_context(|| format!("{element} is no list of texts"))
}
