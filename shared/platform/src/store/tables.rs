//! Making the tables where nobody else does (locally; on AWS the template makes them).

use super::{Store, StoreError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};

/// The index that lists integrations by name: only integration items carry its keys.
pub(super) const BY_NAME: &str = "by_name";

impl Store {
    /// Creates the tables that are not there yet.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn ensure_tables(&self) -> Result<(), StoreError> {
        let there = self.own.list_tables().send().await?;
        let missing = |name: &String| !there.table_names().contains(name);
        if missing(&self.integrations) {
            let index = GlobalSecondaryIndex::builder()
                .index_name(BY_NAME)
                .key_schema(key("listed", KeyType::Hash)?)
                .key_schema(key("name_key", KeyType::Range)?)
                .projection(
                    Projection::builder()
                        .projection_type(ProjectionType::All)
                        .build(),
                )
                .build()
                .map_err(built)?;
            self.own
                .create_table()
                .table_name(&self.integrations)
                .billing_mode(BillingMode::PayPerRequest)
                .set_attribute_definitions(Some(attributes(&[
                    "tenant_id",
                    "item",
                    "listed",
                    "name_key",
                ])?))
                .key_schema(key("tenant_id", KeyType::Hash)?)
                .key_schema(key("item", KeyType::Range)?)
                .global_secondary_indexes(index)
                .send()
                .await?;
        }
        if missing(&self.assets) {
            self.own
                .create_table()
                .table_name(&self.assets)
                .billing_mode(BillingMode::PayPerRequest)
                .set_attribute_definitions(Some(attributes(&["pk", "sk"])?))
                .key_schema(key("pk", KeyType::Hash)?)
                .key_schema(key("sk", KeyType::Range)?)
                .send()
                .await?;
        }
        Ok(())
    }
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .map_err(built)
}

fn attributes(names: &[&str]) -> Result<Vec<AttributeDefinition>, StoreError> {
    let attribute = |name: &&str| {
        AttributeDefinition::builder()
            .attribute_name(*name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .map_err(built)
    };
    names.iter().map(attribute).collect()
}

fn built(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
