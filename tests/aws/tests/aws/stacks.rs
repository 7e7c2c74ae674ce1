//! Two stacks of the same template in the same account: neither's roles reach anything of the
//! other, even for a tenant that both are connected to.

use crate::aws::{
    asking::{Asking, Count, keys, request},
    isolation::OWN,
};
use anyhow::Result;
use muster_aws::{
    intrinsics::Place,
    policies::{self, Grant, PURPOSES},
    template, tools,
};
use serde_json::{Map, Value, json};

#[test]
fn neither_of_two_stacks_reaches_the_other() -> Result<()> {
    let tools = tools()?;
    let template = template::translated(&tools)?;
    let mut asking = Asking::default();
    let mut own_grants = 0;
    let mut across = 0;
    // Names of which one begins, or ends, as the other does.
    let names = ["muster", "muster-2", "muste", "my-muster"];
    let stacks = names
        .iter()
        .map(|name| {
            let place = Place::made_up(name);
            let roles = policies::roles(&template, &place)?;
            let mut sessions = Vec::new();
            for (name, role) in &roles {
                let purposes = match name.as_str() {
                    "TenantRole" => PURPOSES.map(Some).to_vec(),
                    _ => vec![None],
                };
                for purpose in purposes {
                    let session = asking.session(role.session(Some(OWN), purpose));
                    sessions.push((name.clone(), purpose, session));
                }
            }
            Ok((*name, place, policies::grants(&roles)?, sessions))
        })
        .collect::<Result<Vec<_>>>()?;
    for (owner, place, grants, _) in &stacks {
        for grant in grants {
            let Some((resource, context)) = one_of(grant) else {
                continue;
            };
            for (asker, _, _, sessions) in &stacks {
                for (name, purpose, session) in sessions {
                    let own = owner == asker;
                    if own && (*name != grant.role || *purpose != grant.purpose.as_deref()) {
                        continue;
                    }
                    own_grants += usize::from(own);
                    across += usize::from(!own);
                    let account = &place.account;
                    let mut one = request(*session, &grant.action, &resource, account);
                    one.context = context.clone();
                    let told = format!("{name} of {asker}, in {owner}");
                    asking.ask(one, told, own);
                }
            }
        }
    }
    let Count { evaluated, allowed } = asking.all_end_as_they_must(&tools)?;
    assert_eq!(evaluated, own_grants + across);
    assert_eq!(allowed, own_grants, "what is asked for is what is granted");
    println!(
        "{} stacks beside each other: {across} requests across, 0 allowed; {own_grants} of \
         their own, all allowed",
        stacks.len()
    );
    Ok(())
}

/// A request that the grant is for: a resource that its pattern matches, and condition keys that
/// its conditions ask for. `None` for what has no resource of its own.
fn one_of(grant: &Grant) -> Option<(String, Map<String, Value>)> {
    if grant.resource == "*" {
        return None;
    }
    let resource = grant
        .resource
        .replace("${aws:PrincipalTag/tenant}", OWN)
        .replace("-??????", "-AbCdEf");
    let resource = match resource.strip_suffix(":*") {
        Some(log_group) => format!("{log_group}:log-stream:one"),
        None => resource.replace("/*", "/one"),
    };
    let leading = if resource.contains("Assets") {
        format!("TENANT#{OWN}#users")
    } else {
        OWN.to_owned()
    };
    let context = keys([
        ("dynamodb:LeadingKeys", json!([leading])),
        ("aws:RequestTag/tenant", json!(OWN)),
        ("aws:TagKeys", json!(["tenant"])),
        ("iam:PassedToService", json!("scheduler.amazonaws.com")),
    ]);
    Some((resource, context))
}
