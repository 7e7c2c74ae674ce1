//! Writing records: in batches of 25, several in flight.
//!
//! An item is `{pk, sk, c, h}`: `c` the columns as text, `h` their digest. Changes travel in the
//! same way, before the records they tell of.

use super::{Item, Store, StoreError, Units, partition, records::key_of, to_json};
use aws_sdk_dynamodb::{
    config::http::HttpRequest,
    operation::batch_write_item::BatchWriteItemOutput,
    types::{DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{StreamExt, TryStreamExt, stream};
use muster_domain::{Dataset, TenantId, change::Change, record};
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

const ITEMS_A_BATCH: usize = 25;
const BATCHES_IN_FLIGHT: usize = 8;

impl Store {
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
        let request = self.at(tenant).batch_write_item();
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
