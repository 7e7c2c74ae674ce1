//! The scripts that set a client up: a shell takes them, and so does its linter where there is one.

use anyhow::{Context, Result};
use muster_domain::{
    Permission,
    cloud::Cloud,
    setup::{Language, Setup},
};
use std::{fs, process::Command};

fn setup(permissions: Vec<Permission>, federated: bool) -> Setup {
    Setup {
        name: "O'Neil & $(touch /tmp/never) `never` \"IT\"".to_owned(),
        redirect_uri: "https://muster.example/account/integration/oauth".to_owned(),
        permissions,
        secret_days: 90,
        federated: federated.then(|| {
            let (issuer, subject) = muster_it::vouched_for();
            (issuer.to_owned(), subject.to_owned())
        }),
        cloud: Cloud::GccHigh,
    }
}

#[test]
fn a_shell_takes_the_script() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let all = Permission::ALL.to_vec();
    for (permissions, federated) in [
        (Permission::required().collect(), false),
        (all.clone(), false),
        (all, true),
    ] {
        let path = folder.path().join("setup.sh");
        fs::write(
            &path,
            setup(permissions, federated).script(Language::AzureCli),
        )?;
        let checked = Command::new("bash").arg("-n").arg(&path).output()?;
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{said}");
        // A machine without it has had the syntax checked alone.
        if let Ok(linted) = Command::new("shellcheck").arg(&path).output() {
            let said = String::from_utf8_lossy(&linted.stdout);
            assert!(linted.status.success(), "{said}");
        }
    }
    Ok(())
}

/// Runs the script against an `az` that writes down what it was asked: every call is one that the
/// documented shapes allow, and what is printed is what is to be pasted.
#[test]
fn the_script_asks_az_for_what_it_says_and_prints_three_values() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("setup.sh");
    let chosen = vec![
        Permission::UserReadAll,
        Permission::ApplicationReadWriteOwnedBy,
    ];
    fs::write(&script, setup(chosen, true).script(Language::AzureCli))?;
    let az = folder.path().join("az");
    fs::write(
        &az,
        r#"#!/usr/bin/env bash
printf '%s\0' "$@" >> "$CALLS"
printf '\n' >> "$CALLS"
case "$1 $2 $3" in
  "account show --query") echo tenant-1 ;;
  "ad app create") echo client-1 ;;
  "ad app show") echo object-1 ;;
  "ad sp show") if [ "$5" = client-1 ]; then echo principal-1; else echo graph-1; fi ;;
  "ad app credential") echo value-1 ;;
esac
"#,
    )?;
    let made = Command::new("chmod").arg("+x").arg(&az).status()?;
    assert!(made.success());
    let calls = folder.path().join("calls");
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = Command::new("bash")
        .arg(&script)
        .env("PATH", format!("{}:{path}", folder.path().display()))
        .env("CALLS", &calls)
        .output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{said} {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    for value in ["tenant-1", "client-1", "value-1"] {
        assert!(said.contains(value), "{said}");
    }
    let calls = fs::read_to_string(&calls)?;
    let calls: Vec<Vec<&str>> = calls
        .split("\0\n")
        .filter(|call| !call.is_empty())
        .map(|call| call.split('\0').collect())
        .collect();
    let bodies: Vec<serde_json::Value> = calls
        .iter()
        .filter(|call| call[0] == "rest")
        .map(|call| {
            let at = call
                .iter()
                .position(|word| *word == "--body")
                .context("a body")?;
            Ok(serde_json::from_str(call[at + 1])?)
        })
        .collect::<Result<_>>()?;
    let role = |p: Permission| {
        serde_json::json!({
            "principalId": "principal-1", "resourceId": "graph-1", "appRoleId": p.role_id(),
        })
    };
    let (issuer, subject) = muster_it::vouched_for();
    assert_eq!(
        bodies,
        [
            role(Permission::UserReadAll),
            role(Permission::ApplicationReadWriteOwnedBy),
            serde_json::json!({
                "@odata.id": "https://graph.microsoft.us/v1.0/directoryObjects/principal-1",
            }),
            serde_json::json!({
                "name": "muster", "issuer": issuer, "subject": subject,
                "audiences": ["api://AzureADTokenExchange"],
            }),
        ]
    );
    let create = calls
        .iter()
        .find(|call| call[..3] == ["ad", "app", "create"]);
    let create = create.context("a registration")?;
    assert!(
        create.contains(&"O'Neil & $(touch /tmp/never) `never` \"IT\""),
        "{create:?}"
    );
    assert!(create.contains(&"AzureADMyOrg"));
    Ok(())
}
