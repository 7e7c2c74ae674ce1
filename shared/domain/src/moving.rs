//! The volatile columns of a dataset, which move by themselves: kept apart from the records, since a
//! day on which most users sign in would otherwise write most records anew.
//!
//! A record is stored whole when it is new or differs in anything else. What only moved is packed beside
//! the records, many to an item, and comes before what the record itself holds of those columns, as long
//! as the record is otherwise what it was then: a record and what moved of it are never of two times.

use crate::{
    Dataset,
    index::Mark,
    record::{self, Digest},
};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// What moved of records, by key, as `Moving::cells` gives it; `None` where the record is gone.
pub type Moved = BTreeMap<String, Option<String>>;

/// The volatile columns of a dataset.
#[derive(Debug, Clone)]
pub struct Moving {
    /// Where they stand, in the order in which they are declared.
    columns: Vec<usize>,
}

impl Moving {
    /// Those of a dataset.
    pub fn of(dataset: &Dataset) -> Self {
        let columns = dataset.volatile.iter();
        Self {
            columns: columns.filter_map(|name| dataset.column(name)).collect(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// What an index remembers of a stored form: half of it tells of the columns that do not move.
    pub fn mark(&self, text: &str) -> Mark {
        let whole = record::digest(text);
        match self.is_empty() {
            true => Mark::of(whole),
            false => Mark::of_both(self.still(text), whole),
        }
    }

    /// What moves of a stored form: eight digits that tell of what does not, and a JSON array of the
    /// volatile cells.
    pub fn cells(&self, text: &str) -> String {
        let all: Vec<&str> = record::cells(text).collect();
        let cell = |column: &usize| all.get(*column).copied().unwrap_or("null");
        let cells = array(self.columns.iter().map(cell));
        format!("{:08x}{cells}", self.still(text))
    }

    /// A stored form with what moved of it, unless that was of another. Columns that the cells do not
    /// reach keep their own.
    pub fn joined(&self, text: &str, cells: &str) -> String {
        if !self.are_of(text, cells) {
            return text.to_owned();
        }
        let mut all: Vec<&str> = record::cells(text).collect();
        for (column, cell) in self.columns.iter().zip(record::cells(&cells[TAG..])) {
            if all.len() <= *column {
                all.resize(column + 1, "null");
            }
            all[*column] = cell;
        }
        let filled = all.iter().rposition(|cell| *cell != "null");
        array(all[..filled.map_or(0, |last| last + 1)].iter().copied())
    }

    /// Returns whether what moved is of a record that is otherwise as this stored form.
    pub fn are_of(&self, text: &str, cells: &str) -> bool {
        let of = cells
            .get(..TAG)
            .and_then(|tag| u32::from_str_radix(tag, 16).ok());
        of == Some(self.still(text))
    }

    /// A hash of what does not move.
    fn still(&self, text: &str) -> u32 {
        let mut still = String::with_capacity(text.len());
        for (column, cell) in record::cells(text).enumerate() {
            // What is absent at the end is left off: so is it here everywhere.
            if cell != "null" && !self.columns.contains(&column) {
                still.push_str(cell);
            }
            still.push(',');
        }
        let hash = xxh3_64(still.trim_end_matches(',').as_bytes());
        u32::try_from(hash >> 32).unwrap_or_default()
    }
}

/// Digits before the cells.
const TAG: usize = 8;

fn array<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<&str> = cells.collect();
    format!("[{}]", cells.join(","))
}

impl Mark {
    /// A mark of which the upper half is from what does not move, and the lower from all.
    fn of_both(still: u32, whole: Digest) -> Self {
        Self::new(u64::from(still) << 32 | whole.short() & u64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Key;
    use crate::{
        Record,
        datasets::{ALL, managed_devices::MANAGED_DEVICES, users::USERS},
        index::{Index, Shown, name},
    };
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn values() -> impl Strategy<Value = Vec<Value>> {
        let value = prop_oneof![
            3 => Just(Value::Null),
            2 => (0..3_u8).prop_map(|n| json!(format!("a\",]\\{n}"))),
            1 => (0..3_u8).prop_map(|n| json!({"n": [n, null, "x,"]})),
        ];
        prop::collection::vec(value, MANAGED_DEVICES.columns.len())
    }

    fn text(values: &[Value]) -> String {
        let record = Record {
            key: "k".to_owned(),
            values: values.to_vec(),
        };
        record.to_text()
    }

    proptest! {
        #[test]
        fn cells_and_record_make_the_record_again(before in values(), after in values()) {
            let moving = Moving::of(&MANAGED_DEVICES);
            let moves = |column: usize| moving.columns.contains(&column);
            let mixed: Vec<Value> = (0..before.len())
                .map(|i| if moves(i) { after[i].clone() } else { before[i].clone() })
                .collect();
            let (before, after, mixed) = (text(&before), text(&after), text(&mixed));
            prop_assert_eq!(&moving.joined(&before, &moving.cells(&mixed)), &mixed);
            prop_assert_eq!(&moving.joined(&before, &moving.cells(&before)), &before);
            let other = moving.still(&before) != moving.still(&after);
            let joined = moving.joined(&before, &moving.cells(&after));
            prop_assert_eq!(&joined, if other { &before } else { &after });
            let mut index = Index::new();
            index.show(name("k"), moving.mark(&before));
            let expected = if before == mixed { Shown::Same } else { Shown::Moved };
            prop_assert_eq!(index.show(name("k"), moving.mark(&mixed)).0, expected);
            let expected = match (mixed == after, other) {
                (true, _) => Shown::Same,
                (_, false) => Shown::Moved,
                (_, true) => Shown::Differs,
            };
            prop_assert_eq!(index.show(name("k"), moving.mark(&after)).0, expected);
        }
    }

    #[test]
    fn cells_of_fewer_columns_leave_the_others_as_they_are() {
        let moving = Moving {
            columns: vec![2, 0],
        };
        let joined = |text: &str, cells: &str| {
            moving.joined(text, &format!("{:08x}{cells}", moving.still(text)))
        };
        assert_eq!(joined(r#"["a","b","c"]"#, r#"["C"]"#), r#"["a","b","C"]"#);
        assert_eq!(joined(r#"["a","b"]"#, r#"["C",null]"#), r#"[null,"b","C"]"#);
        assert_eq!(moving.joined(r#"["a","b"]"#, "no"), r#"["a","b"]"#);
    }

    #[test]
    fn what_does_not_move_is_marked_by_all_that_it_is() {
        let moving = Moving::of(&USERS);
        assert!(moving.is_empty());
        let text = r#"["a","b"]"#;
        assert_eq!(moving.mark(text), Mark::of(record::digest(text)));
    }

    #[test]
    fn only_what_is_enumerated_whole_has_columns_that_move_and_no_key_does() {
        for dataset in ALL.iter().filter(|dataset| !dataset.volatile.is_empty()) {
            assert!(!dataset.enumeration.is_delta(), "{}", dataset.name);
            assert_eq!(Moving::of(dataset).columns.len(), dataset.volatile.len());
            let key = match dataset.key {
                Key::Shared(shared) => format!("{:?} {:?}", shared.column, shared.beside),
                key => format!("{key:?}"),
            };
            for name in dataset.volatile {
                assert!(!key.contains(&format!("{name:?}")), "{name} is a key");
            }
        }
    }
}
