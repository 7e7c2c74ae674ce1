//! What there is to tell of an integration now.

use super::Settings;
use crate::{
    DatasetState, Integration, Permission, Verdict, datasets,
    expiry::{Certainty, ExpirySource, days_left},
    integration::{CUT_OFF, Unreadable},
    state::Phase,
};
use jiff::{SignedDuration, Timestamp};

/// Something a person has to know without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Names it within its tenant.
    pub key: String,
    /// Which credential, removal …: another is another story.
    pub about: String,
    /// How pressing, in steps that are each told once; smaller is more pressing.
    pub step: i64,
    /// Whether it cannot wait for a daily message.
    pub urgent: bool,
    /// A few words.
    pub subject: String,
    /// Which client, what happened, and what to do.
    pub sentence: String,
    /// By when to act, where there is such a time.
    pub by: Option<Timestamp>,
    /// Where on the integration's page it is mended.
    pub place: &'static str,
}

const CREDENTIAL: &str = "#credential";

/// Everything there is to tell of an integration, the most pressing first. Nothing is told of one
/// that is paused, being deleted, or not consented to yet.
pub fn conditions(
    integration: &Integration,
    states: &[DatasetState],
    settings: &Settings,
    now: Timestamp,
) -> Vec<Condition> {
    let mut found = Vec::new();
    if let Some(unreadable) = &integration.unreadable {
        found.push(cannot_be_read(integration, unreadable));
        return found;
    }
    if integration.connected_at.is_none() {
        return found;
    }
    found.extend(lapsing(integration, settings, now));
    found.extend(deleted(integration));
    found.extend(sign_in(integration));
    found.extend(sync(integration, now));
    found.extend(renewal_trouble(integration));
    found.extend(policy(integration));
    found.extend(lost_permissions(integration, now));
    found.extend(old_data(integration, states, settings, now));
    found.extend(states.iter().filter_map(|state| held(integration, state)));
    found
}

fn cannot_be_read(integration: &Integration, unreadable: &Unreadable) -> Condition {
    let name = &integration.name;
    Condition {
        key: "cannot_be_read".to_owned(),
        about: unreadable.item.clone(),
        step: 0,
        urgent: true,
        subject: format!("{name}: what is stored cannot be read"),
        sentence: format!(
            "{name}: item `{}` of tenant {} cannot be read: {}. Nothing is synced for this client. If Muster was downgraded, run the newer version again.",
            unreadable.item, integration.tenant_id, unreadable.why
        ),
        by: None,
        place: "",
    }
}

/// Whether an integration is one that is told of at all.
pub fn silent(integration: &Integration) -> bool {
    integration.paused || integration.deleting
}

/// What the account is told of messages that were given up.
pub fn dead_letters(count: u64) -> Option<Condition> {
    (count > 0).then(|| Condition {
        key: "dead_letters".to_owned(),
        about: String::new(),
        step: 0,
        urgent: true,
        subject: "Muster: syncs were given up".to_owned(),
        sentence: format!(
            "{count} sync messages failed five times and were set aside. The clients that need attention say why, and when Muster tries again. Once they are mended, purge the dead-letter queue."
        ),
        by: None,
        place: "",
    })
}

fn lapsing(integration: &Integration, settings: &Settings, now: Timestamp) -> Option<Condition> {
    let credential = &integration.credential;
    let at = credential.expires_at?;
    let mut step = step(at, &settings.days_before, now)?;
    if integration.renews_itself() {
        // Muster renews by itself: a person is told only when that is late.
        let late = integration.automatic.as_ref()?.days_before() / 2;
        if days_left(at, now) > late {
            return None;
        }
        step = step.min(late);
    }
    Some(Condition {
        key: "credential".to_owned(),
        about: credential.stored_at.to_string(),
        step,
        urgent: step <= 1,
        subject: format!(
            "Muster: the {} of {} {}",
            credential.kind.title(),
            integration.name,
            if step < 0 {
                "has lapsed"
            } else {
                "needs replacing"
            }
        ),
        sentence: lapse(integration, at, now),
        by: Some(at),
        place: CREDENTIAL,
    })
}

/// The step that has been reached: the smallest of `days` that is not fewer than the days left;
/// after the end, weekly.
fn step(expires_at: Timestamp, days: &[i64], now: Timestamp) -> Option<i64> {
    let left = days_left(expires_at, now);
    if left < 0 {
        return Some(-((-left - 1) / 7) * 7 - 1);
    }
    days.iter().copied().filter(|step| left <= *step).min()
}

fn lapse(integration: &Integration, at: Timestamp, now: Timestamp) -> String {
    let (kind, name) = (integration.credential.kind.title(), &integration.name);
    let date = at.strftime("%-d %B %Y");
    let mut sentence = match days_left(at, now) {
        ..0 => format!(
            "The {kind} of {name} lapsed on {date}. Nothing is synced until it is replaced."
        ),
        0 => format!("The {kind} of {name} lapses today, {date}. Replace it now."),
        1 => format!("The {kind} of {name} lapses tomorrow, {date}. Replace it now."),
        days => format!(
            "The {kind} of {name} lapses in {days} days, on {date}. Replace it before then."
        ),
    };
    let credential = &integration.credential;
    match (credential.expiry_source, credential.certainty) {
        (ExpirySource::Assumed, _) => sentence.push_str(
            " This date is assumed, six months from when it was stored: Entra has not told it yet.",
        ),
        (_, Certainty::Likely) => sentence.push_str(
            " Several secrets could be the one in use; this is the earliest of their dates.",
        ),
        _ => {}
    }
    sentence
}

fn deleted(integration: &Integration) -> Option<Condition> {
    let credential = &integration.credential;
    let since = credential.deleted_since?;
    Some(Condition {
        key: "credential_deleted".to_owned(),
        about: credential.stored_at.to_string(),
        step: 0,
        urgent: true,
        subject: format!(
            "Muster: the {} of {} was deleted",
            credential.kind.title(),
            integration.name
        ),
        sentence: deletion(integration),
        by: Some(since),
        place: CREDENTIAL,
    })
}

fn deletion(integration: &Integration) -> String {
    let credential = &integration.credential;
    format!(
        "The {} of {} that Muster uses ({}…) is not in the app registration any more: somebody deleted it. It may work for some more minutes. Replace it now.",
        credential.kind.title(),
        integration.name,
        credential.shown_hint()
    )
}

/// What the integration's page says of its credential: kind of problem, whether it needs
/// attention, the sentence, since when.
pub fn of_credential(
    integration: &Integration,
    now: Timestamp,
) -> Vec<(&'static str, bool, String, Option<Timestamp>)> {
    let credential = &integration.credential;
    let mut said = Vec::new();
    if let Some(since) = credential.deleted_since {
        said.push((
            "credential_deleted",
            true,
            deletion(integration),
            Some(since),
        ));
    }
    if let Some(at) = credential.expires_at.filter(|at| days_left(*at, now) <= 30) {
        let itself = integration.renews_itself()
            && integration
                .automatic
                .as_ref()
                .is_some_and(|a| days_left(at, now) > a.days_before() / 2);
        if !itself {
            said.push((
                "credential_expiring",
                true,
                lapse(integration, at, now),
                None,
            ));
        }
    }
    if let Some(longer) = &credential.longer
        && credential
            .expires_at
            .is_some_and(|at| days_left(at, now) <= 60)
    {
        said.push((
            "longer_credential",
            false,
            format!(
                "The app registration holds another secret ({}…) that lives until {}. If it was made for Muster, paste its Value under Credential.",
                longer.hint,
                longer.expires_at.strftime("%-d %B %Y")
            ),
            None,
        ));
    }
    if let Some(trouble) = integration
        .automatic
        .as_ref()
        .and_then(|a| a.trouble.as_ref())
    {
        said.push((
            "renewal_failed",
            true,
            trouble.sentence.clone(),
            Some(trouble.since),
        ));
    }
    if let Some(why) = policy_to_tell(integration) {
        said.push(("secret_policy", true, why, None));
    }
    said
}

/// Sign-in is refused, with the credential in use or altogether.
fn sign_in(integration: &Integration) -> Option<Condition> {
    let refused = integration.sign_in_trouble.as_ref();
    let trouble = refused.or(integration.fell_back.as_ref())?;
    Some(Condition {
        key: "sign_in".to_owned(),
        about: trouble.sentence.clone(),
        step: if refused.is_some() { 0 } else { 1 },
        urgent: true,
        subject: format!(
            "Muster: Microsoft refuses the sign-in of {}",
            integration.name
        ),
        sentence: format!("{}: {}", integration.name, trouble.sentence),
        by: None,
        place: CREDENTIAL,
    })
}

/// The sync was given up, or its worker died and no other followed.
fn sync(integration: &Integration, now: Timestamp) -> Option<Condition> {
    let failure = integration.sync_failure.as_ref();
    let failure = failure.map(|failure| {
        let told = failure.told(integration.cadence_minutes, now);
        (failure.since, told)
    });
    let cut_off = || {
        integration.sync.cut_off_at(now)?;
        Some((integration.sync.started_at?, CUT_OFF.to_owned()))
    };
    let (since, told) = failure.or_else(cut_off)?;
    let name = &integration.name;
    Some(Condition {
        key: "sync".to_owned(),
        about: since.to_string(),
        step: 0,
        urgent: true,
        subject: format!("Muster: {name} could not be synced"),
        sentence: format!("{name}: {told}"),
        by: None,
        place: "",
    })
}

fn renewal_trouble(integration: &Integration) -> Option<Condition> {
    let trouble = integration.automatic.as_ref()?.trouble.as_ref()?;
    Some(Condition {
        key: "renewal".to_owned(),
        about: trouble.sentence.clone(),
        step: 0,
        urgent: false,
        subject: format!(
            "Muster: the secret of {} could not be renewed",
            integration.name
        ),
        sentence: format!("{}: {}", integration.name, trouble.sentence),
        by: integration.credential.expires_at,
        place: CREDENTIAL,
    })
}

/// The policy forbids what the next renewal would do. Where Muster was refused already, that says
/// so.
fn policy(integration: &Integration) -> Option<Condition> {
    let why = policy_to_tell(integration)?;
    Some(Condition {
        key: "secret_policy".to_owned(),
        about: integration.credential.stored_at.to_string(),
        step: 0,
        urgent: false,
        subject: format!(
            "Muster: the secret of {} cannot be renewed",
            integration.name
        ),
        sentence: format!("{}: {why}", integration.name),
        by: integration.credential.expires_at,
        place: CREDENTIAL,
    })
}

fn policy_to_tell(integration: &Integration) -> Option<String> {
    let automatic = integration.automatic.as_ref();
    match automatic.and_then(|automatic| automatic.trouble.as_ref()) {
        Some(_) => None,
        None => integration.policy_against_renewal(),
    }
}

fn lost_permissions(integration: &Integration, now: Timestamp) -> Option<Condition> {
    if integration.lost.is_empty() || integration.roles_may_lag(now) {
        return None;
    }
    let names: Vec<&str> = integration
        .lost
        .iter()
        .map(|p| Permission::value(*p))
        .collect();
    let all = integration.roles.is_empty();
    let name = &integration.name;
    Some(Condition {
        key: "permissions".to_owned(),
        about: names.join(" "),
        step: 0,
        urgent: all,
        subject: match all {
            true => format!("Muster: {name} has withdrawn its consent"),
            false => format!("Muster: {name} grants less than before"),
        },
        sentence: match all {
            true => format!(
                "{name} grants no permission any more: consent was withdrawn or the app was removed. What was read before is kept. Authorize again to go on."
            ),
            false => format!(
                "{name} does not grant {} any more. What they feed is not read now; what was read before is kept. Grant them in Entra under API permissions, or Authorize again.",
                names.join(", ")
            ),
        },
        by: None,
        place: "",
    })
}

fn old_data(
    integration: &Integration,
    states: &[DatasetState],
    settings: &Settings,
    now: Timestamp,
) -> Option<Condition> {
    // A refused sign-in says more than what comes of it.
    if integration.sign_in_trouble.is_some() || integration.roles.is_empty() {
        return None;
    }
    let hours = settings.stale_hours;
    let too_old = |at: Timestamp, dataset_minutes: i64| {
        let limit = SignedDuration::from_hours(hours)
            .max(SignedDuration::from_mins(2 * dataset_minutes))
            .max(SignedDuration::from_mins(
                2 * i64::from(integration.cadence_minutes),
            ));
        now.duration_since(at) > limit
    };
    let old = |dataset: &&&'static crate::Dataset| {
        let state = states.iter().find(|state| state.dataset == dataset.name);
        let since = state
            .and_then(|state| state.last_success_at)
            .or(integration.connected_at);
        let blocked = state.is_some_and(|state| state.phase == Phase::Blocked);
        !blocked
            && !integration
                .datasets_off
                .iter()
                .any(|off| off == dataset.name)
            && Verdict::of_roles(dataset, &integration.roles).allows()
            && since.is_some_and(|at| too_old(at, i64::from(dataset.due_every_minutes)))
    };
    let titles: Vec<&str> = datasets::ALL.iter().filter(old).map(|d| d.title).collect();
    if titles.is_empty() {
        return None;
    }
    Some(Condition {
        key: "old_data".to_owned(),
        about: String::new(),
        step: 0,
        urgent: false,
        subject: format!("Muster: data of {} is getting old", integration.name),
        sentence: format!(
            "{}: {} could not be read whole for more than {hours} hours. What was read before is kept; the page says why.",
            integration.name,
            titles.join(", ")
        ),
        by: None,
        place: "#datasets-title",
    })
}

fn held(integration: &Integration, state: &DatasetState) -> Option<Condition> {
    let held = state.held_removal.filter(|_| !state.removal_allowed)?;
    let title = datasets::find(&state.dataset).map_or("", |dataset| dataset.title);
    Some(Condition {
        key: format!("removal#{}", state.dataset),
        about: held.since.to_string(),
        step: 0,
        urgent: false,
        subject: format!(
            "Muster: {} of {} wait for an answer",
            title, integration.name
        ),
        sentence: format!(
            "{}: {} of {} records of {title} are no longer in Microsoft's answer. Nothing was removed. Answer whether they are really gone.",
            integration.name, held.records, held.of
        ),
        by: None,
        place: "",
    })
}
