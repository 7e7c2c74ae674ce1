//! Records: read by page and by key; written in batches of 25, several in flight.
//!
//! An item is `{pk, sk, c, h}`: `c` the columns as text, `h` their digest. Changes travel in the
//! same batches, before the records they tell of.

use super::{Item, Store, StoreError, get_text, partition, text, to_json};
use aws_sdk_dynamodb::{
    config::http::HttpRequest,
    operation::batch_write_item::BatchWriteItemOutput,
    types::{
        AttributeValue, DeleteRequest, KeysAndAttributes, PutRequest, ReturnConsumedCapacity,
        WriteRequest,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{StreamExt, TryStreamExt, stream};
use muster_domain::{
    Dataset, Record, TenantId,
    change::Change,
    index::{self, Index, Mark},
    moving::Moving,
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

impl Batch {
    /// Whether it writes nothing.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty() && self.changes.is_empty()
    }
}

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

/// The same, by key and text.
struct TextPage {
    texts: Vec<(String, String)>,
    next: Option<String>,
    units: Units,
}

impl Store {
    /// The index of a dataset, made anew from every record that is stored.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn index_anew(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
    ) -> Result<(Index, Units), StoreError> {
        let mut index = Index::new();
        let moving = Moving::of(dataset);
        if moving.is_empty() {
            let see = |key: &str, item: &Item| {
                let digest = item
                    .get("h")
                    .and_then(|h| h.as_b().ok())
                    .and_then(|b| <[u8; 16]>::try_from(b.as_ref()).ok());
                // A record without a readable digest differs from everything, and is written anew.
                let digest = Digest(digest.unwrap_or_default());
                index.stored(index::name(key), Mark::of(digest));
            };
            let units = self.each_key(tenant, dataset, "sk, h", see).await?;
            return Ok((index, units));
        }
        let mut units = Units::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.page(tenant, dataset, after.as_deref(), true).await?;
            units += page.units;
            for (key, text) in page.texts {
                index.stored(index::name(&key), moving.mark(&text));
            }
            after = page.next;
            if after.is_none() {
                return Ok((index, units));
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
            .await
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
        let page = self.page(tenant, dataset, after, false).await?;
        let records = page.texts.into_iter();
        let records = records.map(|(key, text)| record_of(dataset, key, &text));
        Ok(RecordPage {
            records: records.collect::<Result<_, _>>()?,
            next: page.next,
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
            .await
            .query()
            .table_name(&self.assets)
            .key_condition_expression("pk = :pk")
            .projection_expression("sk, c")
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
        let texts = items.into_iter().map(key_and_text);
        let mut texts = texts.collect::<Result<Vec<_>, _>>()?;
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
        Ok(TextPage { texts, next, units })
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
        let Some(mut text) = texts.remove(key) else {
            return Ok(None);
        };
        let moving = Moving::of(dataset);
        if !moving.is_empty()
            && let Some(cells) = self.packed(tenant, dataset, key).await?
        {
            text = moving.joined(&text, &cells);
        }
        record_of(dataset, key.to_owned(), &text).map(Some)
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
        let mut units = self.send_all(tenant, changes).await?;
        units += self.send_puts(tenant, dataset, &batch.puts).await?;
        let mut deletes = Vec::with_capacity(batch.deletes.len());
        for key in &batch.deletes {
            deletes.push(delete_request(key_of(
                partition(tenant, dataset.name),
                key,
            ))?);
        }
        units += self.send_all(tenant, deletes).await?;
        Ok(units)
    }

    /// The hot path: a first sync is little else. The request's body is written straight from the
    /// records, and what the service leaves over is sent again like any other batch.
    async fn send_puts(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        puts: &[(String, String)],
    ) -> Result<Units, StoreError> {
        let pk = format!("TENANT#{tenant}#{}", dataset.name);
        let bodies: Vec<String> = puts
            .chunks(ITEMS_A_BATCH)
            .map(|puts| puts_body(&self.assets, &pk, puts))
            .collect();
        stream::iter(bodies)
            .map(|body| self.send_body(tenant, body))
            .buffer_unordered(BATCHES_IN_FLIGHT)
            .try_fold(Units::default(), |mut sum, units| async move {
                sum += units;
                Ok(sum)
            })
            .await
    }

    async fn send_body(&self, tenant: TenantId, body: String) -> Result<Units, StoreError> {
        let sent = self
            .at(tenant)
            .await
            .batch_write_item()
            .customize()
            .mutate_request(move |request| put_body(request, &body))
            .send()
            .await?;
        self.take_up(tenant, &self.assets, sent).await
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
        let sent = self.send_once(tenant, table, requests).await?;
        self.take_up(tenant, table, sent).await
    }

    async fn send_once(
        &self,
        tenant: TenantId,
        table: &str,
        requests: Vec<WriteRequest>,
    ) -> Result<BatchWriteItemOutput, StoreError> {
        let request = self.at(tenant).await.batch_write_item();
        let sent = request
            .request_items(table, requests)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await?;
        Ok(sent)
    }

    /// Counts what a batch consumed, and sends again what the service left over of it.
    async fn take_up(
        &self,
        tenant: TenantId,
        table: &str,
        mut sent: BatchWriteItemOutput,
    ) -> Result<Units, StoreError> {
        let mut units = Units::default();
        let mut tries = 0;
        loop {
            units.write += sent
                .consumed_capacity()
                .iter()
                .filter_map(aws_sdk_dynamodb::types::ConsumedCapacity::capacity_units)
                .sum::<f64>();
            let left = sent
                .unprocessed_items
                .and_then(|mut tables| tables.remove(table))
                .unwrap_or_default();
            if left.is_empty() {
                return Ok(units);
            }
            back_off(&mut tries).await?;
            sent = self.send_once(tenant, table, left).await?;
        }
    }
}

/// The body of a `BatchWriteItem` that puts records: `c` the columns as text, `h` their digest
/// (AWS, "DynamoDB low-level API": JSON with a type before each value, binary in base64).
fn puts_body(table: &str, pk: &str, puts: &[(String, String)]) -> String {
    let text: usize = puts.iter().map(|(key, text)| key.len() + text.len()).sum();
    let mut body = String::with_capacity(text + text / 4 + puts.len() * (pk.len() + 128) + 128);
    body.push_str(r#"{"ReturnConsumedCapacity":"TOTAL","RequestItems":{"#);
    push_json(&mut body, table);
    body.push_str(":[");
    for (i, (key, columns)) in puts.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        body.push_str(r#"{"PutRequest":{"Item":{"pk":{"S":"#);
        push_json(&mut body, pk);
        body.push_str(r#"},"sk":{"S":"#);
        push_json(&mut body, key);
        body.push_str(r#"},"c":{"S":"#);
        push_json(&mut body, columns);
        body.push_str(r#"},"h":{"B":""#);
        BASE64_STANDARD.encode_string(record::digest(columns).0, &mut body);
        body.push_str(r#""}}}}"#);
    }
    body.push_str("]}}");
    body
}

/// Writes a text as JSON. Of what must be escaped, a stored form holds quotes in plenty and hardly
/// anything else.
fn push_json(out: &mut String, text: &str) {
    let mut rest = text;
    out.push('"');
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        match from.as_bytes()[0] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            control => {
                let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
                out.push_str("\\u00");
                out.extend([digit(control >> 4), digit(control & 0xF)]);
            }
        }
        rest = &from[1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Gives a request another body; it is signed after that.
fn put_body(request: &mut HttpRequest, body: &str) {
    request
        .headers_mut()
        .insert("content-length", body.len().to_string());
    *request.body_mut() = body.into();
}

pub(super) async fn back_off(tries: &mut u32) -> Result<(), StoreError> {
    if *tries >= 8 {
        return Err(StoreError::Unavailable(
            "it keeps asking to slow down".to_owned(),
        ));
    }
    tokio::time::sleep(Duration::from_millis(50) * 2u32.pow(*tries)).await;
    *tries += 1;
    Ok(())
}

fn key_and_text(mut item: Item) -> Result<(String, String), StoreError> {
    match (item.remove("sk"), item.remove("c")) {
        (Some(AttributeValue::S(key)), Some(AttributeValue::S(text))) => Ok((key, text)),
        _ => Err(StoreError::Unreadable(
            "a record without key or columns".to_owned(),
        )),
    }
}

fn record_of(dataset: &Dataset, key: String, text: &str) -> Result<Record, StoreError> {
    Record::from_text(dataset, key, text).map_err(|e| StoreError::Unreadable(e.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_body_written_by_hand_is_the_json_that_it_should_be() {
        let odd: String = (0..0x80_u8)
            .map(char::from)
            .chain("é\u{202e}🙂".chars())
            .collect();
        let puts = [
            ("a".to_owned(), r#"["a","Zo\"ë\\",null]"#.to_owned()),
            (odd.clone(), odd.clone()),
        ];
        let body = puts_body("as\"sets", "TENANT#x#users", &puts);
        let item = |key: &str, text: &str| {
            let digest = BASE64_STANDARD.encode(record::digest(text).0);
            json!({"PutRequest": {"Item": {
                "pk": {"S": "TENANT#x#users"}, "sk": {"S": key}, "c": {"S": text}, "h": {"B": digest},
            }}})
        };
        let expected = json!({
            "ReturnConsumedCapacity": "TOTAL",
            "RequestItems": {"as\"sets": [item("a", &puts[0].1), item(&odd, &odd)]},
        });
        let read: Value = serde_json::from_str(&body).expect("it is JSON");
        assert_eq!(read, expected);
    }
}
