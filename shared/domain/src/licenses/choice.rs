//! The account's choice for a SKU, for all its clients.

use crate::sku;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A choice for one SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Its licenses are counted as bought.
    Count,
    /// Its licenses are left out of the counts.
    LeaveOut,
}

impl Choice {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Count, Self::LeaveOut];

    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::LeaveOut => "leave_out",
        }
    }

    /// The words a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::LeaveOut => "Leave out",
        }
    }

    /// The choice of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == name)
    }
}

/// The account's choices, by SKU ID.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Choices(BTreeMap<Uuid, Chosen>);

/// A choice as it is stored, with the SKU's part number where Microsoft's published table lacks the SKU:
/// the part number is known to the tenants that hold it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Chosen {
    Choice(Choice),
    Named { choice: Choice, part_number: String },
}

impl Chosen {
    fn choice(&self) -> Choice {
        match self {
            Self::Choice(choice) | Self::Named { choice, .. } => *choice,
        }
    }

    fn part_number(&self) -> Option<&str> {
        match self {
            Self::Choice(_) => None,
            Self::Named { part_number, .. } => Some(part_number),
        }
    }
}

/// Choices an account may have: Microsoft's table names some 600 SKUs.
pub const MOST_CHOICES: usize = 1_000;
/// The longest part number that is kept, in characters.
pub const LONGEST_PART_NUMBER: usize = 100;

impl Choices {
    /// The choice for a SKU.
    pub fn of(&self, sku: Uuid) -> Option<Choice> {
        self.0.get(&sku).map(Chosen::choice)
    }

    /// The name of a SKU: the published one, else the part number that came with the choice, else its ID.
    pub fn name(&self, sku: Uuid) -> String {
        let id = sku.to_string();
        let part_number = || self.0.get(&sku).and_then(Chosen::part_number);
        let name = sku::name(&id).or_else(part_number).map(str::to_owned);
        name.unwrap_or(id)
    }

    /// Sets the choice for a SKU; `None` takes it back. Returns `false`, and changes nothing, where
    /// there would be too many.
    pub fn choose(&mut self, sku: Uuid, choice: Option<Choice>) -> bool {
        let Some(choice) = choice else {
            self.0.remove(&sku);
            return true;
        };
        if self.0.len() >= MOST_CHOICES && !self.0.contains_key(&sku) {
            return false;
        }
        let before = self.0.insert(sku, Chosen::Choice(choice));
        if let Some(Chosen::Named { part_number, .. }) = before {
            self.call(sku, &part_number);
        }
        true
    }

    /// Keeps the part number of a SKU that a choice was made for. What can be none is passed over.
    pub fn call(&mut self, sku: Uuid, part_number: &str) {
        let is_part_number = !part_number.is_empty()
            && part_number.len() <= LONGEST_PART_NUMBER
            && part_number.bytes().all(|b| b.is_ascii_graphic());
        if let Some(chosen) = self.0.get_mut(&sku).filter(|_| is_part_number) {
            *chosen = Chosen::Named {
                choice: chosen.choice(),
                part_number: part_number.to_owned(),
            };
        }
    }

    /// Every choice.
    pub fn each(&self) -> impl Iterator<Item = (Uuid, Choice)> {
        self.0.iter().map(|(sku, chosen)| (*sku, chosen.choice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sku_that_no_table_names_keeps_its_part_number() {
        let sku = Uuid::from_u128(7);
        let mut choices: Choices = serde_json::from_str(&format!(r#"{{"{sku}":"count"}}"#))
            .expect("the older form is read");
        assert_eq!(choices.of(sku), Some(Choice::Count));
        assert_eq!(choices.name(sku), sku.to_string());
        choices.call(sku, "CONTOSO_PILOT");
        assert!(choices.choose(sku, Some(Choice::LeaveOut)));
        for none in ["", "two words", "a\u{202e}b", &"x".repeat(101)] {
            choices.call(sku, none);
        }
        let stored = serde_json::to_string(&choices).expect("it is JSON");
        let read: Choices = serde_json::from_str(&stored).expect("it is read back");
        assert_eq!(read.name(sku), "CONTOSO_PILOT");
        assert_eq!(read.of(sku), Some(Choice::LeaveOut));
        // A SKU without a choice is not named, and a published name goes before.
        let e3: Uuid = "05e9a617-0261-4cee-bb44-138d3ef5d965"
            .parse()
            .expect("a GUID");
        choices.call(e3, "SOMETHING");
        assert_eq!(choices.of(e3), None);
        assert!(choices.choose(e3, Some(Choice::Count)));
        choices.call(e3, "SOMETHING");
        assert_eq!(choices.name(e3), "Microsoft 365 E3");
    }
}
