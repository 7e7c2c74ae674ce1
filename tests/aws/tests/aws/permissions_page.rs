//! docs/permissions.md explains what the template and the app registration really hold.

use anyhow::{Context, Result};
use muster_aws::{
    intrinsics::Place,
    policies::{self, list, statements},
    root, template, tools,
};
use muster_domain::Permission;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of the page's tables, by the heading they are under.
fn page() -> Result<BTreeMap<String, Vec<Vec<String>>>> {
    let text = std::fs::read_to_string(root().join("docs/permissions.md"))?;
    let mut under = String::new();
    let mut rows: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for line in text.lines() {
        if line.starts_with('#') && !line.starts_with("####") {
            under = line.trim_matches(['#', ' ']).to_owned();
        } else if line.starts_with("| `") {
            let cells = line.trim_matches('|').split('|');
            let cells = cells.map(|cell| cell.trim().to_owned()).collect();
            rows.entry(under.clone()).or_default().push(cells);
        }
    }
    Ok(rows)
}

/// The names in a cell that are set as code.
fn code(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_statement_of_every_role_is_explained() -> Result<()> {
    let template = template::translated(&tools()?)?;
    let everything = Place::made_up("muster")
        .with("KmsKeyArn", "arn:aws:kms:eu-central-1:111122223333:key/one")
        .with(
            "FormerKmsKeyArns",
            "arn:aws:kms:eu-central-1:111122223333:key/zero",
        )
        .with("Tracing", "Active");
    let mut granted = BTreeMap::new();
    for (role, attached) in policies::roles(&template, &everything)? {
        for policy in attached.policies {
            for statement in statements(&policy.policy)? {
                let sid = statement["Sid"].as_str().context("a Sid")?.to_owned();
                let actions = list(&statement["Action"])?.into_iter().map(str::to_owned);
                let actions: BTreeSet<String> = actions.collect();
                granted.insert((role.clone(), sid), actions);
            }
        }
    }
    let mut explained = BTreeMap::new();
    for (role, rows) in page()? {
        if role == "Microsoft Graph" {
            continue;
        }
        // A purpose begins in lower case, a Sid in upper case.
        let rows = rows
            .into_iter()
            .filter(|row| row[0].contains(char::is_uppercase));
        for row in rows {
            let [sid, actions, on, why, without] = row.as_slice() else {
                anyhow::bail!("{role}: a row has not five cells: {row:?}");
            };
            assert!(
                ![on, why, without].iter().any(|cell| cell.is_empty()),
                "{row:?}"
            );
            explained.insert((role.clone(), sid.replace('`', "")), code(actions));
        }
    }
    assert_eq!(explained, granted, "explained, and granted");
    Ok(())
}

#[test]
fn every_graph_permission_is_explained() -> Result<()> {
    let page = page()?;
    let rows = page.get("Microsoft Graph").context("a table")?;
    let explained: Vec<String> = rows
        .iter()
        .map(|row| match row.as_slice() {
            [name, why, without] if !why.is_empty() && !without.is_empty() => {
                Ok(name.replace('`', ""))
            }
            _ => anyhow::bail!("a row has not three cells: {row:?}"),
        })
        .collect::<Result<_>>()?;
    let known: Vec<&str> = Permission::ALL.iter().map(|one| one.value()).collect();
    assert_eq!(explained, known);
    Ok(())
}
