//! What is really in the store, looked at behind Muster's back; and what should be.

use anyhow::Context;
use dynoxide::actions::scan::ScanRequest;
use microsoft_simulator::TenantHandle;
use muster_domain::{Record, datasets};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};

/// Every item of both tables of a data directory that no Muster is using.
///
/// # Errors
/// When the store cannot be read.
pub fn items(data: &Path) -> anyhow::Result<Vec<Value>> {
    let path = data.join("muster.db");
    let database = dynoxide::Database::new(&path.to_string_lossy())
        .map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
    let mut items = Vec::new();
    for table in ["integrations", "assets"] {
        let mut start = None;
        loop {
            let page = database
                .scan(ScanRequest {
                    table_name: table.to_owned(),
                    exclusive_start_key: start,
                    ..ScanRequest::default()
                })
                .map_err(|e| anyhow::anyhow!("{table}: {e}"))?;
            for item in page.items.unwrap_or_default() {
                items.push(serde_json::to_value(item)?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
    }
    Ok(items)
}

/// What Muster should hold of a dataset, by key: the simulated tenant's own objects, projected.
///
/// # Errors
/// When there is no such dataset, or an object has no key.
pub fn truth(
    tenant: &TenantHandle,
    name: &str,
    path: &str,
) -> anyhow::Result<BTreeMap<String, Value>> {
    let dataset = datasets::find(name).context("a dataset")?;
    let mut records = BTreeMap::new();
    for object in tenant.objects(path) {
        let record = Record::from_object(dataset, &object).context("a key")?;
        let mut object = record.to_object(dataset);
        object.insert("key".to_owned(), json!(record.key));
        records.insert(record.key, Value::Object(object));
    }
    Ok(records)
}
