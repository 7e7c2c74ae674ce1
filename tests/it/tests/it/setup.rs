//! The script that sets a client up, run against an `az` that writes down what it was asked.

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use muster_domain::{
    Permission,
    cloud::Cloud,
    renewal::Offered,
    setup::{Language, Literal, Proof, Setup},
};
use muster_platform::certificate;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::{fs, process::Command};

pub(super) fn literal(text: &str) -> Literal {
    Literal::new(text).expect("one line of text")
}

pub(super) fn by_secret() -> Proof {
    Proof::Secret { days: 90 }
}

pub(super) fn by_federation() -> Proof {
    let (issuer, subject) = muster_it::vouched_for();
    Proof::Federated {
        issuer: literal(issuer),
        subject: literal(subject),
    }
}

pub(super) fn by_certificate() -> Result<Proof> {
    Ok(Proof::Certificate(made()?.1))
}

/// A certificate: its private key as the vault keeps it, and what is public.
fn made() -> Result<(SecretString, Offered)> {
    Ok(certificate::make("inventory", muster_platform::now())?)
}

pub(super) fn setup(permissions: Vec<Permission>, proof: Proof) -> Setup {
    Setup {
        name: literal("O'Neil & $(touch /tmp/never) `never` \"IT\""),
        redirect_uri: literal("https://muster.example/account/integration/oauth"),
        permissions,
        proof,
        cloud: Cloud::GccHigh,
    }
}

/// What a script did and printed, run against an `az` that writes down what it was asked.
pub(super) struct Ran {
    pub(super) said: String,
    pub(super) calls: Vec<Vec<String>>,
}

impl Ran {
    pub(super) fn of(setup: &Setup) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let script = folder.path().join("setup.sh");
        fs::write(&script, setup.script(Language::AzureCli))?;
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
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let complained = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said} {complained}");
        let calls = fs::read_to_string(&calls)?;
        let calls = calls.split("\0\n").filter(|call| !call.is_empty());
        Ok(Self {
            said,
            calls: calls
                .map(|call| call.split('\0').map(str::to_owned).collect())
                .collect(),
        })
    }

    /// The requests to Graph: method, address and body.
    fn requests(&self) -> Result<Vec<(String, String, Value)>> {
        let calls = self.calls.iter().filter(|call| call[0] == "rest");
        calls
            .map(|call| {
                let after = |flag: &str| {
                    let at = call.iter().position(|word| word == flag);
                    let word = at.and_then(|at| call.get(at + 1));
                    word.cloned().with_context(|| flag.to_owned())
                };
                let body = serde_json::from_str(&after("--body")?)?;
                Ok((after("--method")?, after("--url")?, body))
            })
            .collect()
    }

    fn makes_a_secret(&self) -> bool {
        let reset = ["ad", "app", "credential", "reset"];
        self.calls
            .iter()
            .any(|call| call.starts_with(&reset.map(str::to_owned)))
    }
}

const PRINCIPAL: &str = "https://graph.microsoft.us/v1.0/servicePrincipals/principal-1";
const APP: &str = "https://graph.microsoft.us/v1.0/applications/object-1";

fn granted(permission: Permission) -> (String, String, Value) {
    (
        "POST".to_owned(),
        format!("{PRINCIPAL}/appRoleAssignments"),
        json!({
            "principalId": "principal-1", "resourceId": "graph-1",
            "appRoleId": permission.role_id(),
        }),
    )
}

#[test]
fn the_script_asks_az_for_what_it_says_and_prints_three_values() -> Result<()> {
    let chosen = vec![
        Permission::UserReadAll,
        Permission::ApplicationReadWriteOwnedBy,
    ];
    let ran = Ran::of(&setup(chosen, by_secret()))?;
    for value in ["tenant-1", "client-1", "value-1"] {
        assert!(ran.said.contains(value), "{}", ran.said);
    }
    assert!(ran.makes_a_secret());
    assert_eq!(
        ran.requests()?,
        [
            granted(Permission::UserReadAll),
            granted(Permission::ApplicationReadWriteOwnedBy),
            (
                "POST".to_owned(),
                format!("{APP}/owners/$ref"),
                json!({
                    "@odata.id": "https://graph.microsoft.us/v1.0/directoryObjects/principal-1",
                })
            ),
        ]
    );
    let create = ran
        .calls
        .iter()
        .find(|call| call[..3] == ["ad", "app", "create"]);
    let create = create.context("a registration")?;
    let holds = |word: &str| create.iter().any(|given| given == word);
    assert!(
        holds("O'Neil & $(touch /tmp/never) `never` \"IT\""),
        "{create:?}"
    );
    assert!(holds("AzureADMyOrg"));
    Ok(())
}

#[test]
fn with_a_certificate_or_federation_no_secret_is_made_and_two_values_are_printed() -> Result<()> {
    let (issuer, subject) = muster_it::vouched_for();
    let (kept, offered) = made()?;
    let key = serde_json::from_str::<Value>(kept.expose_secret())?;
    let key = key["key"].as_str().context("a private key")?.to_owned();
    let der = super::renewal::der(&offered.pem)?;
    let expected = [
        (
            Proof::Certificate(offered),
            "PATCH",
            APP.to_owned(),
            json!({"keyCredentials": [{
                "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "CN=Muster",
                "key": BASE64_STANDARD.encode(der),
            }]}),
        ),
        (
            by_federation(),
            "POST",
            format!("{APP}/federatedIdentityCredentials"),
            json!({
                "name": "muster", "issuer": issuer, "subject": subject,
                "audiences": ["api://AzureADTokenExchangeUSGov"],
            }),
        ),
    ];
    for (proof, method, url, body) in expected {
        let setup = setup(vec![Permission::UserReadAll], proof);
        let ran = Ran::of(&setup)?;
        assert!(!ran.makes_a_secret(), "{:?}", ran.calls);
        assert!(ran.said.contains("tenant-1") && ran.said.contains("client-1"));
        assert!(!ran.said.contains("value-1"), "{}", ran.said);
        let last = (method.to_owned(), url, body);
        assert_eq!(ran.requests()?, [granted(Permission::UserReadAll), last]);
        for language in Language::ALL {
            assert!(!setup.script(language).contains(&key), "{language:?}");
        }
    }
    Ok(())
}
