//! What was told already: each step of each condition once, and its end once.

use super::{Condition, Settings};
use crate::clock_ahead;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What was told of one tenant, or of the account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// By the condition's key.
    pub entries: BTreeMap<String, Entry>,
    /// Until when a run holds it: of two that run at once, one sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// When the last daily message was sent; of the account alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_at: Option<Timestamp>,
}

/// What was told of one condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which credential, removal …: another is another story.
    pub about: String,
    /// The step that was reached; smaller is more pressing.
    pub step: i64,
    /// The channels that took the message of this step.
    pub taken_by: BTreeSet<String>,
    /// A few words, for the message that it is over.
    pub subject: String,
    /// Whether the condition is over, and that is being told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
}

/// A message that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The condition's key.
    pub key: String,
    /// What is told: the condition, or that it is over.
    pub condition: Option<Condition>,
    /// The entry as it will be noted, with the channels that have taken it already.
    pub entry: Entry,
}

/// How long a run may hold the ledger: longer than any run takes.
const HOLD: SignedDuration = SignedDuration::from_mins(5);

impl Message {
    /// A stable name of this very message: a receiver that has seen it may pass it over.
    pub fn id(&self, of: impl std::fmt::Display) -> String {
        let state = if self.entry.over { "over" } else { "raised" };
        let text = format!(
            "{of} {} {} {} {state}",
            self.key, self.entry.about, self.entry.step
        );
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
    }

    /// Whether it cannot wait for a daily message. That something is over can.
    pub fn urgent(&self) -> bool {
        self.condition.as_ref().is_some_and(|c| c.urgent)
    }
}

impl Ledger {
    /// Takes the ledger for a run; `false` where another has it.
    pub fn hold(&mut self, now: Timestamp) -> bool {
        let held = |until| clock_ahead::is_to_come(until, HOLD, now);
        if self.held_until.is_some_and(held) {
            return false;
        }
        self.held_until = now.checked_add(HOLD).ok();
        true
    }

    /// What has to be told now through these channels.
    pub fn due(&self, conditions: &[Condition], channels: &BTreeSet<String>) -> Vec<Message> {
        let raised = conditions.iter().map(|condition| {
            let same = self.entries.get(&condition.key).filter(|entry| {
                entry.about == condition.about && entry.step <= condition.step && !entry.over
            });
            let entry = same.cloned().unwrap_or_else(|| Entry {
                about: condition.about.clone(),
                step: condition.step,
                taken_by: BTreeSet::new(),
                subject: condition.subject.clone(),
                over: false,
            });
            Message {
                key: condition.key.clone(),
                condition: Some(condition.clone()),
                entry,
            }
        });
        let ended = self
            .entries
            .iter()
            .filter(|(key, _)| conditions.iter().all(|condition| condition.key != **key));
        let ended = ended.map(|(key, entry)| {
            // Told to those who were told that it began.
            let taken_by = match entry.over {
                true => entry.taken_by.clone(),
                false => channels.difference(&entry.taken_by).cloned().collect(),
            };
            Message {
                key: key.clone(),
                condition: None,
                entry: Entry {
                    over: true,
                    taken_by,
                    ..entry.clone()
                },
            }
        });
        raised
            .chain(ended)
            .filter(|message| message.entry.over || !channels.is_subset(&message.entry.taken_by))
            .collect()
    }

    /// Notes what a message was taken by. One that ends a condition, once all have it, ends its
    /// entry too.
    pub fn note(&mut self, message: &Message, channels: &BTreeSet<String>) {
        if message.entry.over && channels.is_subset(&message.entry.taken_by) {
            self.entries.remove(&message.key);
        } else {
            self.entries
                .insert(message.key.clone(), message.entry.clone());
        }
    }
}

impl Settings {
    /// The names of all channels, the installation's own among them.
    pub fn channel_ids(&self) -> BTreeSet<String> {
        let webhooks = self.channels.iter().map(|channel| channel.id.clone());
        std::iter::once(Self::OWN_CHANNEL.to_owned())
            .chain(webhooks)
            .collect()
    }

    /// The installation's own channel: its topic, or its log.
    pub const OWN_CHANNEL: &str = "installation";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(step: i64) -> Condition {
        Condition {
            key: "credential".into(),
            about: "first".into(),
            step,
            urgent: false,
            subject: "lapses".into(),
            sentence: format!("{step} days"),
            by: None,
            place: "#credential",
        }
    }

    fn channels(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Sends everything that is due to those who take it.
    fn send(ledger: &mut Ledger, now: &[Condition], to: &[&str], down: &[&str]) -> Vec<String> {
        let all = channels(to);
        let mut sent = Vec::new();
        for mut message in ledger.due(now, &all) {
            for channel in to.iter().filter(|c| !down.contains(c)) {
                if message.entry.taken_by.insert((*channel).to_owned()) {
                    let what = message.condition.as_ref().map_or("over", |c| &c.sentence);
                    sent.push(format!("{channel}: {what}"));
                }
            }
            ledger.note(&message, &all);
        }
        sent
    }

    #[test]
    fn each_step_is_told_once_to_each_channel_and_so_is_the_end() {
        let mut ledger = Ledger::default();
        let to = ["log", "teams"];
        let first = send(&mut ledger, &[condition(30)], &to, &["teams"]);
        assert_eq!(first, ["log: 30 days"]);
        let again = send(&mut ledger, &[condition(30)], &to, &[]);
        assert_eq!(again, ["teams: 30 days"], "what one missed, it gets");
        assert!(send(&mut ledger, &[condition(30)], &to, &[]).is_empty());
        assert_eq!(send(&mut ledger, &[condition(14)], &to, &[]).len(), 2);
        assert_eq!(send(&mut ledger, &[], &to, &["log"]), ["teams: over"]);
        assert_eq!(send(&mut ledger, &[], &to, &[]), ["log: over"]);
        assert!(send(&mut ledger, &[], &to, &[]).is_empty());
        assert_eq!(ledger, Ledger::default());
    }

    #[test]
    fn another_credential_is_another_story_and_a_step_back_is_none() {
        let mut ledger = Ledger::default();
        send(&mut ledger, &[condition(14)], &["log"], &[]);
        assert!(send(&mut ledger, &[condition(30)], &["log"], &[]).is_empty());
        let other = Condition {
            about: "second".into(),
            ..condition(30)
        };
        assert_eq!(send(&mut ledger, &[other], &["log"], &[]), ["log: 30 days"]);
    }

    #[test]
    fn the_end_is_told_only_to_those_who_were_told_of_the_beginning() {
        let mut ledger = Ledger::default();
        send(&mut ledger, &[condition(14)], &["log"], &[]);
        assert_eq!(send(&mut ledger, &[], &["log", "new"], &[]), ["log: over"]);
    }

    #[test]
    fn of_two_runs_one_holds_the_ledger_until_it_is_surely_dead() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let mut ledger = Ledger::default();
        assert!(ledger.hold(at(0)));
        assert!(!ledger.hold(at(299)));
        assert!(ledger.hold(at(300)));
        ledger.held_until = Some(at(365 * 24 * 3600));
        assert!(ledger.hold(at(301)), "a clock was ahead");
    }

    #[test]
    fn a_message_has_one_name_for_as_long_as_it_says_one_thing() {
        let ledger = Ledger::default();
        let id = |c: Condition| ledger.due(&[c], &channels(&["log"]))[0].id("tenant");
        assert_eq!(id(condition(30)), id(condition(30)));
        assert_ne!(id(condition(30)), id(condition(14)));
    }
}
