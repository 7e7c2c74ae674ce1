//! Warns before a credential lapses: once for each step, however often it runs.

use jiff::Timestamp;
use muster_domain::{Integration, expiry};
use muster_platform::{Services, alert::Alert, store::StoreError};

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

/// Looks at every integration and sends what is due; how many alerts were sent.
///
/// An alert is sent before it is noted as sent: a crash in between repeats it, and never loses it.
///
/// # Errors
/// When the store does not answer.
pub async fn handle(context: &Context, now: Timestamp) -> Result<u32, StoreError> {
    let mut sent = 0;
    for integration in context.services.store.integrations().await? {
        let Some(step) = expiry::due(&integration.credential, now) else {
            continue;
        };
        if let Err(error) = context
            .services
            .alerts
            .send(&alert(&context.services, &integration, step))
            .await
        {
            tracing::error!(tenant.id = %integration.tenant_id, %error, "an expiry alert was not sent; it is tried again at the next run");
            continue;
        }
        sent += 1;
        let warned_of = integration.credential.stored_at;
        context
            .services
            .store
            .update_integration(integration.tenant_id, |integration| {
                if integration.credential.stored_at == warned_of {
                    integration.credential.warned = Some(step);
                }
            })
            .await?;
    }
    tracing::info!(sent, "credentials looked at");
    Ok(sent)
}

fn alert(services: &Services, integration: &Integration, step: expiry::Step) -> Alert {
    Alert {
        tenant_id: integration.tenant_id,
        subject: format!(
            "Muster: the client secret of {} needs replacing",
            integration.name
        ),
        text: expiry::sentence(&integration.name, step, integration.credential.expires_at),
        link: services.page(&format!(
            "/account/integration/microsoft365/{}",
            integration.tenant_id
        )),
    }
}
