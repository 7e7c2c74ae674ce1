//! What an account has chosen: when it is told, and where to. Addresses are in the vault.

use super::AlertingError;
use crate::{
    Services,
    alert::{Endpoint, Endpoints},
    store::{Control, StoreError},
    vault::VaultError,
};
use muster_domain::{
    TenantId,
    alert::{Channel, ChannelKind, Settings, SettingsError},
};
use secrecy::{ExposeSecret, SecretString};

/// The account's control item of its choices.
const SETTINGS: &str = "alert_settings";

/// The account's choices.
///
/// # Errors
/// When the store does not answer.
pub async fn settings(services: &Services) -> Result<Settings, StoreError> {
    let control = services.store.control(TenantId::ACCOUNT, SETTINGS).await?;
    Ok(control.value)
}

/// What a person calls the installation's own channel.
pub fn own_name(services: &Services) -> String {
    match services.alerts {
        crate::alert::Alerts::Log => "Muster's log".to_owned(),
        crate::alert::Alerts::Sns { .. } => "The SNS topic of this installation".to_owned(),
    }
}

/// Stores the account's choices, its channels apart.
///
/// # Errors
/// When one is wrong; nothing is stored then.
pub async fn choose(services: &Services, chosen: Settings) -> Result<Settings, AlertingError> {
    let mut control: Control<Settings> =
        services.store.control(TenantId::ACCOUNT, SETTINGS).await?;
    let channels = std::mem::take(&mut control.value.channels);
    let chosen = Settings { channels, ..chosen };
    control.value = chosen.check().map_err(AlertingError::Settings)?;
    put_settings(services, control).await
}

async fn put_settings(
    services: &Services,
    mut control: Control<Settings>,
) -> Result<Settings, AlertingError> {
    let stored = services
        .store
        .put_control(TenantId::ACCOUNT, SETTINGS, &mut control)
        .await?;
    if stored {
        Ok(control.value)
    } else {
        Err(AlertingError::Changed)
    }
}

/// Adds a webhook: its address goes into the vault, and comes back nowhere. The key that plain JSON
/// is signed with is given to the caller, once.
///
/// # Errors
/// When the address cannot be one, or there are too many.
pub async fn add_channel(
    services: &Services,
    kind: ChannelKind,
    name: &str,
    url: SecretString,
) -> Result<(Channel, SecretString), AlertingError> {
    let wrong = |field, detail| AlertingError::Settings(vec![SettingsError { field, detail }]);
    let url = SecretString::from(url.expose_secret().trim().to_owned());
    let checked = services.webhooks.check(&url);
    checked.map_err(|detail| wrong("url", detail))?;
    let name = muster_domain::connect::name(name).map_err(|_| {
        wrong(
            "name",
            "Give the webhook a name of up to 120 characters, such as the channel it posts to.",
        )
    })?;
    let mut control: Control<Settings> =
        services.store.control(TenantId::ACCOUNT, SETTINGS).await?;
    let channel = Channel {
        id: crate::random::<6>()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect(),
        kind,
        name,
    };
    control.value.channels.push(channel.clone());
    control
        .value
        .clone()
        .check()
        .map_err(AlertingError::Settings)?;
    // The address first: a channel without one would only fail.
    let endpoint = Endpoint::new(url);
    let key = endpoint.key.clone();
    let mut all = endpoints(services).await?;
    all.0.insert(channel.id.clone(), endpoint);
    keep(services, &all).await?;
    put_settings(services, control).await?;
    Ok((channel, key))
}

/// Removes a webhook and its address; whether there was one.
///
/// # Errors
/// When the store or the vault does not answer.
pub async fn remove_channel(services: &Services, id: &str) -> Result<bool, AlertingError> {
    let mut control: Control<Settings> =
        services.store.control(TenantId::ACCOUNT, SETTINGS).await?;
    let before = control.value.channels.len();
    control.value.channels.retain(|channel| channel.id != id);
    let there = control.value.channels.len() < before;
    put_settings(services, control).await?;
    let mut all = endpoints(services).await?;
    if all.0.remove(id).is_some() {
        keep(services, &all).await?;
    }
    Ok(there)
}

pub(super) async fn endpoints(services: &Services) -> Result<Endpoints, VaultError> {
    let kept = services.vault.get_anew(TenantId::ACCOUNT).await?;
    let read = kept.and_then(|kept| serde_json::from_str(kept.expose_secret()).ok());
    Ok(read.unwrap_or_default())
}

async fn keep(services: &Services, endpoints: &Endpoints) -> Result<(), VaultError> {
    let text = serde_json::to_string(endpoints).unwrap_or_default();
    services
        .vault
        .put(TenantId::ACCOUNT, &SecretString::from(text))
        .await
}
