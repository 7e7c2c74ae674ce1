//! The local timer: what is due is put on the queue. Nothing is stored: at start the schedules are
//! set again from the integrations.

use super::ScheduleError;
use crate::queue::{LocalQueue, SyncMessage};
use jiff::{SignedDuration, Timestamp};
use muster_domain::{TenantId, clock_ahead, retry::LONGEST_OFF};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The timer looks at the clock at least this often, because the clock may be set.
const LOOK_EVERY: Duration = Duration::from_secs(60);

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

    /// Sets the tenant's recurring sync with its first due time, as after a restart; at most one cadence
    /// from now.
    pub fn first_due(&self, tenant: TenantId, minutes: u32, at: Timestamp) {
        let cadence = SignedDuration::from_mins(i64::from(minutes));
        let at = at.min(later(crate::now(), cadence));
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
            let wait = next.map_or(LOOK_EVERY, |at| {
                Duration::try_from(at.duration_since(crate::now())).unwrap_or(Duration::ZERO)
            });
            tokio::select! {
                () = tokio::time::sleep(wait.min(LOOK_EVERY)) => {}
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
            entry
                .once
                .retain(|at| clock_ahead::is_to_come(*at, LONGEST_OFF, now));
            let mut is_due = entry.once.len() < before;
            if let Some((cadence, at)) = &mut entry.every {
                if !clock_ahead::is_to_come(*at, *cadence, now) {
                    is_due = true;
                    *at = later(now, *cadence);
                }
                *at = (*at).min(later(now, *cadence));
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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn schedule() -> (LocalSchedule, TenantId) {
        let schedule = LocalSchedule {
            entries: Arc::default(),
            changed: Arc::default(),
        };
        (schedule, TenantId::from(uuid::Uuid::from_u128(7)))
    }

    #[test]
    fn a_timer_that_a_clock_ahead_has_set_is_due_when_the_clock_is_right_again() {
        let (schedule, tenant) = schedule();
        let now = crate::now();
        let ahead = later(now, HOUR * 24 * 365);
        schedule.first_due(tenant, 60, now);
        assert_eq!(schedule.take_due(ahead), (vec![tenant], Some(ahead + HOUR)));
        schedule.once(tenant, ahead).expect("it is noted");
        let (due, next) = schedule.take_due(now);
        assert_eq!(
            (due, next),
            (vec![tenant], Some(now + HOUR)),
            "both count as one"
        );
        assert_eq!(schedule.take_due(now), (Vec::new(), Some(now + HOUR)));
    }

    #[test]
    fn a_clock_that_is_set_back_a_little_parks_nothing_beyond_the_cadence() {
        let (schedule, tenant) = schedule();
        let now = crate::now();
        schedule.first_due(tenant, 60, now + HOUR);
        let back = now - SignedDuration::from_mins(5);
        assert_eq!(schedule.take_due(back), (Vec::new(), Some(back + HOUR)));
    }

    #[test]
    fn after_a_restart_the_first_sync_is_due_within_one_cadence() {
        let (schedule, tenant) = schedule();
        schedule.first_due(tenant, 60, crate::now() + HOUR * 24 * 365);
        let next = schedule.next(tenant).expect("it is due some time");
        assert!(next <= crate::now() + HOUR, "{next}");
    }
}
