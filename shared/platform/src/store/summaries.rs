//! Summaries: one item a tenant and day.

use super::{Item, Store, StoreError, from_json, partition, text, to_json};
use muster_domain::{TenantId, summary::Summary};

impl Store {
    /// Stores the summary of a day, over the one of the same day.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_summary(&self, tenant: TenantId, summary: &Summary) -> Result<(), StoreError> {
        let item = Item::from([
            ("pk".to_owned(), partition(tenant, "summary")),
            ("sk".to_owned(), text(&summary.date)),
            ("summary".to_owned(), to_json(summary)?),
        ]);
        self.at(tenant)
            .put_item()
            .table_name(&self.assets)
            .set_item(Some(item))
            .send()
            .await?;
        Ok(())
    }

    /// The summaries of a tenant, oldest first.
    ///
    /// # Errors
    /// When the store does not answer or an item cannot be read.
    pub async fn summaries(&self, tenant: TenantId) -> Result<Vec<Summary>, StoreError> {
        let mut all = Vec::new();
        let mut pages = self
            .at(tenant)
            .query()
            .table_name(&self.assets)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", partition(tenant, "summary"))
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for item in page?.items() {
                all.push(from_json(item, "summary")?);
            }
        }
        Ok(all)
    }
}
