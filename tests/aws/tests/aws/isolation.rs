//! A session of the tenant role reaches the data and the secret of the tenant it is tagged with,
//! as far as its purpose needs them, and nothing else: every action that DynamoDB and Secrets
//! Manager have, for every purpose, against keys and names of its own tenant, of others, and of
//! those that look alike.

use crate::aws::asking::{Asking, Count, keys, request};
use anyhow::Result;
use muster_aws::{
    Tools, evaluator,
    intrinsics::{Place, Stack},
    policies::{self, PURPOSES, Role},
    template, tools,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const OWN: &str = "3f2a8c1e-5b7d-4e9f-8a6b-0c1d2e3f4a5b";
const OTHER: &str = "9c8b7a6d-1f2e-4d3c-b5a4-968778695a4b";
// The first and the last characters of OWN.
const BEGINS_ALIKE: &str = "3f2a8c1e-5b7d-4e9f-8a6b-000000000000";
const ENDS_ALIKE: &str = "00000000-5b7d-4e9f-8a6b-0c1d2e3f4a5b";

/// Tags that a session must not get anything by; `None` is a session without one.
const NO_TENANT: [Option<&str>; 6] = [
    None,
    Some(""),
    Some("*"),
    Some("????????-????-????-????-????????????"),
    Some("*-*-*-*-*"),
    Some("${*}"),
];

/// The keys that such a session is tried with.
const WITHOUT_TENANT: [&str; 4] = ["its own", "absent", "of no tenant", "a pattern"];

/// Purposes that no function has; `None` is a session without one.
const NO_PURPOSE: [Option<&str>; 4] = [None, Some(""), Some("*"), Some("administrator")];

/// What each purpose asks of the assets table; anything else is refused to a tenant itself.
fn assets_uses(purpose: &str) -> &'static [&'static str] {
    match purpose {
        "read" => &["Query"],
        "manage" => &["BatchWriteItem", "Query"],
        "sync" => &[
            "BatchGetItem",
            "BatchWriteItem",
            "PartiQLDelete",
            "PartiQLInsert",
            "PartiQLUpdate",
            "PutItem",
            "Query",
        ],
        _ => &[],
    }
}

/// What each purpose asks of the integrations table.
fn integrations_uses(purpose: &str) -> &'static [&'static str] {
    match purpose {
        "read" => &["Query"],
        "consent" => &["DeleteItem", "GetItem", "PutItem", "Query"],
        "credential" => &["GetItem", "PutItem", "Query"],
        "manage" => &[
            "BatchWriteItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
        ],
        "sync" => &[
            "BatchWriteItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "UpdateItem",
        ],
        _ => &[],
    }
}

/// What each purpose asks of the tenant's secret.
fn secret_uses(purpose: &str) -> &'static [&'static str] {
    match purpose {
        "sync" => &["DeleteSecret", "DescribeSecret", "GetSecretValue"],
        "credential" => &[
            "DescribeSecret",
            "GetSecretValue",
            "PutSecretValue",
            "RestoreSecret",
            "UpdateSecretVersionStage",
        ],
        "manage" => &[
            "DeleteSecret",
            "DescribeSecret",
            "GetSecretValue",
            "PutSecretValue",
            "RestoreSecret",
            "UpdateSecretVersionStage",
        ],
        _ => &[],
    }
}

/// The same, where the request tags the secret with the session's tenant.
fn new_secret_uses(purpose: &str) -> &'static [&'static str] {
    match purpose {
        "manage" => &["CreateSecret", "TagResource"],
        _ => &[],
    }
}

/// What a purpose asks for.
type Uses = fn(&str) -> &'static [&'static str];

/// A session of the tenant role: its place, and whose it is.
struct Tagged {
    session: usize,
    tenant: Option<&'static str>,
    purpose: Option<&'static str>,
}

/// A session for each purpose with the own tenant's tag, then those that must reach nothing.
fn sessions(asking: &mut Asking, role: &Role) -> Vec<Tagged> {
    let own = PURPOSES
        .into_iter()
        .map(|purpose| (Some(OWN), Some(purpose)));
    let strange = NO_PURPOSE.into_iter().map(|purpose| (Some(OWN), purpose));
    let nobodys = NO_TENANT
        .into_iter()
        .flat_map(|tenant| ["manage", "sync"].map(|purpose| (tenant, Some(purpose))));
    let all = own.chain(strange).chain(nobodys);
    all.map(|(tenant, purpose)| Tagged {
        session: asking.session(role.session(tenant, purpose)),
        tenant,
        purpose,
    })
    .collect()
}

struct Deployed {
    tools: Tools,
    template: Value,
    place: Place,
    roles: BTreeMap<String, Role>,
}

fn deployed() -> Result<Deployed> {
    let tools = tools()?;
    let template = template::translated(&tools)?;
    let place = Place::made_up("muster");
    let roles = policies::roles(&template, &place)?;
    Ok(Deployed {
        tools,
        template,
        place,
        roles,
    })
}

impl Deployed {
    fn arn(&self, logical: &str) -> Result<String> {
        let stack = Stack {
            template: &self.template,
            place: &self.place,
        };
        stack.arn(logical)
    }

    fn account(&self) -> &str {
        &self.place.account
    }

    fn secret(&self, name: &str) -> String {
        let Place {
            region, account, ..
        } = &self.place;
        format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf")
    }
}

#[test]
fn no_action_of_dynamodb_reaches_another_tenants_items() -> Result<()> {
    let here = deployed()?;
    let mut asking = Asking::default();
    let role = &here.roles["TenantRole"];
    let sessions = sessions(&mut asking, role);
    let tables: [(&str, Uses); 2] = [
        ("AssetsTable", assets_uses),
        ("IntegrationsTable", integrations_uses),
    ];
    let mut own_tenant = 0;
    for action in evaluator::actions(&here.tools, &["dynamodb"])? {
        let name = action.action.trim_start_matches("dynamodb:");
        for (logical, uses) in tables {
            let table = here.arn(logical)?;
            for resource in resources(&table, &action.resource_types) {
                for (told, leading) in leading_keys(logical) {
                    for by in &sessions {
                        if by.tenant != Some(OWN) && !WITHOUT_TENANT.contains(&told) {
                            continue;
                        }
                        let own = told == "its own" && by.tenant == Some(OWN);
                        let used = uses(by.purpose.unwrap_or_default()).contains(&name);
                        let allowed = own && resource == table && used;
                        own_tenant += usize::from(own);
                        let mut one =
                            request(by.session, &action.action, &resource, here.account());
                        if !leading.is_empty() {
                            one.context = keys([("dynamodb:LeadingKeys", json!(leading))]);
                        }
                        let told = format!("keys {told}, tags {:?} {:?}", by.tenant, by.purpose);
                        asking.ask(one, told, allowed);
                    }
                }
            }
        }
    }
    let Count { evaluated, allowed } = asking.all_end_as_they_must(&here.tools)?;
    let uses =
        PURPOSES.map(|purpose| assets_uses(purpose).len() + integrations_uses(purpose).len());
    assert_eq!(allowed, uses.into_iter().sum::<usize>());
    println!(
        "DynamoDB: {evaluated} requests; {} across tenants or without one, 0 of them allowed; \
         {own_tenant} within the tenant, {allowed} of them allowed",
        evaluated - own_tenant
    );
    Ok(())
}

#[test]
fn no_action_of_secrets_manager_reaches_another_tenants_secret() -> Result<()> {
    let here = deployed()?;
    let mut asking = Asking::default();
    let role = &here.roles["TenantRole"];
    let own_secret = here.secret(&format!("muster/{OWN}"));
    let names = [
        format!("muster/{OTHER}"),
        format!("muster/{BEGINS_ALIKE}"),
        format!("muster/{ENDS_ALIKE}"),
        format!("muster/{OWN}0"),
        format!("muster/0{OWN}"),
        format!("muster/{OWN}-AbCdEf"),
        format!("muster/{OWN}/{OTHER}"),
        format!("muster/{OTHER}/{OWN}"),
        format!("muster-2/{OWN}"),
        "muster/".to_owned(),
        "muster".to_owned(),
        OWN.to_owned(),
        "somebody-elses".to_owned(),
    ];
    let mut secrets: Vec<String> = names.iter().map(|name| here.secret(name)).collect();
    secrets.push(here.arn("PortalSecret")?);
    secrets.push(own_secret.replace("eu-central-1", "eu-west-1"));
    secrets.push(own_secret.clone());
    let sessions = sessions(&mut asking, role);
    let mut own_tenant = 0;
    for action in evaluator::actions(&here.tools, &["secretsmanager"])? {
        let name = action.action.trim_start_matches("secretsmanager:");
        let all = vec!["*".to_owned()];
        let asked = if action.resource_types.is_empty() {
            &all
        } else {
            &secrets
        };
        for secret in asked {
            for by in &sessions {
                let purpose = by.purpose.unwrap_or_default();
                for tenant in [None, Some(OWN), Some(OTHER), Some("*"), Some("")] {
                    if by.tenant != Some(OWN) && tenant == Some(OTHER) {
                        continue;
                    }
                    let own = *secret == own_secret && by.tenant == Some(OWN);
                    let tagged = new_secret_uses(purpose).contains(&name) && tenant == Some(OWN);
                    let allowed = own && (secret_uses(purpose).contains(&name) || tagged);
                    own_tenant += usize::from(own);
                    let mut one = request(by.session, &action.action, secret, here.account());
                    if let Some(tenant) = tenant {
                        one.context = keys([
                            ("aws:RequestTag/tenant", json!(tenant)),
                            ("aws:TagKeys", json!(["tenant"])),
                        ]);
                    }
                    let told = format!(
                        "tags {:?} {:?}, request's tag {tenant:?}",
                        by.tenant, by.purpose
                    );
                    asking.ask(one, told, allowed);
                }
            }
        }
    }
    let Count { evaluated, allowed } = asking.all_end_as_they_must(&here.tools)?;
    // Those that take no tag of the request into account, with each of five; the others with one.
    let uses =
        PURPOSES.map(|purpose| secret_uses(purpose).len() * 5 + new_secret_uses(purpose).len());
    assert_eq!(allowed, uses.into_iter().sum::<usize>());
    println!(
        "Secrets Manager: {evaluated} requests; {} across tenants or without one, 0 of them \
         allowed; {own_tenant} within the tenant, {allowed} of them allowed",
        evaluated - own_tenant
    );
    Ok(())
}

#[test]
fn the_tenant_role_reaches_tables_and_secrets_and_keys_only_through_them() -> Result<()> {
    let here = deployed()?;
    let grants = policies::grants(&here.roles)?;
    let services = |action: &str| action.split(':').next().unwrap_or_default().to_owned();
    let mut reached: Vec<String> = grants
        .iter()
        .filter(|grant| grant.role == "TenantRole")
        .map(|grant| services(&grant.action))
        .collect();
    reached.sort();
    reached.dedup();
    // And AWS vouches for who it is, to Entra ID alone.
    assert_eq!(reached, ["dynamodb", "secretsmanager", "sts"]);

    let key = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000000";
    let place = Place::made_up("muster").with("KmsKeyArn", key);
    let roles = policies::roles(&here.template, &place)?;
    // As AWS makes it: the account's own policies decide.
    let key_policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "kms:*",
            "Resource": "*",
        }],
    });
    let mut asking = Asking::default();
    let session = asking.session(roles["TenantRole"].session(Some(OWN), Some("manage")));
    for (via, allowed) in [
        (Some("dynamodb.eu-central-1.amazonaws.com"), true),
        (Some("secretsmanager.eu-central-1.amazonaws.com"), true),
        (Some("dynamodb.eu-west-1.amazonaws.com"), false),
        (Some("s3.eu-central-1.amazonaws.com"), false),
        (None, false),
    ] {
        for action in ["kms:Decrypt", "kms:GenerateDataKey"] {
            let mut one = request(session, action, key, here.account());
            one.resource_policy = Some(key_policy.clone());
            if let Some(via) = via {
                one.context = keys([("kms:ViaService", json!(via))]);
            }
            asking.ask(one, format!("by {via:?}"), allowed);
        }
    }
    asking.all_end_as_they_must(&here.tools)?;
    Ok(())
}

#[test]
fn no_function_reads_a_record_or_a_tenants_secret_by_its_own_role() -> Result<()> {
    let here = deployed()?;
    let mut asking = Asking::default();
    let integrations = here.arn("IntegrationsTable")?;
    let by_name = format!("{integrations}/index/by_name");
    let portal_secret = here.arn("PortalSecret")?;
    let tenant_secret = here.secret(&format!("muster/{OWN}"));
    let may = |role: &str, action: &str, resource: &str| match role {
        "PortalRole" if action == "dynamodb:Query" => {
            resource == integrations || resource == by_name
        }
        "SecretExpiryRole" if action == "dynamodb:Query" => resource == by_name,
        "PortalRole" | "ExportRole" | "OauthCallbackRole" => {
            action == "secretsmanager:GetSecretValue" && resource == portal_secret
        }
        _ => false,
    };
    let data = evaluator::actions(&here.tools, &["dynamodb", "secretsmanager"])?;
    let functions = here.roles.iter().filter(|(name, _)| *name != "TenantRole");
    for (name, role) in functions {
        // A function's own session has no tag; one that had would gain nothing.
        for tag in [None, Some(OWN)] {
            let session = asking.session(role.session(tag, None));
            for action in &data {
                let asked = if action.action.starts_with("dynamodb:") {
                    let assets = here.arn("AssetsTable")?;
                    let mut asked = resources(&assets, &action.resource_types);
                    asked.extend(resources(&integrations, &action.resource_types));
                    asked
                } else if action.resource_types.is_empty() {
                    vec!["*".to_owned()]
                } else {
                    vec![tenant_secret.clone(), portal_secret.clone()]
                };
                for resource in asked {
                    let mut one = request(session, &action.action, &resource, here.account());
                    let key = if resource.contains("Assets") {
                        assets_key(OWN)
                    } else {
                        OWN.to_owned()
                    };
                    one.context = keys([("dynamodb:LeadingKeys", json!([key]))]);
                    let allowed = may(name, &action.action, &resource);
                    asking.ask(one, format!("{name}, tag {tag:?}"), allowed);
                }
            }
        }
    }
    let Count { evaluated, allowed } = asking.all_end_as_they_must(&here.tools)?;
    // Three queries and three reads of the portal's own secret, with and without a tag.
    assert_eq!(allowed, 2 * (3 + 3));
    println!(
        "Functions' own roles: {evaluated} requests for data and secrets; {allowed} allowed, all \
         of them for the list of integrations or the portal's own secret"
    );
    Ok(())
}

fn assets_key(tenant: &str) -> String {
    format!("TENANT#{tenant}#users")
}

/// The keys that a request may name, and whose they are; none at all is a key that is absent.
fn leading_keys(table: &str) -> Vec<(&'static str, Vec<String>)> {
    let key = |tenant: &str| match table {
        "AssetsTable" => assets_key(tenant),
        _ => tenant.to_owned(),
    };
    let other_tables = match table {
        "AssetsTable" => OWN.to_owned(),
        _ => assets_key(OWN),
    };
    vec![
        ("its own", vec![key(OWN)]),
        ("absent", vec![]),
        ("another's", vec![key(OTHER)]),
        ("its own and another's", vec![key(OWN), key(OTHER)]),
        ("another's and its own", vec![key(OTHER), key(OWN)]),
        ("one that begins alike", vec![key(BEGINS_ALIKE)]),
        ("one that ends alike", vec![key(ENDS_ALIKE)]),
        ("its own and more", vec![key(&format!("{OWN}0"))]),
        ("more and its own", vec![key(&format!("0{OWN}"))]),
        (
            "one that holds its own",
            vec![key(&format!("{OTHER}#{OWN}"))],
        ),
        (
            "its own after another's",
            vec![format!("TENANT#{OTHER}#{}", key(OWN))],
        ),
        ("in capitals", vec![key(&OWN.to_uppercase())]),
        ("of no tenant", vec![key("")]),
        ("a pattern", vec![key("3f2a8c1e*")]),
        ("of the other table", vec![other_tables]),
        ("empty", vec![String::new()]),
    ]
}

/// An ARN for each type of resource that an action takes.
fn resources(table: &str, types: &[String]) -> Vec<String> {
    if types.is_empty() {
        return vec!["*".to_owned()];
    }
    let below = |part: &str| format!("{table}/{part}");
    types
        .iter()
        .flat_map(|kind| match kind.as_str() {
            "table" => vec![table.to_owned()],
            "index" => vec![below("index/by_name")],
            "stream" => vec![below("stream/2026-01-01T00:00:00.000")],
            "backup" => vec![below("backup/01234567890123-abcdefgh")],
            "export" => vec![below("export/01234567890123-abcdefgh")],
            "import" => vec![below("import/01234567890123-abcdefgh")],
            "global-table" => vec!["arn:aws:dynamodb::111122223333:global-table/assets".to_owned()],
            other => panic!("a type of resource that is not known here: {other}"),
        })
        .collect()
}
