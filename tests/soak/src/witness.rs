//! What was ever true of a tenant, and the edits that change it: a record that is held was once so.

use crate::{
    rig::{Records, Rig, truth},
    schedule::Edit,
};
use anyhow::{Result, ensure};
use jiff::Timestamp;
use microsoft_simulator::TenantHandle;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// What each record of a dataset ever was.
type Versions = BTreeMap<String, Vec<Map<String, Value>>>;

/// Everything that was ever true of a tenant, so that nothing else is ever held.
#[derive(Debug, Default)]
struct Past {
    versions: BTreeMap<&'static str, Versions>,
    /// How often the tenant has changed.
    changes: u64,
    /// Keys that were missing at some time since this round began.
    missing: BTreeMap<&'static str, BTreeSet<String>>,
}

/// Looks at what is true of a tenant, and remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    microsoft: TenantHandle,
    datasets: Vec<&'static str>,
    past: Arc<Mutex<Past>>,
}

impl Witness {
    pub fn of(rig: &Rig) -> Result<Self> {
        let witness = Self {
            microsoft: rig.microsoft.clone(),
            datasets: rig.datasets.clone(),
            past: Arc::default(),
        };
        witness.look()?;
        Ok(witness)
    }

    pub fn look(&self) -> Result<()> {
        for name in &self.datasets {
            let now = truth(&self.microsoft, name)?;
            let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
            let known: Vec<String> = past
                .versions
                .entry(name)
                .or_default()
                .keys()
                .cloned()
                .collect();
            let gone = known.into_iter().filter(|key| !now.contains_key(key));
            past.missing
                .entry(name)
                .or_default()
                .extend(gone.collect::<Vec<_>>());
            for (key, object) in now {
                let versions = past
                    .versions
                    .entry(name)
                    .or_default()
                    .entry(key)
                    .or_default();
                if !versions.contains(&object) {
                    versions.push(object);
                }
            }
        }
        Ok(())
    }

    /// Changes the tenant; what it was in the middle of the change is known, too.
    pub fn edit(&self, edit: Edit) -> Result<()> {
        let users = self.microsoft.objects("/users");
        let id = users
            .get(users.len() / 2)
            .and_then(|user| user["id"].as_str()?.parse().ok());
        let left = u32::try_from(users.len()).unwrap_or(0).saturating_sub(1);
        match (edit, id) {
            (Edit::Change(count), _) => {
                let changed = self.microsoft.change_users(count);
                for (nth, id) in (0..).zip(changed) {
                    let at = (self.changes() + 1) * 100 + nth;
                    sign_in(&self.microsoft, id, at);
                    self.look()?;
                }
            }
            (Edit::Add(count), _) => drop(self.microsoft.add_users(count)),
            (Edit::Delete(count), _) => drop(self.microsoft.delete_users(count.min(left))),
            (Edit::DeleteAndRestore, Some(id)) => {
                self.microsoft.delete_user(id);
                self.look()?;
                self.microsoft.restore_user(id);
            }
            (Edit::Purge, Some(id)) if left > 0 => drop(self.microsoft.purge_user(id)),
            (Edit::CutEmoji, Some(id)) => {
                // Sent as half a surrogate pair.
                let name = json!(format!("Anna \u{fffd} {}", self.changes()));
                self.microsoft.set_user_property(id, "displayName", name);
            }
            (Edit::Oversize, Some(id)) => {
                let name = json!(format!("{} {}", "x".repeat(450_000), self.changes()));
                self.microsoft.set_user_property(id, "displayName", name);
            }
            (Edit::License, Some(id)) => drop(self.microsoft.assign_licence(id, "SPE_E5")),
            _ => {}
        }
        self.look()?;
        self.past
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .changes += 1;
        Ok(())
    }

    /// Every record held was once so.
    pub fn nothing_invented(&self, name: &'static str, held: &Records) -> Result<()> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let versions = past.versions.get(name);
        for (key, object) in held {
            let known = versions.and_then(|versions| versions.get(key));
            ensure!(
                known.is_some_and(|known| known.contains(object)),
                "{name} holds a {key} that never was so: {object:?}"
            );
        }
        Ok(())
    }

    /// What was held, and was never gone in this round, is held.
    pub fn nothing_lost(&self, name: &'static str, before: &Records, held: &Records) -> Result<()> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = past.missing.get(name);
        for key in before.keys() {
            let stayed = missing.is_none_or(|missing| !missing.contains(key));
            ensure!(
                !stayed || held.contains_key(key),
                "{name} has lost {key}, which was never gone"
            );
        }
        Ok(())
    }

    pub fn changes(&self) -> u64 {
        self.past
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .changes
    }

    pub fn new_round(&self) {
        self.past
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .missing
            .clear();
    }
}

/// A user signs in, in a second of its own.
pub fn sign_in(microsoft: &TenantHandle, user: uuid::Uuid, second: u64) {
    let at = Timestamp::from_second(1_750_000_000 + i64::try_from(second).unwrap_or(0));
    let at = at.unwrap_or_default().to_string();
    let activity = json!({"lastSignInDateTime": at, "lastSuccessfulSignInDateTime": at,
        "lastNonInteractiveSignInDateTime": at});
    microsoft.set_user_property(user, "signInActivity", activity);
}
