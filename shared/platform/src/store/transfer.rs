//! Bringing one tenant's items from one store to another, and proving that they are the same.
//!
//! Partitions are read in key order on both sides and merged, so that neither is held in memory;
//! what is there already is not written again, and what is there too much is removed.

use super::{Item, Store, StoreError, batches::delete_request, get_text, partition, text};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use muster_domain::{TenantId, datasets};
use std::{cmp::Ordering, collections::VecDeque};
use xxhash_rust::xxh3::Xxh3;

/// What one side holds of a tenant, or what was brought over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Items there are.
    pub items: u64,
    /// Items that had to be written.
    pub written: u64,
    /// Items that were removed from the target, since the source has them no more.
    pub removed: u64,
    /// The xxh3-128 digest of all items, attribute by attribute, in key order.
    pub digest: u128,
}

/// What is transferred of a tenant: records and what moved of them, changes, summaries, indexes, and
/// where each dataset stands.
#[derive(Debug, Clone)]
struct Part {
    table: Table,
    key: AttributeValue,
    prefix: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Table {
    Integrations,
    Assets,
}

const ITEMS_A_BATCH: usize = 25;

impl Store {
    /// Makes this store hold what another holds of a tenant, its integration apart: that comes
    /// last, when everything else is proven.
    ///
    /// # Errors
    /// When a store does not answer; doing it again goes on.
    pub async fn take_over(
        &self,
        from: &Self,
        tenant: TenantId,
    ) -> Result<Transferred, StoreError> {
        let mut sum = Tally::default();
        for part in parts(tenant) {
            merge(from, self, tenant, &part, &mut sum).await?;
        }
        Ok(sum.finish())
    }

    /// Counts and digests what this store holds of a tenant, its integration apart.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tally(&self, tenant: TenantId) -> Result<Transferred, StoreError> {
        let mut sum = Tally::default();
        for part in parts(tenant) {
            let mut items = Items::new(self, tenant, &part);
            while let Some(item) = items.next().await? {
                sum.take(&item);
            }
        }
        Ok(sum.finish())
    }

    fn name(&self, table: Table) -> &str {
        match table {
            Table::Integrations => &self.integrations,
            Table::Assets => &self.assets,
        }
    }
}

impl Table {
    fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Integrations => ("tenant_id", "item"),
            Self::Assets => ("pk", "sk"),
        }
    }
}

fn parts(tenant: TenantId) -> Vec<Part> {
    let names = datasets::ALL.iter().map(|dataset| dataset.name);
    let mut parts: Vec<Part> = names
        .chain(["moving", "changes", "summary", "index"])
        .map(|name| Part {
            table: Table::Assets,
            key: partition(tenant, name),
            prefix: "",
        })
        .collect();
    parts.push(Part {
        table: Table::Integrations,
        key: text(tenant.to_string()),
        prefix: "dataset",
    });
    // States are fenced by its number: one that began anew would be refused.
    parts.push(Part {
        table: Table::Integrations,
        key: text(tenant.to_string()),
        prefix: "lease",
    });
    // What was told already is not told again by the other.
    parts.push(Part {
        table: Table::Integrations,
        key: text(tenant.to_string()),
        prefix: "alerts",
    });
    parts
}

async fn merge(
    from: &Store,
    to: &Store,
    tenant: TenantId,
    part: &Part,
    sum: &mut Tally,
) -> Result<(), StoreError> {
    let (_, sort) = part.table.keys();
    let mut source = Items::new(from, tenant, part);
    let mut target = Items::new(to, tenant, part);
    let (mut ours, mut theirs) = (source.next().await?, target.next().await?);
    let mut batch = Vec::new();
    while ours.is_some() || theirs.is_some() {
        let key = |item: &Option<Item>| {
            item.as_ref()
                .and_then(|i| get_text(i, sort))
                .map(str::to_owned)
        };
        let order = match (key(&ours), key(&theirs)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        if order != Ordering::Greater
            && let Some(item) = &ours
        {
            sum.take(item);
            if order == Ordering::Less || theirs.as_ref() != Some(item) {
                sum.written += 1;
                batch.push(put(item.clone())?);
            }
        }
        if order == Ordering::Greater
            && let Some(item) = &theirs
        {
            sum.removed += 1;
            batch.push(delete_request(key_of(item, part.table))?);
        }
        if order != Ordering::Greater {
            ours = source.next().await?;
        }
        if order != Ordering::Less {
            theirs = target.next().await?;
        }
        if batch.len() == ITEMS_A_BATCH {
            let full = std::mem::take(&mut batch);
            to.send_batch(tenant, to.name(part.table), full).await?;
        }
    }
    if !batch.is_empty() {
        to.send_batch(tenant, to.name(part.table), batch).await?;
    }
    Ok(())
}

fn key_of(item: &Item, table: Table) -> Item {
    let (pk, sk) = table.keys();
    let mut key = item.clone();
    key.retain(|name, _| name == pk || name == sk);
    key
}

fn put(item: Item) -> Result<WriteRequest, StoreError> {
    let put = PutRequest::builder()
        .set_item(Some(item))
        .build()
        .map_err(|e| StoreError::Unavailable(e.to_string()))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

/// One part's items in key order, a page in memory.
struct Items<'a> {
    store: &'a Store,
    tenant: TenantId,
    part: &'a Part,
    page: VecDeque<Item>,
    after: Option<Item>,
    ended: bool,
}

impl<'a> Items<'a> {
    fn new(store: &'a Store, tenant: TenantId, part: &'a Part) -> Self {
        Self {
            store,
            tenant,
            part,
            page: VecDeque::new(),
            after: None,
            ended: false,
        }
    }

    async fn next(&mut self) -> Result<Option<Item>, StoreError> {
        while self.page.is_empty() && !self.ended {
            let (pk, sk) = self.part.table.keys();
            let mut query = self
                .store
                .at(self.tenant)
                .query()
                .table_name(self.store.name(self.part.table))
                .expression_attribute_names("#pk", pk)
                .expression_attribute_values(":pk", self.part.key.clone())
                .consistent_read(true)
                .set_exclusive_start_key(self.after.take());
            query = if self.part.prefix.is_empty() {
                query.key_condition_expression("#pk = :pk")
            } else {
                query
                    .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                    .expression_attribute_names("#sk", sk)
                    .expression_attribute_values(":prefix", text(self.part.prefix))
            };
            let got = query.send().await?;
            self.page = got.items.unwrap_or_default().into();
            self.after = got.last_evaluated_key;
            self.ended = self.after.is_none();
        }
        Ok(self.page.pop_front())
    }
}

#[derive(Default)]
struct Tally {
    items: u64,
    written: u64,
    removed: u64,
    hasher: Xxh3,
}

impl Tally {
    fn take(&mut self, item: &Item) {
        self.items += 1;
        let mut names: Vec<&String> = item.keys().collect();
        names.sort();
        for name in names {
            self.feed(name.as_bytes());
            match &item[name] {
                AttributeValue::S(text) | AttributeValue::N(text) => self.feed(text.as_bytes()),
                AttributeValue::B(bytes) => self.feed(bytes.as_ref()),
                // Muster stores nothing else.
                other => self.feed(format!("{other:?}").as_bytes()),
            }
        }
    }

    /// With its length, so that two texts never read as one.
    fn feed(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }

    fn finish(self) -> Transferred {
        Transferred {
            items: self.items,
            written: self.written,
            removed: self.removed,
            digest: self.hasher.digest128(),
        }
    }
}
