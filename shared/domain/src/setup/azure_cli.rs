//! Azure CLI, for Azure Cloud Shell.

use super::{GRAPH, Proof, Setup};
use crate::expiry::CredentialKind;
use serde_json::json;

impl Setup {
    pub(super) fn azure_cli(&self) -> String {
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
            name = bash(self.name.as_str()),
            redirect = bash(self.redirect_uri.as_str()),
            graph = bash(&graph),
            roles = self
                .role_ids()
                .map(|(id, value)| format!("  {id} # {value}\n"))
                .collect::<String>(),
            app = GRAPH,
        );
        if self.owns_itself() || self.proof.kind() != CredentialKind::ClientSecret {
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
        match &self.proof {
            Proof::Secret { days } => script.push_str(&format!(
                r#"
SECRET=$(again az ad app credential reset --id "$CLIENT_ID" --append --display-name muster \
  --end-date "$(date -u -d '+{days} days' +%Y-%m-%dT%H:%M:%SZ)" --query password --output tsv)
"#
            )),
            Proof::Certificate(offered) => {
                let body = json!({"keyCredentials": [{
                    "type": "AsymmetricX509Cert", "usage": "Verify", "displayName": "CN=Muster",
                    "key": offered.base64(),
                }]});
                script.push_str(&format!(
                    r#"
# Muster's certificate, which is public: its private key stays in Muster's vault.
again az rest --method PATCH --output none \
  --url "$GRAPH/v1.0/applications/$OBJECT_ID" \
  --headers "Content-Type=application/json" \
  --body {}
"#,
                    bash(&body.to_string())
                ));
            }
            Proof::Federated { issuer, subject } => {
                let body = json!({"name": "muster", "issuer": issuer.as_str(), "subject": subject.as_str(), "audiences": [self.cloud.token_exchange_audience()]});
                script.push_str(&format!(
                    r#"
# Muster's role at AWS is trusted without a secret.
again az rest --method POST --output none \
  --url "$GRAPH/v1.0/applications/$OBJECT_ID/federatedIdentityCredentials" \
  --headers "Content-Type=application/json" \
  --body {}
"#,
                    bash(&body.to_string())
                ));
            }
        }
        script.push_str(
            r#"
printf '\nPaste these into Muster:\n\n'
printf '  Directory (tenant) ID    %s\n' "$TENANT_ID"
printf '  Application (client) ID  %s\n' "$CLIENT_ID"
"#,
        );
        if let Proof::Secret { .. } = self.proof {
            script.push_str("printf '  Client secret            %s\\n' \"$SECRET\"\n");
        }
        script
    }
}

/// A text as one word of Bash.
fn bash(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_code() {
        assert_eq!(bash("a'b"), r"'a'\''b'");
    }
}
