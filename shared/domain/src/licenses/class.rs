//! Classifies a SKU: bought, free, a trial, or left out of the counts. Its size tells nothing.
//!
//! `free_skus.csv` lists the SKUs that Microsoft gives away, as of 2026-11-29. Its column `source` says
//! where each fact comes from:
//!
//! | source | what it is |
//! |---|---|
//! | `name` | Microsoft's own name in "Product names and service plan identifiers for licensing" says free or trial (<https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference>) |
//! | `rms` | MicrosoftDocs, "Requirements for Azure Information Protection": a free subscription for individuals |
//! | `guides` | public guides on Teams licensing: given at no cost, 25 to a tenant or with calling plans |
//! | `listings` | public listings of tenants, where Microsoft hands it out in one fixed lot |
//! | `general` | general knowledge, checked against no page |
//!
//! Its column `kind` says why: `free`, `included` in other products, `viral` (a trial that anybody may begin,
//! handed out by the ten thousand), `trial`.
//!
//! A fact that is wrong for a client is put right by the account's own choice.

use super::choice::Choice;
use serde::Serialize;
use std::{collections::HashMap, sync::LazyLock};
use uuid::Uuid;

/// The list of what Microsoft gives away.
pub(super) const FREE_SKUS: &str = include_str!("free_skus.csv");

static TABLE: LazyLock<HashMap<Uuid, Class>> = LazyLock::new(|| read(FREE_SKUS));

/// What a SKU is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Its licenses are counted.
    Bought,
    /// Microsoft gives it away, or includes it in another product.
    Free,
    /// A trial.
    Trial,
    /// It serves the whole company and is assigned to nobody.
    Company,
    /// The account chose to leave it out.
    LeftOut,
}

impl Class {
    /// The word a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::Bought => "Bought",
            Self::Free => "Free",
            Self::Trial => "Trial",
            Self::Company => "Whole company",
            Self::LeftOut => "Left out",
        }
    }
}

/// What the class of a SKU is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The account's own choice.
    Choice,
    /// The list of the SKUs that Microsoft gives away.
    List,
    /// Its part number, in which Microsoft says that it is free or a trial.
    Name,
    /// The tenant's own subscriptions.
    Subscriptions,
    /// The SKU's own record.
    Record,
    /// Nothing says that it is anything but bought.
    Nothing,
}

impl Basis {
    /// What the class is known by, as a phrase.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Choice => "by your account's choice",
            Self::List => "by the list of SKUs that Microsoft gives away",
            Self::Name => "by Microsoft's name for it",
            Self::Subscriptions => "by the tenant's subscriptions",
            Self::Record => "by what it applies to",
            Self::Nothing => "as nothing says otherwise",
        }
    }
}

/// What is known of a SKU.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known<'a> {
    pub choice: Option<Choice>,
    pub id: Option<Uuid>,
    pub part: &'a str,
    /// True if all its subscriptions that count are trials.
    pub all_trials: bool,
    pub company: bool,
}

/// Decides what a SKU is. What a person chose goes before what is known, and nothing is guessed.
pub(super) fn classify(known: Known<'_>) -> (Class, Basis) {
    match known.choice {
        Some(Choice::Count) => return (Class::Bought, Basis::Choice),
        Some(Choice::LeaveOut) => return (Class::LeftOut, Basis::Choice),
        None => {}
    }
    if let Some(class) = known.id.and_then(|id| TABLE.get(&id)) {
        return (*class, Basis::List);
    }
    if let Some(class) = by_name(known.part) {
        return (class, Basis::Name);
    }
    if known.all_trials {
        return (Class::Trial, Basis::Subscriptions);
    }
    if known.company {
        return (Class::Company, Basis::Record);
    }
    (Class::Bought, Basis::Nothing)
}

/// What a part number says of itself, by whole words: `WORKPLACE_PREVIEW_TRIAL`.
fn by_name(part: &str) -> Option<Class> {
    let mut words = part.split(|c: char| !c.is_ascii_alphanumeric());
    words.find_map(|word| {
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        match () {
            () if is("free") || is("vtrial") || is("viral") => Some(Class::Free),
            () if is("trial") => Some(Class::Trial),
            () => None,
        }
    })
}

/// Reads the list. A row that is none is left out; a test counts them.
fn read(list: &str) -> HashMap<Uuid, Class> {
    let mut table = HashMap::new();
    for row in csv::Reader::from_reader(list.as_bytes())
        .records()
        .flatten()
    {
        let class = match row.get(2) {
            Some("free" | "included" | "viral") => Class::Free,
            Some("trial") => Class::Trial,
            _ => continue,
        };
        if let Some(Ok(id)) = row.get(1).map(Uuid::try_parse) {
            table.insert(id, class);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sku;

    fn of(part: &str) -> (Class, Basis) {
        let row = FREE_SKUS.lines().find(|row| row.starts_with(part));
        let id = row.and_then(|row| row.split(',').nth(1)?.parse().ok());
        classify(Known {
            id,
            part,
            ..Known::default()
        })
    }

    #[test]
    fn every_row_of_the_list_is_read_and_names_a_sku_of_microsofts_table() {
        let rows = FREE_SKUS.lines().skip(1).filter(|row| !row.is_empty());
        let mut count = 0;
        for row in rows {
            let cells: Vec<&str> = row.split(',').collect();
            let [part, id, _, source] = cells[..] else {
                panic!("{row}");
            };
            assert_eq!(sku::name(id), sku::name_of_part(part), "{row}");
            assert!(sku::name(id).is_some(), "{row}");
            assert!(
                ["name", "rms", "guides", "listings", "general"].contains(&source),
                "{row}"
            );
            count += 1;
        }
        assert_eq!(TABLE.len(), count);
    }

    #[test]
    fn a_sku_is_free_or_a_trial_by_what_is_known_of_it() {
        for (part, class) in [
            ("FLOW_FREE", Class::Free),
            ("POWER_BI_STANDARD", Class::Free),
            ("STREAM", Class::Free),
            ("PHONESYSTEM_VIRTUALUSER", Class::Free),
            ("Microsoft_Teams_Rooms_Basic", Class::Free),
            ("WINDOWS_STORE", Class::Free),
            ("RIGHTSMANAGEMENT_ADHOC", Class::Free),
            ("TEAMS_EXPLORATORY", Class::Trial),
            ("POWERAPPS_VIRAL", Class::Free),
            ("AX7_USER_TRIAL", Class::Trial),
        ] {
            assert_eq!(of(part), (class, Basis::List), "{part}");
        }
        for (part, class) in [
            ("BRAND_NEW_FREE", Class::Free),
            ("Brand_New_vTrial_for_Makers", Class::Free),
            ("WORKPLACE_PREVIEW_TRIAL", Class::Trial),
        ] {
            assert_eq!(of(part), (class, Basis::Name), "{part}");
        }
        for part in ["SPE_E3", "FREEDOM_PLAN", "INDUSTRIAL_IOT", ""] {
            assert_eq!(of(part), (Class::Bought, Basis::Nothing), "{part}");
        }
    }

    #[test]
    fn a_choice_goes_before_all_that_is_known() {
        let trial = Known {
            part: "SOME_TRIAL",
            all_trials: true,
            company: true,
            ..Known::default()
        };
        for (choice, class) in [
            (Choice::Count, Class::Bought),
            (Choice::LeaveOut, Class::LeftOut),
        ] {
            let chosen = Known {
                choice: Some(choice),
                ..trial
            };
            assert_eq!(classify(chosen), (class, Basis::Choice));
        }
    }
}
