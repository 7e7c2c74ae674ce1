//! One worker a tenant: a lease with a number that only grows. What is written under a lease is
//! conditioned on the number, so that a worker which lost its lease cannot overwrite newer state.

use super::{Item, Store, StoreError, get_number, lost_condition, number, text};
use jiff::Timestamp;
use muster_domain::{TenantId, clock_ahead, sync_state::LEASE_LIFE};

/// The right to sync a tenant, until it lapses or is given to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The tenant.
    pub tenant: TenantId,
    /// The fencing number.
    pub number: u64,
    /// When a lease of this tenant was last taken from a worker that had not given it back.
    pub contested_at: Option<Timestamp>,
    /// When the sync under way began, over a crash and over several runs; it ends by `end_sync`.
    pub began_at: Option<Timestamp>,
    /// Whether it had begun before this lease was taken.
    pub goes_on: bool,
    owner: String,
}

impl Store {
    /// Takes the tenant's lease; `None` while another owner holds it. The same owner takes it
    /// again at once: a process that was killed and started again need not wait. Where another
    /// owner never gave it back, that is written down: it may still be at work.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn acquire_lease(
        &self,
        tenant: TenantId,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        self.take_or_take_over(tenant, owner, now, "").await
    }

    /// The same for a sync, which begins now unless one is under way already.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn begin_sync(
        &self,
        tenant: TenantId,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<Lease>, StoreError> {
        let begin = ", began = if_not_exists(began, :began)";
        self.take_or_take_over(tenant, owner, now, begin).await
    }

    async fn take_or_take_over(
        &self,
        tenant: TenantId,
        owner: &str,
        now: Timestamp,
        begin: &str,
    ) -> Result<Option<Lease>, StoreError> {
        let given_back = "attribute_not_exists(#until) OR #until = :never OR #owner = :owner";
        match self
            .take_lease(tenant, owner, now, given_back, begin)
            .await?
        {
            None => {
                let take_over = format!(", #contested = :now{begin}");
                // A lease that holds for longer than any was taken by a clock that was ahead.
                let lapsed = "#until < :now OR #until > :latest";
                self.take_lease(tenant, owner, now, lapsed, &take_over)
                    .await
            }
            taken => Ok(taken),
        }
    }

    async fn take_lease(
        &self,
        tenant: TenantId,
        owner: &str,
        now: Timestamp,
        condition: &str,
        also_set: &str,
    ) -> Result<Option<Lease>, StoreError> {
        let until = now.checked_add(LEASE_LIFE).unwrap_or(now);
        let names = [
            ("#owner", "owner"),
            ("#until", "until"),
            ("#number", "number"),
        ];
        let mut update = self
            .at(tenant)
            .update_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(tenant.to_string()))
            .key("item", text("lease"))
            .update_expression(format!(
                "SET #owner = :owner, #until = :until{also_set} ADD #number :one"
            ))
            .condition_expression(condition)
            .expression_attribute_values(":owner", text(owner))
            .expression_attribute_values(":until", number(until.as_second()))
            .expression_attribute_values(":one", number(1))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew);
        for (placeholder, name) in names {
            update = update.expression_attribute_names(placeholder, name);
        }
        // A value that no expression names is refused.
        if condition.contains(":never") {
            update = update.expression_attribute_values(":never", number(0));
        } else {
            update = update
                .expression_attribute_names("#contested", "contested")
                .expression_attribute_values(":now", number(now.as_second()))
                .expression_attribute_values(":latest", number(latest_end(now).as_second()));
        }
        if also_set.contains(":began") {
            update = update.expression_attribute_values(":began", number(now.as_millisecond()));
        }
        match update.send().await {
            Ok(updated) => {
                let lease = updated.attributes.unwrap_or_default();
                let number = get_number(&lease, "number")
                    .ok_or_else(|| StoreError::Unreadable("the lease has no number".to_owned()))?;
                let contested_at = get_number(&lease, "contested")
                    .and_then(|second| Timestamp::from_second(second).ok());
                let began_at = began_at(&lease);
                let begun = now.as_millisecond();
                let mut lease = Lease {
                    tenant,
                    number,
                    contested_at,
                    began_at,
                    goes_on: began_at.is_some_and(|began| began.as_millisecond() != begun),
                    owner: owner.to_owned(),
                };
                self.mend_times(&mut lease, now).await?;
                Ok(Some(lease))
            }
            Err(error) if lost_condition(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces by now what a clock that was ahead has dated: the beginning of the sync under way, and the
    /// last takeover.
    async fn mend_times(&self, lease: &mut Lease, now: Timestamp) -> Result<(), StoreError> {
        let times = [&mut lease.began_at, &mut lease.contested_at];
        let mut mended = false;
        for time in times.into_iter().flatten() {
            if clock_ahead::is_ahead(*time, now) {
                *time = now;
                mended = true;
            }
        }
        if !mended {
            return Ok(());
        }
        tracing::warn!(tenant.id = %lease.tenant, "the lease held a time in the future; it counts as now");
        let mut set = Vec::new();
        let mut values = Vec::new();
        if let Some(began) = lease.began_at {
            set.push("began = :began");
            values.push((":began", number(began.as_millisecond())));
        }
        if let Some(contested) = lease.contested_at {
            set.push("contested = :contested");
            values.push((":contested", number(contested.as_second())));
        }
        let mut update = self
            .at(lease.tenant)
            .update_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(lease.tenant.to_string()))
            .key("item", text("lease"))
            .update_expression(format!("SET {}", set.join(", ")))
            .condition_expression("#number = :number")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":number", number(lease.number));
        for (name, value) in values {
            update = update.expression_attribute_values(name, value);
        }
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if lost_condition(&error) => Err(StoreError::LeaseLost),
            Err(error) => Err(error.into()),
        }
    }

    /// Prolongs a lease.
    ///
    /// # Errors
    /// `LeaseLost` when it was given to another, or the integration was deleted.
    pub async fn renew_lease(&self, lease: &Lease, now: Timestamp) -> Result<(), StoreError> {
        self.set_lease(lease, now.checked_add(LEASE_LIFE).unwrap_or(now), "")
            .await
    }

    /// Gives a lease back; one that is lost already is no trouble. A sync under way stays so.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        self.give_back(lease, "").await
    }

    /// Gives a lease back at the end of a sync.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn end_sync(&self, lease: &Lease) -> Result<(), StoreError> {
        self.give_back(lease, " REMOVE began").await
    }

    async fn give_back(&self, lease: &Lease, also: &str) -> Result<(), StoreError> {
        match self.set_lease(lease, Timestamp::UNIX_EPOCH, also).await {
            Err(StoreError::LeaseLost) => Ok(()),
            other => other,
        }
    }

    async fn set_lease(
        &self,
        lease: &Lease,
        until: Timestamp,
        also: &str,
    ) -> Result<(), StoreError> {
        let sent = self
            .at(lease.tenant)
            .update_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(lease.tenant.to_string()))
            .key("item", text("lease"))
            .update_expression(format!("SET #until = :until{also}"))
            .condition_expression("#owner = :owner AND #number = :number")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#until", "until")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":owner", text(&lease.owner))
            .expression_attribute_values(":number", number(lease.number))
            .expression_attribute_values(":until", number(until.as_second()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if lost_condition(&error) => Err(StoreError::LeaseLost),
            Err(error) => Err(error.into()),
        }
    }
}

/// The latest time until which a lease may hold that another worker has just taken: its clock may be ahead
/// a little.
fn latest_end(now: Timestamp) -> Timestamp {
    let longest = LEASE_LIFE + clock_ahead::CLOCKS_DIFFER;
    now.checked_add(longest).unwrap_or(now)
}

/// The end of a lease, by its item; one that was given back ends at the epoch.
pub(super) fn until(lease: &Item) -> Option<Timestamp> {
    Timestamp::from_second(get_number(lease, "until")?).ok()
}

/// When the sync under way began, by a lease's item.
pub(super) fn began_at(lease: &Item) -> Option<Timestamp> {
    Timestamp::from_millisecond(get_number(lease, "began")?).ok()
}
