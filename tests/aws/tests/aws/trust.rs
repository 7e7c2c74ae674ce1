//! Who may become the tenant role, and as whom.

use crate::aws::{
    asking::{Asking, Count, keys, request},
    isolation::OWN,
};
use anyhow::Result;
use muster_aws::{
    evaluator::{NamedPolicy, Session},
    intrinsics::{Place, Stack},
    policies::{self, PURPOSES},
    template, tools,
};
use serde_json::{Map, Value, json};

/// The roles whose functions act for tenants, each with its purpose.
const ACT_FOR_TENANTS: [(&str, &str); 5] = [
    ("ExportRole", "read"),
    ("OauthCallbackRole", "consent"),
    ("PortalRole", "manage"),
    ("SecretExpiryRole", "credential"),
    ("SyncRole", "sync"),
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
        let purpose = ACT_FOR_TENANTS.iter().find(|(role, _)| role == name);
        let session = asking.session(role.session(None, None));
        sessions.push((name.clone(), purpose.map(|(_, purpose)| *purpose), session));
    }
    let unlisted = [
        beside["PortalRole"].session(None, None),
        beside["SyncRole"].session(None, None),
        tenant_role.session(Some(OWN), Some("manage")),
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
        sessions.push((name, None, asking.session(session)));
    }

    // Each shape with every purpose; only one tenant and the function's own purpose will do.
    let mut shapes: Vec<(Map<String, Value>, Option<&str>)> = vec![
        (tags(&[]), None),
        (tags(&[("tenant", OWN)]), None),
        (tags(&[("tenant", OWN), ("Purpose", "manage ")]), None),
    ];
    for purpose in PURPOSES.into_iter().chain(["", "*", "manage,sync"]) {
        let known = PURPOSES.contains(&purpose).then_some(purpose);
        let with = |others: &[(&str, &str)]| tags(&[others, &[("purpose", purpose)]].concat());
        shapes.push((with(&[("tenant", OWN)]), known));
        shapes.extend(
            [
                with(&[]),
                with(&[("tenant", "")]),
                with(&[("tenant", "*")]),
                with(&[("tenant", "not-a-guid")]),
                with(&[("tenant", &format!("{OWN}0"))]),
                with(&[("tenant", &OWN.replace('-', ""))]),
                with(&[("Tenant", "not-a-guid")]),
                with(&[("client", OWN)]),
                with(&[("tenant", OWN), ("client", OWN)]),
                with(&[("tenant", OWN), ("Tenants", "all")]),
            ]
            .map(|shape| (shape, None)),
        );
    }
    for (name, own_purpose, session) in &sessions {
        for action in ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"] {
            for (tags, purpose) in &shapes {
                let mut one = request(*session, action, &tenant_role.arn, &place.account);
                one.context = tags.clone();
                one.resource_policy = Some(tenant_role.trust.clone());
                let is_own = purpose.is_some() && purpose == own_purpose;
                let allowed = is_own && action != "sts:SetSourceIdentity";
                asking.ask(one, format!("{name} with {tags:?}"), allowed);
            }
        }
    }
    let Count { evaluated, allowed } = asking.all_end_as_they_must(&tools)?;
    assert_eq!(allowed, ACT_FOR_TENANTS.len() * 2);
    println!(
        "Becoming the tenant role: {evaluated} requests; {allowed} allowed, AssumeRole and \
         TagSession of {} roles with one tenant's tag and their own purpose",
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
