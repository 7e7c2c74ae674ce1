//! Changes, newest first.

use super::{Store, StoreError, from_json, get_text, partition, text};
use muster_domain::{
    TenantId,
    change::{self, Change},
};

/// Which changes are asked for.
#[derive(Debug, Clone, Default)]
pub struct ChangeQuery {
    /// Of this dataset only.
    pub dataset: Option<String>,
    /// Of this record only.
    pub record: Option<String>,
    /// At or after this time.
    pub since: Option<jiff::Timestamp>,
    /// Where the last page ended: the sort key of its last change.
    pub after: Option<String>,
    /// Changes a page.
    pub limit: usize,
}

/// One page of changes.
#[derive(Debug, Clone)]
pub struct ChangePage {
    /// The changes, newest first.
    pub changes: Vec<Change>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Store {
    /// One page of a tenant's changes.
    ///
    /// # Errors
    /// When the store does not answer or an item cannot be read.
    pub async fn changes(
        &self,
        tenant: TenantId,
        query: &ChangeQuery,
    ) -> Result<ChangePage, StoreError> {
        let mut found = ChangePage {
            changes: Vec::new(),
            next: None,
        };
        let mut last = None;
        let pk = partition(tenant, "changes");
        let start = query.after.as_ref().map(|after| {
            super::Item::from([
                ("pk".to_owned(), pk.clone()),
                ("sk".to_owned(), text(after)),
            ])
        });
        let since = query.since.map_or_else(|| "0".to_owned(), change::instant);
        let mut pages = self
            .at(tenant)
            .query()
            .table_name(&self.assets)
            .key_condition_expression("pk = :pk AND sk >= :since")
            .expression_attribute_values(":pk", pk)
            .expression_attribute_values(":since", text(since))
            .scan_index_forward(false)
            .set_exclusive_start_key(start)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for item in page?.items() {
                let change: Change = from_json(item, "change")?;
                let asked = query.dataset.as_ref().is_none_or(|d| *d == change.dataset)
                    && query.record.as_ref().is_none_or(|r| *r == change.record);
                if !asked {
                    continue;
                }
                if found.changes.len() == query.limit {
                    found.next = last;
                    return Ok(found);
                }
                last = get_text(item, "sk").map(str::to_owned);
                found.changes.push(change);
            }
        }
        Ok(found)
    }
}
