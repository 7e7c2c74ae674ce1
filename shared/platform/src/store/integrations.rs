//! Integrations: one item each, replaced whole under a version, so that two writers never lose
//! each other's change.

use super::{
    Item, Store, StoreError, Versioned, from_json, get_number, get_text, lost_condition, number,
    states::unreadable, tables::BY_NAME, text, to_json,
};
use muster_domain::{Integration, TenantId, integration::Unreadable, sync_state::SyncState};

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
            for mut integration in page?.items().iter().filter_map(read) {
                integration.sync = SyncState {
                    requested_at: integration.sync.requested_at,
                    queued_at: integration.sync.queued_at,
                    ..SyncState::default()
                };
                integration.mend_times(crate::now());
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
            if let Some(Unreadable { item, why }) = &before.unreadable {
                return Err(StoreError::Unreadable(format!(
                    "item `{item}` of tenant {tenant}: {why}"
                )));
            }
            change(&mut integration);
            if integration.says_the_same(&before) && !mended {
                return Ok(Some(integration));
            }
            if self.replace(&integration, version).await? {
                return Ok(Some(integration));
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

    /// Replaces an integration that is still of this version; `false` where another was faster.
    async fn replace(&self, integration: &Integration, version: u64) -> Result<bool, StoreError> {
        let put = self
            .at(integration.tenant_id)
            .put_item()
            .table_name(&self.integrations)
            .set_item(Some(item(integration, version + 1)?));
        let put = match version {
            // An item whose version cannot be read.
            0 => put.condition_expression("attribute_exists(tenant_id)"),
            version => put
                .condition_expression("version = :version")
                .expression_attribute_values(":version", number(version)),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if lost_condition(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Marks an integration as being deleted; `None` when there is none. One that cannot be read is
    /// replaced by what can be read of it.
    ///
    /// # Errors
    /// When the store does not answer, or others keep changing the same item.
    pub async fn mark_deleting(&self, tenant: TenantId) -> Result<Option<Integration>, StoreError> {
        for _ in 0..20 {
            let Some(known) = self.versioned(tenant).await? else {
                return Ok(None);
            };
            let mut integration = known.integration;
            if integration.deleting {
                return Ok(Some(integration));
            }
            integration.deleting = true;
            if self.replace(&integration, known.version).await? {
                return Ok(Some(integration));
            }
        }
        Err(StoreError::Unavailable(
            "the integration keeps being changed by others".to_owned(),
        ))
    }

    /// Removes an integration's item: the last step of its deletion.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_integration(&self, tenant: TenantId) -> Result<(), StoreError> {
        self.at(tenant)
            .delete_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(tenant.to_string()))
            .key("item", text(ITEM))
            .send()
            .await?;
        Ok(())
    }
}

/// The highest format of an integration's item that this version reads. An item without a format is of
/// format 1. A newer version raises it where an older one would misread what it stores.
pub(super) const FORMAT: u64 = 1;

/// Reads an integration's item. What cannot be read is told by the integration itself; `None` where not
/// even its tenant can be told.
pub(super) fn read(item: &Item) -> Option<Integration> {
    let tenant: TenantId = get_text(item, "tenant_id")?.parse().ok()?;
    let format = get_number(item, "format").unwrap_or(1);
    let whole = match from_json::<Integration>(item, "integration") {
        Ok(whole) if format <= FORMAT && get_number::<u64>(item, "version").is_some() => {
            return Some(whole);
        }
        Ok(_) if format <= FORMAT => StoreError::Unreadable("version is missing".to_owned()),
        Err(error) if format <= FORMAT => error,
        _ => StoreError::Unreadable(format!(
            "it is stored in format {format}, of a newer version of Muster; this version reads formats up to {FORMAT}"
        )),
    };
    unreadable(item, &whole);
    let StoreError::Unreadable(why) = whole else {
        return None;
    };
    let key = get_text(item, "name_key").unwrap_or_default();
    let name = key.rsplit_once('#').map_or(key, |(name, _)| name);
    let stored = get_text(item, "integration").unwrap_or_default();
    Some(Integration::salvage(tenant, name, stored, why))
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
        ("format".to_owned(), number(FORMAT)),
        ("integration".to_owned(), to_json(integration)?),
    ]))
}
