//! The account's choice for a SKU, for all its clients.

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
pub struct Choices(BTreeMap<Uuid, Choice>);

/// Choices an account may have: Microsoft's table names some 600 SKUs.
pub const MOST_CHOICES: usize = 1_000;

impl Choices {
    /// The choice for a SKU.
    pub fn of(&self, sku: Uuid) -> Option<Choice> {
        self.0.get(&sku).copied()
    }

    /// Sets the choice for a SKU; `None` takes it back. Returns `false`, and changes nothing, where
    /// there would be too many.
    pub fn choose(&mut self, sku: Uuid, choice: Option<Choice>) -> bool {
        match choice {
            None => drop(self.0.remove(&sku)),
            Some(_) if self.0.len() >= MOST_CHOICES && !self.0.contains_key(&sku) => return false,
            Some(choice) => drop(self.0.insert(sku, choice)),
        }
        true
    }

    /// Every choice.
    pub fn each(&self) -> impl Iterator<Item = (Uuid, Choice)> {
        self.0.iter().map(|(sku, choice)| (*sku, *choice))
    }
}
