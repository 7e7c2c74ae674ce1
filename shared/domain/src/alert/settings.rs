//! How an account wants to be told.

use crate::clock_ahead;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// The account's choices. A webhook's address is a secret, and is in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// So many days before a credential lapses, a warning is sent; after it, weekly.
    pub days_before: Vec<i64>,
    /// Data older than this many hours is told of.
    pub stale_hours: i64,
    /// When nothing is sent.
    pub quiet: Option<Quiet>,
    /// The hour (UTC) of one message a day for all that is not urgent; `None` sends each at once.
    pub digest_hour: Option<i8>,
    /// Where to, beside the topic or log of the installation.
    pub channels: Vec<Channel>,
}

/// From one hour of the day to another, UTC; over midnight where `from` is the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// The first quiet hour, 0 to 23.
    pub from: i8,
    /// The first hour that is not quiet any more, 0 to 23.
    pub to: i8,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Names it in the vault, and in what was delivered.
    pub id: String,
    /// What it speaks.
    pub kind: ChannelKind,
    /// What a person calls it.
    pub name: String,
}

/// What a webhook speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// An Adaptive Card, to a Teams workflow.
    Teams,
    /// A Slack message.
    Slack,
    /// Plain JSON, signed.
    Webhook,
}

impl ChannelKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Teams, Self::Slack, Self::Webhook];

    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Teams => "teams",
            Self::Slack => "slack",
            Self::Webhook => "webhook",
        }
    }

    /// The words a person reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::Teams => "Teams workflow",
            Self::Slack => "Slack incoming webhook",
            Self::Webhook => "Signed JSON, for a PSA or a script",
        }
    }

    /// The kind of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            days_before: vec![60, 30, 14, 7, 3, 1, 0],
            stale_hours: 48,
            quiet: None,
            digest_hour: None,
            channels: Vec::new(),
        }
    }
}

/// What is wrong with a setting: its name, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// The setting.
    pub field: &'static str,
    /// What to do.
    pub detail: &'static str,
}

/// Webhooks an account may have.
const MOST_CHANNELS: usize = 20;

impl Settings {
    /// The same with its days in order, once each.
    ///
    /// # Errors
    /// One entry for each setting that is wrong.
    pub fn check(mut self) -> Result<Self, Vec<SettingsError>> {
        let mut errors = Vec::new();
        let mut wrong = |field, detail| errors.push(SettingsError { field, detail });
        self.days_before.sort_unstable_by(|a, b| b.cmp(a));
        self.days_before.dedup();
        let days = &self.days_before;
        if days.is_empty() || days.len() > 20 || days.iter().any(|d| !(0..=365).contains(d)) {
            wrong(
                "days_before",
                "Give up to twenty numbers of days from 0 to 365, such as 60, 30, 14, 7, 3, 1, 0.",
            );
        }
        if !(24..=24 * 30).contains(&self.stale_hours) {
            wrong(
                "stale_hours",
                "Give a whole number of hours from 24 to 720: data is read every few hours, and usage reports are two days old when they come.",
            );
        }
        let hour = |hour: i8| (0..24).contains(&hour);
        if self
            .quiet
            .is_some_and(|q| !hour(q.from) || !hour(q.to) || q.from == q.to)
        {
            wrong("quiet", "Give two different hours from 0 to 23 (UTC).");
        }
        if self.digest_hour.is_some_and(|h| !hour(h)) {
            wrong("digest_hour", "Give an hour from 0 to 23 (UTC).");
        }
        if self.digest_hour.is_some_and(|h| self.is_quiet_hour(h)) {
            wrong(
                "digest_hour",
                "The daily message would fall into the quiet hours. Choose an hour outside them.",
            );
        }
        if self.channels.len() > MOST_CHANNELS {
            wrong("channels", "Twenty webhooks are the most there can be.");
        }
        if errors.is_empty() {
            Ok(self)
        } else {
            Err(errors)
        }
    }

    fn is_quiet_hour(&self, hour: i8) -> bool {
        self.quiet.is_some_and(|q| {
            if q.from <= q.to {
                (q.from..q.to).contains(&hour)
            } else {
                hour >= q.from || hour < q.to
            }
        })
    }

    /// Whether a message waits for a later run: in quiet hours all do; with a daily message, all
    /// that are not urgent.
    pub fn waits(&self, urgent: bool, now: Timestamp) -> bool {
        self.is_quiet_hour(hour_of(now)) || (self.digest_hour.is_some() && !urgent)
    }

    /// Whether the daily message is due now, the last one having been sent at `last`.
    pub fn digest_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        let Some(hour) = self.digest_hour else {
            return false;
        };
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        !self.is_quiet_hour(hour_of(now))
            && hour_of(now) >= hour
            && last.is_none_or(|last| day(last) < day(now) || clock_ahead::is_ahead(last, now))
    }
}

fn hour_of(at: Timestamp) -> i8 {
    at.to_zoned(TimeZone::UTC).hour()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn quiet_hours_go_over_midnight_and_hold_everything() {
        let settings = Settings {
            quiet: Some(Quiet { from: 20, to: 6 }),
            ..Settings::default()
        };
        for (time, quiet) in [
            ("2026-01-01T19:59:00Z", false),
            ("2026-01-01T20:00:00Z", true),
            ("2026-01-01T03:00:00Z", true),
            ("2026-01-01T06:00:00Z", false),
        ] {
            assert_eq!(settings.waits(true, at(time)), quiet, "{time}");
        }
    }

    #[test]
    fn a_digest_comes_once_a_day_and_what_is_urgent_does_not_wait_for_it() {
        let settings = Settings {
            digest_hour: Some(7),
            ..Settings::default()
        };
        let morning = at("2026-01-02T07:10:00Z");
        assert!(settings.waits(false, morning));
        assert!(!settings.waits(true, morning));
        assert!(!settings.digest_due(None, at("2026-01-02T06:59:00Z")));
        assert!(settings.digest_due(Some(at("2026-01-01T07:00:00Z")), morning));
        assert!(!settings.digest_due(Some(morning), at("2026-01-02T08:10:00Z")));
        assert!(
            settings.digest_due(None, at("2026-01-02T23:10:00Z")),
            "a missed hour is made up for"
        );
    }

    #[test]
    fn every_wrong_setting_is_named() {
        let wrong = Settings {
            days_before: vec![-1],
            stale_hours: 1,
            quiet: Some(Quiet { from: 3, to: 3 }),
            digest_hour: Some(24),
            channels: Vec::new(),
        };
        let errors = wrong.check().expect_err("all are wrong");
        let fields: Vec<_> = errors.iter().map(|e| e.field).collect();
        assert_eq!(
            fields,
            ["days_before", "stale_hours", "quiet", "digest_hour"]
        );
        let good = Settings {
            days_before: vec![1, 30, 1],
            ..Settings::default()
        };
        assert_eq!(good.check().expect("is good").days_before, [30, 1]);
    }
}
