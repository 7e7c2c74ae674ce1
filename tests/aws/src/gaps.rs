//! Where the emulator falls short of AWS, each gap with what is done about it here and how the
//! real thing is covered. Nothing else of the template is changed for the rehearsal.

use crate::template::resources;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A gap, in words.
pub const GAPS: [(&str, &str); 11] = [
    (
        "It does not know dynamodb:LeadingKeys and sts:IdentityTokenAudience, substitutes no policy variable, and gives a secret that is not there yet no suffix.",
        "Here the tenant role's conditions on those keys and on its own tag are left out, and its tenant's secret is a wildcard. The true policies are evaluated against every request of the recording, and against every wrong key there is, by a policy evaluator (isolation, least_privilege).",
    ),
    (
        "It asks IAM for dynamodb:BatchExecuteStatement on any resource, where DynamoDB asks for the action of each statement (Developer Guide, \"IAM security policies with PartiQL for DynamoDB\").",
        "Here the tenant role may do that, too. What each statement asks for by AWS's account is recorded, and evaluated as all else is.",
    ),
    (
        "It takes every schedule to be in the group default when it asks IAM.",
        "Here the roles name that group. That the schedules are in the installation's own is asserted, and its true ARN is evaluated.",
    ),
    (
        "API Gateway's own host name does not resolve here.",
        "PUBLIC_URL is the address of a front that hands requests to the emulated API. What the template makes of it is asserted in outline.",
    ),
    (
        "A function URL's host name does not resolve here.",
        "EXPORT_URL is a front, too, which hands requests to the emulated function URL.",
    ),
    (
        "Scheduler does not fill in context attributes, so that two scheduled messages of a tenant look the same to a FIFO queue for five minutes.",
        "Schedules are waited for once a tenant. That the attribute is in every target's input is asserted.",
    ),
    (
        "It has no Cognito user in CloudFormation (AWS::Cognito::UserPoolUser, UserPoolUserToGroupAttachment), and its user pool serves no sign-in page.",
        "FirstManagerEmail is left empty, and people sign in at an issuer of the rehearsal's own, by the parameters meant for it. The user pool itself is created and asserted against.",
    ),
    (
        "PutSecretValue with AWSPENDING leaves the label on the version that had it, while Secrets Manager moves it (PutSecretValue, VersionStages).",
        "That of two staged secrets the later one is promoted is asserted of the local side alone.",
    ),
    (
        "RotateSecret copies the secret, promotes the copy at once and starts no function.",
        "The rotation's function is invoked for each of the four steps with the event that Secrets Manager sends (User Guide, \"Lambda function rotation\"). That Secrets Manager may invoke it is asserted of the template.",
    ),
    (
        "It has no StartMessageMoveTask.",
        "Dead letters are moved one by one, as that task does it.",
    ),
    (
        "Where a function sends its requests cannot be seen from outside.",
        "AWS_ENDPOINT_URL, which Lambda leaves unset, is a door that records each request and hands it on unchanged.",
    ),
];

/// Where the rehearsal's own parts are.
#[derive(Debug, Clone)]
pub struct Fronts {
    /// The front of the HTTP API.
    pub api: String,
    /// The front of the function URL.
    pub export: String,
    /// The door of each function, by its logical id.
    pub doors: BTreeMap<String, String>,
}

/// The template with the gaps bridged.
pub fn bridge(mut template: Value, fronts: &Fronts) -> Value {
    let functions: Vec<String> = resources(&template, "AWS::Lambda::Function")
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in functions {
        let variables = &mut template["Resources"][&name]["Properties"]["Environment"]["Variables"];
        variables["PUBLIC_URL"] = json!(fronts.api);
        if !variables["EXPORT_URL"].is_null() {
            variables["EXPORT_URL"] = json!(fronts.export);
        }
        if let Some(door) = fronts.doors.get(&name) {
            variables["AWS_ENDPOINT_URL"] = json!(door);
        }
    }
    for role in ["PortalRole", "SyncRole"] {
        let policies = &mut template["Resources"][role]["Properties"]["Policies"];
        let own = policies.to_string();
        let default = own.replace("schedule/${ScheduleGroup}/", "schedule/default/");
        *policies = default.parse().unwrap_or_default();
    }
    let statements = &mut template["Resources"]["TenantRole"]["Properties"]["Policies"][0]["PolicyDocument"]
        ["Statement"];
    for statement in statements.as_array_mut().into_iter().flatten() {
        let condition = statement["Condition"].to_string();
        let varies = ["LeadingKeys", "PrincipalTag", "IdentityTokenAudience"]
            .iter()
            .any(|key| condition.contains(key));
        if let (true, Some(statement)) = (varies, statement.as_object_mut()) {
            statement.remove("Condition");
        }
        if let Some(Value::String(resource)) = statement["Resource"].get_mut("Fn::Sub") {
            *resource = resource.replace("${!aws:PrincipalTag/tenant}-??????", "*");
        }
    }
    if let Some(statements) = statements.as_array_mut() {
        let action = "dynamodb:BatchExecuteStatement";
        statements.push(json!({"Effect": "Allow", "Action": action, "Resource": "*"}));
    }
    template
}
