//! Dataset states, each written only under the tenant's latest lease.

use super::{Item, Lease, Store, StoreError, from_json, lost_condition, number, text, to_json};
use aws_sdk_dynamodb::Client;
use muster_domain::{DatasetState, TenantId};

impl Store {
    /// The states of all datasets of a tenant that have been looked at.
    ///
    /// # Errors
    /// When the store does not answer or an item cannot be read.
    pub async fn states(&self, tenant: TenantId) -> Result<Vec<DatasetState>, StoreError> {
        states(&self.at(tenant).await, &self.integrations, tenant).await
    }

    /// The same for the list of clients, with the function's own credentials: a list of a
    /// thousand tenants would otherwise begin a thousand sessions.
    ///
    /// # Errors
    /// When the store does not answer or an item cannot be read.
    pub async fn listed_states(&self, tenant: TenantId) -> Result<Vec<DatasetState>, StoreError> {
        states(&self.own, &self.integrations, tenant).await
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
        let sent = self
            .at(lease.tenant)
            .await
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

async fn states(
    client: &Client,
    table: &str,
    tenant: TenantId,
) -> Result<Vec<DatasetState>, StoreError> {
    let mut states = Vec::new();
    let mut pages = client
        .query()
        .table_name(table)
        .key_condition_expression("tenant_id = :tenant AND begins_with(#item, :prefix)")
        .expression_attribute_names("#item", "item")
        .expression_attribute_values(":tenant", text(tenant.to_string()))
        .expression_attribute_values(":prefix", text("dataset#"))
        .consistent_read(true)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        for item in page?.items() {
            states.push(from_json(item, "state")?);
        }
    }
    Ok(states)
}
