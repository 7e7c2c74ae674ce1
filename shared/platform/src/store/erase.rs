//! Erasing what is stored of one tenant, in bounded steps.

use super::{
    Control, Item, Store, StoreError, batches::delete_request, get_number, get_text, in_flight,
    number, partition_key, text,
};
use jiff::Timestamp;
use muster_domain::{
    TenantId, clock_ahead,
    deletion::{Deletion, Part},
    sync_state::LEASE_LIFE,
};

/// The control item of a deletion. It outlives the integration as its receipt.
const DELETION: &str = "deletion";
/// Keys a step.
const KEYS_A_STEP: i32 = 1000;
const ITEMS_A_BATCH: usize = 25;
const BATCHES_IN_FLIGHT: usize = 4;

impl Store {
    /// The deletion of a tenant's integration: one under way, or the receipt of one that ended; by
    /// default where there is neither.
    ///
    /// # Errors
    /// When the store does not answer or the item cannot be read.
    pub async fn deletion(
        &self,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Control<Deletion>, StoreError> {
        let mut deletion: Control<Deletion> = self.control(tenant, DELETION).await?;
        // DynamoDB removes what has expired within days, and the embedded store does not.
        if deletion.value.kept_until().is_some_and(|until| until < now) {
            let lease = deletion.value.lease;
            deletion.value = Deletion {
                lease,
                ..Deletion::default()
            };
        }
        Ok(deletion)
    }

    /// Stores how far a deletion is; `false` when another run of the same deletion was faster.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_deletion(
        &self,
        tenant: TenantId,
        deletion: &mut Control<Deletion>,
    ) -> Result<bool, StoreError> {
        let until = deletion.value.kept_until();
        self.put_control_until(tenant, DELETION, deletion, until)
            .await
    }

    /// The keys of the next items of a part, in ascending order; none where the part is empty.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn keys_to_erase(
        &self,
        tenant: TenantId,
        part: Part,
    ) -> Result<Vec<String>, StoreError> {
        let (table, (pk, sk), key) = self.place(tenant, part);
        let mut after = None;
        loop {
            let page = self
                .at(tenant)
                .query()
                .table_name(table)
                .key_condition_expression("#pk = :pk")
                .projection_expression("#sk")
                .expression_attribute_names("#pk", pk)
                .expression_attribute_names("#sk", sk)
                .expression_attribute_values(":pk", text(&key))
                .consistent_read(true)
                .limit(KEYS_A_STEP)
                .set_exclusive_start_key(after)
                .send()
                .await?;
            let keys = page.items().iter().filter_map(|item| get_text(item, sk));
            let keys = keys.filter(|key| part != Part::Control || !outlives_the_data(key));
            let keys: Vec<String> = keys.map(str::to_owned).collect();
            after = page.last_evaluated_key;
            if !keys.is_empty() || after.is_none() {
                return Ok(keys);
            }
        }
    }

    /// Erases items of a part. Keys that are gone already do no harm.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn erase(
        &self,
        tenant: TenantId,
        part: Part,
        keys: &[String],
    ) -> Result<(), StoreError> {
        let (table, (pk, sk), partition) = self.place(tenant, part);
        let mut batches = Vec::with_capacity(keys.len().div_ceil(ITEMS_A_BATCH));
        for keys in keys.chunks(ITEMS_A_BATCH) {
            let item = |key: &String| {
                delete_request(Item::from([
                    (pk.to_owned(), text(&partition)),
                    (sk.to_owned(), text(key)),
                ]))
            };
            batches.push(keys.iter().map(item).collect::<Result<Vec<_>, _>>()?);
        }
        let calls = batches.into_iter();
        let calls = calls.map(|batch| self.send_batch(tenant, table, batch));
        in_flight::all(calls, BATCHES_IN_FLIGHT).await?;
        Ok(())
    }

    /// Table, key names and partition key of a part.
    fn place(&self, tenant: TenantId, part: Part) -> (&str, (&'static str, &'static str), String) {
        match part {
            Part::Control => (
                &self.integrations,
                ("tenant_id", "item"),
                tenant.to_string(),
            ),
            part => (
                &self.assets,
                ("pk", "sk"),
                partition_key(tenant, part.name()),
            ),
        }
    }

    /// The number of the tenant's last lease, and whether a worker holds it at `now`.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn last_lease(
        &self,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<(u64, bool), StoreError> {
        let got = self
            .at(tenant)
            .get_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(tenant.to_string()))
            .key("item", text("lease"))
            .consistent_read(true)
            .send()
            .await?;
        let lease = got.item.unwrap_or_default();
        let until: i64 = get_number(&lease, "until").unwrap_or(0);
        let number = get_number(&lease, "number").unwrap_or(0);
        let until = Timestamp::from_second(until).unwrap_or_default();
        let held = clock_ahead::is_to_come(until, LEASE_LIFE, now);
        Ok((number, held))
    }

    /// Takes the tenant's lease away for good. A worker that is busy stops at its next checkpoint.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn remove_lease(&self, tenant: TenantId) -> Result<(), StoreError> {
        self.at(tenant)
            .delete_item()
            .table_name(&self.integrations)
            .key("tenant_id", text(tenant.to_string()))
            .key("item", text("lease"))
            .send()
            .await?;
        Ok(())
    }

    /// Lets the leases of a tenant that is connected again go on from the number of its last one:
    /// a record that an earlier worker wrote late would refuse every lower number.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn leases_go_on(&self, tenant: TenantId, from: u64) -> Result<(), StoreError> {
        let lease = Item::from([
            ("tenant_id".to_owned(), text(tenant.to_string())),
            ("item".to_owned(), text("lease")),
            ("number".to_owned(), number(from)),
            ("until".to_owned(), number(0)),
        ]);
        let sent = self
            .at(tenant)
            .put_item()
            .table_name(&self.integrations)
            .set_item(Some(lease))
            .condition_expression("attribute_not_exists(#number) OR #number < :number")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":number", number(from))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if super::lost_condition(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The integration goes last, and the receipt stays.
fn outlives_the_data(key: &str) -> bool {
    key == "integration" || key == DELETION
}
