//! The stored index of each dataset: `TENANT#<tenant>#index`, sort key `<dataset>#<run>#<part>`, each
//! a binary of at most 4,096 records. Which of them are believed is said by the dataset's state.

use super::{Item, Store, StoreError, Units, partition, text};
use aws_sdk_dynamodb::{
    primitives::Blob,
    types::{AttributeValue, ReturnConsumedCapacity},
};
use muster_domain::{
    Dataset, TenantId,
    index::{Index, IndexMark, IndexRun, PAIR_BYTES, RunDigest},
};
use std::collections::HashMap;

/// Records a part: 64 KB, of the 400 that an item may have.
const RECORDS_A_PART: u64 = 4096;
/// Parts asked for at once: half a megabyte, which the answer's text and its bytes take several times.
const PARTS_A_GET: usize = 8;

impl Store {
    /// The index that a mark tells of; `None` where what is stored is not what the mark says, and
    /// so is not to be believed.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn index(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        mark: &IndexMark,
    ) -> Result<(Option<Index>, Units), StoreError> {
        let mut units = Units::default();
        let mut index = Index::new();
        for (number, run) in mark.runs.iter().enumerate() {
            let names: Vec<String> = (0..parts(run))
                .map(|part| part_key(dataset, number, part))
                .collect();
            let mut read = RunDigest::default();
            for names in names.chunks(PARTS_A_GET) {
                let mut found = self.parts(tenant, names, &mut units).await?;
                for name in names {
                    let part = found.remove(name).unwrap_or_default();
                    read.take(&part);
                    index.read_run(&part);
                }
            }
            if read.run() != *run {
                return Ok((None, units));
            }
            index.end_run();
        }
        Ok((Some(index), units))
    }

    async fn parts(
        &self,
        tenant: TenantId,
        names: &[String],
        units: &mut Units,
    ) -> Result<HashMap<String, Vec<u8>>, StoreError> {
        let mut found = HashMap::new();
        let keys = names.iter().map(|name| key(tenant, name)).collect();
        for mut item in self.batch_get(tenant, keys, "sk, x", units).await? {
            if let (Some(AttributeValue::S(name)), Some(AttributeValue::B(part))) =
                (item.remove("sk"), item.remove("x"))
            {
                found.insert(name, part.into_inner());
            }
        }
        Ok(found)
    }

    /// Stores a run of an index, over what was stored under the same number.
    ///
    /// # Errors
    /// When the store does not answer; nothing is lost then, since no mark tells of the run yet.
    pub async fn put_index_run(
        &self,
        tenant: TenantId,
        dataset: &Dataset,
        number: usize,
        mut records: impl Iterator<Item = [u8; PAIR_BYTES]>,
    ) -> Result<(IndexRun, Units), StoreError> {
        let (mut run, mut units) = (RunDigest::default(), Units::default());
        let most = usize::try_from(RECORDS_A_PART).unwrap_or(usize::MAX);
        for part in 0.. {
            let bytes: Vec<u8> = records.by_ref().take(most).flatten().collect();
            if bytes.is_empty() {
                break;
            }
            run.take(&bytes);
            let mut item = key(tenant, &part_key(dataset, number, part));
            item.insert("x".to_owned(), AttributeValue::B(Blob::new(bytes)));
            let sent = self
                .at(tenant)
                .put_item()
                .table_name(&self.assets)
                .set_item(Some(item))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await?;
            units.write += sent
                .consumed_capacity()
                .and_then(aws_sdk_dynamodb::types::ConsumedCapacity::capacity_units)
                .unwrap_or(0.0);
        }
        Ok((run.run(), units))
    }
}

fn parts(run: &IndexRun) -> u64 {
    run.records.div_ceil(RECORDS_A_PART)
}

fn part_key(dataset: &Dataset, run: usize, part: u64) -> String {
    format!("{}#{run:02}#{part:04}", dataset.name)
}

fn key(tenant: TenantId, name: &str) -> Item {
    Item::from([
        ("pk".to_owned(), partition(tenant, "index")),
        ("sk".to_owned(), text(name)),
    ])
}
