//! Writing records: in batches of 25, several in flight.
//!
//! An item is `{pk, sk, c, h, l}`: `c` the columns as text, `h` their digest, `l` the number of the lease
//! that wrote it. A record is written, or removed, under the condition that no later lease has written it.
//! `BatchWriteItem` takes no condition, so records travel as PartiQL statements. Changes are only ever
//! added, and travel without one, before the records they tell of.

use super::{
    Item, Lease, Store, StoreError, Units, get_number, in_flight, lost_condition, number,
    partition,
    records::key_of,
    statements::{Write, statements_body},
    to_json,
};
use aws_sdk_dynamodb::{
    config::http::HttpRequest,
    operation::batch_write_item::BatchWriteItemOutput,
    primitives::Blob,
    types::{
        AttributeValue, BatchStatementErrorCodeEnum, BatchStatementResponse, ConsumedCapacity,
        DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest,
    },
};
use muster_domain::{Dataset, TenantId, change::Change, record};
use std::time::Duration;

/// What one page of a sync writes.
#[derive(Debug, Default)]
pub struct Batch {
    /// Records to write.
    pub puts: Vec<Put>,
    /// Keys of records to remove.
    pub deletes: Vec<String>,
    /// Changes, each with its sort key.
    pub changes: Vec<(String, Change)>,
}

/// A record to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its key.
    pub key: String,
    /// Its columns, as [`muster_domain::Record::to_text`] gives them.
    pub text: String,
    /// Whether one of this key is believed to be stored. Where that is wrong, the record is written all
    /// the same, at the price of a second call.
    pub held: bool,
}

impl Batch {
    /// Whether it writes nothing.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty() && self.changes.is_empty()
    }
}

const ITEMS_A_BATCH: usize = 25;
const BATCHES_IN_FLIGHT: usize = 8;
/// The most bytes of keys and stored forms in a batch. A request has at most 16 MB (AWS, "Quotas in Amazon
/// DynamoDB"), and a stored form that is all quotes takes twice its length on the wire.
const BYTES_A_BATCH: usize = 4 << 20;

/// Splits writes into batches, in their order. A single write is far smaller than a batch.
fn batches_of<'w, 'a>(writes: &'w [Write<'a>]) -> Vec<&'w [Write<'a>]> {
    let (mut batches, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, write) in writes.iter().enumerate() {
        let more = write.bytes();
        if at - begin == ITEMS_A_BATCH || at > begin && bytes + more > BYTES_A_BATCH {
            batches.push(&writes[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += more;
    }
    if begin < writes.len() {
        batches.push(&writes[begin..]);
    }
    batches
}

impl Store {
    /// Writes a batch of any size: first its changes, then its records.
    ///
    /// # Errors
    /// `LeaseLost` when a later lease has written one of the records, which stays as it is then; or when
    /// the store does not take all of it. Writing the same again does no harm.
    pub async fn write(
        &self,
        lease: &Lease,
        dataset: &Dataset,
        batch: &Batch,
    ) -> Result<Units, StoreError> {
        let mut changes = Vec::with_capacity(batch.changes.len());
        for (sort_key, change) in &batch.changes {
            let mut item = key_of(partition(lease.tenant, "changes"), sort_key);
            item.insert("change".to_owned(), to_json(change)?);
            changes.push(put_request(item)?);
        }
        let mut units = self.send_all(lease.tenant, changes).await?;
        let puts = batch.puts.iter().map(Write::Put);
        let deletes = batch.deletes.iter().map(|key| Write::Delete(key));
        let writes: Vec<Write<'_>> = puts.chain(deletes).collect();
        // By number: a closure over the borrowed chunks themselves is not general enough for the compiler.
        let chunks = batches_of(&writes);
        let calls = (0..chunks.len()).map(|i| self.send_writes(lease, dataset, chunks[i].to_vec()));
        units += in_flight::all(calls, BATCHES_IN_FLIGHT).await?;
        Ok(units)
    }

    /// The hot path: a first sync is little else. The request's body is written straight from the
    /// records. What the service puts off is sent again; what it refuses is looked at by itself.
    async fn send_writes(
        &self,
        lease: &Lease,
        dataset: &Dataset,
        mut left: Vec<Write<'_>>,
    ) -> Result<Units, StoreError> {
        let pk = format!("TENANT#{}#{}", lease.tenant, dataset.name);
        let (mut units, mut tries) = (Units::default(), 0);
        loop {
            let body = statements_body(&self.assets, &pk, lease.number, &left);
            let sent = self
                .at(lease.tenant)
                .batch_execute_statement()
                .customize()
                .mutate_request(move |request| put_body(request, &body))
                .send()
                .await?;
            units.write += consumed(sent.consumed_capacity());
            let answers = sent.responses.unwrap_or_default();
            if answers.len() != left.len() {
                return Err(StoreError::Unavailable(
                    "it answered some statements of a batch and not others".to_owned(),
                ));
            }
            let (mut put_off, mut refused) = (Vec::new(), Vec::new());
            for (write, answer) in left.into_iter().zip(&answers) {
                match outcome(answer)? {
                    Outcome::Done => {}
                    Outcome::PutOff => put_off.push(write),
                    Outcome::Refused => refused.push(write),
                }
            }
            for write in refused {
                units += self.write_alone(lease, &pk, write).await?;
            }
            if put_off.is_empty() {
                return Ok(units);
            }
            back_off(&mut tries).await?;
            left = put_off;
        }
    }

    /// Writes a record whose statement was refused: it is stored though it was not believed to be, or
    /// the reverse, or it carries no lease's number; or else a later lease has written it.
    async fn write_alone(
        &self,
        lease: &Lease,
        pk: &str,
        write: Write<'_>,
    ) -> Result<Units, StoreError> {
        let mut units = Units::default();
        let put = match write {
            Write::Put(put) => put,
            Write::Delete(key) => {
                let key = key_of(AttributeValue::S(pk.to_owned()), key);
                let held = self
                    .batch_get(lease.tenant, vec![key.clone()], "sk, l", &mut units)
                    .await?;
                let later = held.first().and_then(|item| get_number::<u64>(item, "l"));
                if later.is_some_and(|later| later > lease.number) {
                    return Err(StoreError::LeaseLost);
                }
                units += self
                    .send_all(lease.tenant, vec![delete_request(key)?])
                    .await?;
                return Ok(units);
            }
        };
        let mut item = key_of(AttributeValue::S(pk.to_owned()), &put.key);
        let digest = Blob::new(record::digest(&put.text).0);
        item.insert("c".to_owned(), AttributeValue::S(put.text.clone()));
        item.insert("h".to_owned(), AttributeValue::B(digest));
        item.insert("l".to_owned(), number(lease.number));
        let sent = self
            .at(lease.tenant)
            .put_item()
            .table_name(&self.assets)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(l) OR l <= :l")
            .expression_attribute_values(":l", number(lease.number))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(sent) => units.write += consumed(sent.consumed_capacity.as_slice()),
            Err(error) if lost_condition(&error) => return Err(StoreError::LeaseLost),
            Err(error) => return Err(error.into()),
        }
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
        let calls = chunks.into_iter();
        let calls = calls.map(|chunk| self.send_batch(tenant, &self.assets, chunk));
        in_flight::all(calls, BATCHES_IN_FLIGHT).await
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
            units.write += consumed(sent.consumed_capacity());
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

/// What became of one statement.
enum Outcome {
    Done,
    /// It was not looked at, and may be sent again.
    PutOff,
    /// Its condition did not hold.
    Refused,
}

fn outcome(answer: &BatchStatementResponse) -> Result<Outcome, StoreError> {
    use BatchStatementErrorCodeEnum as Code;
    let Some(error) = &answer.error else {
        return Ok(Outcome::Done);
    };
    match &error.code {
        Some(Code::ConditionalCheckFailed | Code::DuplicateItem) => Ok(Outcome::Refused),
        Some(
            Code::ProvisionedThroughputExceeded
            | Code::RequestLimitExceeded
            | Code::ThrottlingError
            | Code::TransactionConflict,
        ) => Ok(Outcome::PutOff),
        code => {
            let code = code.as_ref().map_or("", |code| code.as_str());
            let message = error.message.as_deref().unwrap_or_default();
            Err(StoreError::refused(code, message))
        }
    }
}

fn consumed(capacity: &[ConsumedCapacity]) -> f64 {
    let units = capacity.iter().filter_map(ConsumedCapacity::capacity_units);
    units.sum()
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
