//! Small control items beside an integration, or of the account: replaced whole under a version.

use super::{Item, Store, StoreError, from_json, lost_condition, number, text, to_json};
use jiff::Timestamp;
use muster_domain::TenantId;
use serde::{Serialize, de::DeserializeOwned};

/// A control item as it was read; version 0 is one that is not there.
#[derive(Debug, Clone)]
pub struct Control<T> {
    /// What it holds.
    pub value: T,
    version: u64,
}

impl Store {
    /// A control item; what is not there is as by default.
    ///
    /// # Errors
    /// When the store does not answer or the item cannot be read.
    pub async fn control<T: DeserializeOwned + Default>(
        &self,
        of: TenantId,
        item: &str,
    ) -> Result<Control<T>, StoreError> {
        let got = self
            .at(of)
            .get_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(of.to_string()))
            .key("item", text(item))
            .consistent_read(true)
            .send()
            .await?;
        let Some(stored) = got.item else {
            return Ok(Control {
                value: T::default(),
                version: 0,
            });
        };
        let version = stored
            .get("version")
            .and_then(|v| v.as_n().ok()?.parse().ok())
            .ok_or_else(|| StoreError::Unreadable("version is missing".to_owned()))?;
        let value = from_json(&stored, "value")?;
        Ok(Control { value, version })
    }

    /// Replaces a control item that is still as it was read; `false` when another was faster.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_control<T: Serialize>(
        &self,
        of: TenantId,
        item: &str,
        control: &mut Control<T>,
    ) -> Result<bool, StoreError> {
        self.put_control_until(of, item, control, None).await
    }

    /// The same for an item that is of no use after a time: DynamoDB removes it then.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(super) async fn put_control_until<T: Serialize>(
        &self,
        of: TenantId,
        item: &str,
        control: &mut Control<T>,
        expires: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let next = control.version + 1;
        let mut stored = Item::from([
            ("tenant_id".to_owned(), text(of.to_string())),
            ("item".to_owned(), text(item)),
            ("version".to_owned(), number(next)),
            ("value".to_owned(), to_json(&control.value)?),
        ]);
        if let Some(at) = expires {
            stored.insert("expires".to_owned(), number(at.as_second()));
        }
        let put = self
            .at(of)
            .put_item()
            .table_name(&self.integrations)
            .set_item(Some(stored));
        let put = match control.version {
            0 => put.condition_expression("attribute_not_exists(tenant_id)"),
            version => put
                .condition_expression("version = :version")
                .expression_attribute_values(":version", number(version)),
        };
        match put.send().await {
            Ok(_) => {
                control.version = next;
                Ok(true)
            }
            Err(error) if lost_condition(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
