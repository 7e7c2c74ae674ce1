//! A role that allows more than its function asks for, or less, is found.

use anyhow::Result;
use muster_aws::{
    intrinsics::Place,
    least_privilege::{ON_BEHALF, Verdict, judge},
    policies,
    recording::Asked,
    template, tools,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/small-Table-1A2B3C4D5E6F";
const TENANT: &str = "3f2a8c1e-5b7d-4e9f-8a6b-0c1d2e3f4a5b";

/// One role that reads a table and its index, keeps its own tenant's items, and writes a log.
fn small() -> Value {
    let statements = json!([
        {
            "Sid": "Look",
            "Effect": "Allow",
            "Action": "dynamodb:Query",
            "Resource": [
                {"Fn::GetAtt": ["Table", "Arn"]},
                {"Fn::Sub": "${Table.Arn}/index/by_name"},
            ],
        },
        {
            "Sid": "Keep",
            "Effect": "Allow",
            "Action": ["dynamodb:PutItem", "dynamodb:GetItem"],
            "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
            "Condition": {
                "ForAllValues:StringEquals": {
                    "dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant}"],
                },
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        },
        {
            "Sid": "WriteItsLog",
            "Effect": "Allow",
            "Action": "logs:PutLogEvents",
            "Resource": {"Fn::GetAtt": ["Log", "Arn"]},
        },
    ]);
    json!({"Resources": {
        "Table": {"Type": "AWS::DynamoDB::Table"},
        "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/small"}},
        "Role": {"Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": {},
            "Policies": [{
                "PolicyName": "small",
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            }],
        }},
    }})
}

fn asked(action: &str, resource: &str, key: Option<&str>) -> Asked {
    let keys = key.map(|key| ("dynamodb:LeadingKeys".to_owned(), vec![key.to_owned()]));
    Asked {
        role: "Role".to_owned(),
        tenant: Some(TENANT.to_owned()),
        purpose: None,
        action: action.to_owned(),
        resources: vec![resource.to_owned()],
        conditions: keys.into_iter().collect(),
    }
}

/// Everything that the role is for.
fn all() -> Vec<Asked> {
    let index = format!("{TABLE}/index/by_name");
    vec![
        asked("dynamodb:Query", TABLE, Some(TENANT)),
        asked("dynamodb:Query", &index, Some("integration")),
        asked("dynamodb:PutItem", TABLE, Some(TENANT)),
        asked("dynamodb:GetItem", TABLE, Some(TENANT)),
    ]
}

fn judged(recording: &[Asked]) -> Result<Verdict> {
    judge(&tools()?, &small(), &Place::made_up("small"), recording)
}

#[test]
fn a_role_that_allows_exactly_what_is_asked_for_is_left_alone() -> Result<()> {
    let verdict = judged(&all())?;
    assert!(verdict.is_exact(), "{verdict}");
    assert_eq!((verdict.used.len(), verdict.on_behalf.len()), (4, 1));
    let twice = judged(&[all(), all()].concat())?;
    assert_eq!(twice, verdict);
    Ok(())
}

#[test]
fn what_nobody_asks_for_is_more_than_it_uses() -> Result<()> {
    for (left_out, told) in [
        (
            0,
            format!("more than it uses: Role Look dynamodb:Query {TABLE}\n"),
        ),
        (
            1,
            format!("more than it uses: Role Look dynamodb:Query {TABLE}/index/by_name\n"),
        ),
        (
            2,
            format!("more than it uses: Role Keep dynamodb:PutItem {TABLE}\n"),
        ),
    ] {
        let mut recording = all();
        recording.remove(left_out);
        let verdict = judged(&recording)?;
        assert!(!verdict.is_exact());
        assert!(verdict.to_string().ends_with(&told), "{verdict}");
        assert_eq!((verdict.unused.len(), verdict.refused.len()), (1, 0));
    }
    let nothing = judged(&[])?;
    assert_eq!((nothing.unused.len(), nothing.used.len()), (4, 0));
    Ok(())
}

#[test]
fn what_is_asked_for_and_not_allowed_is_less_than_it_needs() -> Result<()> {
    let other = TABLE.replace("small-Table", "small-Other");
    for wrong in [
        asked("dynamodb:DeleteItem", TABLE, Some(TENANT)),
        asked("dynamodb:Scan", TABLE, None),
        asked("dynamodb:Query", &other, Some(TENANT)),
        asked("dynamodb:GetItem", TABLE, Some("another tenant")),
        asked("dynamodb:GetItem", TABLE, None),
        Asked {
            tenant: None,
            ..asked("dynamodb:GetItem", TABLE, Some(TENANT))
        },
    ] {
        let mut recording = all();
        recording.push(wrong.clone());
        let verdict = judged(&recording)?;
        let action = &wrong.action;
        let told = format!("less than it needs: Role {action} {}\n", wrong.resources[0]);
        assert!(verdict.to_string().ends_with(&told), "{verdict}");
        assert_eq!((verdict.unused.len(), verdict.refused.len()), (0, 1));
    }
    Ok(())
}

#[test]
fn a_recording_that_cannot_be_judged_is_an_error() -> Result<()> {
    let stranger = Asked {
        role: "Nobody".to_owned(),
        ..asked("dynamodb:Query", TABLE, Some(TENANT))
    };
    for wrong in [
        stranger,
        asked("dynamodb:Quarry", TABLE, Some(TENANT)),
        asked(
            "dynamodb:Query",
            "arn:aws:sqs:eu-central-1:111122223333:q",
            None,
        ),
    ] {
        assert!(judged(std::slice::from_ref(&wrong)).is_err(), "{wrong:?}");
    }
    Ok(())
}

#[test]
fn what_aws_does_on_a_functions_behalf_is_granted_to_somebody() -> Result<()> {
    let template = template::translated(&tools()?)?;
    let everything = Place::made_up("muster")
        .with("KmsKeyArn", "arn:aws:kms:eu-central-1:111122223333:key/one")
        .with(
            "FormerKmsKeyArns",
            "arn:aws:kms:eu-central-1:111122223333:key/zero",
        )
        .with("Tracing", "Active");
    let grants = policies::grants(&policies::roles(&template, &everything)?)?;
    let granted: BTreeMap<(&str, &str), &str> = grants
        .iter()
        .map(|grant| {
            (
                (grant.sid.as_str(), grant.action.as_str()),
                grant.role.as_str(),
            )
        })
        .collect();
    for one in ON_BEHALF {
        for action in one.actions {
            let key = (one.sid, *action);
            assert!(granted.contains_key(&key), "{key:?} is granted to nobody");
        }
        assert!(!one.reason.is_empty());
    }
    Ok(())
}
