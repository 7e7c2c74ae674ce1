//! The scripts that set a client up, as parsers of their own languages read them: what they ask for is
//! what is documented.

use super::setup::{by_certificate, by_federation, by_secret, setup};
use anyhow::{Context, Result, ensure};
use muster_domain::{Permission, setup::Language};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Every kind of script: with what the app needs, with all there is, without a secret.
fn scripts(language: Language) -> Result<Vec<String>> {
    let all = Permission::ALL.to_vec();
    let kinds = [
        (Permission::required().collect(), by_secret()),
        (all.clone(), by_secret()),
        (all.clone(), by_certificate()?),
        (all, by_federation()),
    ];
    let scripts = kinds.map(|(permissions, proof)| setup(permissions, proof).script(language));
    Ok(scripts.to_vec())
}

/// One of the tools that `make script-tools` installs.
fn tool(path: &str) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| root.join("target"), PathBuf::from);
    let tool = target.join("tools/scripts").join(path);
    ensure!(
        tool.exists(),
        "{} is not there: run `make script-tools`",
        tool.display()
    );
    Ok(tool)
}

/// What a program says of a script on its standard input.
pub(super) fn read_by(mut program: Command, script: &str) -> Result<Output> {
    let mut running = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = running.stdin.take().context("its input")?;
    input.write_all(script.as_bytes())?;
    drop(input);
    Ok(running.wait_with_output()?)
}

/// The same where the script is taken; what is said of one that is not.
pub(super) fn taken(program: Command, script: &str) -> Result<Vec<u8>> {
    let read = read_by(program, script)?;
    let said = String::from_utf8_lossy(&read.stdout);
    let complained = String::from_utf8_lossy(&read.stderr);
    ensure!(read.status.success(), "{said}{complained}\n{script}");
    Ok(read.stdout)
}

fn shellcheck() -> Result<Command> {
    let mut shellcheck = Command::new(tool("bin/shellcheck")?);
    shellcheck.args(["--shell=bash", "-"]);
    Ok(shellcheck)
}

pub(super) fn terraform() -> Result<Command> {
    let mut parser = Command::new("node");
    parser.arg(here("terraform.mjs")).arg(tool("")?);
    Ok(parser)
}

pub(super) fn powershell() -> Result<Command> {
    let mut parser = Command::new(tool("bin/python")?);
    parser.arg(here("powershell.py"));
    Ok(parser)
}

fn here(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts")
        .join(script)
}

#[test]
fn shellcheck_finds_nothing_in_the_scripts() -> Result<()> {
    for script in scripts(Language::AzureCli)? {
        taken(shellcheck()?, &script)?;
        let broken = script.replacen("\"$NAME\"", "$NAME", 1);
        ensure!(!read_by(shellcheck()?, &broken)?.status.success());
    }
    Ok(())
}

/// The arguments of each block that the provider's documentation names (hashicorp/azuread 3, and
/// `hashicorp/terraform` for the language).
const ARGUMENTS: &[(&str, &[&str])] = &[
    (
        "azuread_app_role_assignment",
        &[
            "app_role_id",
            "for_each",
            "principal_object_id",
            "resource_object_id",
        ],
    ),
    (
        "azuread_application",
        &[
            "display_name",
            "lifecycle",
            "required_resource_access",
            "sign_in_audience",
            "web",
        ],
    ),
    (
        "azuread_application_certificate",
        &["application_id", "encoding", "end_date", "type", "value"],
    ),
    (
        "azuread_application_federated_identity_credential",
        &[
            "application_id",
            "audiences",
            "display_name",
            "issuer",
            "subject",
        ],
    ),
    (
        "azuread_application_owner",
        &["application_id", "owner_object_id"],
    ),
    (
        "azuread_application_password",
        &["application_id", "display_name", "end_date_relative"],
    ),
    ("azuread_service_principal", &["client_id"]),
];

#[test]
fn terraforms_own_parser_takes_the_files_and_finds_only_documented_arguments() -> Result<()> {
    let mut found = BTreeSet::new();
    for file in scripts(Language::Terraform)? {
        let read: Value = serde_json::from_slice(&taken(terraform()?, &file)?)?;
        for (kind, named) in read["resource"].as_object().context("resources")? {
            let known = ARGUMENTS.iter().find(|(name, _)| name == kind);
            let (kind, known) = known.with_context(|| kind.clone())?;
            found.insert(*kind);
            let given = named["muster"][0].as_object().context("a block")?;
            let unknown = given.keys().find(|name| !known.contains(&name.as_str()));
            ensure!(unknown.is_none(), "{kind}: {unknown:?}");
        }
        let app = &read["resource"]["azuread_application"]["muster"][0];
        assert_eq!(
            app["display_name"],
            "O'Neil & $(touch /tmp/never) `never` \"IT\""
        );
        let asked = app["required_resource_access"][0]["resource_access"].as_array();
        let roles = read["locals"][0]["roles"].as_object().context("roles")?;
        assert_eq!(asked.map(Vec::len), Some(roles.len()));
        for (name, id) in roles {
            let known = Permission::find(name).with_context(|| name.clone())?;
            assert_eq!(id, known.role_id());
        }
        let broken = file.replacen("{\n", "\n", 1);
        ensure!(!read_by(terraform()?, &broken)?.status.success());
    }
    assert_eq!(
        found.len(),
        ARGUMENTS.len(),
        "each is written by some file: {found:?}"
    );
    Ok(())
}

/// The parameters of each command that its documentation names (Microsoft Graph PowerShell 2).
const PARAMETERS: &[(&str, &[&str])] = &[
    (
        "Add-MgApplicationPassword",
        &["-ApplicationId", "-PasswordCredential"],
    ),
    (
        "Connect-MgGraph",
        &["-Environment", "-NoWelcome", "-Scopes"],
    ),
    ("ForEach-Object", &[]),
    ("Get-Date", &[]),
    ("Get-MgContext", &[]),
    ("Get-MgServicePrincipal", &["-Filter"]),
    (
        "New-MgApplication",
        &[
            "-DisplayName",
            "-RequiredResourceAccess",
            "-SignInAudience",
            "-Web",
        ],
    ),
    (
        "New-MgApplicationFederatedIdentityCredential",
        &[
            "-ApplicationId",
            "-Audiences",
            "-Issuer",
            "-Name",
            "-Subject",
        ],
    ),
    (
        "New-MgApplicationOwnerByRef",
        &["-ApplicationId", "-BodyParameter"],
    ),
    ("New-MgServicePrincipal", &["-AppId"]),
    (
        "New-MgServicePrincipalAppRoleAssignment",
        &[
            "-AppRoleId",
            "-PrincipalId",
            "-ResourceId",
            "-ServicePrincipalId",
        ],
    ),
    ("Out-Null", &[]),
    (
        "Update-MgApplication",
        &["-ApplicationId", "-KeyCredentials"],
    ),
    ("Write-Host", &[]),
];

#[test]
fn powershells_grammar_takes_the_scripts_and_finds_only_documented_parameters() -> Result<()> {
    let mut found = BTreeSet::new();
    for script in scripts(Language::PowerShell)? {
        let read = taken(powershell()?, &script)?;
        let commands: Vec<(String, Vec<String>)> = serde_json::from_slice(&read)?;
        for (name, parameters) in commands {
            let known = PARAMETERS.iter().find(|(known, _)| *known == name);
            let (name, known) = known.with_context(|| format!("{name} {parameters:?}"))?;
            found.insert(*name);
            let unknown = parameters
                .iter()
                .find(|given| !known.contains(&given.as_str()));
            ensure!(unknown.is_none(), "{name}: {unknown:?}");
        }
        let broken = script.replacen("@(\n", "(\n", 1).replacen("\n)\n", "\n", 1);
        ensure!(!read_by(powershell()?, &broken)?.status.success());
    }
    assert_eq!(
        found.len(),
        PARAMETERS.len(),
        "each is in some script: {found:?}"
    );
    Ok(())
}
