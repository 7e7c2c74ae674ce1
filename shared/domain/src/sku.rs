//! Product names of licences: `cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46` is "Microsoft 365 Business
//! Premium".
//!
//! `sku_names.csv` holds the facts of Microsoft's table "Product names and service plan
//! identifiers for licensing"
//! (<https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference>), as of
//! 2026-07-29. Microsoft adds to it every few weeks; a SKU that is not in it is shown by its id.

use std::{collections::HashMap, sync::LazyLock};
use uuid::Uuid;

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("sku_names.csv")));

#[derive(Default)]
struct Table {
    by_id: HashMap<Uuid, String>,
    by_part: HashMap<String, String>,
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

/// The product of that SKU id, or the id as given.
pub fn display(sku_id: &str) -> &str {
    name(sku_id).unwrap_or(sku_id)
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

    #[test]
    fn a_sku_is_named_by_its_id_in_any_case() {
        let name = Some("Microsoft 365 Business Premium");
        assert_eq!(super::name("cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"), name);
        assert_eq!(super::name("CBDC14AB-D96C-4C30-B9F4-6ADA7CDC1D46"), name);
        assert_eq!(name_of_part("SPB"), name);
        assert_eq!(name_of_part("spb"), name);
    }

    #[test]
    fn an_unknown_sku_is_shown_as_it_came() {
        for id in ["11111111-AAAA-1111-1111-111111111111", "not an id", ""] {
            assert_eq!((name(id), display(id)), (None, id));
        }
        assert_eq!(name_of_part("NO_SUCH_PART"), None);
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
