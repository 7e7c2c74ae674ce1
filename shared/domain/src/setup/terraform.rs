//! Terraform, with the provider hashicorp/azuread.

use super::{GRAPH, Proof, Setup};
use crate::cloud::Cloud;

impl Setup {
    pub(super) fn terraform(&self) -> String {
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
            r#"# The app registration that Muster reads this tenant with.{state}
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
            state = match self.proof {
                Proof::Secret { .. } => {
                    " The secret ends up in Terraform's state:\n# keep that where only you can read it."
                }
                _ => "",
            },
            app = GRAPH,
            name = terraform(self.name.as_str()),
            redirect = terraform(self.redirect_uri.as_str()),
        );
        if self.owns_itself() {
            file.push_str("\n  # The app's owner is set below.\n  lifecycle {\n    ignore_changes = [owners]\n  }\n");
        }
        file.push_str(
            r#"}

resource "azuread_service_principal" "muster" {
  client_id = azuread_application.muster.client_id
}

# Admin consent: each permission is granted to the app.
resource "azuread_app_role_assignment" "muster" {
  for_each            = local.roles
  app_role_id         = each.value
  principal_object_id = azuread_service_principal.muster.object_id
  resource_object_id  = data.azuread_service_principal.graph.object_id
}
"#,
        );
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
        match &self.proof {
            Proof::Secret { days } => file.push_str(&format!(
                r#"
resource "azuread_application_password" "muster" {{
  application_id    = azuread_application.muster.id
  display_name      = "muster"
  end_date_relative = "{}h"
}}
"#,
                days * 24
            )),
            Proof::Certificate(offered) => file.push_str(&format!(
                r#"
# Muster's certificate, which is public: its private key stays in Muster's vault.
resource "azuread_application_certificate" "muster" {{
  application_id = azuread_application.muster.id
  type           = "AsymmetricX509Cert"
  encoding       = "base64"
  value          = "{}"
  end_date       = "{}"
}}
"#,
                terraform(&offered.base64()),
                offered.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            )),
            Proof::Federated { issuer, subject } => file.push_str(&format!(
                r#"
# Muster's role at AWS is trusted without a secret.
resource "azuread_application_federated_identity_credential" "muster" {{
  application_id = azuread_application.muster.id
  display_name   = "muster"
  audiences      = ["{}"]
  issuer         = "{}"
  subject        = "{}"
}}
"#,
                self.cloud.token_exchange_audience(),
                terraform(issuer.as_str()),
                terraform(subject.as_str())
            )),
        }
        file.push_str(
            r#"
output "tenant_id" {
  value = data.azuread_client_config.current.tenant_id
}

output "client_id" {
  value = azuread_application.muster.client_id
}
"#,
        );
        if let Proof::Secret { .. } = self.proof {
            file.push_str(
                r#"
# terraform output -raw client_secret
output "client_secret" {
  value     = azuread_application_password.muster.value
  sensitive = true
}
"#,
            );
        }
        file
    }
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

    #[test]
    fn a_name_is_never_code() {
        assert_eq!(terraform("${a} \"b\""), "$${a} \\\"b\\\"");
    }
}
