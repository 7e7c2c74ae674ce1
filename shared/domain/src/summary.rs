//! The counts of a tenant on one day; their history draws the trends.

use crate::{Dataset, DatasetState, Record};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
}

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
        }
    }

    /// Counts one record.
    pub fn count(&mut self, record: &Record) {
        let get = |name: &str| record.get(self.dataset, name);
        let is = |name: &str| get(name) == &Value::Bool(true);
        let number = |name: &str| get(name).as_u64().unwrap_or(0);
        let tally = &mut self.tally;
        let add = |count: &mut Option<u64>, n: u64| *count = Some(count.unwrap_or(0) + n);
        match self.dataset.name {
            "users" => {
                let licensed = get("assigned_licenses_sku_id")
                    .as_array()
                    .is_some_and(|l| !l.is_empty());
                add(&mut tally.users, 1);
                add(&mut tally.users_enabled, u64::from(is("account_enabled")));
                add(&mut tally.guests, u64::from(get("user_type") == "Guest"));
                add(&mut tally.users_licensed, u64::from(licensed));
                let disabled = get("account_enabled") == &Value::Bool(false);
                add(
                    &mut tally.licensed_disabled,
                    u64::from(licensed && disabled),
                );
            }
            "subscribed_skus" => {
                let bought = number("prepaid_units_enabled");
                let counts = bought < FREE_UNITS && get("applies_to") != "Company";
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
                .filter_map(|name| get(name).as_str()?.parse::<Timestamp>().ok())
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
                    get("compliance_state").as_str(),
                    Some("noncompliant" | "conflict" | "error")
                );
                add(&mut tally.devices_noncompliant, u64::from(bad));
            }
            "secure_scores" => {
                let at = get("created_date_time").as_str().unwrap_or_default();
                if at >= self.latest_score.as_str() {
                    at.clone_into(&mut self.latest_score);
                    tally.secure_score_hundredths = hundredths(get("current_score"));
                    tally.secure_score_max_hundredths = hundredths(get("max_score"));
                }
            }
            _ => {}
        }
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
fn hundredths(value: &Value) -> Option<u64> {
    value
        .as_f64()
        .map(|score| (score * 100.0).round().clamp(0.0, 1e12) as u64)
}
