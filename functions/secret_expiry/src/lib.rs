//! What is looked at by the clock: credentials that Muster renews by itself, then everything that a
//! person has to be told of, each once, however often this runs.

use jiff::Timestamp;
use muster_domain::TenantId;
use muster_platform::{
    Services,
    alerting::{self, AlertingError},
    by_itself::{self, Outcome, RenewalError},
};
use serde::Deserialize;

/// What the handler needs, built once per cold start.
#[derive(Debug)]
pub struct Context {
    services: Services,
}

impl Context {
    /// A context over these services.
    pub fn new(services: Services) -> Self {
        Self { services }
    }
}

/// Renews what is due, then tells what there is to tell; how many alerts were sent.
///
/// # Errors
/// When the store or the vault does not answer.
pub async fn handle(context: &Context, now: Timestamp) -> Result<u32, AlertingError> {
    let services = &context.services;
    let mut renewed = 0;
    for integration in services.store.integrations().await? {
        let tenant = integration.tenant_id;
        // One tenant's trouble keeps no other from being looked at.
        match Box::pin(by_itself::look_at(services, tenant, now)).await {
            Ok(outcome) => renewed += u32::from(outcome == Outcome::Renewed),
            Err(error) => {
                tracing::error!(tenant.id = %tenant, %error, "a renewal stopped; it goes on at the next run");
            }
        }
    }
    let sent = Box::pin(alerting::look_at_all(services, now)).await?;
    tracing::info!(renewed, sent, "credentials looked at");
    Ok(sent)
}

/// One step of a rotation, as Secrets Manager asks for it.
///
/// AWS Secrets Manager User Guide, "Rotation by Lambda function": the four steps, each of which may
/// come more than once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Rotation {
    /// The secret's ARN, which ends in the tenant and six characters of Secrets Manager's.
    pub secret_id: String,
    /// The name of the new version.
    pub client_request_token: String,
    /// Which step.
    pub step: Step,
}

/// A step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Step {
    /// A new secret, pending.
    #[serde(rename = "createSecret")]
    Create,
    /// It is in the app registration: that is where it was made.
    #[serde(rename = "setSecret")]
    Set,
    /// It works.
    #[serde(rename = "testSecret")]
    Test,
    /// It is in use.
    #[serde(rename = "finishSecret")]
    Finish,
}

/// Why a rotation stopped; Secrets Manager shows it, and tries again.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// It is no secret of this installation's.
    #[error("the secret is not one of this installation's: its name must be {0}<tenant ID>")]
    NotOurs(String),
    /// The step stopped.
    #[error(transparent)]
    Stopped(#[from] RenewalError),
}

impl Rotation {
    /// The tenant whose secret it is: of those whose names begin with `prefix`, and of no others. The
    /// function may be invoked for any secret of the account: a resource policy that names an ARN could
    /// name only one (AWS Secrets Manager User Guide, "Lambda rotation function execution role
    /// permissions").
    pub fn tenant(&self, prefix: &str) -> Option<TenantId> {
        let (_, name) = self.secret_id.rsplit_once(":secret:")?;
        let tenant = name.strip_prefix(prefix)?;
        // Secrets Manager puts a hyphen and six characters behind a name.
        let tenant = match tenant.len() {
            TENANT => tenant,
            _ => tenant.get(..TENANT).filter(|_| {
                let suffix = tenant[TENANT..].strip_prefix('-');
                suffix.is_some_and(|suffix| suffix.len() == 6)
            })?,
        };
        tenant.parse().ok()
    }
}

/// The length of a tenant ID.
const TENANT: usize = 36;

/// Does one step of a rotation.
///
/// # Errors
/// When it stops; asked again, it goes on.
pub async fn rotate(context: &Context, asked: &Rotation) -> Result<(), RotationError> {
    let services = &context.services;
    let prefix = services.vault.prefix();
    let tenant = (asked.tenant(prefix)).ok_or_else(|| RotationError::NotOurs(prefix.to_owned()))?;
    let version = Some(asked.client_request_token.as_str());
    match asked.step {
        Step::Create => Box::pin(by_itself::create(services, tenant, version)).await?,
        Step::Set => {}
        Step::Test => Box::pin(by_itself::test(services, tenant, version)).await?,
        Step::Finish => Box::pin(by_itself::finish(services, tenant, version)).await?,
    }
    Ok(())
}

/// What this function is started with: a rotation's step, or the clock.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// A step of a rotation.
    Rotation(Rotation),
    /// Anything else is the clock.
    Clock(serde_json::Value),
}

/// Does what it was started for.
///
/// # Errors
/// When it stops; asked again, it goes on.
pub async fn answer(context: &Context, event: Event, now: Timestamp) -> Result<u32, String> {
    match event {
        Event::Rotation(asked) => Box::pin(rotate(context, &asked))
            .await
            .map(|()| 0)
            .map_err(|error| error.to_string()),
        Event::Clock(_) => Box::pin(handle(context, now))
            .await
            .map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rotation_names_its_tenant_and_anything_else_is_the_clock() {
        let tenant = "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c";
        for name in [
            format!("muster/{tenant}-Ab12Cd"),
            format!("muster/{tenant}"),
        ] {
            let event = json!({
                "SecretId": format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}"),
                "ClientRequestToken": "token", "Step": "createSecret",
            });
            let Ok(Event::Rotation(asked)) = serde_json::from_value(event) else {
                panic!("a rotation");
            };
            assert_eq!(asked.step, Step::Create);
            assert_eq!(
                asked.tenant("muster/").map(|t| t.to_string()).as_deref(),
                Some(tenant)
            );
        }
        for name in [
            format!("muster-test/{tenant}-Ab12Cd"),
            format!("payments/muster/{tenant}-Ab12Cd"),
            format!("{tenant}-Ab12Cd"),
            format!("muster/{tenant}/key-Ab12Cd"),
            format!("muster/{tenant}-Ab12Cd-Ab12Cd"),
            format!("muster/x{tenant}-Ab12Cd"),
            "muster/00000000-0000-0000-0000-000000000000-Ab12Cd".to_owned(),
            "muster/é".to_owned(),
        ] {
            let asked = Rotation {
                secret_id: format!(
                    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}"
                ),
                client_request_token: "token".to_owned(),
                step: Step::Create,
            };
            assert_eq!(asked.tenant("muster/"), None, "{name} is not this stack's");
        }
        let clock = serde_json::from_value(json!({"source": "aws.scheduler"}));
        assert!(matches!(clock, Ok(Event::Clock(_))));
    }
}
