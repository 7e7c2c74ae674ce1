//! Records, read by page and by key.

use super::{Item, Store, StoreError, batches::back_off, get_text, partition, text};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use muster_domain::{
    Dataset, Record, TenantId,
    index::{self, Index, Mark},
    moving::Moving,
    record::{self, Digest},
};
use std::collections::HashMap;

/// Records that an enumeration has not shown.
#[derive(Debug, Default)]
pub struct Unseen {
    /// Their keys.
    pub keys: Vec<String>,
    /// How many records are stored in all.
    pub of: u64,
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

const KEYS_A_GET: usize = 100;

/// One page of records, in key order.
#[derive(Debug, Clone)]
pub struct RecordPage {
    /// The records.
    pub records: Vec<Record>,
    /// The key to go on after.
    pub next: Option<String>,
    /// Keys of records that are not as they were written, and so are left out.
    pub altered: Vec<String>,
    /// What reading it consumed.
    pub units: Units,
}

/// The same, by key and text.
struct TextPage {
    texts: Vec<(String, String)>,
    altered: Vec<String>,
    next: Option<String>,
    units: Units,
}

impl Store {
    /// The index of a dataset, made anew from every record that is stored, and how many of them are not
    /// as they were written. Those differ from everything, and are written anew.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn index_anew(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
    ) -> Result<(Index, Units, u64), StoreError> {
        let (mut index, mut altered) = (Index::new(), 0);
        let nothing = Mark::of(Digest([0; 16]));
        let moving = Moving::of(dataset);
        if moving.is_empty() {
            let see = |key: &str, item: &Item| {
                let mark = as_written(item).map(Mark::of);
                altered += u64::from(mark.is_none());
                index.stored(index::name(key), mark.unwrap_or(nothing));
            };
            let units = self.each_key(tenant, dataset, "sk, c, h", see).await?;
            return Ok((index, units, altered));
        }
        let mut units = Units::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.page(tenant, dataset, after.as_deref(), true).await?;
            units += page.units;
            for (key, text) in page.texts {
                index.stored(index::name(&key), moving.mark(&text));
            }
            for key in page.altered {
                altered += 1;
                index.stored(index::name(&key), nothing);
            }
            after = page.next;
            if after.is_none() {
                return Ok((index, units, altered));
            }
        }
    }

    /// The keys of the records that are stored and that an enumeration has not shown.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn unseen(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        index: &Index,
    ) -> Result<(Unseen, Units), StoreError> {
        let mut unseen = Unseen::default();
        let units = self
            .each_key(tenant, dataset, "sk", |key, _| {
                unseen.of += 1;
                if !index.has_shown(index::name(key)) {
                    unseen.keys.push(key.to_owned());
                }
            })
            .await?;
        Ok((unseen, units))
    }

    async fn each_key(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        attributes: &str,
        mut see: impl FnMut(&str, &Item),
    ) -> Result<Units, StoreError> {
        let mut units = Units::default();
        let mut pages = self
            .at(tenant)
            .query()
            .table_name(&self.assets)
            .key_condition_expression("pk = :pk")
            .projection_expression(attributes)
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
            for item in page.items() {
                if let Some(key) = get_text(item, "sk") {
                    see(key, item);
                }
            }
        }
        Ok(units)
    }

    /// The texts of these records as they were last written whole: columns that move by themselves may
    /// have moved since. A key that is not stored is not in the answer.
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
                .collect();
            for item in self.batch_get(tenant, keys, "sk, c", &mut units).await? {
                if let (Some(key), Some(text)) = (get_text(&item, "sk"), get_text(&item, "c")) {
                    found.insert(key.to_owned(), text.to_owned());
                }
            }
        }
        Ok((found, units))
    }

    /// The items of these keys that are stored, asked for until none is put off.
    pub(super) async fn batch_get(
        &self,
        tenant: TenantId,
        keys: Vec<Item>,
        attributes: &str,
        units: &mut Units,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        let mut left = Some(keys);
        let mut tries = 0;
        while let Some(keys) = left.take() {
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .projection_expression(attributes)
                .consistent_read(true)
                .build()
                .map_err(|e| StoreError::Unavailable(e.to_string()))?;
            let got = self
                .at(tenant)
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
            let mut responses = got.responses.unwrap_or_default();
            found.append(&mut responses.remove(&self.assets).unwrap_or_default());
            left = got
                .unprocessed_keys
                .unwrap_or_default()
                .remove(&self.assets)
                .map(|keys| keys.keys)
                .filter(|keys| !keys.is_empty());
            if left.is_some() {
                back_off(&mut tries).await?;
            }
        }
        Ok(found)
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
        let mut page = self.page(tenant, dataset, after, false).await?;
        let mut records = Vec::with_capacity(page.texts.len());
        for (key, text) in page.texts {
            match record_of(dataset, key.clone(), &text) {
                Ok(record) => records.push(record),
                Err(_) => page.altered.push(key),
            }
        }
        if !page.altered.is_empty() {
            let altered = page.altered.len();
            tracing::error!(tenant.id = %tenant, dataset = dataset.name, altered, "stored records are not as they were written");
        }
        Ok(RecordPage {
            records,
            next: page.next,
            altered: page.altered,
            units: page.units,
        })
    }

    /// A page of records as they are now, by key and text.
    async fn page(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        after: Option<&str>,
        consistent: bool,
    ) -> Result<TextPage, StoreError> {
        let pk = partition(tenant, dataset.name);
        let got = self
            .at(tenant)
            .query()
            .table_name(&self.assets)
            .key_condition_expression("pk = :pk")
            .projection_expression("sk, c, h")
            .expression_attribute_values(":pk", pk.clone())
            .set_exclusive_start_key(after.map(|after| key_of(pk, after)))
            .consistent_read(consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        let mut units = Units::default();
        units.read += got
            .consumed_capacity()
            .and_then(aws_sdk_dynamodb::types::ConsumedCapacity::capacity_units)
            .unwrap_or(0.0);
        let next = got
            .last_evaluated_key()
            .and_then(|key| get_text(key, "sk"))
            .map(str::to_owned);
        let items = got.items.unwrap_or_default();
        let (mut texts, mut altered) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items {
            match (as_written(&item), key_and_text(item)) {
                (Some(_), Some((key, Some(text)))) => texts.push((key, text)),
                (_, Some((key, _))) => altered.push(key),
                (_, None) => {}
            }
        }
        let moving = Moving::of(dataset);
        if let ([(first, _), ..], [.., (last, _)]) = (&texts[..], &texts[..])
            && !moving.is_empty()
        {
            let range = (first.as_str(), last.as_str());
            let packed = self
                .packed_between(tenant, dataset, range, consistent, &mut units)
                .await?;
            for (key, text) in &mut texts {
                if let Some(cells) = packed.get(key) {
                    *text = moving.joined(text, cells);
                }
            }
        }
        Ok(TextPage {
            texts,
            altered,
            next,
            units,
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
        let keys = vec![key_of(partition(tenant, dataset.name), key)];
        let mut units = Units::default();
        let found = self.batch_get(tenant, keys, "sk, c, h", &mut units);
        let Some(item) = found.await?.pop() else {
            return Ok(None);
        };
        let altered = || StoreError::Unreadable(format!("record {key} of {}", dataset.name));
        as_written(&item).ok_or_else(altered)?;
        let text = key_and_text(item).and_then(|(_, text)| text);
        let mut text = text.ok_or_else(altered)?;
        let moving = Moving::of(dataset);
        if !moving.is_empty()
            && let Some(cells) = self.packed(tenant, dataset, key).await?
        {
            text = moving.joined(&text, &cells);
        }
        record_of(dataset, key.to_owned(), &text).map(Some)
    }
}

/// The digest of a record's columns, where it is the one that was stored with them.
fn as_written(item: &Item) -> Option<Digest> {
    let stored = item.get("h")?.as_b().ok()?;
    let digest = record::digest(get_text(item, "c")?);
    (digest.0 == stored.as_ref()).then_some(digest)
}

fn key_and_text(mut item: Item) -> Option<(String, Option<String>)> {
    let AttributeValue::S(key) = item.remove("sk")? else {
        return None;
    };
    let text = match item.remove("c") {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    };
    Some((key, text))
}

fn record_of(dataset: &Dataset, key: String, text: &str) -> Result<Record, StoreError> {
    Record::from_text(dataset, key, text).map_err(|e| StoreError::Unreadable(e.to_string()))
}

pub(super) fn key_of(pk: AttributeValue, sk: &str) -> Item {
    Item::from([("pk".to_owned(), pk), ("sk".to_owned(), text(sk))])
}
