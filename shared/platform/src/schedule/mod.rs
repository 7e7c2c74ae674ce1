//! The schedule: EventBridge Scheduler on AWS, a timer locally. One recurring schedule a tenant,
//! and one-time schedules to come back at a named time.

mod event_bridge;
mod local;

pub use event_bridge::EventBridgeSchedule;
pub use local::LocalSchedule;

use jiff::Timestamp;
use muster_domain::TenantId;

/// Where schedules are kept.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// A timer in this process.
    Local(LocalSchedule),
    /// EventBridge Scheduler.
    EventBridge(EventBridgeSchedule),
}

/// Why a schedule was not kept.
#[derive(Debug, thiserror::Error)]
#[error("the schedule was not taken: {0}")]
pub struct ScheduleError(pub String);

impl Schedule {
    /// Sets the tenant's recurring sync, in place of the one before.
    ///
    /// # Errors
    /// When the scheduler does not take it.
    pub async fn every(&self, tenant: TenantId, minutes: u32) -> Result<(), ScheduleError> {
        match self {
            Self::Local(schedule) => schedule.every(tenant, minutes),
            Self::EventBridge(schedule) => schedule.every(tenant, minutes).await,
        }
    }

    /// Stops the tenant's recurring sync until it is set again; nothing happens where there is
    /// none.
    ///
    /// # Errors
    /// When the scheduler does not take it.
    pub async fn pause(&self, tenant: TenantId, minutes: u32) -> Result<(), ScheduleError> {
        match self {
            Self::Local(schedule) => schedule.remove(tenant).map(|_| ()),
            Self::EventBridge(schedule) => schedule.pause(tenant, minutes).await,
        }
    }

    /// Asks for one more sync at this time.
    ///
    /// # Errors
    /// When the scheduler does not take it.
    pub async fn once(&self, tenant: TenantId, at: Timestamp) -> Result<(), ScheduleError> {
        match self {
            Self::Local(schedule) => schedule.once(tenant, at),
            Self::EventBridge(schedule) => schedule.once(tenant, at).await,
        }
    }

    /// Removes the tenant's schedules (it was deleted); whether there was one.
    ///
    /// # Errors
    /// When the scheduler does not answer.
    pub async fn remove(&self, tenant: TenantId) -> Result<bool, ScheduleError> {
        match self {
            Self::Local(schedule) => schedule.remove(tenant),
            Self::EventBridge(schedule) => schedule.remove(tenant).await,
        }
    }
}
