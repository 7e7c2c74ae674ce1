//! Who may become the tenant role, and as whom.

use crate::aws::{
    asking::{Asking, Count, keys, request},
    isolation::OWN,
};
use anyhow::Result;
use muster_aws::{
    evaluator::{NamedPolicy, Session},
    intrinsics::{Place, Stack},
    policies, template, tools,
};
use serde_json::{Map, Value, json};

/// The roles whose functions act for tenants.
const ACT_FOR_TENANTS: [&str; 5] = [
    "ExportRole",
    "OauthCallbackRole",
    "PortalRole",
    "SecretExpiryRole",
    "SyncRole",
];

/// Tags of a session, as `sts:AssumeRole` takes them.
fn tags(tags: &[(&str, &str)]) -> Map<String, Value> {
    let mut context = Map::new();
    for (key, value) in tags {
        context.insert(format!("aws:RequestTag/{key}"), json!(value));
    }
    let names: Vec<&str> = tags.iter().map(|(key, _)| *key).collect();
    if !names.is_empty() {
        context.insert("aws:TagKeys".to_owned(), json!(names));
    }
    context
}

#[test]
fn only_the_functions_become_the_tenant_role_and_only_for_one_tenant() -> Result<()> {
    let tools = tools()?;
    let template = template::translated(&tools)?;
    let place = Place::made_up("muster");
    let roles = policies::roles(&template, &place)?;
    let beside = policies::roles(&template, &Place::made_up("muster-2"))?;
    let tenant_role = &roles["TenantRole"];

    let mut asking = Asking::default();
    let mut sessions = Vec::new();
    for (name, role) in &roles {
        let listed = ACT_FOR_TENANTS.contains(&name.as_str());
        sessions.push((name.clone(), listed, asking.session(role.session(None))));
    }
    let unlisted = [
        beside["PortalRole"].session(None),
        beside["SyncRole"].session(None),
        tenant_role.session(Some(OWN)),
        somebody("arn:aws:sts::111122223333:assumed-role/Administrator/me"),
        somebody("arn:aws:sts::999999999999:assumed-role/muster-PortalRole-1A2B3C4D5E6F/me"),
        somebody("arn:aws:iam::111122223333:user/me"),
        Session {
            policies: Vec::new(),
            ..somebody("lambda.amazonaws.com")
        },
    ];
    for session in unlisted {
        let name = session.principal.clone();
        sessions.push((name, false, asking.session(session)));
    }

    let shapes = [
        (tags(&[("tenant", OWN)]), true),
        (tags(&[]), false),
        (tags(&[("tenant", "")]), false),
        (tags(&[("tenant", "*")]), false),
        (tags(&[("tenant", "not-a-guid")]), false),
        (tags(&[("tenant", &format!("{OWN}0"))]), false),
        (tags(&[("tenant", &OWN.replace('-', ""))]), false),
        (tags(&[("Tenant", "not-a-guid")]), false),
        (tags(&[("client", OWN)]), false),
        (tags(&[("tenant", OWN), ("client", OWN)]), false),
        (tags(&[("tenant", OWN), ("Tenants", "all")]), false),
    ];
    for (name, listed, session) in &sessions {
        for action in ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"] {
            for (tags, is_one_tenant) in &shapes {
                let mut one = request(*session, action, &tenant_role.arn, &place.account);
                one.context = tags.clone();
                one.resource_policy = Some(tenant_role.trust.clone());
                let allowed = *listed && *is_one_tenant && action != "sts:SetSourceIdentity";
                asking.ask(one, format!("{name} with {tags:?}"), allowed);
            }
        }
    }
    let Count { evaluated, allowed } = asking.all_end_as_they_must(&tools)?;
    assert_eq!(allowed, ACT_FOR_TENANTS.len() * 2);
    println!(
        "Becoming the tenant role: {evaluated} requests; {allowed} allowed, AssumeRole and \
         TagSession of {} roles with one tenant's tag",
        ACT_FOR_TENANTS.len()
    );
    Ok(())
}

#[test]
fn every_other_role_is_its_services_alone() -> Result<()> {
    let tools = tools()?;
    let template = template::translated(&tools)?;
    let place = Place::made_up("muster");
    let beside = Place::made_up("muster-2");
    let roles = policies::roles(&template, &place)?;
    let group = |place: &Place| {
        let stack = Stack {
            template: &template,
            place,
        };
        stack.arn("ScheduleGroup")
    };
    let (group, other_group) = (group(&place)?, group(&beside)?);
    let mut asking = Asking::default();
    let service = |name: &str| Session {
        policies: Vec::new(),
        ..somebody(name)
    };
    let lambda = asking.session(service("lambda.amazonaws.com"));
    let scheduler = asking.session(service("scheduler.amazonaws.com"));
    let ec2 = asking.session(service("ec2.amazonaws.com"));
    let administrator = somebody("arn:aws:sts::111122223333:assumed-role/Administrator/me");
    let administrator = asking.session(administrator);
    for (name, role) in roles.iter().filter(|(name, _)| *name != "TenantRole") {
        let scheduled = name.ends_with("ScheduleRole");
        let of_group = name == "ScheduleRole";
        let from = |account: &str, group: &str| {
            keys([
                ("aws:SourceAccount", json!(account)),
                ("aws:SourceArn", json!(group)),
            ])
        };
        let mine = place.account.as_str();
        for (session, told, context, allowed) in [
            (lambda, "Lambda", Map::new(), !scheduled),
            (scheduler, "Scheduler", from(mine, &group), scheduled),
            (
                scheduler,
                "Scheduler, of another group",
                from(mine, &other_group),
                scheduled && !of_group,
            ),
            (
                scheduler,
                "Scheduler, of another account",
                from("999999999999", &group),
                false,
            ),
            (scheduler, "Scheduler, of nobody", Map::new(), false),
            (ec2, "EC2", Map::new(), false),
            (administrator, "an administrator", Map::new(), false),
        ] {
            let mut one = request(session, "sts:AssumeRole", &role.arn, &place.account);
            one.context = context;
            one.resource_policy = Some(role.trust.clone());
            asking.ask(one, format!("{name} by {told}"), allowed);
        }
    }
    asking.all_end_as_they_must(&tools)?;
    Ok(())
}

/// Somebody whose own policy lets them assume every role.
fn somebody(principal: &str) -> Session {
    Session {
        principal: principal.to_owned(),
        policies: vec![NamedPolicy {
            name: "assume-anything".to_owned(),
            policy: json!({
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}],
            }),
        }],
        context: Map::new(),
    }
}
