//! Product names of licences: `cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46` is "Microsoft 365 Business
//! Premium".
//!
//! `sku_names.csv` holds the facts of Microsoft's table "Product names and service plan
//! identifiers for licensing"
//! (<https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference>), as of
//! 2026-07-29. Microsoft adds to it every few weeks; a SKU that is not in it is called by the
//! part number that the tenant's own list gives it ([`Names`]).

use crate::{Column, Dataset, Kind, Record};
use std::{collections::HashMap, sync::LazyLock};
use uuid::Uuid;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("sku_names.csv")));

#[derive(Default)]
struct Table {
    by_id: HashMap<Uuid, String>,
    by_part: HashMap<String, String>,
    ids: HashMap<String, Uuid>,
}

impl Table {
    /// Reads rows of part number, id and name. A row that is none is left out; a test counts them.
    fn read(csv: &str) -> Self {
        let mut table = Self::default();
        for row in csv::Reader::from_reader(csv.as_bytes()).records().flatten() {
            let (Some(part), Some(id), Some(name)) = (row.get(0), row.get(1), row.get(2)) else {
                continue;
            };
            if let Ok(id) = Uuid::try_parse(id) {
                table.by_id.insert(id, name.to_owned());
                table.ids.entry(part.to_ascii_lowercase()).or_insert(id);
                table
                    .by_part
                    .entry(part.to_ascii_lowercase())
                    .or_insert_with(|| name.to_owned());
            }
        }
        table
    }
}

/// The product of that SKU id, in whatever case the GUID is written.
pub fn name(sku_id: &str) -> Option<&'static str> {
    let id = Uuid::try_parse(sku_id.trim()).ok()?;
    TABLE.by_id.get(&id).map(String::as_str)
}

/// The names of the SKUs that one tenant holds: what Microsoft's table names is named by it; what it
/// lacks by the part number that the tenant's own lists give; and what neither knows by its id.
#[derive(Debug, Clone, Default)]
pub struct Names {
    parts: HashMap<Uuid, String>,
}

impl Names {
    /// The datasets whose records tell part numbers: the one that knows better first.
    pub const DATASETS: [&'static str; 2] = ["subscribed_skus", "subscriptions"];

    /// Whether a dataset's records name SKUs by their ids, so that names are needed to show them.
    pub fn needed(dataset: &Dataset) -> bool {
        let sku = |column: &Column| matches!(column.kind, Kind::Sku | Kind::Skus);
        dataset.columns.iter().any(sku)
    }

    /// Learns what a record calls its SKU. What was learned first stays.
    pub fn learn(&mut self, dataset: &Dataset, record: &Record) {
        let text = |name: &str| record.get(dataset, name).as_str().map(str::trim);
        let (Some(id), Some(part)) = (text("sku_id"), text("sku_part_number")) else {
            return;
        };
        if let (Ok(id), false) = (Uuid::try_parse(id), part.is_empty()) {
            self.parts.entry(id).or_insert_with(|| part.to_owned());
        }
    }

    /// What a SKU is called everywhere: the product's name, or else its part number, or else its id
    /// as given.
    pub fn display<'a>(&'a self, sku_id: &'a str) -> &'a str {
        let part = || {
            let id = Uuid::try_parse(sku_id.trim()).ok()?;
            self.parts.get(&id).map(String::as_str)
        };
        name(sku_id).or_else(part).unwrap_or(sku_id)
    }
}

/// The SKU of that id or part number, in whatever case.
pub fn id_of(text: &str) -> Option<Uuid> {
    let text = text.trim();
    let by_part = || TABLE.ids.get(&text.to_ascii_lowercase()).copied();
    Uuid::try_parse(text).ok().or_else(by_part)
}

/// The product of that part number, `SPB`, in whatever case; of two with one part number (there
/// is one such pair, `MCOPSTN5`) the first that Microsoft lists.
pub fn name_of_part(part: &str) -> Option<&'static str> {
    TABLE
        .by_part
        .get(&part.trim().to_ascii_lowercase())
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::subscribed_skus::SUBSCRIBED_SKUS;
    use serde_json::json;

    #[test]
    fn a_sku_is_named_by_its_id_in_any_case() {
        let name = Some("Microsoft 365 Business Premium");
        assert_eq!(super::name("cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"), name);
        assert_eq!(super::name("CBDC14AB-D96C-4C30-B9F4-6ADA7CDC1D46"), name);
        assert_eq!(name_of_part("SPB"), name);
        assert_eq!(name_of_part("spb"), name);
        let id = Uuid::try_parse("cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46").ok();
        assert_eq!(id_of(" spb "), id);
        assert_eq!(id_of("CBDC14AB-D96C-4C30-B9F4-6ADA7CDC1D46"), id);
        assert_eq!(id_of("NO_SUCH_PART"), None);
    }

    #[test]
    fn a_sku_that_nobody_names_is_shown_as_it_came() {
        let names = Names::default();
        for id in ["11111111-AAAA-1111-1111-111111111111", "not an id", ""] {
            assert_eq!((name(id), names.display(id)), (None, id));
        }
        assert_eq!(name_of_part("NO_SUCH_PART"), None);
    }

    #[test]
    fn a_sku_that_the_table_lacks_is_called_by_its_part_number() {
        let skus = &SUBSCRIBED_SKUS;
        let mut names = Names::default();
        for (id, part) in [
            ("11111111-aaaa-1111-1111-111111111111", json!("BRAND_NEW")),
            ("11111111-AAAA-1111-1111-111111111111", json!("SECOND")),
            ("22222222-aaaa-1111-1111-111111111111", json!("  ")),
            ("33333333-aaaa-1111-1111-111111111111", json!(null)),
            ("no id", json!("ODD")),
            ("cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46", json!("SPB")),
        ] {
            let object = json!({"id": format!("t_{id}"), "skuId": id, "skuPartNumber": part});
            let record = Record::from_object(skus, &object).expect("it has an id");
            names.learn(skus, &record);
        }
        for (id, called) in [
            ("11111111-AAAA-1111-1111-111111111111", "BRAND_NEW"),
            (
                "22222222-aaaa-1111-1111-111111111111",
                "22222222-aaaa-1111-1111-111111111111",
            ),
            ("no id", "no id"),
            (
                "CBDC14AB-D96C-4C30-B9F4-6ADA7CDC1D46",
                "Microsoft 365 Business Premium",
            ),
        ] {
            assert_eq!(names.display(id), called);
        }
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows = csv::Reader::from_reader(include_str!("sku_names.csv").as_bytes())
            .into_records()
            .count();
        assert_eq!(TABLE.by_id.len(), rows);
        assert!(TABLE.by_id.values().all(|name| !name.is_empty()));
    }
}
