//! What holds for every resource of a kind in the template.

use anyhow::{Context, Result};
use muster_aws::{
    Tools,
    evaluator::{self, Action},
    intrinsics::Place,
    policies::{self, Grant, list, statements},
    root,
    template::{self, resources},
    tools,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The template with everything switched on, and every grant of it.
fn grants(template: &Value) -> Result<Vec<Grant>> {
    let everything = Place::made_up("muster")
        .with("KmsKeyArn", "arn:aws:kms:eu-central-1:111122223333:key/one")
        .with(
            "FormerKmsKeyArns",
            "arn:aws:kms:eu-central-1:111122223333:key/zero",
        )
        .with("Tracing", "Active");
    policies::grants(&policies::roles(template, &everything)?)
}

#[test]
fn every_action_is_named_in_full_and_is_one_that_aws_has() -> Result<()> {
    let tools = tools()?;
    let grants = grants(&template::translated(&tools)?)?;
    let known: BTreeSet<String> = known(&tools, &grants)?
        .into_iter()
        .map(|action| action.action)
        .collect();
    for grant in &grants {
        assert!(!grant.action.contains(['*', '?']), "{grant:?}");
        assert!(
            known.contains(&grant.action),
            "AWS has no such action: {grant:?}"
        );
    }
    Ok(())
}

#[test]
fn every_resource_is_named_where_aws_lets_one_be_named() -> Result<()> {
    let tools = tools()?;
    let grants = grants(&template::translated(&tools)?)?;
    let nameless: BTreeSet<String> = known(&tools, &grants)?
        .into_iter()
        .filter(|action| action.resource_types.is_empty())
        .map(|action| action.action)
        .collect();
    for grant in &grants {
        let resource = grant.resource.as_str();
        let named = resource
            // Six characters that Secrets Manager adds to a name.
            .trim_end_matches("-??????")
            // One schedule a tenant, in the stack's own group.
            .replace(":schedule/muster-ScheduleGroup-1A2B3C4D5E6F/*", "");
        // A log group's own ARN ends so, for its streams.
        let named = match grant.action.starts_with("logs:") {
            true => named.trim_end_matches(":*"),
            false => &named,
        };
        if nameless.contains(&grant.action) {
            assert_eq!(resource, "*", "{grant:?}");
        } else {
            assert!(!named.contains(['*', '?']), "{grant:?}");
        }
    }
    Ok(())
}

#[test]
fn whoever_may_start_a_function_is_named_but_for_the_export_which_looks_at_tickets() -> Result<()> {
    let template = template::translated(&tools()?)?;
    let permissions = resources(&template, "AWS::Lambda::Permission");
    assert_eq!(permissions.len(), 5);
    for (name, permission) in permissions {
        let of_export = permission["FunctionName"] == json!({"Ref": "ExportFunction"});
        if permission["Principal"] == "*" {
            let by_url = permission["FunctionUrlAuthType"] == "NONE"
                || permission["InvokedViaFunctionUrl"] == true;
            assert!(of_export && by_url, "{name}: {permission}");
        } else if permission["Principal"] == "secretsmanager.amazonaws.com" {
            assert_eq!(
                permission["SourceAccount"],
                json!({"Ref": "AWS::AccountId"})
            );
        } else {
            assert_eq!(
                permission["Principal"], "apigateway.amazonaws.com",
                "{name}"
            );
            assert!(permission["SourceArn"].is_object(), "{name}: {permission}");
        }
    }
    Ok(())
}

#[test]
fn every_statement_that_grants_has_a_name_of_its_own_in_its_role() -> Result<()> {
    let template = template::translated(&tools()?)?;
    let roles = policies::roles(&template, &Place::made_up("muster"))?;
    for (name, role) in &roles {
        let mut sids = BTreeSet::new();
        for policy in &role.policies {
            for statement in statements(&policy.policy)? {
                let sid = statement["Sid"].as_str();
                let sid = sid.with_context(|| format!("{name}: no Sid: {statement}"))?;
                assert!(sids.insert(sid), "{name} has two statements {sid}");
                assert!(!list(&statement["Action"])?.is_empty(), "{name} {sid}");
                let principal = &statement["Principal"];
                assert!(principal.is_null(), "{name} {sid}: {principal}");
                for negative in ["NotAction", "NotResource"] {
                    assert!(statement[negative].is_null(), "{name} {sid}: {negative}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_function_has_a_role_and_a_log_of_its_own_that_does_not_grow_for_ever() -> Result<()> {
    let template = template::translated(&tools()?)?;
    let functions = resources(&template, "AWS::Lambda::Function");
    assert_eq!(functions.len(), 5);
    let mut of_their_own = BTreeSet::new();
    for (name, function) in &functions {
        let role = function["Role"]["Fn::GetAtt"][0].as_str();
        let log = function["LoggingConfig"]["LogGroup"]["Ref"].as_str();
        let (role, log) = (role.context("a role")?, log.context("a log group")?);
        assert!(of_their_own.insert(role), "{name} shares {role}");
        assert!(of_their_own.insert(log), "{name} shares {log}");
        assert_eq!(
            template["Resources"][role]["Type"], "AWS::IAM::Role",
            "{name}"
        );
        assert_eq!(function["LoggingConfig"]["LogFormat"], "JSON", "{name}");
    }
    for (name, log) in resources(&template, "AWS::Logs::LogGroup") {
        assert_eq!(
            log["RetentionInDays"],
            json!({"Ref": "LogRetentionDays"}),
            "{name}"
        );
    }
    let logs = resources(&template, "AWS::Logs::LogGroup");
    let kept: Vec<&str> = logs.iter().map(|(name, _)| *name).collect();
    for own in of_their_own.iter().filter(|name| name.ends_with("Logs")) {
        assert!(kept.contains(own), "{own} is no log group");
    }
    Ok(())
}

#[test]
fn every_alarm_tells_somebody() -> Result<()> {
    let template = template::translated(&tools()?)?;
    let alarms = resources(&template, "AWS::CloudWatch::Alarm");
    assert_eq!(alarms.len(), 9);
    for (name, alarm) in alarms {
        assert_eq!(
            alarm["AlarmActions"],
            json!([{"Ref": "AlertTopic"}]),
            "{name}"
        );
        let description = alarm["AlarmDescription"].as_str().unwrap_or_default();
        assert!(description.ends_with('.'), "{name}: {description}");
    }
    Ok(())
}

#[test]
fn every_parameter_and_output_says_what_it_is_for() -> Result<()> {
    let template = template::translated(&tools()?)?;
    for kind in ["Parameters", "Outputs"] {
        let all = template[kind].as_object().context("there are some")?;
        for (name, one) in all {
            let description = one["Description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{kind} {name}: {description:?}");
        }
    }
    let asked: BTreeSet<&str> =
        template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
            .as_array()
            .context("groups")?
            .iter()
            .flat_map(|group| list(&group["Parameters"]).unwrap_or_default())
            .collect();
    let parameters = template["Parameters"].as_object().context("parameters")?;
    let all: BTreeSet<&str> = parameters.keys().map(String::as_str).collect();
    assert_eq!(asked, all, "every parameter is in a group");
    Ok(())
}

/// Files that read the environment on AWS, and what a function's `main.rs` says when it makes them.
const READERS: [(&str, &str); 5] = [
    ("shared/platform/src/services.rs", "Services::on_aws"),
    (
        "shared/platform/src/lambda_environment.rs",
        "lambda_environment::",
    ),
    (
        "shared/platform/src/portal_secret.rs",
        "portal_secret.is_named",
    ),
    ("shared/platform/src/oidc/settings.rs", "Settings::from_env"),
    ("functions/portal/src/export.rs", "ExportUrl::from_env"),
];

/// Set by Lambda itself, or by nobody on AWS.
const OF_LAMBDA: [&str; 4] = [
    "AWS_ENDPOINT_URL",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_REGION",
];

/// Named, and not read on AWS: by cargo, by the TLS library, by the local vault.
const NOT_READ: [&str; 3] = ["CARGO_PKG_VERSION", "SSL_CERT_FILE", "MUSTER_VAULT_KEY"];

#[test]
fn a_function_is_given_exactly_the_variables_that_it_reads() -> Result<()> {
    let template = template::translated(&tools()?)?;
    let read = variables_of_files()?;
    let expected: BTreeSet<&str> = READERS.iter().map(|(file, _)| *file).collect();
    let found: BTreeSet<&str> = read.keys().map(String::as_str).collect();
    assert_eq!(found, expected, "say in READERS when a file is asked");

    for (name, function) in resources(&template, "AWS::Lambda::Function") {
        let binary = &template["Resources"][name]["Metadata"]["BuildProperties"]["Binary"];
        let main = match binary.as_str().context("a binary")? {
            "muster-portal" => "functions/portal/src/main.rs",
            "muster-portal-export" => "functions/portal/src/export/main.rs",
            "muster-oauth-callback" => "functions/oauth_callback/src/main.rs",
            "muster-sync" => "functions/sync/src/main.rs",
            "muster-secret-expiry" => "functions/secret_expiry/src/main.rs",
            other => anyhow::bail!("{other} is built from what?"),
        };
        let main = std::fs::read_to_string(root().join(main))?;
        let reads: BTreeSet<&str> = READERS
            .iter()
            .filter(|(_, asked)| main.contains(asked))
            .flat_map(|(file, _)| &read[*file])
            .map(String::as_str)
            .filter(|variable| !OF_LAMBDA.contains(variable))
            .collect();
        let variables = function["Environment"]["Variables"].as_object();
        let set: BTreeSet<&str> = variables
            .context("variables")?
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(set, reads, "{name}: set by the template, read by the code");
    }
    Ok(())
}

/// The environment variables that each source file on AWS's side names.
fn variables_of_files() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut files = Vec::new();
    for folder in [
        "shared/platform/src",
        "functions/portal/src",
        "functions/oauth_callback/src",
        "functions/sync/src",
        "functions/secret_expiry/src",
    ] {
        sources(folder, &mut files)?;
    }
    let mut read = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(root().join(&file))?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let named: BTreeSet<String> = code
            .split('"')
            .filter(|literal| is_variable(literal))
            .map(str::to_owned)
            .collect();
        if !named.is_empty() {
            read.insert(file, named);
        }
    }
    Ok(read)
}

fn sources(folder: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(root().join(folder))? {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            sources(&path, files)?;
        } else if path.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a text in quotes names an environment variable: capitals joined by underscores.
fn is_variable(text: &str) -> bool {
    let capitals = text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let joined = text.trim_matches('_') == text && text.contains('_');
    capitals && (joined || text == "INSTALLATION") && !NOT_READ.contains(&text)
}

/// Every action of the services that something is granted of.
fn known(tools: &Tools, grants: &[Grant]) -> Result<Vec<Action>> {
    let services = grants
        .iter()
        .filter_map(|grant| grant.action.split(':').next());
    let services: BTreeSet<&str> = services.collect();
    evaluator::actions(tools, &services.into_iter().collect::<Vec<_>>())
}
