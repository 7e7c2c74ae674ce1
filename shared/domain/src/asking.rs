//! Decides how to ask for a dataset where Microsoft refuses what its definition wishes: in smaller pages,
//! without a property, or as a whole list in place of changes. A wish that is refused costs the wish, and not
//! the dataset. What was learned is kept in the dataset's state and tried anew after a week.

use crate::{ClientId, Dataset, Enumeration, fault::Fault};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// After so long Microsoft may have changed its mind.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Page sizes that are tried where one is refused and none is named, largest first; then none is sent.
const SMALLER: [u16; 3] = [999, 500, 100];

/// The way Microsoft wants a dataset to be asked for, learned from its refusals.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Asking {
    /// `$top` in place of the definition's; 0 is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u16>,
    /// Properties that Microsoft does not know in this tenant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Microsoft does not offer changes: the plain list is read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_changes: bool,
    /// Nobody beyond this row of a page had the property that is watched, and that was no hole
    /// ([`crate::holes`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub believed_beyond: Option<u16>,
    /// The time at which it was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned_at: Option<Timestamp>,
}

impl Asking {
    /// Returns true if nothing was learned: the dataset is asked for as its definition wishes.
    pub fn is_as_defined(&self) -> bool {
        self.page_size.is_none()
            && self.left_out.is_empty()
            && !self.without_changes
            && self.believed_beyond.is_none()
    }

    /// Forgets what was learned too long ago.
    #[must_use]
    pub fn now(&self, now: Timestamp) -> Self {
        let young = |at: Timestamp| now.duration_since(at) < KEPT_FOR;
        match self.learned_at.is_some_and(young) {
            true => self.clone(),
            false => Self::default(),
        }
    }

    /// The largest page that is asked for; none is the service's own choice.
    pub fn top(&self, dataset: &Dataset) -> Option<u16> {
        self.page_size
            .or(dataset.page_size)
            .filter(|size| *size > 0)
    }

    /// Learns from a refusal of the first page; whether there is another way to ask.
    pub fn learn(&mut self, dataset: &Dataset, fault: &Fault) -> bool {
        let changes = dataset.enumeration.is_delta() && !self.without_changes;
        match fault {
            Fault::PageSize(named) => self.ask_smaller(dataset, named),
            Fault::UnknownProperty(name) => {
                let known = self.left_out.iter().any(|left_out| left_out == name);
                if dataset.select && !known {
                    self.left_out.push((*name).to_owned());
                }
                dataset.select && !known
            }
            Fault::NoChanges if changes => self.give_up_changes(),
            // A 400 that does not say what is wrong: each wish is given up in turn.
            Fault::Refused { status: 400, .. } => match self.top(dataset) {
                Some(size) if size > SMALLER[2] => self.take(SMALLER[2]),
                Some(_) => self.take(0),
                None if changes => self.give_up_changes(),
                None => false,
            },
            _ => false,
        }
    }

    fn ask_smaller(&mut self, dataset: &Dataset, named: &[u16]) -> bool {
        let Some(size) = self.top(dataset) else {
            return false;
        };
        let mut named: Vec<u16> = named.iter().copied().filter(|n| *n < size).collect();
        named.sort_unstable();
        // "between 1 and 500" names two: the larger is meant. 1 alone is the smallest there may be.
        let named = named.pop().filter(|named| *named > 1);
        let smaller = SMALLER.into_iter().find(|smaller| *smaller < size);
        self.take(named.or(smaller).unwrap_or(0))
    }

    fn take(&mut self, page_size: u16) -> bool {
        self.page_size = Some(page_size);
        true
    }

    /// The plain list is another collection: its page size is another, too.
    fn give_up_changes(&mut self) -> bool {
        self.without_changes = true;
        self.page_size = None;
        true
    }

    /// Explains to a person what differs from the definition; empty where nothing does.
    pub fn notes(&self, dataset: &Dataset) -> Vec<String> {
        let mut notes = Vec::new();
        if self.without_changes {
            notes.push("Microsoft does not offer changes for this tenant; the whole list is read each time. Muster asks for changes again after a week.".to_owned());
        }
        if !self.left_out.is_empty() {
            let columns: Vec<&str> = dataset
                .columns
                .iter()
                .filter(|column| self.leaves_out(column.source))
                .map(|column| column.name)
                .collect();
            notes.push(format!(
                "Microsoft does not know {} in this tenant's cloud, so {} not known here. Muster asks again after a week.",
                self.left_out.join(", "),
                match columns.as_slice() {
                    [one] => format!("{one} is"),
                    more => format!("{} are", more.join(", ")),
                },
            ));
        }
        notes
    }

    /// Returns true if a column's property is not asked for.
    pub fn leaves_out(&self, source: &str) -> bool {
        let first = source.split('/').next().unwrap_or(source);
        self.left_out.iter().any(|name| name == first)
    }

    /// Path and query of the first request, below the Graph host.
    pub fn first_request(&self, dataset: &Dataset, client_id: ClientId) -> String {
        let path = match dataset.enumeration {
            Enumeration::Delta(delta) if self.without_changes => delta.list,
            _ => dataset.path,
        };
        dataset.request(path, client_id, self.top(dataset), |source| {
            !self.leaves_out(source)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{detected_apps::DETECTED_APPS, users::USERS};

    fn refused() -> Fault {
        Fault::Refused {
            status: 400,
            code: "BadRequest".to_owned(),
        }
    }

    /// The page sizes that are tried when each is refused so.
    fn tried(fault: &Fault) -> Vec<Option<u16>> {
        let mut asking = Asking::default();
        let mut sizes = vec![asking.top(&USERS)];
        while asking.learn(&USERS, fault) && !asking.without_changes {
            sizes.push(asking.top(&USERS));
        }
        sizes
    }

    #[test]
    fn a_refused_page_size_is_asked_for_smaller_and_then_not_at_all() {
        let unnamed = Fault::PageSize(vec![999]);
        assert_eq!(tried(&unnamed), [Some(999), Some(500), Some(100), None]);
        assert_eq!(tried(&refused()), [Some(999), Some(100), None]);
        let mut asking = Asking::default();
        assert!(asking.learn(&USERS, &Fault::PageSize(vec![999, 1, 250])));
        assert_eq!(asking.top(&USERS), Some(250));
        assert!(asking.learn(&DETECTED_APPS, &Fault::PageSize(vec![])));
    }

    #[test]
    fn changes_that_are_not_offered_are_given_up_and_the_list_is_asked_for_in_full_pages() {
        let mut asking = Asking::default();
        assert!(asking.learn(&USERS, &Fault::PageSize(vec![100])));
        assert!(asking.learn(&USERS, &Fault::NoChanges));
        let client = "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
            .parse()
            .expect("a GUID");
        let request = asking.first_request(&USERS, client);
        assert!(request.starts_with("/v1.0/users?$select=id,"), "{request}");
        assert!(request.ends_with("&$top=999"), "{request}");
        assert!(!asking.learn(&USERS, &Fault::NoChanges), "it is a list");
        assert!(!asking.learn(&DETECTED_APPS, &Fault::NoChanges));
    }

    #[test]
    fn an_unknown_property_is_left_out_once_and_told() {
        let mut asking = Asking::default();
        assert!(asking.learn(&USERS, &Fault::UnknownProperty("assignedLicenses")));
        assert!(!asking.learn(&USERS, &Fault::UnknownProperty("assignedLicenses")));
        let client = "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
            .parse()
            .expect("a GUID");
        let request = asking.first_request(&USERS, client);
        assert!(!request.contains("assignedLicenses"), "{request}");
        let [note] = &asking.notes(&USERS)[..] else {
            panic!("one note")
        };
        assert!(
            note.contains("assigned_licenses_sku_id is not known here"),
            "{note}"
        );
    }

    #[test]
    fn what_was_learned_is_forgotten_after_a_week() {
        let mut asking = Asking::default();
        asking.learn(&USERS, &Fault::NoChanges);
        asking.learned_at = Some(Timestamp::UNIX_EPOCH);
        let at = |hours: i64| Timestamp::from_second(hours * 3600).expect("a time");
        assert_eq!(asking.now(at(167)), asking);
        assert_eq!(asking.now(at(168)), Asking::default());
    }
}
