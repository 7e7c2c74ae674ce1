//! Stores why a channel takes no messages, so that the page shows it on the channel.

use crate::{
    Services,
    alert::AlertError,
    store::{Control, StoreError},
};
use jiff::Timestamp;
use muster_domain::TenantId;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// The account's control item of what keeps its channels from taking messages.
const TROUBLES: &str = "alert_channels";

/// The reason why a channel takes no messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTrouble {
    /// Since when.
    pub since: Timestamp,
    /// In words.
    pub why: String,
}

/// The troubles of the account's channels, by channel.
type Troubles = BTreeMap<String, ChannelTrouble>;

/// Reads which channels of the account take no messages, and why.
///
/// # Errors
/// When the store does not answer.
pub async fn troubles(services: &Services) -> Result<BTreeMap<String, ChannelTrouble>, StoreError> {
    let control = services.store.control(TenantId::ACCOUNT, TROUBLES).await?;
    Ok(control.value)
}

/// The outcome of the latest message to each channel in a run.
#[derive(Debug, Default)]
pub(super) struct Outcomes(Mutex<BTreeMap<String, Outcome>>);

#[derive(Debug)]
enum Outcome {
    Taken,
    NotTaken(String),
    NoAnswer(String),
}

impl Outcomes {
    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Outcome>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what became of a message.
    pub(super) fn note(&self, channel: &str, sent: &Result<(), AlertError>) {
        let outcome = match sent {
            Ok(()) => Outcome::Taken,
            Err(AlertError::NotTaken(why)) => Outcome::NotTaken(why.clone()),
            Err(AlertError::NoAnswer(why)) => Outcome::NoAnswer((*why).to_owned()),
        };
        self.locked().insert(channel.to_owned(), outcome);
    }

    /// Returns true if a channel did not answer.
    pub(super) fn is_silent(&self, channel: &str) -> bool {
        matches!(self.locked().get(channel), Some(Outcome::NoAnswer(_)))
    }

    /// Stores what changed: a channel that began or ceased to take messages.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn keep(&self, services: &Services, now: Timestamp) -> Result<(), StoreError> {
        if self.locked().is_empty() {
            return Ok(());
        }
        let store = &services.store;
        let mut control: Control<Troubles> = store.control(TenantId::ACCOUNT, TROUBLES).await?;
        if self.change(&mut control.value, now) {
            // Another run that stored its own at the same time saw the same channels.
            store
                .put_control(TenantId::ACCOUNT, TROUBLES, &mut control)
                .await?;
        }
        Ok(())
    }

    /// Changes the troubles by what became of this run's messages; `false` where nothing differs.
    fn change(&self, troubles: &mut Troubles, now: Timestamp) -> bool {
        let mut changed = false;
        for (channel, outcome) in self.locked().iter() {
            changed |= match outcome {
                Outcome::Taken => troubles.remove(channel).is_some(),
                Outcome::NotTaken(why) | Outcome::NoAnswer(why) => {
                    match troubles.get_mut(channel) {
                        Some(known) if known.why == *why => false,
                        Some(known) => {
                            known.why.clone_from(why);
                            true
                        }
                        None => {
                            let (since, why) = (now, why.clone());
                            troubles.insert(channel.clone(), ChannelTrouble { since, why });
                            true
                        }
                    }
                }
            };
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_keeps_its_beginning_and_ends_with_the_first_message_that_is_taken() {
        let silent = || Err(AlertError::NoAnswer("no answer"));
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let (first, later) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T01:00:00Z"));
        let mut troubles = Troubles::new();
        let run = Outcomes::default();
        run.note("a", &silent());
        run.note("b", &Ok(()));
        assert!(run.is_silent("a") && !run.is_silent("b") && !run.is_silent("c"));
        assert!(run.change(&mut troubles, first));
        assert!(!run.change(&mut troubles, later), "nothing is new");
        assert_eq!(troubles["a"].since, first);
        run.note("a", &Err(AlertError::NotTaken("refused".to_owned())));
        assert!(run.change(&mut troubles, later));
        assert_eq!(
            (troubles["a"].since, troubles["a"].why.as_str()),
            (first, "refused")
        );
        run.note("a", &Ok(()));
        assert!(run.change(&mut troubles, later));
        assert_eq!(troubles, Troubles::new());
    }
}
