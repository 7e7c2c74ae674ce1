//! Schedules on AWS: EventBridge Scheduler, one schedule a tenant in the installation's group,
//! aimed at the sync queue with the tenant as message group.

use super::ScheduleError;
use crate::queue::SyncMessage;
use aws_sdk_scheduler::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, SqsParameters, Target,
    },
};
use jiff::Timestamp;
use muster_domain::TenantId;

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

    /// Sets the tenant's recurring sync. The flexible window spreads a thousand tenants over a
    /// quarter of their cadence.
    ///
    /// # Errors
    /// When the scheduler refuses or does not answer.
    pub async fn every(&self, tenant: TenantId, minutes: u32) -> Result<(), ScheduleError> {
        let window = i32::try_from((minutes / 4).clamp(1, 60)).unwrap_or(60);
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Flexible)
            .maximum_window_in_minutes(window)
            .build()
            .map_err(built)?;
        let rate = if minutes == 1 {
            "rate(1 minute)".to_owned()
        } else {
            format!("rate({minutes} minutes)")
        };
        let create = self
            .client
            .create_schedule()
            .name(tenant.to_string())
            .group_name(&self.group)
            .schedule_expression(&rate)
            .flexible_time_window(window.clone())
            .target(self.target(tenant)?)
            .send()
            .await;
        match create {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some("ConflictException") => {}
            Err(error) => return Err(refused(&error)),
        }
        let update = self
            .client
            .update_schedule()
            .name(tenant.to_string())
            .group_name(&self.group)
            .schedule_expression(&rate);
        let update = update
            .flexible_time_window(window)
            .target(self.target(tenant)?)
            .send()
            .await;
        update.map(|_| ()).map_err(|error| refused(&error))
    }

    /// One more sync at this time; the schedule deletes itself afterwards.
    ///
    /// # Errors
    /// When the scheduler refuses or does not answer.
    pub async fn once(&self, tenant: TenantId, at: Timestamp) -> Result<(), ScheduleError> {
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
        let input = serde_json::to_string(&SyncMessage { tenant_id }).map_err(built)?;
        Target::builder()
            .arn(&self.queue_arn)
            .role_arn(&self.role_arn)
            .sqs_parameters(group)
            .input(input)
            .build()
            .map_err(built)
    }
}

fn built(error: impl std::fmt::Display) -> ScheduleError {
    ScheduleError(error.to_string())
}

fn refused<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> ScheduleError {
    ScheduleError(error.code().unwrap_or("no answer").to_owned())
}
