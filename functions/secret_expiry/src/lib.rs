//! What is looked at by the clock: credentials that Muster renews by itself, then everything that a
//! person has to be told of, each once, however often this runs.

use jiff::Timestamp;
use muster_platform::{
    Services,
    alerting::{self, AlertingError},
    by_itself::{self, Outcome},
};

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
