//! Schedules on AWS: EventBridge Scheduler, one schedule a tenant in the installation's group,
//! aimed at the sync queue with the tenant as message group.

use super::ScheduleError;
use crate::{no_answer, queue::SyncMessage};
use aws_sdk_scheduler::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState,
        SqsParameters, Target,
    },
};
use jiff::{SignedDuration, Timestamp};
use muster_domain::TenantId;

/// EventBridge Scheduler puts the execution's id in its place. It gives SQS no deduplication id, so
/// a FIFO queue takes the hash of the content for one: without this, a message within five minutes of
/// another of the same tenant would be dropped, and a sync that waits for it never come.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
const EXECUTION_ID: &str = "<aws.scheduler.execution-id>";

/// The precision of EventBridge Scheduler.
const FINEST: SignedDuration = SignedDuration::from_secs(60);

/// Schedules in EventBridge Scheduler.
#[derive(Debug, Clone)]
pub struct EventBridgeSchedule {
    client: Client,
    group: String,
    queue_arn: String,
    role_arn: String,
}

impl EventBridgeSchedule {
    /// Schedules in a group, which send to this queue by this role.
    pub fn new(client: Client, group: String, queue_arn: String, role_arn: String) -> Self {
        Self {
            client,
            group,
            queue_arn,
            role_arn,
        }
    }

    /// Sets the tenant's recurring sync, and turns it on. The flexible window spreads a thousand
    /// tenants over a quarter of their cadence.
    ///
    /// # Errors
    /// When the scheduler refuses or does not answer.
    pub async fn every(&self, tenant: TenantId, minutes: u32) -> Result<(), ScheduleError> {
        let create = self
            .client
            .create_schedule()
            .name(tenant.to_string())
            .group_name(&self.group)
            .description("Syncs one Microsoft 365 tenant")
            .schedule_expression(rate(minutes))
            .flexible_time_window(spread(minutes)?)
            .target(self.target(tenant)?)
            .send()
            .await;
        match create {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConflictException") => {
                self.update(tenant, minutes, ScheduleState::Enabled).await
            }
            Err(error) => Err(refused(&error)),
        }
    }

    /// Turns the tenant's recurring sync off. An update replaces the whole schedule, so its
    /// cadence is given again.
    ///
    /// # Errors
    /// When the scheduler refuses or does not answer.
    pub async fn pause(&self, tenant: TenantId, minutes: u32) -> Result<(), ScheduleError> {
        self.update(tenant, minutes, ScheduleState::Disabled).await
    }

    async fn update(
        &self,
        tenant: TenantId,
        minutes: u32,
        state: ScheduleState,
    ) -> Result<(), ScheduleError> {
        let update = self
            .client
            .update_schedule()
            .name(tenant.to_string())
            .group_name(&self.group)
            .description("Syncs one Microsoft 365 tenant")
            .schedule_expression(rate(minutes))
            .flexible_time_window(spread(minutes)?)
            .state(state)
            .target(self.target(tenant)?)
            .send()
            .await;
        match update {
            Ok(_) => Ok(()),
            // What is not there cannot run.
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(()),
            Err(error) => Err(refused(&error)),
        }
    }

    /// One more sync at this time, or at the earliest that a schedule can be for; the schedule
    /// deletes itself afterwards.
    ///
    /// # Errors
    /// When the scheduler refuses or does not answer.
    pub async fn once(&self, tenant: TenantId, at: Timestamp) -> Result<(), ScheduleError> {
        let at = not_before(at, crate::now());
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(built)?;
        let create = self
            .client
            .create_schedule()
            .name(format!("{tenant}-{}", at.as_second()))
            .group_name(&self.group)
            .schedule_expression(format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S")))
            .flexible_time_window(window)
            .action_after_completion(ActionAfterCompletion::Delete)
            .target(self.target(tenant)?)
            .send()
            .await;
        match create {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConflictException") => Ok(()),
            Err(error) => Err(refused(&error)),
        }
    }

    /// Removes the tenant's recurring schedule; one-time ones delete themselves, and the worker
    /// passes over a message for a tenant that is gone.
    ///
    /// # Errors
    /// When the scheduler refuses or does not answer.
    pub async fn remove(&self, tenant: TenantId) -> Result<bool, ScheduleError> {
        match self
            .client
            .delete_schedule()
            .name(tenant.to_string())
            .group_name(&self.group)
            .send()
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(false),
            Err(error) => Err(refused(&error)),
        }
    }

    fn target(&self, tenant_id: TenantId) -> Result<Target, ScheduleError> {
        let group = SqsParameters::builder()
            .message_group_id(tenant_id.to_string())
            .build();
        let mut input = serde_json::to_value(SyncMessage { tenant_id }).map_err(built)?;
        input["execution"] = EXECUTION_ID.into();
        Target::builder()
            .arn(&self.queue_arn)
            .role_arn(&self.role_arn)
            .sqs_parameters(group)
            .input(input.to_string())
            .build()
            .map_err(built)
    }
}

/// The time of a one-time schedule: at least a minute from now. One in the past is refused or never
/// runs, and one within the minute may be either by the time it is stored: Scheduler invokes a target
/// within 60 seconds of its time, at no finer grain.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
fn not_before(at: Timestamp, now: Timestamp) -> Timestamp {
    let earliest = now.checked_add(FINEST).unwrap_or(now);
    at.max(earliest)
}

fn rate(minutes: u32) -> String {
    match minutes {
        1 => "rate(1 minute)".to_owned(),
        minutes => format!("rate({minutes} minutes)"),
    }
}

fn spread(minutes: u32) -> Result<FlexibleTimeWindow, ScheduleError> {
    FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Flexible)
        .maximum_window_in_minutes(i32::try_from((minutes / 4).clamp(1, 60)).unwrap_or(60))
        .build()
        .map_err(built)
}

fn built(error: impl std::fmt::Display) -> ScheduleError {
    ScheduleError(error.to_string())
}

fn refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> ScheduleError {
    ScheduleError(error.code().map_or_else(|| no_answer(error), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_time_schedule_is_never_in_the_past_and_never_within_a_minute() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        for (seconds, at) in [(-3600, 60), (0, 60), (8, 60), (59, 60), (60, 60), (61, 61)] {
            let asked = now + SignedDuration::from_secs(seconds);
            let expected = now + SignedDuration::from_secs(at);
            assert_eq!(
                not_before(asked, now),
                expected,
                "{seconds} seconds from now"
            );
        }
        assert_eq!(not_before(Timestamp::MAX, now), Timestamp::MAX);
    }
}
