//! Answers that come whole and whose evidence misleads: failed attempts that look like activity, and
//! scores that are old or empty.
//!
//! | KIND | what happens |
//! |---|---|
//! | `sprayed:10` | the first 10 people of a page were tried yesterday without success, and last signed in 400 days ago |
//! | `successes-unknown:10` | the first 10 were tried yesterday, and Microsoft has recorded no success of theirs |
//! | `scores-end:26` | the newest 26 daily scores are left out |
//! | `newest-score-null` | the newest daily score has no value |

use serde_json::{Value, json};

use crate::json::date_time;

const DAY: i64 = 86_400;

/// A way for evidence to mislead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceFault {
    /// So many people of a page were tried by somebody who guesses passwords.
    Sprayed(usize),
    /// The successful sign-ins of so many people of a page are not recorded.
    SuccessesUnknown(usize),
    /// So many of the newest scores are left out.
    ScoresEnd(usize),
    /// The newest score has no value.
    NewestScoreNull,
}

impl EvidenceFault {
    /// The kind that a schedule names; none where it names another.
    pub(crate) fn named(word: &str, argument: Option<&str>) -> Option<Self> {
        Some(match (word, argument) {
            ("sprayed", Some(people)) => Self::Sprayed(people.parse().ok()?),
            ("successes-unknown", Some(people)) => Self::SuccessesUnknown(people.parse().ok()?),
            ("scores-end", Some(days)) => Self::ScoresEnd(days.parse().ok()?),
            ("newest-score-null", None) => Self::NewestScoreNull,
            _ => return None,
        })
    }

    /// Changes a page that is answered at `now`, in seconds since 1970.
    pub(crate) fn apply(self, page: &mut Value, now: i64) {
        let Some(Value::Array(objects)) = page.get_mut("value") else {
            return;
        };
        let activity = |success: Option<i64>| {
            let mut activity = json!({"lastSignInDateTime": date_time(now - DAY)});
            if let Some(success) = success {
                activity["lastSuccessfulSignInDateTime"] = date_time(success).into();
            }
            activity
        };
        match self {
            Self::Sprayed(people) => {
                for person in objects.iter_mut().take(people) {
                    person["signInActivity"] = activity(Some(now - 400 * DAY));
                }
            }
            Self::SuccessesUnknown(people) => {
                for person in objects.iter_mut().take(people) {
                    person["signInActivity"] = activity(None);
                }
            }
            // Scores come newest first.
            Self::ScoresEnd(days) => {
                objects.drain(..days.min(objects.len()));
            }
            Self::NewestScoreNull => {
                if let Some(newest) = objects.first_mut() {
                    newest["currentScore"] = Value::Null;
                }
            }
        }
    }
}
