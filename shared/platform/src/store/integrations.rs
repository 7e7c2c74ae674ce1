//! Integrations: one item each, replaced whole under a version, so that two writers never lose
//! each other's change.

use super::{
    Item, Store, StoreError, Versioned, from_json, lost_condition, number, tables::BY_NAME, text,
    to_json,
};
use muster_domain::{Integration, TenantId, sync_state::SyncState};

const ITEM: &str = "integration";

impl Store {
    /// Stores a new integration.
    ///
    /// # Errors
    /// `Exists` when the tenant is connected already.
    pub async fn create_integration(&self, integration: &Integration) -> Result<(), StoreError> {
        let sent = self
            .at(integration.tenant_id)
            .put_item()
            .table_name(&self.integrations)
            .set_item(Some(item(integration, 1)?))
            .condition_expression("attribute_not_exists(tenant_id)")
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if lost_condition(&error) => Err(StoreError::Exists),
            Err(error) => Err(error.into()),
        }
    }

    /// One integration.
    ///
    /// # Errors
    /// When the store does not answer or the item cannot be read.
    pub async fn integration(&self, tenant: TenantId) -> Result<Option<Integration>, StoreError> {
        Ok(self
            .versioned(tenant)
            .await?
            .map(|versioned| versioned.integration))
    }

    /// All integrations, by name: with the function's own credentials, since it is the one
    /// question that is asked across tenants. Where the sync of each stands is not in it.
    ///
    /// # Errors
    /// When the store does not answer or an item cannot be read.
    pub async fn integrations(&self) -> Result<Vec<Integration>, StoreError> {
        let mut all = Vec::new();
        let mut pages = self
            .own
            .query()
            .table_name(&self.integrations)
            .index_name(BY_NAME)
            .key_condition_expression("listed = :listed")
            .expression_attribute_values(":listed", text(ITEM))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for item in page?.items() {
                let mut integration: Integration = from_json(item, "integration")?;
                integration.sync = SyncState {
                    requested_at: integration.sync.requested_at,
                    failure: integration.sync.failure.take(),
                    refused_at: integration.sync.refused_at,
                    all_due_at: integration.sync.all_due_at,
                    ..SyncState::default()
                };
                integration.forget_times_ahead(crate::now());
                all.push(integration);
            }
        }
        Ok(all)
    }

    /// Changes an integration; `None` when there is none. The change may be tried more than once. Where
    /// the sync stands is not changed here: that is the lease's, and the latest sync's.
    ///
    /// # Errors
    /// When the store does not answer, or others keep changing the same item.
    pub async fn update_integration(
        &self,
        tenant: TenantId,
        change: impl Fn(&mut Integration),
    ) -> Result<Option<Integration>, StoreError> {
        match self.versioned(tenant).await? {
            Some(known) => self.update_known(known, change).await,
            None => Ok(None),
        }
    }

    /// The same for an integration that was just read: where the change changes nothing of it, nothing
    /// is asked of the store.
    ///
    /// # Errors
    /// When the store does not answer, or others keep changing the same item.
    pub async fn update_known(
        &self,
        mut known: Versioned,
        change: impl Fn(&mut Integration),
    ) -> Result<Option<Integration>, StoreError> {
        let tenant = known.integration.tenant_id;
        for _ in 0..20 {
            let Versioned {
                integration: before,
                version,
                mended,
            } = known;
            let mut integration = before.clone();
            change(&mut integration);
            if integration.says_the_same(&before) && !mended {
                return Ok(Some(integration));
            }
            let sent = self
                .at(tenant)
                .put_item()
                .table_name(&self.integrations)
                .set_item(Some(item(&integration, version + 1)?))
                .condition_expression("version = :version")
                .expression_attribute_values(":version", number(version))
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(Some(integration)),
                Err(error) if lost_condition(&error) => {}
                Err(error) => return Err(error.into()),
            }
            known = match self.versioned(tenant).await? {
                Some(known) => known,
                None => return Ok(None),
            };
        }
        Err(StoreError::Unavailable(
            "the integration keeps being changed by others".to_owned(),
        ))
    }
}

fn item(integration: &Integration, version: u64) -> Result<Item, StoreError> {
    let tenant = integration.tenant_id.to_string();
    let name_key = format!("{}#{tenant}", integration.name.to_lowercase());
    Ok(Item::from([
        ("tenant_id".to_owned(), text(tenant)),
        ("item".to_owned(), text(ITEM)),
        ("listed".to_owned(), text(ITEM)),
        ("name_key".to_owned(), text(name_key)),
        ("version".to_owned(), number(version)),
        ("integration".to_owned(), to_json(integration)?),
    ]))
}
