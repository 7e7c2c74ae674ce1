//! Set-up in one paste: scripts that create the app registration of a new client, with exactly the
//! permissions that were chosen, and print the three values to paste back.
//!
//! Shapes: Azure CLI reference (`az ad app`, `az ad sp`, `az rest`); Microsoft Graph PowerShell
//! (`New-MgApplication` …); Terraform provider hashicorp/azuread; Graph v1.0 "Grant an
//! appRoleAssignment to a service principal", "Add owner", "Create federatedIdentityCredential".
//! Role ids: [`Permission::role_id`].

use crate::{Permission, cloud::Cloud};
use serde_json::json;

/// What an app registration is to be.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its name, which the client's administrators read.
    pub name: String,
    /// Where Microsoft leads back to.
    pub redirect_uri: String,
    /// What it may read.
    pub permissions: Vec<Permission>,
    /// How many days the client secret lives.
    pub secret_days: u32,
    /// Whom to trust without a secret, beside a secret that only serves to connect.
    pub federated: Option<(String, String)>,
    /// The client's cloud.
    pub cloud: Cloud,
}

/// What a script is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Azure CLI, for Azure Cloud Shell.
    AzureCli,
    /// PowerShell with Microsoft Graph.
    PowerShell,
    /// Terraform.
    Terraform,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AzureCli, Self::PowerShell, Self::Terraform];

    /// The word in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::AzureCli => "az",
            Self::PowerShell => "powershell",
            Self::Terraform => "terraform",
        }
    }

    /// The words a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::AzureCli => "Azure CLI (Azure Cloud Shell, Bash)",
            Self::PowerShell => "PowerShell with Microsoft Graph",
            Self::Terraform => "Terraform",
        }
    }

    /// The one of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.name() == name)
    }
}

/// Microsoft Graph's own application id.
pub const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const AUDIENCE: &str = "api://AzureADTokenExchange";

impl Setup {
    /// The script.
    pub fn script(&self, language: Language) -> String {
        match language {
            Language::AzureCli => self.azure_cli(),
            Language::PowerShell => self.powershell(),
            Language::Terraform => self.terraform(),
        }
    }

    fn owns_itself(&self) -> bool {
        self.permissions
            .contains(&Permission::ApplicationReadWriteOwnedBy)
    }

    fn role_ids(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        self.permissions.iter().map(|p| (p.role_id(), p.value()))
    }

    fn azure_cli(&self) -> String {
        let access: Vec<_> = self
            .role_ids()
            .map(|(id, _)| json!({"id": id, "type": "Role"}))
            .collect();
        let access = json!([{"resourceAppId": GRAPH, "resourceAccess": access}]);
        let graph = format!("https://{}", self.cloud.graph_host());
        let mut script = format!(
            r#"#!/usr/bin/env bash
# Creates the app registration that Muster reads this tenant with.
# Run it in the client's own Azure Cloud Shell (Bash), as a Global Administrator, or as a
# Privileged Role Administrator who may create app registrations.
set -euo pipefail

# shellcheck disable=SC2016 # The name is taken as it is written.
NAME={name}
REDIRECT_URI={redirect}
GRAPH={graph}
ROLES=(
{roles})

access=$(mktemp)
trap 'rm -f "$access"' EXIT
cat > "$access" <<'JSON'
{access}
JSON

# What is asked for is tried again while Entra makes the new app known everywhere.
again() {{
  local pause
  for pause in 2 4 8 16 30; do
    if "$@"; then return 0; fi
    sleep "$pause"
  done
  "$@"
}}

TENANT_ID=$(az account show --query tenantId --output tsv)
CLIENT_ID=$(az ad app create --display-name "$NAME" --sign-in-audience AzureADMyOrg \
  --web-redirect-uris "$REDIRECT_URI" --required-resource-accesses "@$access" \
  --query appId --output tsv)
again az ad sp create --id "$CLIENT_ID" --output none
PRINCIPAL_ID=$(again az ad sp show --id "$CLIENT_ID" --query id --output tsv)
GRAPH_ID=$(az ad sp show --id {app} --query id --output tsv)

# Admin consent: each permission is granted to the app.
for role in "${{ROLES[@]}}"; do
  again az rest --method POST --output none \
    --url "$GRAPH/v1.0/servicePrincipals/$PRINCIPAL_ID/appRoleAssignments" \
    --headers "Content-Type=application/json" \
    --body "{{\"principalId\":\"$PRINCIPAL_ID\",\"resourceId\":\"$GRAPH_ID\",\"appRoleId\":\"$role\"}}"
done
"#,
            name = bash(&self.name),
            redirect = bash(&self.redirect_uri),
            graph = bash(&graph),
            roles = self
                .role_ids()
                .map(|(id, value)| format!("  {id} # {value}\n"))
                .collect::<String>(),
            app = GRAPH,
        );
        if self.owns_itself() || self.federated.is_some() {
            script.push_str(
                "\nOBJECT_ID=$(again az ad app show --id \"$CLIENT_ID\" --query id --output tsv)\n",
            );
        }
        if self.owns_itself() {
            script.push_str(
                r#"
# The app may renew its own secret, and no other app's: it owns this registration.
again az rest --method POST --output none \
  --url "$GRAPH/v1.0/applications/$OBJECT_ID/owners/\$ref" \
  --headers "Content-Type=application/json" \
  --body "{\"@odata.id\":\"$GRAPH/v1.0/directoryObjects/$PRINCIPAL_ID\"}"
"#,
            );
        }
        if let Some((issuer, subject)) = &self.federated {
            let body = json!({"name": "muster", "issuer": issuer, "subject": subject, "audiences": [AUDIENCE]});
            script.push_str(&format!(
                "\n# Muster's role at AWS is trusted without a secret.\nagain az rest --method POST --output none \\\n  --url \"$GRAPH/v1.0/applications/$OBJECT_ID/federatedIdentityCredentials\" \\\n  --headers \"Content-Type=application/json\" \\\n  --body {}\n",
                bash(&body.to_string())
            ));
        }
        script.push_str(&format!(
            r#"
SECRET=$(again az ad app credential reset --id "$CLIENT_ID" --append --display-name muster \
  --end-date "$(date -u -d '+{days} days' +%Y-%m-%dT%H:%M:%SZ)" --query password --output tsv)

printf '\nPaste these into Muster:\n\n'
printf '  Directory (tenant) ID    %s\n' "$TENANT_ID"
printf '  Application (client) ID  %s\n' "$CLIENT_ID"
printf '  Client secret            %s\n' "$SECRET"
"#,
            days = self.secret_days
        ));
        script
    }

    fn powershell(&self) -> String {
        let roles: Vec<String> = self
            .role_ids()
            .map(|(id, value)| format!("  '{id}' # {value}"))
            .collect();
        let environment = match self.cloud {
            Cloud::Global => "Global",
            Cloud::GccHigh => "USGov",
            Cloud::Dod => "USGovDoD",
            Cloud::China => "China",
        };
        let mut script = format!(
            r#"# Creates the app registration that Muster reads this tenant with.
# Run it in PowerShell with the Microsoft Graph module (Install-Module Microsoft.Graph), and sign in
# to the client's tenant as a Global Administrator.
$ErrorActionPreference = 'Stop'

$name = {name}
$redirectUri = {redirect}
$graph = 'https://{host}'
$roles = @(
{roles}
)

Connect-MgGraph -Environment {environment} -Scopes 'Application.ReadWrite.All', 'AppRoleAssignment.ReadWrite.All' -NoWelcome

$access = @($roles | ForEach-Object {{ @{{ Id = $_; Type = 'Role' }} }})
$app = New-MgApplication -DisplayName $name -SignInAudience 'AzureADMyOrg' `
  -Web @{{ RedirectUris = @($redirectUri) }} `
  -RequiredResourceAccess @(@{{ ResourceAppId = '{app}'; ResourceAccess = $access }})
$principal = New-MgServicePrincipal -AppId $app.AppId
$graphPrincipal = Get-MgServicePrincipal -Filter "appId eq '{app}'"

# Admin consent: each permission is granted to the app.
foreach ($role in $roles) {{
  New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $principal.Id -PrincipalId $principal.Id `
    -ResourceId $graphPrincipal.Id -AppRoleId $role | Out-Null
}}
"#,
            name = powershell(&self.name),
            redirect = powershell(&self.redirect_uri),
            host = self.cloud.graph_host(),
            roles = roles.join("\n"),
            app = GRAPH,
        );
        if self.owns_itself() {
            script.push_str(
                r#"
# The app may renew its own secret, and no other app's: it owns this registration.
New-MgApplicationOwnerByRef -ApplicationId $app.Id `
  -BodyParameter @{ '@odata.id' = "$graph/v1.0/directoryObjects/$($principal.Id)" }
"#,
            );
        }
        if let Some((issuer, subject)) = &self.federated {
            script.push_str(&format!(
                "\n# Muster's role at AWS is trusted without a secret.\nNew-MgApplicationFederatedIdentityCredential -ApplicationId $app.Id -Name 'muster' `\n  -Issuer {} -Subject {} -Audiences @('{AUDIENCE}') | Out-Null\n",
                powershell(issuer),
                powershell(subject)
            ));
        }
        script.push_str(&format!(
            r#"
$secret = Add-MgApplicationPassword -ApplicationId $app.Id `
  -PasswordCredential @{{ DisplayName = 'muster'; EndDateTime = (Get-Date).ToUniversalTime().AddDays({days}) }}

Write-Host "`nPaste these into Muster:`n"
Write-Host "  Directory (tenant) ID    $((Get-MgContext).TenantId)"
Write-Host "  Application (client) ID  $($app.AppId)"
Write-Host "  Client secret            $($secret.SecretText)"
"#,
            days = self.secret_days
        ));
        script
    }

    fn terraform(&self) -> String {
        let environment = match self.cloud {
            Cloud::Global => "global",
            Cloud::GccHigh => "usgovernmentl4",
            Cloud::Dod => "usgovernmentl5",
            Cloud::China => "china",
        };
        let access: String = self
            .role_ids()
            .map(|(id, _)| {
                format!(
                    "    resource_access {{\n      id   = \"{id}\"\n      type = \"Role\"\n    }}\n"
                )
            })
            .collect();
        let roles: String = self
            .role_ids()
            .map(|(id, value)| format!("    \"{value}\" = \"{id}\"\n"))
            .collect();
        let mut file = format!(
            r#"# The app registration that Muster reads this tenant with. The secret ends up in Terraform's state:
# keep that where only you can read it.
terraform {{
  required_providers {{
    azuread = {{
      source  = "hashicorp/azuread"
      version = "~> 3.0"
    }}
  }}
}}

provider "azuread" {{
  environment = "{environment}"
}}

data "azuread_client_config" "current" {{}}

data "azuread_service_principal" "graph" {{
  client_id = "{app}"
}}

locals {{
  roles = {{
{roles}  }}
}}

resource "azuread_application" "muster" {{
  display_name     = "{name}"
  sign_in_audience = "AzureADMyOrg"

  web {{
    redirect_uris = ["{redirect}"]
  }}

  required_resource_access {{
    resource_app_id = "{app}"

{access}  }}
"#,
            app = GRAPH,
            name = terraform(&self.name),
            redirect = terraform(&self.redirect_uri),
        );
        if self.owns_itself() {
            file.push_str("\n  # The app's owner is set below.\n  lifecycle {\n    ignore_changes = [owners]\n  }\n");
        }
        file.push_str(&format!(
            r#"}}

resource "azuread_service_principal" "muster" {{
  client_id = azuread_application.muster.client_id
}}

# Admin consent: each permission is granted to the app.
resource "azuread_app_role_assignment" "muster" {{
  for_each            = local.roles
  app_role_id         = each.value
  principal_object_id = azuread_service_principal.muster.object_id
  resource_object_id  = data.azuread_service_principal.graph.object_id
}}

resource "azuread_application_password" "muster" {{
  application_id    = azuread_application.muster.id
  display_name      = "muster"
  end_date_relative = "{hours}h"
}}
"#,
            hours = self.secret_days * 24
        ));
        if self.owns_itself() {
            file.push_str(
                r#"
# The app may renew its own secret, and no other app's: it owns this registration.
resource "azuread_application_owner" "muster" {
  application_id  = azuread_application.muster.id
  owner_object_id = azuread_service_principal.muster.object_id
}
"#,
            );
        }
        if let Some((issuer, subject)) = &self.federated {
            file.push_str(&format!(
                "\n# Muster's role at AWS is trusted without a secret.\nresource \"azuread_application_federated_identity_credential\" \"muster\" {{\n  application_id = azuread_application.muster.id\n  display_name   = \"muster\"\n  audiences      = [\"{AUDIENCE}\"]\n  issuer         = \"{}\"\n  subject        = \"{}\"\n}}\n",
                terraform(issuer),
                terraform(subject)
            ));
        }
        file.push_str(
            r#"
output "tenant_id" {
  value = data.azuread_client_config.current.tenant_id
}

output "client_id" {
  value = azuread_application.muster.client_id
}

# terraform output -raw client_secret
output "client_secret" {
  value     = azuread_application_password.muster.value
  sensitive = true
}
"#,
        );
        file
    }
}

/// A text as one word of Bash.
fn bash(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as one word of PowerShell, which takes typographic quotes for quotes, too.
fn powershell(text: &str) -> String {
    let mut quoted = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted + "'"
}

/// A text within the quotes of Terraform's language.
fn terraform(text: &str) -> String {
    text.replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace("${", "$${")
        .replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn setup(permissions: Vec<Permission>) -> Setup {
        Setup {
            name: "O'Neil & ${Söhne} \"IT\" ’inventory’".into(),
            redirect_uri: "https://muster.example/account/integration/oauth".into(),
            permissions,
            secret_days: 180,
            federated: None,
            cloud: Cloud::Global,
        }
    }

    fn guids(text: &str) -> BTreeSet<String> {
        text.split(|c: char| !c.is_ascii_hexdigit() && c != '-')
            .filter(|word| crate::ids::is_guid(word))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_script_holds_exactly_the_role_ids_of_what_was_chosen() {
        let chosen: Vec<Permission> = Permission::ALL
            .iter()
            .copied()
            .filter(|p| *p != Permission::ReportsReadAll)
            .collect();
        let mut expected: BTreeSet<String> =
            chosen.iter().map(|p| p.role_id().to_owned()).collect();
        expected.insert(GRAPH.to_owned());
        for language in Language::ALL {
            assert_eq!(guids(&setup(chosen.clone()).script(language)), expected);
        }
    }

    #[test]
    fn the_json_of_the_shell_script_is_what_az_takes() {
        let script = setup(vec![Permission::UserReadAll]).script(Language::AzureCli);
        let (_, rest) = script.split_once("<<'JSON'\n").expect("a document");
        let (document, _) = rest.split_once("\nJSON\n").expect("its end");
        let read: serde_json::Value = serde_json::from_str(document).expect("is JSON");
        assert_eq!(
            read,
            json!([{"resourceAppId": GRAPH, "resourceAccess": [
                {"id": Permission::UserReadAll.role_id(), "type": "Role"}
            ]}])
        );
    }

    #[test]
    fn the_app_owns_itself_only_where_it_renews_its_secret() {
        for language in Language::ALL {
            let plain = setup(vec![Permission::UserReadAll]).script(language);
            let owner = setup(vec![Permission::ApplicationReadWriteOwnedBy]).script(language);
            let owns = |script: &str| script.to_lowercase().contains("owner");
            assert!(!owns(&plain) && owns(&owner), "{language:?}");
        }
    }

    #[test]
    fn a_federated_credential_names_issuer_subject_and_audience() {
        let mut setup = setup(vec![Permission::UserReadAll]);
        setup.federated = Some((
            "https://issuer.example".into(),
            "arn:aws:iam::1:role/muster".into(),
        ));
        for language in Language::ALL {
            let script = setup.script(language);
            for word in [
                "https://issuer.example",
                "arn:aws:iam::1:role/muster",
                AUDIENCE,
            ] {
                assert!(script.contains(word), "{language:?}: {word}");
            }
        }
    }

    #[test]
    fn a_name_is_never_code() {
        assert_eq!(bash("a'b"), r"'a'\''b'");
        assert_eq!(powershell("a’b'c"), "'a’’b''c'");
        assert_eq!(terraform("${a} \"b\""), "$${a} \\\"b\\\"");
    }
}
