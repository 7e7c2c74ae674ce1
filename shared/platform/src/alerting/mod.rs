//! Telling a person, once: what is due by the domain's word goes out to every channel, and is noted
//! channel by channel.
//!
//! A run takes a tenant's ledger before it sends and notes each message as soon as it is sent, so
//! that of two runs at once one sends. A crash between the two repeats one message, under the same
//! id; none is lost.

mod channel_troubles;
mod choices;

pub use channel_troubles::{ChannelTrouble, troubles};
use choices::endpoints;
pub use choices::{add_channel, choose, own_name, remove_channel, settings};

use crate::{
    Services,
    alert::{Alert, AlertError, Endpoints},
    store::{Control, StoreError},
    vault::VaultError,
};
use channel_troubles::Outcomes;
use futures::future::join_all;
use jiff::Timestamp;
use muster_domain::{
    Integration, TenantId,
    alert::{
        Condition, Ledger, Message, Settings, SettingsError, conditions, dead_letters, silent,
    },
};
use std::collections::BTreeSet;

/// The control item of what was told, of a tenant and of the account.
const LEDGER: &str = "alerts";

/// Why it could not be told, or chosen.
#[derive(Debug, thiserror::Error)]
pub enum AlertingError {
    /// The store did not answer.
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    /// The vault did not answer.
    #[error("the vault: {0}")]
    Vault(#[from] VaultError),
    /// A setting is wrong.
    #[error("{} settings are wrong", .0.len())]
    Settings(Vec<SettingsError>),
    /// Somebody else changed the settings at the same time.
    #[error("the settings were changed by somebody else just now")]
    Changed,
}

/// The channels of an account, with what it takes to reach them.
struct Channels {
    settings: Settings,
    endpoints: Endpoints,
    /// The outcome of the latest message to each channel in this run.
    outcomes: Outcomes,
}

impl Channels {
    async fn load(services: &Services) -> Result<Self, AlertingError> {
        let settings = settings(services).await?;
        let endpoints = match settings.channels.is_empty() {
            true => Endpoints::default(),
            false => endpoints(services).await?,
        };
        Ok(Self {
            settings,
            endpoints,
            outcomes: Outcomes::default(),
        })
    }

    /// Sends to one channel. One that did not answer in this run is not asked again: it would hold up the
    /// others each time.
    async fn send(
        &self,
        services: &Services,
        channel: &str,
        alert: &Alert,
    ) -> Result<(), AlertError> {
        if self.outcomes.is_silent(channel) {
            return Err(AlertError::NoAnswer("the webhook did not answer just now"));
        }
        let sent = self.try_to_send(services, channel, alert).await;
        self.outcomes.note(channel, &sent);
        sent
    }

    async fn try_to_send(
        &self,
        services: &Services,
        channel: &str,
        alert: &Alert,
    ) -> Result<(), AlertError> {
        if channel == Settings::OWN_CHANNEL {
            return services.alerts.send(alert).await;
        }
        let kind = self.settings.channels.iter().find(|c| c.id == channel);
        match (kind, self.endpoints.0.get(channel)) {
            (Some(known), Some(endpoint)) => {
                endpoint.send(&services.webhooks, known.kind, alert).await
            }
            _ => Err(AlertError::NotTaken(
                "the vault holds no address for this webhook".to_owned(),
            )),
        }
    }

    /// Sends to every channel that has not taken it; whether one more has.
    async fn send_to_all(&self, services: &Services, message: &mut Message, alert: &Alert) -> bool {
        let before = message.entry.taken_by.len();
        let missing = self.settings.channel_ids().into_iter();
        let missing = missing.filter(|channel| !message.entry.taken_by.contains(channel));
        let sent = join_all(missing.map(async |channel| {
            let sent = self.send(services, &channel, alert).await;
            (channel, sent)
        }));
        for (channel, sent) in sent.await {
            match sent {
                Ok(()) => drop(message.entry.taken_by.insert(channel)),
                Err(error) => tracing::error!(
                    tenant.id = alert.tenant_id.map(tracing::field::display), channel, %error,
                    "an alert was not taken; it is sent again at the next run"
                ),
            }
        }
        message.entry.taken_by.len() > before
    }
}

/// Sends what is due of one tenant now; how many messages went out.
///
/// # Errors
/// When the store or the vault does not answer.
pub async fn look_at(
    services: &Services,
    tenant: TenantId,
    now: Timestamp,
) -> Result<u32, AlertingError> {
    let Some(integration) = services.store.integration(tenant).await? else {
        return Ok(0);
    };
    if silent(&integration) {
        return Ok(0);
    }
    let channels = Channels::load(services).await?;
    let found = found(services, &integration, &channels.settings, now).await?;
    let told = tell(services, &channels, Some(&integration), &found, now).await;
    channels.outcomes.keep(services, now).await?;
    told
}

async fn found(
    services: &Services,
    integration: &Integration,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vec<Condition>, StoreError> {
    let states = services.store.states(integration.tenant_id).await?;
    Ok(conditions(integration, &states, settings, now))
}

/// Looks at every tenant and at the account; how many messages went out. One tenant's trouble
/// keeps no other from being looked at.
///
/// # Errors
/// When the store or the vault does not answer.
pub async fn look_at_all(services: &Services, now: Timestamp) -> Result<u32, AlertingError> {
    let channels = Channels::load(services).await?;
    let mut sent = 0;
    let mut digest = Vec::new();
    let digest_due = {
        let ledger: Control<Ledger> = services.store.control(TenantId::ACCOUNT, LEDGER).await?;
        channels.settings.digest_due(ledger.value.digest_at, now)
    };
    for integration in services.store.integrations().await? {
        if silent(&integration) {
            continue;
        }
        let looked = async {
            let found = found(services, &integration, &channels.settings, now).await?;
            let told = tell(services, &channels, Some(&integration), &found, now).await?;
            if digest_due {
                digest
                    .extend(take_for_digest(services, &channels, &integration, &found, now).await?);
            }
            Ok::<_, AlertingError>(told)
        };
        match looked.await {
            Ok(told) => sent += told,
            Err(error) => {
                tracing::error!(tenant.id = %integration.tenant_id, %error, "a tenant could not be looked at; it is at the next run");
            }
        }
    }
    let given_up = services.queue.dead_letters().await;
    let given_up = given_up.unwrap_or_else(|error| {
        tracing::warn!(%error, "the dead letters could not be counted");
        None
    });
    if let Some(count) = given_up {
        let found: Vec<Condition> = dead_letters(count).into_iter().collect();
        sent += tell(services, &channels, None, &found, now).await?;
    }
    if digest_due {
        sent += send_digest(services, &channels, digest, now).await?;
    }
    channels.outcomes.keep(services, now).await?;
    Ok(sent)
}

/// A tenant's ledger in this run's hands.
struct Held {
    of: TenantId,
    ledger: Control<Ledger>,
}

impl Held {
    /// Takes the ledger; `None` where another run has it, or nothing is due.
    async fn take(
        services: &Services,
        of: TenantId,
        found: &[Condition],
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Option<(Self, Vec<Message>)>, StoreError> {
        let mut ledger: Control<Ledger> = services.store.control(of, LEDGER).await?;
        let due = ledger.value.due(found, &settings.channel_ids());
        if due.is_empty() || !ledger.value.hold(now) {
            return Ok(None);
        }
        let taken = services.store.put_control(of, LEDGER, &mut ledger).await?;
        Ok(taken.then_some((Self { of, ledger }, due)))
    }

    async fn note(
        &mut self,
        services: &Services,
        message: &Message,
        channels: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        self.ledger.value.note(message, channels);
        self.write(services).await
    }

    async fn let_go(mut self, services: &Services) -> Result<(), StoreError> {
        self.ledger.value.held_until = None;
        self.write(services).await
    }

    /// Another run took it because this one seemed dead: its word counts then.
    async fn write(&mut self, services: &Services) -> Result<(), StoreError> {
        let kept = services
            .store
            .put_control(self.of, LEDGER, &mut self.ledger)
            .await?;
        if !kept {
            tracing::warn!(tenant.id = %self.of, "another run took over while alerts were sent");
        }
        Ok(())
    }
}

async fn tell(
    services: &Services,
    channels: &Channels,
    integration: Option<&Integration>,
    found: &[Condition],
    now: Timestamp,
) -> Result<u32, AlertingError> {
    let of = integration.map_or(TenantId::ACCOUNT, |i| i.tenant_id);
    let settings = &channels.settings;
    let waits = |message: &Message| settings.waits(message.urgent(), now);
    let ledger: Control<Ledger> = services.store.control(of, LEDGER).await?;
    let due = ledger.value.due(found, &settings.channel_ids());
    if due.iter().all(waits) {
        return Ok(0);
    }
    let Some((mut held, due)) = Held::take(services, of, found, settings, now).await? else {
        return Ok(0);
    };
    let mut sent = 0;
    for mut message in due.into_iter().filter(|message| !waits(message)) {
        let alert = alert(services, integration, &message, now);
        sent += u32::from(channels.send_to_all(services, &mut message, &alert).await);
        held.note(services, &message, &settings.channel_ids())
            .await?;
    }
    held.let_go(services).await?;
    Ok(sent)
}

fn alert(
    services: &Services,
    integration: Option<&Integration>,
    message: &Message,
    now: Timestamp,
) -> Alert {
    let tenant_id = integration.map(|i| i.tenant_id);
    let place = message.condition.as_ref().map_or("", |c| c.place);
    let link = match tenant_id {
        Some(tenant) => format!("/account/integration/microsoft365/{tenant}{place}"),
        None => "/account/integration/microsoft365".to_owned(),
    };
    let subject = &message.entry.subject;
    Alert {
        id: message.id(tenant_id.unwrap_or(TenantId::ACCOUNT)),
        tenant_id,
        client: integration.map(|i| i.name.clone()),
        kind: message.key.split('#').next().unwrap_or_default().to_owned(),
        state: if message.condition.is_some() {
            "raised"
        } else {
            "resolved"
        },
        subject: match &message.condition {
            Some(condition) => condition.subject.clone(),
            None => format!("Resolved: {subject}"),
        },
        text: match &message.condition {
            Some(condition) => condition.sentence.clone(),
            None => format!("This is over: {subject}. Nothing needs to be done."),
        },
        by: message.condition.as_ref().and_then(|c| c.by),
        link: services.page(&link),
        at: now,
    }
}

/// What waited for the daily message, with the ledger it is noted in.
async fn take_for_digest(
    services: &Services,
    channels: &Channels,
    integration: &Integration,
    found: &[Condition],
    now: Timestamp,
) -> Result<Option<(Held, Vec<(Message, Alert)>)>, StoreError> {
    let tenant = integration.tenant_id;
    let taken = Held::take(services, tenant, found, &channels.settings, now).await?;
    Ok(taken.map(|(held, due)| {
        let told = |message: Message| {
            let alert = alert(services, Some(integration), &message, now);
            (message, alert)
        };
        (held, due.into_iter().map(told).collect())
    }))
}

async fn send_digest(
    services: &Services,
    channels: &Channels,
    mut waiting: Vec<(Held, Vec<(Message, Alert)>)>,
    now: Timestamp,
) -> Result<u32, AlertingError> {
    let mut sent = 0;
    let all = channels.settings.channel_ids();
    if !waiting.is_empty() {
        let digests = all.iter().filter_map(|channel| {
            let missing: Vec<&Alert> = waiting
                .iter()
                .flat_map(|(_, told)| told)
                .filter(|(message, _)| !message.entry.taken_by.contains(channel))
                .map(|(_, alert)| alert)
                .collect();
            (!missing.is_empty()).then(|| (channel, digest(services, &missing, now)))
        });
        let digests = digests.map(async |(channel, digest)| {
            let sent = channels.send(services, channel, &digest).await;
            (channel, sent)
        });
        for (channel, outcome) in join_all(digests).await {
            match outcome {
                Ok(()) => {
                    sent += 1;
                    for (message, _) in waiting.iter_mut().flat_map(|(_, told)| told) {
                        message.entry.taken_by.insert(channel.clone());
                    }
                }
                Err(error) => {
                    tracing::error!(channel, %error, "the daily alert was not taken; it is sent again tomorrow");
                }
            }
        }
    }
    for (mut held, told) in waiting {
        for (message, _) in &told {
            held.ledger.value.note(message, &all);
        }
        held.let_go(services).await?;
    }
    let mut ledger: Control<Ledger> = services.store.control(TenantId::ACCOUNT, LEDGER).await?;
    ledger.value.digest_at = Some(now);
    services
        .store
        .put_control(TenantId::ACCOUNT, LEDGER, &mut ledger)
        .await?;
    Ok(sent)
}

fn digest(services: &Services, alerts: &[&Alert], now: Timestamp) -> Alert {
    let lines: Vec<String> = alerts
        .iter()
        .map(|alert| format!("{} {}", alert.text, alert.link))
        .collect();
    Alert {
        id: format!("digest {}", now.strftime("%Y-%m-%d")),
        tenant_id: None,
        client: None,
        kind: "digest".to_owned(),
        state: "raised",
        subject: match alerts.len() {
            1 => alerts[0].subject.clone(),
            count => format!("Muster: {count} things to know"),
        },
        text: lines.join("\n\n"),
        by: alerts.iter().filter_map(|alert| alert.by).min(),
        link: services.page("/account/integration/microsoft365"),
        at: now,
    }
}

/// Sends a test message to every channel; what became of each, by its name.
///
/// # Errors
/// When the store or the vault does not answer.
pub async fn test(
    services: &Services,
    now: Timestamp,
) -> Result<Vec<(String, Result<(), AlertError>)>, AlertingError> {
    let channels = Channels::load(services).await?;
    let alert = Alert {
        id: format!("test {now}"),
        tenant_id: None,
        client: None,
        kind: "test".to_owned(),
        state: "test",
        subject: "Muster: a test message".to_owned(),
        text: "This is a test. If you can read it, alerts arrive here.".to_owned(),
        by: None,
        link: services.page("/account/alerts"),
        at: now,
    };
    let ids = channels.settings.channel_ids();
    let outcomes = join_all(ids.iter().map(async |id| {
        let known = channels.settings.channels.iter().find(|c| c.id == *id);
        let name = known.map_or_else(|| own_name(services), |c| c.name.clone());
        (name, channels.send(services, id, &alert).await)
    }));
    let outcomes = outcomes.await;
    channels.outcomes.keep(services, now).await?;
    Ok(outcomes)
}
