//! Writes the sentences about a dataset that fell short: what happened, and what comes next. Trouble that
//! comes back at one sync after the other is no longer said to pass: the sentence says since when, and how
//! often.

use crate::{
    Dataset, Permission,
    fault::Fault,
    http_status,
    retry::NextTry,
    state::DatasetState,
    verdict::{Licence, Verdict},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// From so many syncs in a row on, trouble is not said to pass.
pub const PERSISTS: u32 = 3;

/// The causes for which a dataset falls short, as far as the same may come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Microsoft sees no license, though the tenant holds one.
    License,
    /// A permission that the app holds is refused.
    Forbidden,
    /// Microsoft asks to wait.
    Throttled,
    /// The service does not answer properly.
    Unanswered,
    /// A fresh token is refused.
    Token,
    /// The place in the list is lost again and again.
    Place,
    /// The query is refused.
    Query,
    /// A report came whole and cannot be read.
    Unreadable,
    /// The list has no end.
    Endless,
    /// A property is left out beyond some row of a page.
    Holes,
    /// Any other.
    #[serde(other)]
    Other,
}

impl Cause {
    /// The cause that a fault is.
    pub fn of(fault: &Fault) -> Self {
        match fault {
            Fault::NotLicensed(_) => Self::License,
            Fault::Forbidden => Self::Forbidden,
            Fault::Throttled(_) => Self::Throttled,
            Fault::Passing(_) | Fault::Silent => Self::Unanswered,
            Fault::TokenRefused => Self::Token,
            Fault::StateLost => Self::Place,
            Fault::NoChanges
            | Fault::PageSize(_)
            | Fault::UnknownProperty(_)
            | Fault::Refused { .. } => Self::Query,
            Fault::Unreadable(_) => Self::Unreadable,
            Fault::NotInCloud => Self::Other,
        }
    }
}

/// The same trouble at one sync after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeated {
    /// The cause.
    pub cause: Cause,
    /// The time at which it was first met.
    pub since: Timestamp,
    /// At how many syncs in a row.
    pub times: u32,
}

impl Repeated {
    /// The same with one more sync; another cause begins anew.
    #[must_use]
    pub fn once_more(before: Option<Self>, cause: Cause, now: Timestamp) -> Self {
        match before.filter(|before| before.cause == cause) {
            Some(before) => Self {
                times: before.times.saturating_add(1),
                ..before
            },
            None => Self {
                cause,
                since: now,
                times: 1,
            },
        }
    }

    /// Returns true if the trouble is no longer said to pass.
    pub fn persists(&self) -> bool {
        self.times >= PERSISTS
    }

    /// Writes what happened, and what comes next: `passes` at first, and `stays` once it persists, with since
    /// when and how often.
    pub fn told(&self, what: &str, passes: &str, stays: &str) -> String {
        if !self.persists() {
            return format!("{what} {passes}");
        }
        format!(
            "{what} It has been so at each of the last {} syncs, since {}. {stays}",
            self.times,
            self.since.strftime("%Y-%m-%d %H:%M UTC"),
        )
    }
}

impl DatasetState {
    /// Takes note that a run fell short for a cause, and says how often in a row it has.
    pub fn falls_short(&mut self, cause: Cause, now: Timestamp) -> Repeated {
        let repeated = Repeated::once_more(self.repeated, cause, now);
        self.repeated = Some(repeated);
        repeated
    }

    /// Takes note that Microsoft sees no Intune license in a tenant that holds one. From the third sync on
    /// that is no passing trouble: Intune was never set up. Whether it is so.
    pub fn was_never_set_up(&mut self, licence: Licence, now: Timestamp) -> bool {
        if licence != Licence::Intune {
            return false;
        }
        // What is known already is not counted on: an unchanged state is not written again.
        if self.verdict != Verdict::NotSetUp
            && !Repeated::once_more(self.repeated, Cause::License, now).persists()
        {
            return false;
        }
        if self.verdict != Verdict::NotSetUp {
            self.falls_short(Cause::License, now);
            self.verdict = Verdict::NotSetUp;
        }
        true
    }
}

/// Says why a run fell short, and what comes next. `next_try` is when a dataset that gave up its turn is
/// read again.
pub fn sentence(
    dataset: &Dataset,
    fault: &Fault,
    repeated: &Repeated,
    next_try: Option<NextTry>,
    now: Timestamp,
) -> String {
    if matches!(fault, Fault::Throttled(_)) {
        return throttled(repeated, next_try, now);
    }
    if matches!(fault, Fault::Silent) {
        return silent(repeated, next_try, now);
    }
    let what = what_happened(dataset, fault);
    let (passes, stays) = what_comes_next(fault);
    repeated.told(&what, passes, stays)
}

/// Says when a throttled dataset is read again. The limit may be Microsoft's answer, or the published
/// quota that Muster keeps to.
fn throttled(repeated: &Repeated, next_try: Option<NextTry>, now: Timestamp) -> String {
    let when = next_try.map_or_else(|| "later".to_owned(), |next| next.when(now));
    let again = format!("Muster tries again {when}. What was read before is kept.");
    repeated.told(
        "Microsoft limits how often this may be read, and the limit is reached.",
        &again,
        &format!("Another app may be using up the tenant's limit. {again}"),
    )
}

/// Says when a dataset is read again for which no answer came in time.
fn silent(repeated: &Repeated, next_try: Option<NextTry>, now: Timestamp) -> String {
    let when = next_try.map_or_else(|| "later".to_owned(), |next| next.when(now));
    let again = format!("Muster tries again {when}. What was read before is kept.");
    repeated.told(
        "Microsoft Graph did not answer in time.",
        &again,
        &format!("Look at Microsoft's service health (https://status.cloud.microsoft). {again}"),
    )
}

fn what_happened(dataset: &Dataset, fault: &Fault) -> String {
    match fault {
        Fault::NotLicensed(licence) => format!(
            "Microsoft says that the tenant has no {} license, though it holds one.",
            licence.name()
        ),
        Fault::Forbidden => {
            let names: Vec<&str> = dataset.permissions().map(Permission::value).collect();
            format!(
                "Microsoft refuses, though the app holds {}.",
                names.join(", ")
            )
        }
        Fault::Passing(why) => format!("Microsoft Graph did not answer properly ({why})."),
        Fault::TokenRefused => "Microsoft does not accept its own access token.".to_owned(),
        Fault::StateLost => "Microsoft lost the place in the list twice in a row.".to_owned(),
        Fault::Unreadable(why) => {
            format!("Microsoft's report came whole, and Muster cannot read it: {why}.")
        }
        Fault::Throttled(_)
        | Fault::Silent
        | Fault::NotInCloud
        | Fault::NoChanges
        | Fault::PageSize(_)
        | Fault::UnknownProperty(_) => format!(
            "{}, and there is no other way to ask.",
            upper(&fault.to_string())
        ),
        Fault::Refused {
            status: ..400,
            code,
        } => format!("Microsoft Graph gave an answer that Muster does not act on: {code}."),
        Fault::Refused { status, code } => {
            let because = http_status::in_words(*status);
            let code = match code.as_str() {
                "" => String::new(),
                code => format!(" Microsoft's own word for it is {code}."),
            };
            format!("Microsoft Graph refused the request: {because}.{code}")
        }
    }
}

/// Returns what comes next: where the trouble is new, and once it persists.
fn what_comes_next(fault: &Fault) -> (&'static str, &'static str) {
    const AGAIN: &str = "Muster tries again at the next sync; nothing was removed.";
    const HEALTH: &str = "Nothing was removed, and Muster goes on asking. In the Microsoft 365 admin center, Health > Service health tells of outages.";
    match fault {
        Fault::NotLicensed(_) => (
            "This passes; Muster tries again at the next sync.",
            "In the Microsoft 365 admin center, Billing > Your products, check that the subscription is active. Muster goes on asking.",
        ),
        Fault::Forbidden => (
            "After a new consent this passes within minutes; if it stays, grant admin consent again.",
            "In Entra, open the app registration's API permissions and grant admin consent again.",
        ),
        Fault::Passing(_) | Fault::StateLost => (AGAIN, HEALTH),
        Fault::TokenRefused => (
            "Muster tries again at the next sync.",
            "In Entra, check under Enterprise applications that the app is enabled, and under Conditional Access that no policy blocks its sign-ins.",
        ),
        Fault::Unreadable(_) => (
            "What was read before is kept; Muster reads the report again at the next sync.",
            "What was read before is kept, and Muster goes on reading it.",
        ),
        Fault::Throttled(_)
        | Fault::Silent
        | Fault::NotInCloud
        | Fault::NoChanges
        | Fault::PageSize(_)
        | Fault::UnknownProperty(_)
        | Fault::Refused { .. } => (
            "What was read before is kept; Muster asks again at the next sync.",
            "What was read before is kept, and Muster goes on asking.",
        ),
    }
}

fn upper(phrase: &str) -> String {
    let mut chars = phrase.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::users::USERS;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).expect("a time")
    }

    fn faults() -> Vec<Fault> {
        vec![
            Fault::NotLicensed(Licence::EntraIdP1),
            Fault::Forbidden,
            Fault::Throttled(None),
            Fault::Passing("503".to_owned()),
            Fault::TokenRefused,
            Fault::StateLost,
            Fault::NoChanges,
            Fault::PageSize(Vec::new()),
            Fault::UnknownProperty("mail"),
            Fault::Unreadable("its header is missing".to_owned()),
            Fault::Refused {
                status: 400,
                code: String::new(),
            },
        ]
    }

    #[test]
    fn no_trouble_is_said_to_pass_once_it_has_come_three_times() {
        for fault in faults() {
            let mut state = DatasetState::new(&USERS);
            let mut told = Vec::new();
            for hour in 0..4 {
                let repeated = state.falls_short(Cause::of(&fault), at(hour));
                let next_try = NextTry::after(None, None, at(0), 0.0);
                told.push(sentence(&USERS, &fault, &repeated, Some(next_try), at(0)));
            }
            assert_eq!(told[0], told[1], "{fault:?}");
            for (sentence, times) in told[2..].iter().zip(3..) {
                assert!(!sentence.contains("passes"), "{sentence}");
                assert!(!sentence.contains("at the next sync"), "{sentence}");
                let since =
                    format!("at each of the last {times} syncs, since 1970-01-01 00:00 UTC");
                assert!(sentence.contains(&since), "{sentence}");
            }
        }
    }

    #[test]
    fn another_trouble_begins_to_count_anew() {
        let mut state = DatasetState::new(&USERS);
        state.falls_short(Cause::Unanswered, at(0));
        state.falls_short(Cause::Unanswered, at(1));
        let repeated = state.falls_short(Cause::Throttled, at(2));
        assert_eq!((repeated.times, repeated.since), (1, at(2)));
    }

    #[test]
    fn intune_was_never_set_up_from_the_third_sync_on_and_that_is_written_once() {
        let mut state = DatasetState::new(&USERS);
        for hour in 0..2 {
            assert!(!state.was_never_set_up(Licence::Intune, at(hour)));
            state.falls_short(Cause::License, at(hour));
        }
        assert!(state.was_never_set_up(Licence::Intune, at(2)));
        let known = state.clone();
        assert!(state.was_never_set_up(Licence::Intune, at(3)));
        assert_eq!(state, known);
        assert!(!state.was_never_set_up(Licence::EntraIdP1, at(4)));
    }
}
