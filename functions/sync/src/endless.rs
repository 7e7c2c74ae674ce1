//! Lists that do not end: the same page under ever new links, or more objects than there can be.

use crate::{
    diff::{self, Held, Told},
    read::Reading,
};
use muster_domain::{Dataset, index, page::Entry, tally, trouble::Repeated};
use std::collections::HashSet;

/// So many pages in a row that name nobody new are no list any more. Microsoft cuts its pages before it
/// leaves out what is not to be shown, so that some come empty or repeat what was said ("Paging Microsoft
/// Graph data in your app", <https://learn.microsoft.com/graph/paging>; "Use delta query", on replays); a
/// hundred of the directory's pages stand for a hundred thousand objects left out one after the other.
const IDLE_PAGES: u32 = 100;

/// After so many pages Microsoft's own count is asked for, where it has one, and again whenever there
/// are twice as many: a list of 60,000 users costs no request more.
const FIRST_COUNT_AT: u32 = 64;

/// The longest list that is read: a million objects in pages of 50.
const MOST_PAGES: u32 = 20_000;

/// The signs by which a list is taken to have no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endless {
    /// A next link was followed before.
    Circle,
    /// Many pages in a row named nobody new.
    Idle,
    /// It held far more than Microsoft counts.
    MoreThanCounted { listed: u64, counted: u64 },
    /// It has more pages than any list.
    TooLong,
}

impl Endless {
    /// Explains to a person why the list was given up.
    pub fn sentence(self, dataset: &Dataset, repeated: &Repeated) -> String {
        let why = match self {
            Self::Circle => "a page leads back to one that was read before".to_owned(),
            Self::Idle => format!("its last {IDLE_PAGES} pages held nothing new"),
            Self::MoreThanCounted { listed, counted } => format!(
                "it held {listed} {} where Microsoft itself counts {counted}",
                dataset.title.to_lowercase()
            ),
            Self::TooLong => format!("it has more than {MOST_PAGES} pages"),
        };
        let what = format!(
            "Microsoft's list does not end: {why}. Reading stopped there, and nothing was removed."
        );
        repeated.told(
            &what,
            "Muster reads the list from its start at the next sync.",
            "Muster goes on trying from its start.",
        )
    }
}

/// Follows an enumeration, as far as it tells whether there is an end.
#[derive(Debug)]
pub(crate) struct Watch {
    /// True if the index tells which records this enumeration has named; it does from the first page on.
    by_index: bool,
    /// The hashes of the keys named, where the index does not tell.
    names: HashSet<u64>,
    /// Pages in a row that named nobody new.
    idle: u32,
    pages: u32,
    count_at: u32,
}

impl Watch {
    pub fn new(by_index: bool) -> Self {
        Self {
            by_index,
            names: HashSet::new(),
            idle: 0,
            pages: 0,
            count_at: FIRST_COUNT_AT,
        }
    }

    /// Returns true if a page names somebody that no page before it named, as far as the index does not tell.
    pub fn names_somebody_new(&mut self, entries: &[Entry]) -> bool {
        let mut new = false;
        for entry in entries {
            if !self.by_index || matches!(entry, Entry::Gone(_)) {
                new |= self.names.insert(index::name(diff::key(entry)));
            }
        }
        new
    }

    /// Takes note of a page.
    pub fn saw(&mut self, new: bool, entries: &[Told]) {
        let new = new || self.by_index && entries.iter().any(|told| !told.again());
        self.idle = if new { 0 } else { self.idle + 1 };
        self.pages += 1;
    }
}

impl Reading<'_> {
    /// Returns the reason to take a list that leads on for endless, if there is one.
    pub(crate) async fn never_ends(&mut self) -> Option<Endless> {
        if self.watch.idle >= IDLE_PAGES {
            return Some(Endless::Idle);
        }
        if self.watch.pages >= MOST_PAGES {
            return Some(Endless::TooLong);
        }
        let (Some(path), Held::Whole(index)) = (self.dataset.count, &self.held) else {
            return None;
        };
        if self.watch.pages < self.watch.count_at {
            return None;
        }
        self.watch.count_at *= 2;
        let listed = index.len() - index.unseen();
        let (graph, clock) = (&self.run.graph, &self.run.clock);
        let requests = &mut self.state.run;
        let counted = graph.count(self.dataset, path, clock, requests).await?;
        tally::exceeds(listed, counted).then_some(Endless::MoreThanCounted { listed, counted })
    }
}
