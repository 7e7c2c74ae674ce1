//! PowerShell with Microsoft Graph.

use super::{GRAPH, Proof, Setup};
use crate::cloud::Cloud;

impl Setup {
    pub(super) fn powershell(&self) -> String {
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
            name = powershell(self.name.as_str()),
            redirect = powershell(self.redirect_uri.as_str()),
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
        match &self.proof {
            Proof::Secret { days } => script.push_str(&format!(
                r#"
$secret = Add-MgApplicationPassword -ApplicationId $app.Id `
  -PasswordCredential @{{ DisplayName = 'muster'; EndDateTime = (Get-Date).ToUniversalTime().AddDays({days}) }}
"#
            )),
            Proof::Certificate(offered) => script.push_str(&format!(
                r#"
# Muster's certificate, which is public: its private key stays in Muster's vault.
$certificate = [Convert]::FromBase64String({})
Update-MgApplication -ApplicationId $app.Id -KeyCredentials @(
  @{{ Type = 'AsymmetricX509Cert'; Usage = 'Verify'; DisplayName = 'CN=Muster'; Key = $certificate }}
)
"#,
                powershell(&offered.base64())
            )),
            Proof::Federated { issuer, subject } => script.push_str(&format!(
                r#"
# Muster's role at AWS is trusted without a secret.
New-MgApplicationFederatedIdentityCredential -ApplicationId $app.Id -Name 'muster' `
  -Issuer {} -Subject {} -Audiences @('{}') | Out-Null
"#,
                powershell(issuer.as_str()),
                powershell(subject.as_str()),
                self.cloud.token_exchange_audience()
            )),
        }
        script.push_str(
            r#"
Write-Host "`nPaste these into Muster:`n"
Write-Host "  Directory (tenant) ID    $((Get-MgContext).TenantId)"
Write-Host "  Application (client) ID  $($app.AppId)"
"#,
        );
        if let Proof::Secret { .. } = self.proof {
            script.push_str("Write-Host \"  Client secret            $($secret.SecretText)\"\n");
        }
        script
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_code() {
        assert_eq!(powershell("a’b'c"), "'a’’b''c'");
    }
}
