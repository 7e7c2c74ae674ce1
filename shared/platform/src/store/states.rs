//! Where a tenant's datasets and its sync stand: a state for each dataset, and one item of what the
//! latest sync left behind beside them, all written only under the tenant's latest lease. Whoever reads
//! an integration or a state gets it as of the latest sync; nobody else puts the two together.

use super::{
    Item, Lease, Store, StoreError, from_json, get_number, get_text, integrations, leases,
    lost_condition, number,
    packed::{from_packed_json, to_packed_json},
    text, to_json,
};
use aws_sdk_dynamodb::Client;
use jiff::Timestamp;
use muster_domain::{DatasetState, Integration, TenantId, latest::Latest};

/// Where a tenant's datasets stand.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The states of all datasets that have been looked at, as of the latest look.
    pub states: Vec<DatasetState>,
    /// What the latest sync left behind beside them.
    pub latest: Latest,
    /// The datasets that a run read and did not sum up: it broke off before its last step.
    pub not_summed_up: Vec<String>,
}

/// An integration as of the latest sync, and which version of its item that is.
#[derive(Debug, Clone)]
pub struct Versioned {
    /// The integration.
    pub integration: Integration,
    pub(super) version: u64,
    /// True if the stored item dates something in the future; here that is mended.
    pub(super) mended: bool,
}

impl Store {
    /// A tenant's integration and where its datasets stand, by one question; `None` where there is no
    /// such tenant.
    ///
    /// # Errors
    /// When the store does not answer or an item cannot be read.
    pub async fn whole(
        &self,
        tenant: TenantId,
    ) -> Result<Option<(Versioned, Standing)>, StoreError> {
        self.found_whole(&self.at(tenant), tenant).await
    }

    async fn found_whole(
        &self,
        client: &Client,
        tenant: TenantId,
    ) -> Result<Option<(Versioned, Standing)>, StoreError> {
        let all = (STATES.0, WHERE_IT_STANDS.1);
        let items = control_items(client, &self.integrations, tenant, all).await?;
        let mut found = Found::read(&items);
        let integration = found.integration.take();
        Ok(integration.map(|integration| (integration, found.standing())))
    }

    /// The states of all datasets of a tenant that have been looked at.
    ///
    /// # Errors
    /// When the store does not answer or an item cannot be read.
    pub async fn states(&self, tenant: TenantId) -> Result<Vec<DatasetState>, StoreError> {
        let client = self.at(tenant);
        let items = control_items(&client, &self.integrations, tenant, STATES).await?;
        Ok(Found::read(&items).standing().states)
    }

    /// One of a list of clients, with the function's own credentials: a list of a thousand tenants
    /// would otherwise begin a thousand sessions. `None` where it is gone since.
    ///
    /// # Errors
    /// When the store does not answer or an item cannot be read.
    pub async fn listed(
        &self,
        tenant: TenantId,
    ) -> Result<Option<(Integration, Vec<DatasetState>)>, StoreError> {
        let whole = self.found_whole(&self.own, tenant).await?;
        Ok(whole.map(|(versioned, standing)| (versioned.integration, standing.states)))
    }

    /// An integration as of the latest sync.
    pub(super) async fn versioned(
        &self,
        tenant: TenantId,
    ) -> Result<Option<Versioned>, StoreError> {
        let client = self.at(tenant);
        let items = control_items(&client, &self.integrations, tenant, WHERE_IT_STANDS).await?;
        Ok(Found::read(&items).integration)
    }

    /// Stores what a sync leaves behind beside the states that it stored.
    ///
    /// # Errors
    /// `LeaseLost` when a later lease has written it.
    pub async fn put_latest(&self, lease: &Lease, latest: &Latest) -> Result<(), StoreError> {
        let item = Item::from([
            ("tenant_id".to_owned(), text(lease.tenant.to_string())),
            ("item".to_owned(), text(LATEST)),
            ("lease".to_owned(), number(lease.number)),
            ("latest".to_owned(), to_packed_json(latest)?),
        ]);
        self.put_fenced(lease, item).await
    }

    /// Stores a dataset's state.
    ///
    /// # Errors
    /// `LeaseLost` when a later lease has written it.
    pub async fn put_state(&self, lease: &Lease, state: &DatasetState) -> Result<(), StoreError> {
        let item = Item::from([
            ("tenant_id".to_owned(), text(lease.tenant.to_string())),
            (
                "item".to_owned(),
                text(format!("dataset#{}", state.dataset)),
            ),
            ("lease".to_owned(), number(lease.number)),
            ("state".to_owned(), to_json(state)?),
        ]);
        self.put_fenced(lease, item).await
    }

    async fn put_fenced(&self, lease: &Lease, item: Item) -> Result<(), StoreError> {
        let sent = self
            .at(lease.tenant)
            .put_item()
            .table_name(&self.integrations)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#lease) OR #lease <= :lease")
            .expression_attribute_names("#lease", "lease")
            .expression_attribute_values(":lease", number(lease.number))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if lost_condition(&error) => Err(StoreError::LeaseLost),
            Err(error) => Err(error.into()),
        }
    }
}

/// The sort keys of the states, and of what lies after them in that order: what the latest sync left
/// behind, the integration, the lease.
const STATES: (&str, &str) = ("dataset#", LATEST);
const WHERE_IT_STANDS: (&str, &str) = (LATEST, "lease");
const LATEST: &str = "datasets";

/// A tenant's control items from one sort key to another.
async fn control_items(
    client: &Client,
    table: &str,
    tenant: TenantId,
    (first, last): (&str, &str),
) -> Result<Vec<Item>, StoreError> {
    let mut items = Vec::new();
    let mut pages = client
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :tenant AND #item BETWEEN :first AND :last")
        .expression_attribute_names("#item", "item")
        .expression_attribute_values(":tenant", text(tenant.to_string()))
        .expression_attribute_values(":first", text(first))
        .expression_attribute_values(":last", text(last))
        .consistent_read(true)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        items.append(&mut page?.items.unwrap_or_default());
    }
    Ok(items)
}

pub(super) fn unreadable(item: &Item, error: &StoreError) {
    let tenant = get_text(item, "tenant_id").unwrap_or_default();
    let key = get_text(item, "item").unwrap_or_default();
    tracing::error!(tenant.id = tenant, item = key, %error, "a stored item cannot be read");
}

/// What control items say.
#[derive(Default)]
struct Found {
    /// Each with the number of the lease it was stored under.
    states: Vec<(u64, DatasetState)>,
    latest: Latest,
    /// The number of the lease that the latest was stored under.
    latest_lease: u64,
    integration: Option<Versioned>,
}

impl Found {
    /// An item that cannot be read costs what it says and nothing else.
    fn read(items: &[Item]) -> Self {
        let mut found = Self::default();
        let (mut began_at, mut lease_until) = (None, None);
        for item in items {
            match get_text(item, "item").unwrap_or_default() {
                LATEST => match from_packed_json(item, "latest") {
                    Ok(latest) => {
                        found.latest = latest;
                        found.latest_lease = get_number(item, "lease").unwrap_or(0);
                    }
                    // Times and counters alone are in it; the states are told as they are stored.
                    Err(error) => unreadable(item, &error),
                },
                "lease" => {
                    began_at = leases::began_at(item);
                    lease_until = leases::until(item);
                }
                "integration" => {
                    found.integration = integrations::read(item).map(|integration| Versioned {
                        integration,
                        version: get_number(item, "version").unwrap_or(0),
                        mended: false,
                    });
                }
                key if key.starts_with("dataset#") => {
                    let lease = get_number(item, "lease").unwrap_or(0);
                    let state = from_json(item, "state").unwrap_or_else(|error| {
                        unreadable(item, &error);
                        let name = key.trim_start_matches("dataset#");
                        DatasetState::unreadable(name, key, &error.to_string())
                    });
                    found.states.push((lease, state));
                }
                _ => {}
            }
        }
        if let Some(Versioned { integration, .. }) = &mut found.integration {
            integration.sync.started_at = began_at;
            integration.sync.lease_until = lease_until;
        }
        found.put_together(crate::now());
        found
    }

    /// Brings states and integration to what the latest sync left behind. What a clock that was ahead has
    /// dated is mended, and a person is told.
    fn put_together(&mut self, now: Timestamp) {
        let mut ahead = self.latest.mend_times(now);
        self.latest.bring(&mut self.states);
        for (_, state) in &mut self.states {
            ahead = ahead.max(state.mend_times(now));
        }
        if let Some(Versioned {
            integration,
            mended,
            ..
        }) = &mut self.integration
        {
            let found = integration.mend_times(now);
            *mended = found.is_some();
            integration.clock_was_ahead = ahead.max(found);
            self.latest.tell(integration);
        }
    }

    fn standing(self) -> Standing {
        let later = self.states.iter();
        let later = later.filter(|(lease, _)| *lease > self.latest_lease);
        Standing {
            not_summed_up: later.map(|(_, state)| state.dataset.clone()).collect(),
            states: self.states.into_iter().map(|(_, state)| state).collect(),
            latest: self.latest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;
    use muster_domain::{datasets, state::Completeness};

    #[test]
    fn what_a_sync_leaves_behind_is_one_write_unit() {
        let mut latest = Latest::default();
        let mut second = 1_800_000_000_123;
        let mut next = |step: i64| {
            second += step;
            Timestamp::from_millisecond(second).expect("a time")
        };
        latest.sync.last_started_at = Some(next(7));
        latest.sync.finished_at = Some(next(8341));
        latest.roles_at = Some(next(517));
        latest.summed_up = Some("2027-01-15".to_owned());
        for (i, dataset) in (0..).zip(datasets::ALL) {
            let mut state = DatasetState::new(dataset);
            state.last_attempt_at = Some(next(13 + i));
            state.last_success_at = Some(next(1777 + i));
            state.complete = Some(Completeness {
                began_at: next(977 + i),
                ended_at: next(1633 + i),
                objects: 0,
                proof: "last page".to_owned(),
                counted: None,
            });
            state.run.read = 9_871 * (1 + i.unsigned_abs());
            state.run.unchanged = state.run.read;
            state.run.requests = 87 + i.unsigned_abs();
            state.run.took_ms = 5_431 * (3 + i.unsigned_abs());
            state.run.read_units = 121 + i.unsigned_abs();
            latest.sync.last += state.run;
            latest.note(99_871, &state);
        }
        let packed = to_packed_json(&latest).expect("it is JSON");
        let AttributeValue::B(bytes) = &packed else {
            panic!("packed is binary");
        };
        // Keys, names and the lease's number come to some hundred bytes.
        assert!(
            bytes.as_ref().len() < 1024 - 120,
            "{} bytes",
            bytes.as_ref().len()
        );
        let item = Item::from([("latest".to_owned(), packed)]);
        let read: Latest = from_packed_json(&item, "latest").expect("it is read back");
        assert_eq!(read, latest);
    }
}
