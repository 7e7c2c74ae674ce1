//! Records: read by page, by key and as digests; written in batches of 25, several in flight.
//!
//! An item is `{pk, sk, c, h}`: `c` the columns as text, `h` their digest. Changes travel in the
//! same batches, before the records they tell of.

use super::{Item, Store, StoreError, get_text, partition, text, to_json};
use aws_sdk_dynamodb::{
    primitives::Blob,
    types::{
        AttributeValue, DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity,
        WriteRequest,
    },
};
use futures::{StreamExt, TryStreamExt, stream};
use muster_domain::{
    Dataset, Record, TenantId,
    change::Change,
    record::{self, Digest},
};
use std::collections::HashMap;
use std::time::Duration;

/// What one page of a sync writes.
#[derive(Debug, Default)]
pub struct Batch {
    /// Keys and texts of records to write.
    pub puts: Vec<(String, String)>,
    /// Keys of records to remove.
    pub deletes: Vec<String>,
    /// Changes, each with its sort key.
    pub changes: Vec<(String, Change)>,
}

/// Capacity units consumed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Units {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

impl std::ops::AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.write += other.write;
    }
}

const ITEMS_A_BATCH: usize = 25;
const KEYS_A_GET: usize = 100;
const BATCHES_IN_FLIGHT: usize = 8;

/// One page of records, in key order.
#[derive(Debug, Clone)]
pub struct RecordPage {
    /// The records.
    pub records: Vec<Record>,
    /// The key to go on after.
    pub next: Option<String>,
    /// What reading it consumed.
    pub units: Units,
}

impl Store {
    /// The digests of every record of a dataset, by key.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn digests(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
    ) -> Result<(HashMap<String, Digest>, Units), StoreError> {
        let mut digests = HashMap::new();
        let mut units = Units::default();
        let mut pages = self
            .at(tenant)
            .await
            .query()
            .table_name(&self.assets)
            .key_condition_expression("pk = :pk")
            .projection_expression("sk, h")
            .expression_attribute_values(":pk", partition(tenant, dataset.name))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page?;
            units.read += page
                .consumed_capacity()
                .and_then(aws_sdk_dynamodb::types::ConsumedCapacity::capacity_units)
                .unwrap_or(0.0);
            for item in page.items.unwrap_or_default() {
                let digest = item
                    .get("h")
                    .and_then(|h| h.as_b().ok())
                    .and_then(|b| <[u8; 16]>::try_from(b.as_ref()).ok());
                // A record without a readable digest differs from everything, and is written anew.
                let digest = Digest(digest.unwrap_or_default());
                if let Some(key) = get_text(&item, "sk") {
                    digests.insert(key.to_owned(), digest);
                }
            }
        }
        Ok((digests, units))
    }

    /// The stored texts of these records; a key that is not stored is not in the answer.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn texts(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        keys: &[String],
    ) -> Result<(HashMap<String, String>, Units), StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        let mut units = Units::default();
        for keys in keys.chunks(KEYS_A_GET) {
            let keys = keys
                .iter()
                .map(|key| key_of(partition(tenant, dataset.name), key))
                .collect::<Vec<_>>();
            let mut left = Some(keys);
            let mut tries = 0;
            while let Some(keys) = left.take() {
                let asked = KeysAndAttributes::builder()
                    .set_keys(Some(keys))
                    .projection_expression("sk, c")
                    .consistent_read(true)
                    .build()
                    .map_err(|e| StoreError::Unavailable(e.to_string()))?;
                let got = self
                    .at(tenant)
                    .await
                    .batch_get_item()
                    .request_items(&self.assets, asked)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await?;
                units.read += got
                    .consumed_capacity()
                    .iter()
                    .filter_map(aws_sdk_dynamodb::types::ConsumedCapacity::capacity_units)
                    .sum::<f64>();
                for item in got
                    .responses()
                    .and_then(|r| r.get(&self.assets))
                    .into_iter()
                    .flatten()
                {
                    if let (Some(key), Some(text)) = (get_text(item, "sk"), get_text(item, "c")) {
                        found.insert(key.to_owned(), text.to_owned());
                    }
                }
                left = got
                    .unprocessed_keys
                    .unwrap_or_default()
                    .remove(&self.assets)
                    .map(|k| k.keys)
                    .filter(|k| !k.is_empty());
                if left.is_some() {
                    back_off(&mut tries).await?;
                }
            }
        }
        Ok((found, units))
    }

    /// One page of records in key order, about a megabyte, with the key to go on after.
    ///
    /// # Errors
    /// When the store does not answer or a record cannot be read.
    pub async fn records_after(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        after: Option<&str>,
    ) -> Result<RecordPage, StoreError> {
        let pk = partition(tenant, dataset.name);
        let got = self
            .at(tenant)
            .await
            .query()
            .table_name(&self.assets)
            .key_condition_expression("pk = :pk")
            .projection_expression("sk, c")
            .expression_attribute_values(":pk", pk.clone())
            .set_exclusive_start_key(after.map(|after| key_of(pk, after)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        let consumed = got
            .consumed_capacity()
            .and_then(aws_sdk_dynamodb::types::ConsumedCapacity::capacity_units);
        let next = got
            .last_evaluated_key()
            .and_then(|key| get_text(key, "sk"))
            .map(str::to_owned);
        let records = got
            .items
            .unwrap_or_default()
            .iter()
            .map(|item| read(dataset, item))
            .collect::<Result<_, _>>()?;
        Ok(RecordPage {
            records,
            next,
            units: Units {
                read: consumed.unwrap_or(0.0),
                write: 0.0,
            },
        })
    }

    /// One record.
    ///
    /// # Errors
    /// When the store does not answer or the record cannot be read.
    pub async fn record(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        key: &str,
    ) -> Result<Option<Record>, StoreError> {
        let (mut texts, _) = self.texts(tenant, dataset, &[key.to_owned()]).await?;
        texts
            .remove(key)
            .map(|text| {
                Record::from_text(dataset, key.to_owned(), &text)
                    .map_err(|e| StoreError::Unreadable(e.to_string()))
            })
            .transpose()
    }

    /// Writes a batch of any size: first its changes, then its records.
    ///
    /// # Errors
    /// When the store does not take all of it; writing the same again does no harm.
    pub async fn write(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        batch: &Batch,
    ) -> Result<Units, StoreError> {
        let mut changes = Vec::with_capacity(batch.changes.len());
        for (sort_key, change) in &batch.changes {
            let mut item = key_of(partition(tenant, "changes"), sort_key);
            item.insert("change".to_owned(), to_json(change)?);
            changes.push(put_request(item)?);
        }
        let mut records = Vec::with_capacity(batch.puts.len() + batch.deletes.len());
        for (key, columns) in &batch.puts {
            let mut item = key_of(partition(tenant, dataset.name), key);
            item.insert(
                "h".to_owned(),
                AttributeValue::B(Blob::new(record::digest(columns).0)),
            );
            item.insert("c".to_owned(), text(columns));
            records.push(put_request(item)?);
        }
        for key in &batch.deletes {
            records.push(delete_request(key_of(
                partition(tenant, dataset.name),
                key,
            ))?);
        }
        let mut units = self.send_all(tenant, changes).await?;
        units += self.send_all(tenant, records).await?;
        Ok(units)
    }

    async fn send_all(
        &self,
        tenant: TenantId,
        requests: Vec<WriteRequest>,
    ) -> Result<Units, StoreError> {
        let chunks: Vec<Vec<WriteRequest>> = requests
            .chunks(ITEMS_A_BATCH)
            .map(<[WriteRequest]>::to_vec)
            .collect();
        stream::iter(chunks)
            .map(|chunk| self.send_batch(tenant, &self.assets, chunk))
            .buffer_unordered(BATCHES_IN_FLIGHT)
            .try_fold(Units::default(), |mut sum, units| async move {
                sum += units;
                Ok(sum)
            })
            .await
    }

    /// Sends one batch, and again what the service left over.
    pub(super) async fn send_batch(
        &self,
        tenant: TenantId,
        table: &str,
        requests: Vec<WriteRequest>,
    ) -> Result<Units, StoreError> {
        let mut units = Units::default();
        let mut left = requests;
        let mut tries = 0;
        while !left.is_empty() {
            let sent = self
                .at(tenant)
                .await
                .batch_write_item()
                .request_items(table, left)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await?;
            units.write += sent
                .consumed_capacity()
                .iter()
                .filter_map(aws_sdk_dynamodb::types::ConsumedCapacity::capacity_units)
                .sum::<f64>();
            left = sent
                .unprocessed_items
                .unwrap_or_default()
                .remove(table)
                .unwrap_or_default();
            if !left.is_empty() {
                back_off(&mut tries).await?;
            }
        }
        Ok(units)
    }
}

async fn back_off(tries: &mut u32) -> Result<(), StoreError> {
    if *tries >= 8 {
        return Err(StoreError::Unavailable(
            "it keeps asking to slow down".to_owned(),
        ));
    }
    tokio::time::sleep(Duration::from_millis(50) * 2u32.pow(*tries)).await;
    *tries += 1;
    Ok(())
}

fn read(dataset: &Dataset, item: &Item) -> Result<Record, StoreError> {
    let missing = || StoreError::Unreadable("a record without key or columns".to_owned());
    let key = get_text(item, "sk").ok_or_else(missing)?;
    let columns = get_text(item, "c").ok_or_else(missing)?;
    Record::from_text(dataset, key.to_owned(), columns)
        .map_err(|e| StoreError::Unreadable(e.to_string()))
}

fn key_of(pk: AttributeValue, sk: &str) -> Item {
    Item::from([("pk".to_owned(), pk), ("sk".to_owned(), text(sk))])
}

fn put_request(item: Item) -> Result<WriteRequest, StoreError> {
    let put = PutRequest::builder()
        .set_item(Some(item))
        .build()
        .map_err(|e| StoreError::Unavailable(e.to_string()))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

pub(super) fn delete_request(key: Item) -> Result<WriteRequest, StoreError> {
    let delete = DeleteRequest::builder()
        .set_key(Some(key))
        .build()
        .map_err(|e| StoreError::Unavailable(e.to_string()))?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}
