//! How fast Microsoft may be asked: the published quotas as the ceiling, and what it says meanwhile.
//!
//! Microsoft, "Microsoft Graph service-specific throttling limits"
//! (<https://learn.microsoft.com/graph/throttling-limits>), and "Microsoft Graph throttling guidance"
//! for `Retry-After` and `x-ms-throttle-limit-percentage`. Times are durations since some fixed
//! moment, as a clock gives them that never goes back.

use crate::Dataset;
use std::{collections::VecDeque, time::Duration};

/// What has a quota of its own for each app and tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Users, organization, licences, applications.
    Directory,
    /// Sign-ins, audits, the reports on authentication methods, and lists that select `signInActivity`:
    /// Microsoft counts those here, wherever they are
    /// (<https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/8653>).
    IdentityReports,
    /// One usage report: each is counted by itself.
    UsageReport(&'static str),
    /// Alerts and secure scores.
    Security,
    /// Intune, for which the page names no quota: what it says itself is followed.
    Intune,
}

/// So many units in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests, or resource units where the service counts in them.
    pub units: u32,
    /// In this long.
    pub window: Duration,
}

impl Service {
    /// The quota of one app in one tenant; that of the smallest tenants where it grows with them.
    pub fn quota(self) -> Option<Quota> {
        let quota = |units, seconds| {
            Some(Quota {
                units,
                window: Duration::from_secs(seconds),
            })
        };
        match self {
            Self::Directory => quota(3500, 10),
            Self::IdentityReports => quota(5, 10),
            Self::UsageReport(_) => quota(14, 600),
            Self::Security => quota(150, 60),
            Self::Intune => None,
        }
    }
}

/// What one request of a dataset takes of its service's quota: resource units in the directory, where
/// `$select` saves one, and one elsewhere.
pub fn units(dataset: &'static Dataset) -> u32 {
    if dataset.service != Service::Directory {
        return 1;
    }
    let base: u32 = match dataset.path.split('/').nth(1).unwrap_or_default() {
        "users" | "applications" => 2,
        "subscribedSkus" => 3,
        _ => 1,
    };
    base.saturating_sub(u32::from(dataset.select)).max(1)
}

/// The pace towards one service for one tenant.
///
/// No window as long as the quota's ever holds more than the quota: a burst is free, and what is
/// spent comes back when it leaves the window. The window is counted a twentieth longer than it is,
/// for what the wire adds and the clocks differ by.
#[derive(Debug, Clone)]
pub struct Pace {
    quota: Option<Quota>,
    /// What was spent in the window, and when.
    spent: VecDeque<(Duration, u32)>,
    sum: u32,
    /// What others leave of the quota, and until when that is believed.
    left_to_us: Option<(u32, Duration)>,
    /// Nothing is asked before then.
    not_before: Duration,
}

/// One throttled request holds the service's other requests back for at most this long: what was
/// throttled may have a limit of its own, and the others find that out by themselves.
const LONGEST_HOLD: Duration = Duration::from_secs(60);
/// What is left of our part when we are refused within the quota, and for how many windows.
const LESS: f64 = 0.7;
const WINDOWS_BELIEVED: u32 = 10;

impl Pace {
    /// A pace that has spent nothing; without a quota only told waits hold it.
    pub fn new(quota: Option<Quota>) -> Self {
        Self {
            quota,
            spent: VecDeque::new(),
            sum: 0,
            left_to_us: None,
            not_before: Duration::ZERO,
        }
    }

    /// Asks for leave to send a request now. Takes it from the quota, or says how long to wait
    /// before asking again.
    pub fn ask(&mut self, units: u32, now: Duration) -> Result<(), Duration> {
        if now < self.not_before {
            return Err(self.not_before - now);
        }
        let Some(quota) = self.quota else {
            return Ok(());
        };
        let window = quota.window + quota.window / 20;
        while let Some((at, units)) = self.spent.front().copied()
            && now >= at + window
        {
            self.spent.pop_front();
            self.sum -= units;
        }
        if self.left_to_us.is_some_and(|(_, until)| now >= until) {
            self.left_to_us = None;
        }
        let most = self.left_to_us.map_or(quota.units, |(most, _)| most);
        // A request dearer than all there is must go out one day.
        if self.sum > 0 && self.sum + units > most {
            let (oldest, _) = self.spent.front().copied().unwrap_or_default();
            return Err((oldest + window).saturating_sub(now));
        }
        self.spent.push_back((now, units));
        self.sum += units;
        Ok(())
    }

    /// Takes note that Microsoft asks to wait, for so long.
    pub fn throttled(&mut self, wait: Duration, now: Duration) {
        // One answer for several requests that were under way tells once.
        let told_before = now < self.not_before;
        self.not_before = self.not_before.max(now + wait.min(LONGEST_HOLD));
        if !told_before {
            // Within the quota and refused: others are at it, too.
            self.leave_to_others(f64::from(self.sum) * LESS, now);
        }
    }

    /// Takes note of `x-ms-throttle-limit-percentage`: the part of the quota that is used. Where it
    /// is more than we know to have spent, others spend it, too.
    pub fn heard(&mut self, used: f64, now: Duration) {
        // Below the whole quota nothing need be done: our own part is counted already.
        if (1.0..=100.0).contains(&used) {
            self.leave_to_others(f64::from(self.sum) / used, now);
        }
    }

    fn leave_to_others(&mut self, ours: f64, now: Duration) {
        let Some(quota) = self.quota else { return };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a small positive number"
        )]
        let ours = (ours as u32).max(1);
        if ours < quota.units {
            self.left_to_us = Some((ours, now + quota.window * WINDOWS_BELIEVED));
        }
    }

    /// Whether it holds nothing that matters any more.
    pub fn is_idle(&self, now: Duration) -> bool {
        let spent = self.spent.back().zip(self.quota);
        now >= self.not_before && spent.is_none_or(|((at, _), quota)| now >= *at + quota.window * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets;

    /// A service as strict as the published quota: a bucket that fills evenly. Whoever asks of an
    /// empty one is told how long to wait, and asks in vain until then.
    struct Bucket {
        quota: Quota,
        tokens: f64,
        at: Duration,
        closed_until: Duration,
        granted: u32,
        refused: u32,
        asked_while_closed: u32,
    }

    impl Bucket {
        fn new(quota: Quota) -> Self {
            Self {
                quota,
                tokens: f64::from(quota.units),
                at: Duration::ZERO,
                closed_until: Duration::ZERO,
                granted: 0,
                refused: 0,
                asked_while_closed: 0,
            }
        }

        fn fill(&mut self, now: Duration) -> f64 {
            let rate = f64::from(self.quota.units) / self.quota.window.as_secs_f64();
            let since = now.saturating_sub(self.at).as_secs_f64();
            self.tokens = (self.tokens + since * rate).min(f64::from(self.quota.units));
            self.at = self.at.max(now);
            rate
        }

        /// `Err` is a 429 with its `Retry-After`.
        fn request(&mut self, units: u32, now: Duration) -> Result<f64, Duration> {
            let rate = self.fill(now);
            if now < self.closed_until {
                self.asked_while_closed += 1;
                self.refused += 1;
                return Err(self.closed_until - now);
            }
            if self.tokens < f64::from(units) {
                self.refused += 1;
                let wait = ((f64::from(units) - self.tokens) / rate).ceil();
                self.closed_until = now + Duration::from_secs_f64(wait);
                return Err(self.closed_until - now);
            }
            self.tokens -= f64::from(units);
            self.granted += units;
            Ok(1.0 - self.tokens / f64::from(self.quota.units))
        }
    }

    /// Asks without end for `windows` windows, each request taking a while on the wire.
    fn work(service: Service, units: u32, windows: u32, others: f64) -> Bucket {
        let quota = service.quota().expect("it has one");
        let mut bucket = Bucket::new(quota);
        let mut pace = Pace::new(Some(quota));
        let (mut now, mut number) = (Duration::ZERO, 0_u64);
        let mut taken_by_others = Duration::ZERO;
        while now < quota.window * windows {
            if let Err(wait) = pace.ask(units, now) {
                now += wait;
                continue;
            }
            number += 1;
            // Others take their part evenly.
            let rate = bucket.fill(now);
            bucket.tokens -= (now - taken_by_others).as_secs_f64() * rate * others;
            taken_by_others = now;
            let there = Duration::from_millis(1 + number * 7919 % 90);
            match bucket.request(units, now + there) {
                Ok(used) => {
                    if used >= 0.8 {
                        pace.heard(used, now + there * 2);
                    }
                }
                Err(wait) => pace.throttled(wait, now + there * 2),
            }
            now += there * 2;
        }
        bucket
    }

    #[test]
    fn nearly_all_of_each_quota_is_used_and_no_request_is_refused() {
        for (service, units) in [
            (Service::IdentityReports, 1),
            (Service::UsageReport("mailbox_usage"), 1),
            (Service::Security, 1),
            (Service::Directory, 700),
        ] {
            let quota = service.quota().expect("it has one");
            let windows = 200;
            let bucket = work(service, units, windows, 0.0);
            let used = f64::from(bucket.granted) / f64::from(quota.units * windows);
            println!(
                "{service:?}: {:.1} % of the quota used, {} refused, {} while told to wait",
                used * 100.0,
                bucket.refused,
                bucket.asked_while_closed
            );
            assert!(used >= 0.85, "{service:?} uses {used}");
            assert_eq!(
                (bucket.refused, bucket.asked_while_closed),
                (0, 0),
                "{service:?}"
            );
        }
    }

    #[test]
    fn with_others_in_the_same_quota_no_request_goes_out_while_told_to_wait() {
        let bucket = work(Service::Security, 1, 200, 0.4);
        let asked = bucket.granted + bucket.refused;
        assert_eq!(bucket.asked_while_closed, 0);
        assert!(bucket.refused * 50 < asked, "{} of {asked}", bucket.refused);
    }

    #[test]
    fn a_told_wait_holds_every_dataset_of_the_service() {
        let mut pace = Pace::new(Service::Intune.quota());
        pace.throttled(Duration::from_secs(30), Duration::from_secs(1));
        pace.throttled(Duration::from_secs(2), Duration::from_secs(3));
        assert_eq!(
            pace.ask(1, Duration::from_secs(11)),
            Err(Duration::from_secs(20))
        );
        assert_eq!(pace.ask(1, Duration::from_secs(31)), Ok(()));
    }

    #[test]
    fn a_long_wait_of_one_dataset_does_not_shut_the_service_for_the_others() {
        let mut pace = Pace::new(Service::Directory.quota());
        pace.throttled(Duration::from_secs(86_400), Duration::ZERO);
        assert_eq!(pace.ask(1, Duration::ZERO), Err(Duration::from_secs(60)));
        assert_eq!(pace.ask(1, Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn every_dataset_takes_from_the_quota_that_microsoft_counts_it_in() {
        let of = |name: &str| datasets::find(name).expect("it is registered").service;
        assert_eq!(of("users"), Service::Directory);
        assert_eq!(of("sign_in_activity"), Service::IdentityReports);
        assert_eq!(of("mfa_registration"), Service::IdentityReports);
        assert_eq!(of("active_users"), Service::UsageReport("active_users"));
        assert_eq!(of("secure_scores"), Service::Security);
        assert_eq!(of("managed_devices"), Service::Intune);
        assert_eq!(units(datasets::find("users").expect("it is registered")), 1);
    }

    #[test]
    fn a_dataset_declares_the_service_that_its_path_and_its_properties_are_of() {
        for dataset in datasets::ALL {
            let under = |roots: &[&str]| roots.iter().any(|root| dataset.path.starts_with(root));
            let selects = |property: &str| {
                let mut columns = dataset.columns.iter();
                dataset.select && columns.any(|column| column.source.starts_with(property))
            };
            let service = if selects("signInActivity")
                || under(&["/auditLogs/", "/reports/authenticationMethods/"])
            {
                Service::IdentityReports
            } else if under(&["/reports/"]) {
                Service::UsageReport(dataset.name)
            } else if under(&["/security/"]) {
                Service::Security
            } else if under(&["/deviceManagement/", "/deviceAppManagement/"]) {
                Service::Intune
            } else {
                Service::Directory
            };
            assert_eq!(dataset.service, service, "{}", dataset.name);
        }
    }
}
