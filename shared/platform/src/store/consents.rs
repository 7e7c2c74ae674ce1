//! The `state` values of consent requests that are under way: single use, short-lived, and stored
//! only as a hash.

use super::{Item, Store, StoreError, from_json, lost_condition, number, text, to_json};
use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use muster_domain::TenantId;
use serde::{Deserialize, Serialize};

/// What a `state` was issued for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentState {
    /// The tenant whose consent is asked for.
    pub tenant_id: TenantId,
    /// The browser session it was issued to; `None` when an API caller asked.
    pub session: Option<String>,
    /// When it stops being good.
    pub expires_at: Timestamp,
}

impl Store {
    /// Remembers a state by its hash.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_consent(&self, hash: &str, consent: &ConsentState) -> Result<(), StoreError> {
        let item = Item::from([
            ("tenant_id".to_owned(), text(consent.tenant_id.to_string())),
            ("item".to_owned(), text(format!("consent#{hash}"))),
            ("expires".to_owned(), number(consent.expires_at.as_second())),
            ("consent".to_owned(), to_json(consent)?),
        ]);
        self.at(consent.tenant_id)
            .put_item()
            .table_name(&self.integrations)
            .set_item(Some(item))
            .send()
            .await?;
        Ok(())
    }

    /// Looks at a state without using it up.
    ///
    /// # Errors
    /// When the store does not answer or the item cannot be read.
    pub async fn consent(
        &self,
        tenant: TenantId,
        hash: &str,
    ) -> Result<Option<ConsentState>, StoreError> {
        let got = self
            .at(tenant)
            .get_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(tenant.to_string()))
            .key("item", text(format!("consent#{hash}")))
            .consistent_read(true)
            .send()
            .await?;
        got.item.map(|item| from_json(&item, "consent")).transpose()
    }

    /// Uses a state up: of many who try, one gets it.
    ///
    /// # Errors
    /// When the store does not answer or the item cannot be read.
    pub async fn take_consent(
        &self,
        tenant: TenantId,
        hash: &str,
    ) -> Result<Option<ConsentState>, StoreError> {
        let sent = self
            .at(tenant)
            .delete_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(tenant.to_string()))
            .key("item", text(format!("consent#{hash}")))
            .condition_expression("attribute_exists(tenant_id)")
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match sent {
            Ok(deleted) => deleted
                .attributes
                .map(|item| from_json(&item, "consent"))
                .transpose(),
            Err(error) if lost_condition(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
