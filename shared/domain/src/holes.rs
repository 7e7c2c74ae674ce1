//! Pages with holes: a property that Microsoft leaves out of every object beyond some row of a page.
//!
//! Graph serves `signInActivity` for the first rows of a large page only, without an error: reported of
//! `/users?$select=signInActivity&$top=500`, where it ends near the 90th row. An absent value looks like
//! somebody who never signed in, so that a page with holes makes people inactive who are not.
//!
//! Nobody beyond the n-th row of the pages has the property, though most before it do: that is a
//! suspicion where chance does not explain it. The list is then read again in smaller pages, in which the
//! same people stand at other rows. If they have the property there, it was a hole. If they still lack
//! it, they have none, and the list is believed. If neither shows in the smallest pages, the list is
//! incomplete.

use crate::{Dataset, index, page::Entry, page::Page, trouble::Repeated};
use std::collections::{BTreeMap, HashSet};

/// The properties that are watched, by dataset.
const WATCHED: [(&str, &str); 1] = [("sign_in_activity", "signInActivity")];

/// The page sizes that a suspicion is tested with, in this order.
const SMALLER: [u16; 3] = [60, 30, 15];
/// The probability below which an observation is not taken for chance.
const UNLIKELY: f64 = 0.001;
/// In a list that is under suspicion, a page is written once its tail is at least this likely.
const LIKELY: f64 = 0.2;
/// No more pages are held back.
const MOST_HELD: usize = 8;

/// The property of a dataset that is watched.
pub fn watched(dataset: &Dataset) -> Option<&'static str> {
    let of = WATCHED.iter().find(|(name, _)| *name == dataset.name)?;
    Some(of.1)
}

/// Tells of each object of a page whether it has the watched property; empty where none is watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presence(Vec<bool>);

impl Presence {
    /// Notes the next object.
    pub fn note(&mut self, has: bool) {
        self.0.push(has);
    }

    /// Forgets all objects.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// The rows of all pages of one attempt.
#[derive(Debug, Clone, Default)]
struct Rows {
    /// The number of pages by their number of rows.
    pages: BTreeMap<usize, usize>,
    all: usize,
    with: usize,
    /// The last row that has the property on any page, from 1; 0 where none has it.
    last: usize,
}

impl Rows {
    fn add(&mut self, page: &Presence) {
        *self.pages.entry(page.0.len()).or_default() += 1;
        self.all += page.0.len();
        self.with += page.0.iter().filter(|has| **has).count();
        let last = page.0.iter().rposition(|has| *has);
        self.last = self.last.max(last.map_or(0, |row| row + 1));
    }

    /// The number of rows beyond the last that has the property.
    fn tail(&self) -> usize {
        let beyond = |(rows, pages): (&usize, &usize)| rows.saturating_sub(self.last) * pages;
        self.pages.iter().map(beyond).sum()
    }

    /// The share of people without the property before the tail. One more of each is added, so that a
    /// few rows that all have it do not make it zero (the rule of succession).
    fn absent(&self) -> f64 {
        let before = self.all - self.tail();
        ratio(before.saturating_sub(self.with) + 1, before + 2)
    }

    /// The likelihood that the whole tail lacks the property by chance.
    fn chance(&self) -> f64 {
        match self.last {
            0 => 1.0,
            _ => power(self.absent(), self.tail()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "they are counts of people")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn power(share: f64, times: usize) -> f64 {
    share.powi(i32::try_from(times).unwrap_or(i32::MAX))
}

/// The next step with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Take it, after those that were held back.
    Take,
    /// Hold it back: the next pages tell whether it can be believed.
    Hold,
    /// Take it, after those that were held back: nobody beyond this row had the property, and the same
    /// people lack it at other rows, too.
    Believe(u16),
    /// Read the list from its start in pages of this size.
    AskSmaller(u16),
    /// The holes are there in the smallest pages, too: the list is incomplete.
    Stop,
}

/// The watch over one list, over all attempts at it.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    rows: Rows,
    /// The hashes of the keys of those who stood beyond the last row that had the property.
    suspects: HashSet<u64>,
    /// That row, and the share of people before it who lacked the property.
    last: usize,
    absent: f64,
    /// The suspects who stand before that row now: how many lack the property, and how many have it.
    lack: usize,
    have: usize,
    held: usize,
    believed: bool,
}

impl Watch {
    /// The same watch over the next attempt.
    #[must_use]
    pub fn once_more(self) -> Self {
        Self {
            suspects: self.suspects,
            last: self.last,
            absent: self.absent,
            ..Self::default()
        }
    }

    /// Decides what to do with a page, which was asked for with a size of `top`. A tail that begins
    /// after the row `believed` was believed before.
    pub fn weigh(&mut self, page: &Page, top: Option<u16>, believed: Option<u16>) -> Step {
        if page.presence.0.is_empty() || self.believed {
            return self.release();
        }
        let first = self.rows.all == 0;
        let is_last = page.next_link.is_none();
        self.rows.add(&page.presence);
        let tested = !self.suspects.is_empty();
        self.look_for_suspects(page);
        if tested && self.have == 0 && power(self.absent, self.lack) < UNLIKELY {
            return self.believe();
        }
        let known = believed.map(usize::from) == Some(self.rows.last);
        let fits = !tested && first && is_last && page.presence.0.len() <= SMALLER[2].into();
        if known || fits {
            return self.release();
        }
        let chance = self.rows.chance();
        if chance < UNLIKELY {
            self.suspect(page);
            if !tested {
                return self.smaller(top);
            }
        }
        let doubtful = chance < UNLIKELY || tested && chance < LIKELY;
        if !doubtful {
            return self.release();
        }
        let ignored = top.is_some_and(|top| page.presence.0.len() > top.into());
        let decided = self.have > 0 && chance < UNLIKELY;
        if !(decided || ignored || is_last || self.held >= MOST_HELD) {
            self.held += 1;
            return Step::Hold;
        }
        if chance >= UNLIKELY {
            return self.release();
        }
        match self.smaller(top) {
            Step::Stop if self.have == 0 && self.lack > 0 => self.believe(),
            step => step,
        }
    }

    /// Counts the suspects who stand now where others had the property.
    fn look_for_suspects(&mut self, page: &Page) {
        if self.suspects.is_empty() {
            return;
        }
        for (key, has) in people(page).take(self.last) {
            if self.suspects.contains(&index::name(key)) {
                *(if has { &mut self.have } else { &mut self.lack }) += 1;
            }
        }
    }

    fn suspect(&mut self, page: &Page) {
        let last = self.rows.last;
        if self.last == 0 || last <= self.last {
            (self.last, self.absent) = (last, self.rows.absent());
        }
        let tail = people(page).skip(last).map(|(key, _)| index::name(key));
        self.suspects.extend(tail);
    }

    fn smaller(&self, top: Option<u16>) -> Step {
        let rows = self
            .rows
            .pages
            .last_key_value()
            .map_or(0, |(rows, _)| *rows);
        let fits = |size: &u16| top.is_none_or(|top| *size < top) && usize::from(*size) < rows;
        SMALLER
            .into_iter()
            .find(fits)
            .map_or(Step::Stop, Step::AskSmaller)
    }

    fn believe(&mut self) -> Step {
        self.believed = true;
        self.held = 0;
        Step::Believe(u16::try_from(self.last).unwrap_or(u16::MAX))
    }

    fn release(&mut self) -> Step {
        self.held = 0;
        Step::Take
    }
}

/// The keys of a page's objects in their order, each with whether it has the property.
fn people(page: &Page) -> impl Iterator<Item = (&str, bool)> {
    let keys = page.entries.iter().filter_map(|entry| match entry {
        Entry::Is(row) => Some(row.key.as_str()),
        Entry::Gone(_) => None,
    });
    keys.zip(page.presence.0.iter().copied())
}

/// Says why a list with holes was not read, and what comes next.
pub fn sentence(dataset: &Dataset, repeated: &Repeated) -> String {
    let what = format!(
        "Microsoft's answers leave out {} for everybody beyond some row of a page, however small the page. Who it is missing for cannot be told from who has none, so the list is not believed: the counts stay as they were, and nothing was removed.",
        watched(dataset).unwrap_or("a property"),
    );
    repeated.told(
        &what,
        "Muster reads the list from its start at the next sync.",
        "Open a support request with Microsoft about it: in the Microsoft 365 admin center, Support > Help & support. Muster goes on trying.",
    )
}

#[cfg(test)]
mod tests;
