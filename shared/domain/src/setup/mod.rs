//! Set-up in one paste: scripts that create the app registration of a new client, with exactly the
//! permissions that were chosen, and print the values to paste back: three, or two where there is
//! no secret.
//!
//! Shapes: Azure CLI reference (`az ad app`, `az ad sp`, `az rest`); Microsoft Graph PowerShell
//! (`New-MgApplication` …); Terraform provider hashicorp/azuread; Graph v1.0 "Grant an
//! appRoleAssignment to a service principal", "Add owner", "Create federatedIdentityCredential",
//! "Update application" (`keyCredentials`).
//! Role ids: [`Permission::role_id`].

mod azure_cli;
mod literal;
mod powershell;
mod terraform;

pub use literal::{Literal, Misleading, app_name, misleads};

use crate::{Permission, cloud::Cloud, expiry::CredentialKind, renewal::Offered};

/// What an app registration is to be.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its name, which the client's administrators read.
    pub name: Literal,
    /// Where Microsoft leads back to.
    pub redirect_uri: Literal,
    /// What it may read.
    pub permissions: Vec<Permission>,
    /// How it proves itself.
    pub proof: Proof,
    /// The client's cloud.
    pub cloud: Cloud,
}

/// How the app is to prove itself. Nothing here is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By a client secret, which the script makes and prints.
    Secret {
        /// How many days it lives.
        days: u32,
    },
    /// By a certificate that Muster made, whose private key is in the vault.
    Certificate(Offered),
    /// By AWS's word.
    Federated {
        /// `iss` of AWS's tokens.
        issuer: Literal,
        /// `sub`: the role.
        subject: Literal,
    },
}

impl Proof {
    /// What kind of credential that is.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Secret { .. } => CredentialKind::ClientSecret,
            Self::Certificate(_) => CredentialKind::Certificate,
            Self::Federated { .. } => CredentialKind::Federated,
        }
    }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn text(text: &str) -> Literal {
        Literal::new(text).expect("a literal")
    }

    fn setup(permissions: Vec<Permission>) -> Setup {
        Setup {
            name: text("O'Neil & ${Söhne} \"IT\" ’inventory’"),
            redirect_uri: text("https://muster.example/account/integration/oauth"),
            permissions,
            proof: Proof::Secret { days: 180 },
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
        setup.proof = Proof::Federated {
            issuer: text("https://issuer.example"),
            subject: text("arn:aws:iam::1:role/muster"),
        };
        for cloud in Cloud::ALL {
            setup.cloud = cloud;
            for language in Language::ALL {
                let script = setup.script(language);
                let quoted = |mark| format!("{mark}{}{mark}", cloud.token_exchange_audience());
                assert!(
                    script.contains(&quoted('"')) || script.contains(&quoted('\'')),
                    "{cloud:?} {language:?}"
                );
                for word in ["https://issuer.example", "arn:aws:iam::1:role/muster"] {
                    assert!(script.contains(word), "{language:?}: {word}");
                }
            }
        }
    }

    #[test]
    fn where_there_is_no_secret_none_is_made_and_none_is_printed() {
        let mut setup = setup(vec![Permission::UserReadAll]);
        let makes = |script: &str| {
            let script = script.to_lowercase();
            [
                "password",
                "credential reset",
                "client secret",
                "client_secret",
            ]
            .iter()
            .any(|word| script.contains(word))
        };
        let at = |text: &str| text.parse().expect("a time");
        let certificate = Offered {
            thumbprint: "AB".into(),
            pem: "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n".into(),
            made_at: at("2026-01-01T00:00:00Z"),
            expires_at: at("2027-01-01T00:00:00Z"),
        };
        for language in Language::ALL {
            setup.proof = Proof::Secret { days: 30 };
            assert!(makes(&setup.script(language)), "{language:?}");
            setup.proof = Proof::Certificate(certificate.clone());
            let script = setup.script(language);
            assert!(!makes(&script), "{language:?}: {script}");
            assert!(script.contains("AAAABBBB"), "{script}");
            setup.proof = Proof::Federated {
                issuer: text("https://issuer.example"),
                subject: text("arn:aws:iam::1:role/muster"),
            };
            let script = setup.script(language);
            assert!(!makes(&script), "{language:?}: {script}");
        }
    }
}
