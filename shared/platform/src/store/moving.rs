//! What moved by itself of records, packed: `TENANT#<tenant>#moving`, sort key `<dataset>#<first key>`.
//!
//! An item is a chunk: the volatile cells of the records from its first key on, up to where the next
//! chunk begins; the first begins at the empty key. No chunk is ever removed, and one that grows is cut:
//! the further pieces are stored before the first, so that nothing is lost in between, and whatever a
//! chunk holds from the next one's first key on is not believed. Chunks are fenced by the lease, as
//! states are.

use super::{
    Item, Lease, Store, StoreError, Units, get_text, in_flight, lost_condition, number,
    packed::{from_packed_json, to_packed_json},
    partition, text,
};
use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};
use muster_domain::{Dataset, TenantId, moving::Moved};
use std::{collections::BTreeMap, ops::Bound};

/// A chunk of more bytes, unpacked, is cut into pieces of about half as many: some 150 users, of whose
/// sign-ins five kilobytes remain when packed.
const LARGEST: usize = 32 << 10;
/// Chunks read at once while writing.
const CHUNKS_A_PAGE: i32 = 16;
const WRITES_IN_FLIGHT: usize = 8;

/// The volatile cells of records, by key.
pub(super) type Cells = BTreeMap<String, String>;

#[derive(Debug, Clone, Default, PartialEq)]
struct Chunk {
    first: String,
    cells: Cells,
}

impl Store {
    /// Whether anything of a dataset is packed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn has_packed(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
    ) -> Result<(bool, Units), StoreError> {
        let mut units = Units::default();
        let query = self.chunks(tenant, dataset, "", None);
        let query = query
            .projection_expression("sk")
            .limit(1)
            .consistent_read(true);
        let (chunks, _) = read(dataset, query, &mut units).await?;
        Ok((!chunks.is_empty(), units))
    }

    /// Packs what moved, over what was packed of the same records.
    ///
    /// # Errors
    /// `LeaseLost` when a later lease has written there; or when the store does not answer.
    pub async fn pack(
        &self,
        lease: &Lease,
        dataset: &Dataset,
        moved: &Moved,
    ) -> Result<Units, StoreError> {
        let mut units = Units::default();
        let Some((first, last)) = moved.keys().next().zip(moved.keys().next_back()) else {
            return Ok(units);
        };
        let chunk = self
            .chunk_of(lease.tenant, dataset, first, true, &mut units)
            .await?;
        let mut chunk = chunk.unwrap_or_default();
        let mut from = first.clone();
        loop {
            let query = self.chunks(lease.tenant, dataset, &from, None);
            let query = query.consistent_read(true).limit(CHUNKS_A_PAGE);
            let (page, more) = read(dataset, query, &mut units).await?;
            let mut written = Vec::new();
            for next in page {
                if next.first > chunk.first && chunk.first <= *last {
                    let until = next.first.clone();
                    written.push(renewed(
                        std::mem::replace(&mut chunk, next),
                        Some(&until),
                        moved,
                    ));
                }
            }
            let ends = !more || chunk.first > *last;
            from.clone_from(&chunk.first);
            if ends && chunk.first <= *last {
                written.push(renewed(std::mem::take(&mut chunk), None, moved));
            }
            let writes = written.into_iter().filter(|pieces| !pieces.is_empty());
            let calls = writes.map(|pieces| self.put_pieces(lease, dataset, pieces));
            units += in_flight::all(calls, WRITES_IN_FLIGHT).await?;
            if ends {
                return Ok(units);
            }
        }
    }

    /// The pieces of a chunk, the first one last.
    async fn put_pieces(
        &self,
        lease: &Lease,
        dataset: &Dataset,
        pieces: Vec<Chunk>,
    ) -> Result<Units, StoreError> {
        let mut units = Units::default();
        for chunk in pieces.into_iter().rev() {
            let item = Item::from([
                ("pk".to_owned(), partition(lease.tenant, "moving")),
                ("sk".to_owned(), text(place(dataset, &chunk.first))),
                ("lease".to_owned(), number(lease.number)),
                ("m".to_owned(), to_packed_json(&chunk.cells)?),
            ]);
            let sent = self
                .at(lease.tenant)
                .put_item()
                .table_name(&self.assets)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(#lease) OR #lease <= :lease")
                .expression_attribute_names("#lease", "lease")
                .expression_attribute_values(":lease", number(lease.number))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            match sent {
                Ok(sent) => units.write += capacity(sent.consumed_capacity()),
                Err(error) if lost_condition(&error) => return Err(StoreError::LeaseLost),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(units)
    }

    /// What is packed of the records from one key to another.
    pub(super) async fn packed_between(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        (first, last): (&str, &str),
        consistent: bool,
        units: &mut Units,
    ) -> Result<Cells, StoreError> {
        let chunk = self
            .chunk_of(tenant, dataset, first, consistent, units)
            .await?;
        let mut cells = chunk.unwrap_or_default().cells;
        let (mut from, mut more) = (first.to_owned(), true);
        while more {
            let query = self.chunks(tenant, dataset, &from, Some(last));
            let query = query.consistent_read(consistent);
            let (page, goes_on) = read(dataset, query, units).await?;
            more = goes_on && page.last().is_some_and(|chunk| chunk.first > from);
            for mut chunk in page {
                cells.split_off(&chunk.first);
                cells.append(&mut chunk.cells);
                from = chunk.first;
            }
        }
        Ok(cells)
    }

    /// Returns the packed moves of a dataset, by key.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn all_packed(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
    ) -> Result<(BTreeMap<String, String>, Units), StoreError> {
        let mut units = Units::default();
        let all = ("", "\u{10ffff}");
        let cells = self
            .packed_between(tenant, dataset, all, true, &mut units)
            .await?;
        Ok((cells, units))
    }

    /// What is packed of one record.
    pub(super) async fn packed(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        let mut units = Units::default();
        let chunk = self
            .chunk_of(tenant, dataset, key, true, &mut units)
            .await?;
        Ok(chunk.and_then(|mut chunk| chunk.cells.remove(key)))
    }

    /// The chunk that a key belongs to.
    async fn chunk_of(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        key: &str,
        consistent: bool,
        units: &mut Units,
    ) -> Result<Option<Chunk>, StoreError> {
        let query = self.chunks(tenant, dataset, "", Some(key));
        let query = query
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(consistent);
        Ok(read(dataset, query, units).await?.0.pop())
    }

    /// Asks for the chunks that begin from one key to another, or to the end.
    fn chunks(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        first: &str,
        last: Option<&str>,
    ) -> QueryFluentBuilder {
        // After '#' comes '$', so that this is after every key.
        let end = || format!("{}$", dataset.name);
        let last = last.map_or_else(end, |last| place(dataset, last));
        self.at(tenant)
            .query()
            .table_name(&self.assets)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", partition(tenant, "moving"))
            .expression_attribute_values(":first", text(place(dataset, first)))
            .expression_attribute_values(":last", text(last))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

/// A page of chunks, and whether there are more.
async fn read(
    dataset: &Dataset,
    query: QueryFluentBuilder,
    units: &mut Units,
) -> Result<(Vec<Chunk>, bool), StoreError> {
    let got = query.send().await?;
    units.read += capacity(got.consumed_capacity());
    let more = got.last_evaluated_key().is_some();
    let chunks = got.items().iter().map(|item| {
        let place = get_text(item, "sk").unwrap_or_default();
        let first = place.get(dataset.name.len() + 1..).unwrap_or_default();
        Ok(Chunk {
            first: first.to_owned(),
            cells: match item.contains_key("m") {
                true => from_packed_json(item, "m")?,
                false => Cells::new(),
            },
        })
    });
    Ok((chunks.collect::<Result<_, StoreError>>()?, more))
}

fn place(dataset: &Dataset, first: &str) -> String {
    format!("{}#{first}", dataset.name)
}

fn capacity(consumed: Option<&ConsumedCapacity>) -> f64 {
    consumed
        .and_then(ConsumedCapacity::capacity_units)
        .unwrap_or(0.0)
}

/// A chunk with what moved of its records, up to where the next begins, in pieces; none where nothing
/// of it moved.
fn renewed(mut chunk: Chunk, until: Option<&String>, moved: &Moved) -> Vec<Chunk> {
    if let Some(until) = until {
        chunk.cells.split_off(until);
    }
    let range = (
        Bound::Included(&chunk.first),
        until.map_or(Bound::Unbounded, Bound::Excluded),
    );
    let mut touched = false;
    for (key, cells) in moved.range::<String, _>(range) {
        touched |= match cells {
            Some(cells) => {
                let before = chunk.cells.insert(key.clone(), cells.clone());
                before.as_ref() != Some(cells)
            }
            None => chunk.cells.remove(key).is_some(),
        };
    }
    match touched {
        true => pieces(chunk),
        false => Vec::new(),
    }
}

fn pieces(chunk: Chunk) -> Vec<Chunk> {
    let bytes = |(key, cells): (&String, &String)| key.len() + cells.len();
    let all: usize = chunk.cells.iter().map(bytes).sum();
    if all <= LARGEST {
        return vec![chunk];
    }
    let piece = all.div_ceil(all.div_ceil(LARGEST / 2));
    let mut pieces: Vec<Chunk> = Vec::new();
    let mut filled = 0;
    for (key, cells) in chunk.cells {
        let place = filled / piece;
        filled += bytes((&key, &cells));
        if pieces.len() <= place {
            let first = match pieces.is_empty() {
                true => chunk.first.clone(),
                false => key.clone(),
            };
            let cells = Cells::new();
            pieces.push(Chunk { first, cells });
        }
        if let Some(last) = pieces.last_mut() {
            last.cells.insert(key, cells);
        }
    }
    pieces
}
