//! How the app proves itself at the token endpoint: by what the vault keeps for the tenant.
//!
//! A client secret is kept as it is. A certificate's key pair, and the note that there is no
//! secret at all, are kept as JSON, which no client secret begins like.

use super::{Microsoft, SignInFailure};
use crate::no_answer;
use aws_sdk_sts::error::ProvideErrorMetadata;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use muster_domain::{ClientId, TenantId, cloud::Cloud, expiry::CredentialKind};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

/// The member that names the kind in what the vault keeps.
pub const KIND: &str = "muster_credential";

/// What the vault keeps where there is no secret at all.
pub fn federated() -> SecretString {
    SecretString::from(format!("{{\"{KIND}\":\"federated\"}}"))
}

fn structured(kept: &SecretString) -> Option<Value> {
    let text = kept.expose_secret();
    let read: Value = serde_json::from_str(text).ok()?;
    read.get(KIND).is_some().then_some(read)
}

/// What kind of credential the vault keeps.
pub fn kind_of(kept: &SecretString) -> CredentialKind {
    match structured(kept).and_then(|kept| kept.get(KIND)?.as_str().map(str::to_owned)) {
        Some(kind) if kind == "certificate" => CredentialKind::Certificate,
        Some(_) => CredentialKind::Federated,
        None => CredentialKind::ClientSecret,
    }
}

/// What a person recognises it by: a secret's first three characters, which Entra itself shows
/// beside it; a certificate's thumbprint.
pub fn hint(kept: &SecretString) -> String {
    match kind_of(kept) {
        CredentialKind::ClientSecret => kept.expose_secret().chars().take(3).collect(),
        CredentialKind::Certificate => {
            crate::certificate::of(kept).map_or_else(String::new, |c| c.thumbprint())
        }
        CredentialKind::Federated => String::new(),
    }
}

/// Which entry of the vault this is: six bytes of a digest, which tell two apart and give neither
/// away.
pub fn mark(kept: &SecretString) -> String {
    let text = format!("muster credential 1\n{}", kept.expose_secret());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref()[..6]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// What AWS says of itself in a web identity token: what the federated credential has to name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
pub struct WebIdentity {
    /// `iss`: this AWS account's issuer.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// `sub`: the ARN of the role.
    #[serde(rename = "sub")]
    pub subject: String,
}

impl Microsoft {
    /// The members of the token request by which the app proves itself.
    pub(super) async fn proof(
        &self,
        cloud: Cloud,
        tenant: TenantId,
        client: ClientId,
        endpoint: &str,
        kept: &SecretString,
    ) -> Result<Vec<(&'static str, SecretString)>, SignInFailure> {
        let assertion = match kind_of(kept) {
            CredentialKind::ClientSecret => return Ok(vec![("client_secret", kept.clone())]),
            CredentialKind::Certificate => crate::certificate::of(kept)
                .ok_or_else(|| unable("the certificate in the vault cannot be read"))?
                .assertion(client, endpoint, crate::now())
                .map_err(|error| unable(&error.to_string()))?,
            CredentialKind::Federated => self.web_identity_token(cloud, tenant).await?,
        };
        let jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        Ok(vec![
            ("client_assertion_type", SecretString::from(jwt)),
            ("client_assertion", assertion),
        ])
    }

    /// Whether this installation can do without a secret: only on AWS.
    pub fn can_federate(&self) -> bool {
        self.tenants.is_some()
    }

    /// Who AWS says that Muster is, when it acts for a tenant.
    ///
    /// # Errors
    /// When AWS gives no token.
    pub async fn web_identity(&self, tenant: TenantId) -> Result<WebIdentity, SignInFailure> {
        // Issuer and subject are the same for every audience.
        let token = self.web_identity_token(Cloud::Global, tenant).await?;
        let claims = token.expose_secret().split('.').nth(1);
        claims
            .and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok())
            .and_then(|claims| serde_json::from_slice(&claims).ok())
            .ok_or_else(|| unable("AWS's web identity token cannot be read"))
    }

    /// AWS, "GetWebIdentityToken": regional, and signed with RS256, which is what Entra takes.
    async fn web_identity_token(
        &self,
        cloud: Cloud,
        tenant: TenantId,
    ) -> Result<SecretString, SignInFailure> {
        let Some(tenants) = &self.tenants else {
            return Err(unable(
                "a credential without a secret needs AWS's outbound web identity, and this Muster does not run on AWS",
            ));
        };
        let asked = tenants
            .session(tenant)
            .sts
            .get_web_identity_token()
            .audience(cloud.token_exchange_audience())
            .signing_algorithm("RS256")
            .duration_seconds(300)
            .send()
            .await
            .map_err(|error| {
                let code = error
                    .code()
                    .map_or_else(|| no_answer(&error), str::to_owned);
                unable(&format!("AWS gave no web identity token: {code}"))
            })?;
        asked
            .web_identity_token
            .map(SecretString::from)
            .ok_or_else(|| unable("AWS answered without a web identity token"))
    }
}

fn unable(why: &str) -> SignInFailure {
    SignInFailure::Unreachable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_vault_keeps_says_what_it_is() {
        let (certificate, offered) =
            crate::certificate::make("Contoso", crate::now()).expect("is made");
        assert_eq!(kind_of(&certificate), CredentialKind::Certificate);
        assert_eq!(hint(&certificate), offered.thumbprint);
        assert_eq!(kind_of(&federated()), CredentialKind::Federated);
        let secret = SecretString::from("{bc8Q~0123456789012345678901234567890123");
        assert_eq!(kind_of(&secret), CredentialKind::ClientSecret);
        assert_eq!(hint(&secret), "{bc");
        assert_ne!(mark(&secret), mark(&federated()));
        assert_eq!(mark(&secret).len(), 12);
    }
}
