//! Erasing everything of one tenant, with a receipt.

use super::{Item, Store, StoreError, batches::delete_request, partition, text};
use aws_sdk_dynamodb::types::AttributeValue;
use muster_domain::{TenantId, datasets};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Records deleted, by dataset.
    pub records: BTreeMap<String, u64>,
    /// Change records deleted.
    pub changes: u64,
    /// Daily summaries deleted.
    pub summaries: u64,
    /// Control items deleted: the integration, its states, its lease.
    pub control_items: u64,
}

impl Store {
    /// Deletes every item of a tenant: its lease first, so that a worker that is busy stops at its
    /// next page; the integration itself last, so that an interrupted deletion can be asked for
    /// again. A second call sweeps what a busy worker left.
    ///
    /// # Errors
    /// When the store does not answer; calling again goes on.
    pub async fn erase(&self, tenant: TenantId, receipt: &mut Receipt) -> Result<(), StoreError> {
        self.update_integration(tenant, |integration| integration.deleting = true)
            .await?;
        self.at(tenant)
            .delete_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(tenant.to_string()))
            .key("item", text("lease"))
            .send()
            .await?;
        for dataset in datasets::ALL {
            let gone = self
                .erase_partition(
                    tenant,
                    &self.assets,
                    ("pk", "sk"),
                    partition(tenant, dataset.name),
                )
                .await?;
            *receipt.records.entry(dataset.name.to_owned()).or_default() += gone;
        }
        receipt.changes += self
            .erase_partition(
                tenant,
                &self.assets,
                ("pk", "sk"),
                partition(tenant, "changes"),
            )
            .await?;
        receipt.summaries += self
            .erase_partition(
                tenant,
                &self.assets,
                ("pk", "sk"),
                partition(tenant, "summary"),
            )
            .await?;
        // What moved is of records that are counted, and an index is no data of the tenant's.
        for name in ["moving", "index"] {
            let all = partition(tenant, name);
            self.erase_partition(tenant, &self.assets, ("pk", "sk"), all)
                .await?;
        }
        let id = text(tenant.to_string());
        receipt.control_items += self
            .erase_partition(tenant, &self.integrations, ("tenant_id", "item"), id)
            .await?;
        Ok(())
    }

    async fn erase_partition(
        &self,
        tenant: TenantId,
        table: &str,
        (pk, sk): (&str, &str),
        partition: AttributeValue,
    ) -> Result<u64, StoreError> {
        let mut gone = 0;
        loop {
            let page = self
                .at(tenant)
                .query()
                .table_name(table)
                .key_condition_expression("#pk = :pk")
                .projection_expression("#pk, #sk")
                .expression_attribute_names("#pk", pk)
                .expression_attribute_names("#sk", sk)
                .expression_attribute_values(":pk", partition.clone())
                .consistent_read(true)
                .limit(1000)
                .send()
                .await?;
            if page.items().is_empty() {
                return Ok(gone);
            }
            for batch in page.items().chunks(25) {
                let requests = batch
                    .iter()
                    .map(|key: &Item| delete_request(key.clone()))
                    .collect::<Result<Vec<_>, _>>()?;
                gone += requests.len() as u64;
                self.send_batch(tenant, table, requests).await?;
            }
        }
    }
}
