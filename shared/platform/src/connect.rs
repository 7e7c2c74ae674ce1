//! Connecting a tenant: everything is proven before anything is stored.

use crate::{
    Services, certificate, disconnect,
    microsoft::{SignInFailure, Token, federated, hint, kind_of, mark},
    renew::{PAUSES, not_known_yet},
    store::StoreError,
    vault::VaultError,
};
use jiff::Timestamp;
use muster_domain::{
    Integration, TenantId,
    aadsts::{self, Field},
    cloud::Cloud,
    connect::{Checked, FieldError, Form, Proof},
    expiry::{Credential, CredentialKind},
};
use secrecy::SecretString;
use std::time::Duration;

/// Why a tenant was not connected, or a credential not taken.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Fields are wrong.
    #[error("{} fields are wrong", .0.len())]
    Fields(Vec<FieldError>),
    /// The tenant is connected already.
    #[error("the tenant is connected already")]
    Connected,
    /// The integration of the tenant is being deleted.
    #[error("the integration is being deleted")]
    Deleting,
    /// There is no such integration.
    #[error("the tenant is not connected")]
    Unknown,
    /// Microsoft's sign-in service asks to wait, or has trouble that passes by itself.
    #[error("Microsoft's sign-in service has trouble that passes by itself: {why}")]
    Passing {
        /// In words.
        why: &'static str,
        /// The wait that it named.
        named: Option<Duration>,
    },
    /// Microsoft's sign-in service did not answer.
    #[error("Microsoft's sign-in service did not answer: {0}")]
    Unreachable(String),
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    Certificate(String),
    /// The store did not take it.
    #[error("the store did not take it")]
    Store(#[source] StoreError),
    /// The vault did not take it.
    #[error("the vault did not take it")]
    Vault(#[source] VaultError),
}

/// Checks the form, the tenant and the credential; stores the integration, then its schedule.
///
/// # Errors
/// When anything is wrong; nothing is stored then.
pub async fn connect(services: &Services, form: Form) -> Result<Integration, ConnectError> {
    let form = form.check().map_err(ConnectError::Fields)?;
    not_connected(services, form.tenant_id).await?;
    let kept = kept(services, &form).await?;
    let cloud = find_cloud(services, &form).await?;
    let token = prove(services, cloud, &form, &kept).await?;
    let now = crate::now();
    let mut integration = Integration::new(&form, cloud, credential(&form, &kept, now), now);
    // Consent may have been given in Entra already; the token says so.
    integration.saw_roles(token.claims.roles, now);
    disconnect::connected_again(services, form.tenant_id, now)
        .await
        .map_err(ConnectError::Store)?;
    services
        .store
        .create_integration(&integration)
        .await
        .map_err(|error| match error {
            StoreError::Exists => ConnectError::Connected,
            error => ConnectError::Store(error),
        })?;
    // The secret after the item: of two who connect the same tenant at once, only one comes here.
    // A certificate's key is there already.
    let put = match form.proof {
        Proof::Certificate => Ok(()),
        Proof::Secret(_) | Proof::Federated => services.vault.put(form.tenant_id, &kept).await,
    };
    if let Err(error) = put {
        services
            .store
            .remove_integration(form.tenant_id)
            .await
            .map_err(ConnectError::Store)?;
        return Err(ConnectError::Vault(error));
    }
    if let Err(error) = services
        .schedule
        .every(form.tenant_id, form.cadence_minutes)
        .await
    {
        tracing::error!(tenant.id = %form.tenant_id, %error, "the schedule was not set; it is set again at the next change");
    }
    Ok(integration)
}

/// Checks that a tenant may be connected.
///
/// # Errors
/// `Connected`, or `Deleting` while its deletion is under way.
pub(crate) async fn not_connected(
    services: &Services,
    tenant: TenantId,
) -> Result<(), ConnectError> {
    let known = services.store.integration(tenant).await;
    match known.map_err(ConnectError::Store)? {
        None => Ok(()),
        Some(known) if known.deleting => Err(ConnectError::Deleting),
        Some(_) => Err(ConnectError::Connected),
    }
}

/// The tenant's cloud, by OpenID discovery: the one chosen first, then the others.
async fn find_cloud(services: &Services, form: &Checked) -> Result<Cloud, ConnectError> {
    let chosen = form.cloud.unwrap_or_default();
    let found = discover(services, chosen, form.tenant_id.uuid()).await?;
    match found {
        Some(cloud) if form.cloud.is_none() || Some(cloud) == form.cloud => return Ok(cloud),
        Some(cloud) => {
            return Err(field(
                "cloud",
                format!(
                    "Microsoft says that this tenant is in {} ({}), not in {}. Choose that one, or leave the choice out.",
                    cloud.title(),
                    cloud.name(),
                    chosen.title()
                ),
            ));
        }
        None => {}
    }
    if form.cloud.is_none() {
        for cloud in [Cloud::GccHigh, Cloud::China] {
            if let Ok(Some(found)) = discover(services, cloud, form.tenant_id.uuid()).await {
                return Ok(found);
            }
        }
    }
    if let Ok(Some(_)) = discover(services, chosen, form.client_id.uuid()).await {
        return Err(ConnectError::Fields(vec![
            FieldError::new(
                "tenant_id",
                "This is not a tenant, but the client ID is: the two are swapped. Put the Directory (tenant) ID here.",
            ),
            FieldError::new(
                "client_id",
                "This is a tenant ID: the two are swapped. Put the Application (client) ID here.",
            ),
        ]));
    }
    Err(field("tenant_id", aadsts::explain(Some(90_002)).sentence))
}

async fn discover(
    services: &Services,
    cloud: Cloud,
    directory: uuid::Uuid,
) -> Result<Option<Cloud>, ConnectError> {
    match services.microsoft.discover(cloud, directory).await {
        Ok(found) => Ok(found.map(|found| found.cloud.unwrap_or(cloud))),
        Err(SignInFailure::Unreachable(why)) => Err(ConnectError::Unreachable(why)),
        Err(SignInFailure::Passing { why, named }) => Err(ConnectError::Passing { why, named }),
        Err(SignInFailure::Refused(error)) => {
            Err(field("tenant_id", aadsts::explain(error.code()).sentence))
        }
        Err(SignInFailure::NotProof(_)) => Ok(None),
    }
}

/// What the vault is to keep, or keeps already.
async fn kept(services: &Services, form: &Checked) -> Result<SecretString, ConnectError> {
    match &form.proof {
        Proof::Secret(secret) => Ok(secret.clone()),
        Proof::Certificate => {
            let kept = services.vault.get_anew(form.tenant_id).await;
            let kept = kept.map_err(ConnectError::Vault)?;
            kept.filter(|kept| kind_of(kept) == CredentialKind::Certificate)
                .ok_or_else(|| field("kind", "There is no certificate for this tenant. Make one under Set up a client, run the script, then come back."))
        }
        Proof::Federated if services.microsoft.can_federate() => Ok(federated()),
        Proof::Federated => Err(field("kind", ON_AWS_ONLY)),
    }
}

/// What a person is told where nobody vouches for Muster.
pub(crate) const ON_AWS_ONLY: &str =
    "A credential without a secret is available on AWS only: AWS vouches for Muster there.";

fn credential(form: &Checked, kept: &SecretString, now: Timestamp) -> Credential {
    let credential = match form.proof {
        Proof::Secret(_) => {
            Credential::client_secret(hint(kept), now).entered(form.secret_expires_at)
        }
        Proof::Certificate => {
            let expires_at = certificate::of(kept).and_then(|made| made.expires_at());
            let latest = now.checked_add(certificate::LIFE).unwrap_or(now);
            Credential::certificate(hint(kept), expires_at.unwrap_or(latest), now)
        }
        Proof::Federated => Credential::federated(now),
    };
    credential.marked(mark(kept))
}

/// A token, with patience for what a script has just set up: a certificate, or trust in AWS. A
/// secret that is not known is most often the wrong text, and said so at once.
async fn prove(
    services: &Services,
    cloud: Cloud,
    form: &Checked,
    kept: &SecretString,
) -> Result<Token, ConnectError> {
    let is_secret = matches!(form.proof, Proof::Secret(_));
    let mut pauses = PAUSES.iter();
    loop {
        let microsoft = &services.microsoft;
        let minted = microsoft.mint(cloud, form.tenant_id, form.client_id, kept);
        let failure = match minted.await {
            Ok(token) => return Ok(token),
            Err(failure) => failure,
        };
        let pause = pauses
            .next()
            .filter(|_| !is_secret && not_known_yet(&failure));
        match pause {
            Some(pause) => tokio::time::sleep(*pause).await,
            None if is_secret => return Err(mint_failure(failure)),
            None => return Err(without_a_secret(mint_failure(failure))),
        }
    }
}

/// Where there is no field for a secret, what is wrong with the credential is said of its kind.
fn without_a_secret(error: ConnectError) -> ConnectError {
    match error {
        ConnectError::Fields(mut fields) => {
            for wrong in &mut fields {
                if wrong.field == "client_secret" {
                    wrong.field = "kind";
                }
            }
            ConnectError::Fields(fields)
        }
        error => error,
    }
}

/// What a person is told of a credential that gives no token.
pub(crate) fn mint_failure(failure: SignInFailure) -> ConnectError {
    match failure {
        SignInFailure::Unreachable(why) => ConnectError::Unreachable(why),
        SignInFailure::Passing { why, named } => ConnectError::Passing { why, named },
        SignInFailure::NotProof(_) => field(
            "client_id",
            "Microsoft answered with a token for another tenant or app. Copy both IDs again from the app registration's Overview page.",
        ),
        SignInFailure::Refused(error) => {
            let explained = aadsts::explain(error.code());
            let name = match explained.field {
                Field::TenantId => "tenant_id",
                Field::ClientId => "client_id",
                Field::ClientSecret | Field::None => "client_secret",
            };
            field(name, explained.sentence)
        }
    }
}

pub(crate) fn field(name: &'static str, detail: impl Into<String>) -> ConnectError {
    ConnectError::Fields(vec![FieldError::new(name, detail)])
}
