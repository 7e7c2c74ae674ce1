//! The counts of a tenant on one day; their history draws the trends.

use crate::{Dataset, DatasetState, Kind, record};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The counts. `None` is "not known", which is never zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// All users, guests included.
    pub users: Option<u64>,
    /// Users that may sign in.
    pub users_enabled: Option<u64>,
    /// Guests.
    pub guests: Option<u64>,
    /// Users with at least one licence.
    pub users_licensed: Option<u64>,
    /// Users with a licence that may not sign in.
    pub licensed_disabled: Option<u64>,
    /// Users whose last sign-in is over 90 days ago or never.
    pub inactive_90_days: Option<u64>,
    /// Licences bought (enabled units of all SKUs that are not free).
    pub licences_bought: Option<u64>,
    /// Licences assigned, of those.
    pub licences_assigned: Option<u64>,
    /// Users registered for multi-factor authentication.
    pub mfa_registered: Option<u64>,
    /// Users that the registration report names.
    pub mfa_users: Option<u64>,
    /// Intune devices.
    pub devices: Option<u64>,
    /// Devices that are not compliant.
    pub devices_noncompliant: Option<u64>,
    /// The latest secure score, in hundredths of a point.
    pub secure_score_hundredths: Option<u64>,
    /// The score that could be reached, in hundredths of a point.
    pub secure_score_max_hundredths: Option<u64>,
}

/// The counts of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The day, in UTC: `2026-01-31`.
    pub date: String,
    /// The counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// SKUs handed out in the tens of thousands for nothing are no licences anybody bought.
pub const FREE_UNITS: u64 = 10_000;

/// Counts one dataset, record by record, and then sets what it knows.
#[derive(Debug)]
pub struct Counter {
    dataset: &'static Dataset,
    now: Timestamp,
    tally: Counts,
    latest_score: String,
    /// The columns that are counted, in their order, with their names.
    needed: Vec<(usize, &'static str)>,
}

/// Every column that some count is made of.
const COUNTED: &[&str] = &[
    "account_enabled",
    "user_type",
    "assigned_licenses_sku_id",
    "prepaid_units_enabled",
    "consumed_units",
    "applies_to",
    "sign_in_activity_last_successful_sign_in_date_time",
    "sign_in_activity_last_sign_in_date_time",
    "sign_in_activity_last_non_interactive_sign_in_date_time",
    "is_mfa_registered",
    "compliance_state",
    "created_date_time",
    "current_score",
    "max_score",
];

impl Counter {
    /// The datasets that feed the counts.
    pub const DATASETS: [&'static str; 6] = [
        "users",
        "subscribed_skus",
        "sign_in_activity",
        "mfa_registration",
        "managed_devices",
        "secure_scores",
    ];

    /// Begins to count a dataset.
    pub fn new(dataset: &'static Dataset, now: Timestamp) -> Self {
        Self {
            dataset,
            now,
            tally: Counts::default(),
            latest_score: String::new(),
            needed: (dataset.columns.iter().enumerate())
                .filter(|(_, column)| COUNTED.contains(&column.name))
                .filter(|(_, column)| dataset.name != "users" || column.kind != Kind::DateTime)
                .map(|(at, column)| (at, column.name))
                .collect(),
        }
    }

    /// Goes on from what was counted before.
    pub fn go_on(&mut self, counted: Counts) {
        self.tally = counted;
    }

    /// What is counted so far.
    pub fn counted(&self) -> &Counts {
        &self.tally
    }

    /// Counts one record in its stored form. Only the columns that are counted are looked at, and no
    /// tree of any is built: every user of a tenant comes by here.
    pub fn count(&mut self, text: &str) {
        let mut found = [NULL; COUNTED.len()];
        let mut needed = self.needed.iter().enumerate().peekable();
        for (column, cell) in record::cells(text).enumerate() {
            match needed.peek() {
                Some((at, (wanted, _))) if *wanted == column => found[*at] = cell,
                Some(_) => continue,
                None => break,
            }
            needed.next();
        }
        let place = |name: &str| self.needed.iter().position(|(_, needed)| *needed == name);
        let get = |name: &str| place(name).map_or(NULL, |at| found[at]);
        let text = |name: &str| unquoted(get(name));
        let is = |name: &str| get(name) == "true";
        let number = |name: &str| get(name).parse::<u64>().unwrap_or(0);
        let tally = &mut self.tally;
        let add = |count: &mut Option<u64>, n: u64| *count = Some(count.unwrap_or(0) + n);
        match self.dataset.name {
            "users" => {
                let licences = get("assigned_licenses_sku_id");
                let licensed = licences.starts_with('[') && licences != "[]";
                add(&mut tally.users, 1);
                add(&mut tally.users_enabled, u64::from(is("account_enabled")));
                add(
                    &mut tally.guests,
                    u64::from(text("user_type") == Some("Guest")),
                );
                add(&mut tally.users_licensed, u64::from(licensed));
                let disabled = get("account_enabled") == "false";
                add(
                    &mut tally.licensed_disabled,
                    u64::from(licensed && disabled),
                );
            }
            "subscribed_skus" => {
                let bought = number("prepaid_units_enabled");
                let counts = bought < FREE_UNITS && text("applies_to") != Some("Company");
                add(&mut tally.licences_bought, if counts { bought } else { 0 });
                add(
                    &mut tally.licences_assigned,
                    if counts { number("consumed_units") } else { 0 },
                );
            }
            "sign_in_activity" => {
                let last = [
                    "sign_in_activity_last_successful_sign_in_date_time",
                    "sign_in_activity_last_sign_in_date_time",
                    "sign_in_activity_last_non_interactive_sign_in_date_time",
                ]
                .into_iter()
                .filter_map(|name| text(name)?.parse::<Timestamp>().ok())
                .max();
                let limit = SignedDuration::from_hours(90 * 24);
                let active = last.is_some_and(|last| self.now.duration_since(last) < limit);
                add(&mut tally.inactive_90_days, u64::from(!active));
            }
            "mfa_registration" => {
                add(&mut tally.mfa_users, 1);
                add(
                    &mut tally.mfa_registered,
                    u64::from(is("is_mfa_registered")),
                );
            }
            "managed_devices" => {
                add(&mut tally.devices, 1);
                let bad = matches!(
                    text("compliance_state"),
                    Some("noncompliant" | "conflict" | "error")
                );
                add(&mut tally.devices_noncompliant, u64::from(bad));
            }
            "secure_scores" => {
                let at = text("created_date_time").unwrap_or_default();
                if at >= self.latest_score.as_str() {
                    at.clone_into(&mut self.latest_score);
                    tally.secure_score_hundredths = hundredths(get("current_score"));
                    tally.secure_score_max_hundredths = hundredths(get("max_score"));
                }
            }
            _ => {}
        }
    }

    /// Changes the counts of users by what a delta round brought and took away; `false` where they
    /// are not known, and have to be counted anew.
    pub fn shift(counts: &mut Counts, gained: &Self, lost: &Self) -> bool {
        let (gained, lost) = (&gained.tally, &lost.tally);
        let fields = |of: &Counts| {
            [
                of.users,
                of.users_enabled,
                of.guests,
                of.users_licensed,
                of.licensed_disabled,
            ]
        };
        let mut now = [0; 5];
        let changes = fields(gained).into_iter().zip(fields(lost));
        for ((now, held), (gained, lost)) in now.iter_mut().zip(fields(counts)).zip(changes) {
            let shifted = held
                .and_then(|held| held.checked_add(gained.unwrap_or(0)))
                .and_then(|count| count.checked_sub(lost.unwrap_or(0)));
            let Some(shifted) = shifted else { return false };
            *now = shifted;
        }
        let [users, enabled, guests, licensed, disabled] = now.map(Some);
        counts.users = users;
        counts.users_enabled = enabled;
        counts.guests = guests;
        counts.users_licensed = licensed;
        counts.licensed_disabled = disabled;
        true
    }

    /// Sets the counts this dataset feeds; what was never read whole stays unknown.
    pub fn finish(self, state: &DatasetState, counts: &mut Counts) {
        let known = state.countable();
        let tally = self.tally;
        let take = |n: Option<u64>| known.then(|| n.unwrap_or(0));
        match self.dataset.name {
            "users" => {
                counts.users = take(tally.users);
                counts.users_enabled = take(tally.users_enabled);
                counts.guests = take(tally.guests);
                counts.users_licensed = take(tally.users_licensed);
                counts.licensed_disabled = take(tally.licensed_disabled);
            }
            "subscribed_skus" => {
                counts.licences_bought = take(tally.licences_bought);
                counts.licences_assigned = take(tally.licences_assigned);
            }
            "sign_in_activity" => counts.inactive_90_days = take(tally.inactive_90_days),
            "mfa_registration" => {
                counts.mfa_users = take(tally.mfa_users);
                counts.mfa_registered = take(tally.mfa_registered);
            }
            "managed_devices" => {
                counts.devices = take(tally.devices);
                counts.devices_noncompliant = take(tally.devices_noncompliant);
            }
            "secure_scores" => {
                counts.secure_score_hundredths = tally.secure_score_hundredths;
                counts.secure_score_max_hundredths = tally.secure_score_max_hundredths;
            }
            _ => {}
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a score is a small positive number; the clamp makes it so"
)]
fn hundredths(cell: &str) -> Option<u64> {
    let score: f64 = serde_json::from_str(cell).ok()?;
    Some((score * 100.0).round().clamp(0.0, 1e12) as u64)
}

/// The stored form of what is absent.
const NULL: &str = "null";

/// A text as it is compared here: with nothing escaped in it, as none that is counted has.
fn unquoted(cell: &str) -> Option<&str> {
    cell.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Verdict, datasets, page::Entry, state::Completeness};

    fn counted(dataset: &'static Dataset, texts: &[String]) -> Counts {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a date");
        let mut state = DatasetState::new(dataset);
        state.verdict = Verdict::Allowed;
        state.complete = Some(Completeness {
            began_at: now,
            ended_at: now,
            objects: 0,
            proof: String::new(),
            counted: None,
        });
        let mut counter = Counter::new(dataset, now);
        texts.iter().for_each(|text| counter.count(text));
        let mut counts = Counts::default();
        counter.finish(&state, &mut counts);
        counts
    }

    #[test]
    fn each_dataset_feeds_its_counts() {
        let told = Counter::DATASETS.map(|name| {
            let dataset = datasets::find(name).expect("it is registered");
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
            let body = std::fs::read(format!("{folder}/{name}.json")).expect("it has a fixture");
            let page = crate::page::from_json(dataset, &body).expect("it is a page");
            let texts = page.entries.into_iter().filter_map(|entry| match entry {
                Entry::Is(row) => Some(row.text),
                Entry::Gone(_) => None,
            });
            let counts = counted(dataset, &texts.collect::<Vec<_>>());
            let counts = serde_json::to_value(counts).expect("it is JSON");
            let known = counts.as_object().expect("an object").iter();
            let known = known.filter(|(_, count)| !count.is_null());
            let known: Vec<String> = known.map(|(name, n)| format!("{name} {n}")).collect();
            format!("{name}: {}", known.join(", "))
        });
        assert_eq!(
            told,
            [
                "users: guests 1, licensed_disabled 0, users 4, users_enabled 2, users_licensed 2",
                "subscribed_skus: licences_assigned 29, licences_bought 25",
                "sign_in_activity: inactive_90_days 2",
                "mfa_registration: mfa_registered 1, mfa_users 3",
                "managed_devices: devices 3, devices_noncompliant 0",
                "secure_scores: secure_score_hundredths 18725, secure_score_max_hundredths 40200",
            ]
        );
    }

    #[test]
    fn a_user_counts_by_what_is_stored_and_by_nothing_that_only_looks_like_it() {
        let user = |enabled: &str, kind: &str, licences: &str| {
            format!(
                r#"["1","a \"quoted\", [odd] name","u",null,{enabled},{kind},{licences},"Sales"]"#
            )
        };
        let counts = counted(
            &datasets::users::USERS,
            &[
                user("true", r#""Guest""#, r#"["a","b"]"#),
                user("false", r#""Member""#, r#"["a"]"#),
                user("false", r#""Guest""#, "[]"),
                user(r#""true""#, r#""a Guest""#, "null"),
                r#"["2"]"#.to_owned(),
            ],
        );
        let users = (counts.users, counts.users_enabled, counts.guests);
        assert_eq!(users, (Some(5), Some(1), Some(2)));
        let licensed = (counts.users_licensed, counts.licensed_disabled);
        assert_eq!(licensed, (Some(2), Some(1)));
    }
}
