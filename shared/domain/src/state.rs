//! Where each dataset of a tenant stands: the stored facts behind every "fresh" and every gap.

use crate::{
    Dataset, Verdict, asking::Asking, index::IndexMark, lasting::KeptDates, report::ReportRows,
    retry::NextTry, summary::Counts, tally, trouble::Repeated,
};
use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

/// One dataset of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetState {
    /// The dataset's name.
    pub dataset: String,
    /// What may be read.
    pub verdict: Verdict,
    /// What it is doing, or how its last run ended.
    pub phase: Phase,
    /// Why the last run fell short, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The next time it is read, where Microsoft's throttling made the last run give up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<NextTry>,
    /// Records held now.
    pub records: u64,
    /// When the last run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt_at: Option<Timestamp>,
    /// When the data was last known to be whole and current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<Timestamp>,
    /// What the last or the present run did.
    #[serde(default)]
    pub run: Counters,
    /// Where the enumeration stands.
    #[serde(default)]
    pub checkpoint: Checkpoint,
    /// The last enumeration that was proven complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete: Option<Completeness>,
    /// How many objects the last whole list held, where that fell short of Microsoft's own count and
    /// was not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fell_short: Option<u64>,
    /// The number of objects of the last list that could not be kept: they were unreadable, or had no key.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// The number of objects that are left out since their keys are too long to store.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub oversized_keys: u64,
    /// The number of records held that were too large to store whole.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub truncated: u64,
    /// Counts of the last report's rows that were not simply kept.
    #[serde(default, skip_serializing_if = "ReportRows::is_empty")]
    pub rows: ReportRows,
    /// The day that the last report is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_date: Option<Date>,
    /// The number of records that show dates which the last whole enumeration left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptDates>,
    /// The time of the last request for Microsoft's own count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Timestamp>,
    /// The trouble that the last runs had in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated: Option<Repeated>,
    /// The way Microsoft wants the dataset to be asked for, if that differs from its definition.
    #[serde(default, skip_serializing_if = "Asking::is_as_defined")]
    pub asking: Asking,
    /// The stored index, where it may be believed; absent while the dataset is being written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexMark>,
    /// A removal that waits for a person's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_removal: Option<HeldRemoval>,
    /// A person's answer: the removal that was asked about may go ahead.
    #[serde(default)]
    pub removal_allowed: bool,
    /// The last question of that kind that a person answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_removal: Option<AnsweredRemoval>,
    /// The damage that the last check of the stored records found, if any. They were read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Repaired>,
    /// True if the stored state cannot be read, so that nothing is known of the dataset.
    #[serde(skip)]
    pub unreadable: bool,
    /// True if the stored state dates something in the future; here that is mended.
    #[serde(skip)]
    pub times_mended: bool,
}

/// What a dataset is doing, or how its last run ended.
///
/// A word that only a newer version knows is read as `Incomplete`: the next sync reads the dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing has been read yet.
    Waiting,
    /// Being read now.
    Running,
    /// Read whole.
    Fresh,
    /// Not read, for the reason in the verdict.
    Blocked,
    /// Switched off for this tenant.
    Off,
    /// Read in part or not at all; what is held is older, and kept.
    #[serde(other)]
    Incomplete,
}

impl Phase {
    /// The word in the API and on the pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Fresh => "fresh",
            Self::Incomplete => "incomplete",
            Self::Blocked => "blocked",
            Self::Off => "off",
        }
    }
}

/// What a run did. `records read = written + unchanged + passed over`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Objects read from Graph.
    pub read: u64,
    /// Records written because they were new or differed.
    pub written: u64,
    /// Records equal to what was held: neither read from the store one by one nor written.
    pub unchanged: u64,
    /// Records removed.
    pub removed: u64,
    /// Change records written.
    pub changes: u64,
    /// Requests to Graph, tries included.
    pub requests: u64,
    /// Milliseconds spent waiting because Microsoft asked to.
    pub throttled_ms: u64,
    /// Milliseconds from start to end.
    pub took_ms: u64,
    /// Write capacity units consumed, rounded up.
    pub write_units: u64,
    /// Read capacity units consumed, rounded up.
    pub read_units: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.written += other.written;
        self.unchanged += other.unchanged;
        self.removed += other.removed;
        self.changes += other.changes;
        self.requests += other.requests;
        self.throttled_ms += other.throttled_ms;
        self.took_ms = self.took_ms.max(other.took_ms);
        self.write_units += other.write_units;
        self.read_units += other.read_units;
    }
}

impl Counters {
    /// What the DynamoDB units cost, in US cents: on demand, us-east-1, $0.625 per million write
    /// and $0.125 per million read request units (AWS, "Amazon DynamoDB pricing", on-demand,
    /// 2025). Rounded to ten-thousandths of a cent.
    pub fn cost_cents(&self) -> f64 {
        // In ten-millionths of a cent, which are whole: the sum of fractions would be 0.0013999….
        let exact = u128::from(self.write_units) * 625 + u128::from(self.read_units) * 125;
        let rounded = (exact + 500) / 1_000;
        #[expect(clippy::cast_precision_loss, reason = "units stay far below 2^52")]
        let cents = rounded as f64 / 1e4;
        cents
    }
}

/// Where an enumeration stands. Links are Microsoft's, and are checked again when followed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkpoint {
    /// Where the next delta round begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta_link: Option<String>,
    /// When that link was given; it lives seven days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta_link_at: Option<Timestamp>,
    /// The next page of a first enumeration that was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
    /// When that page link was given; it lives minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_link_at: Option<Timestamp>,
    /// What had been counted by then, where it was counted as it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// When the enumeration that was interrupted began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// How many objects it had held by then.
    #[serde(skip_serializing_if = "is_zero")]
    pub objects: u64,
    /// Whether records of a try before it were held when it began: some may be gone since, and only an
    /// enumeration in one piece tells.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub leftovers: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The proof that an enumeration held everything there was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// When it began.
    pub began_at: Timestamp,
    /// When its last page came.
    pub ended_at: Timestamp,
    /// How many objects it held.
    pub objects: u64,
    /// What proved it: `deltaLink`, `last page`, `whole report`, `single object`.
    pub proof: String,
    /// What Microsoft itself counted then, where it has a count and gave it.
    #[serde(default)]
    pub counted: Option<u64>,
}

/// A removal too large to believe without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldRemoval {
    /// How many records would go.
    pub records: u64,
    /// How many were held.
    pub of: u64,
    /// Since when it waits.
    pub since: Timestamp,
}

/// What a person said about a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredRemoval {
    /// Whether the records may go.
    pub allowed: bool,
    /// How many they were.
    pub records: u64,
    /// Of how many.
    pub of: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// Who answered, as far as the portal knows people.
    pub by: String,
}

/// Stored records that were not as they had been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    /// The time at which the damage was found.
    pub at: Timestamp,
    /// Records that were counted and not there.
    pub missing: u64,
    /// Records whose digest was not that of their columns.
    pub altered: u64,
}

/// Tells that reading broke off.
const BROKE_OFF: &str =
    "Reading broke off before its end. What was read is kept, and Muster goes on by itself.";

/// How long a worker that was taken over may go on writing: a function's longest run, fifteen
/// minutes, and as much again for clocks that differ.
pub const STALE_WORKER_LIFE: SignedDuration = SignedDuration::from_mins(30);

impl DatasetState {
    /// A dataset of which nothing is known yet.
    pub fn new(dataset: &Dataset) -> Self {
        Self::named(dataset.name)
    }

    fn named(name: &str) -> Self {
        Self {
            dataset: name.to_owned(),
            verdict: Verdict::Allowed,
            phase: Phase::Waiting,
            trouble: None,
            next_try: None,
            records: 0,
            last_attempt_at: None,
            last_success_at: None,
            run: Counters::default(),
            checkpoint: Checkpoint::default(),
            complete: None,
            fell_short: None,
            skipped: 0,
            oversized_keys: 0,
            truncated: 0,
            rows: ReportRows::default(),
            data_date: None,
            kept: None,
            counted_at: None,
            repeated: None,
            asking: Asking::default(),
            index: None,
            held_removal: None,
            removal_allowed: false,
            answered_removal: None,
            repaired: None,
            unreadable: false,
            times_mended: false,
        }
    }

    /// The state of a dataset whose stored state cannot be read. The next sync reads the dataset from
    /// its start, and stores a state that can.
    pub fn unreadable(name: &str, item: &str, why: &str) -> Self {
        Self {
            phase: Phase::Incomplete,
            trouble: Some(format!(
                "The stored state of this dataset cannot be read (item `{item}`: {why}). Its records are kept. The next sync reads the whole dataset again."
            )),
            unreadable: true,
            ..Self::named(name)
        }
    }

    /// Forgets where the next delta round begins, and the index, where two workers may have been at
    /// the tenant at once: what the slower one wrote late is in no delta round and in no index, and
    /// comes right only in a whole enumeration that began after it was gone.
    pub fn distrust(&mut self, contested_at: Timestamp) {
        let safe = contested_at
            .checked_add(STALE_WORKER_LIFE)
            .unwrap_or(Timestamp::MAX);
        if self
            .complete
            .as_ref()
            .is_none_or(|whole| whole.began_at < safe)
        {
            self.checkpoint.delta_link = None;
            self.index = None;
        }
    }

    /// Returns true if the dataset is to be read again from its start, as was asked then. An enumeration that
    /// has begun since is the answer to that.
    pub fn is_older_than(&self, asked_at: Timestamp) -> bool {
        let under_way = self.checkpoint.next_link.as_ref();
        let under_way = under_way.and(self.checkpoint.began_at);
        let whole = self.complete.as_ref().map(|whole| whole.began_at);
        under_way.or(whole).is_none_or(|began| began < asked_at)
    }

    /// Forgets where reading goes on, and the index, where the dataset is to be read again.
    pub fn read_again(&mut self, asked_at: Timestamp) {
        if self.is_older_than(asked_at) {
            self.checkpoint.delta_link = None;
            self.checkpoint.next_link = None;
            self.index = None;
        }
    }

    /// Tells that reading broke off, where the state says `running` and no sync runs.
    pub fn broke_off(&self, sync_runs: bool) -> Option<&'static str> {
        (self.phase == Phase::Running && !sync_runs).then_some(BROKE_OFF)
    }

    /// How many objects a whole list held that Microsoft's own count was above: the last one, which was
    /// not believed for it, or the one that was believed all the same.
    pub fn disputed(&self) -> Option<u64> {
        let believed = self.complete.as_ref().filter(|whole| {
            let counted = whole.counted;
            counted.is_some_and(|counted| tally::lacks(whole.objects, counted))
        });
        self.fell_short.or(believed.map(|whole| whole.objects))
    }

    /// When the records held were last known to be all there is: what a count of them is complete as
    /// of. A delta round that ended well says so of them, as a whole enumeration does.
    pub fn complete_as_of(&self) -> Option<Timestamp> {
        let whole = self.complete.as_ref()?;
        self.last_success_at.max(Some(whole.ended_at))
    }

    /// Whether the records held may be counted: some enumeration was whole once.
    pub fn countable(&self) -> bool {
        self.complete.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_rounded_to_ten_thousandths_of_a_cent() {
        let cost = |write_units, read_units| {
            let counters = Counters {
                write_units,
                read_units,
                ..Counters::default()
            };
            counters.cost_cents().to_string()
        };
        assert_eq!(cost(20, 12), "0.0014");
        assert_eq!(cost(0, 0), "0");
        assert_eq!(cost(1, 0), "0.0001");
        assert_eq!(cost(10_193, 12), "0.6372");
        for units in 0..2_000 {
            assert!(cost(units, units / 3).len() <= "0.0001".len(), "{units}");
        }
    }
}
