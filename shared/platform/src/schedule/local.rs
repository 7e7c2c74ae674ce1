//! The local timer: what is due is put on the queue. Nothing is stored: at start the schedules are
//! set again from the integrations.

use super::ScheduleError;
use crate::queue::{LocalQueue, SyncMessage};
use jiff::{SignedDuration, Timestamp};
use muster_domain::TenantId;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// A timer in this process.
#[derive(Debug, Clone)]
pub struct LocalSchedule {
    entries: Arc<Mutex<BTreeMap<TenantId, Entry>>>,
    changed: Arc<Notify>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    every: Option<(SignedDuration, Timestamp)>,
    once: Vec<Timestamp>,
}

impl LocalSchedule {
    /// A timer that puts what is due on this queue for as long as the runtime lives.
    pub fn start(queue: LocalQueue) -> Self {
        let schedule = Self {
            entries: Arc::default(),
            changed: Arc::default(),
        };
        tokio::spawn(schedule.clone().run(queue));
        schedule
    }

    /// Sets the tenant's recurring sync, first due one cadence from now.
    ///
    /// # Errors
    /// Never; the signature is the port's.
    pub fn every(&self, tenant: TenantId, minutes: u32) -> Result<(), ScheduleError> {
        let cadence = SignedDuration::from_mins(i64::from(minutes));
        self.first_due(tenant, minutes, later(crate::now(), cadence));
        Ok(())
    }

    /// Sets the tenant's recurring sync with its first due time, as after a restart.
    pub fn first_due(&self, tenant: TenantId, minutes: u32, at: Timestamp) {
        let cadence = SignedDuration::from_mins(i64::from(minutes));
        self.change(|entries| entries.entry(tenant).or_default().every = Some((cadence, at)));
    }

    /// One more sync at this time.
    ///
    /// # Errors
    /// Never; the signature is the port's.
    pub fn once(&self, tenant: TenantId, at: Timestamp) -> Result<(), ScheduleError> {
        self.change(|entries| entries.entry(tenant).or_default().once.push(at));
        Ok(())
    }

    /// Removes the tenant's schedules.
    ///
    /// # Errors
    /// Never; the signature is the port's.
    pub fn remove(&self, tenant: TenantId) -> Result<bool, ScheduleError> {
        let mut there = false;
        self.change(|entries| there = entries.remove(&tenant).is_some());
        Ok(there)
    }

    /// When the tenant is due next.
    pub fn next(&self, tenant: TenantId) -> Option<Timestamp> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(&tenant)?;
        let every = entry.every.as_ref().map(|(_, at)| at);
        entry.once.iter().chain(every).min().copied()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<TenantId, Entry>)) {
        change(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    async fn run(self, queue: LocalQueue) {
        loop {
            let (due, next) = self.take_due(crate::now());
            for tenant_id in due {
                if queue.send(SyncMessage { tenant_id }).is_err() {
                    return;
                }
            }
            let wait = next.map_or(Duration::from_secs(3600), |at| {
                Duration::try_from(at.duration_since(crate::now())).unwrap_or(Duration::ZERO)
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    fn take_due(&self, now: Timestamp) -> (Vec<TenantId>, Option<Timestamp>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        let mut next: Option<Timestamp> = None;
        for (tenant, entry) in entries.iter_mut() {
            let before = entry.once.len();
            entry.once.retain(|at| *at > now);
            let mut is_due = entry.once.len() < before;
            if let Some((cadence, at)) = &mut entry.every
                && *at <= now
            {
                is_due = true;
                *at = later(now, *cadence);
            }
            if is_due {
                due.push(*tenant);
            }
            let times = entry
                .once
                .iter()
                .chain(entry.every.as_ref().map(|(_, at)| at));
            next = times.copied().chain(next).min();
        }
        (due, next)
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}
