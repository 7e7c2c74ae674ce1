//! When a credential lapses, and which warning is due.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What is known of an integration's credential. Never the credential itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// `client_secret`.
    pub kind: String,
    /// The secret's first three characters, as Entra itself shows them.
    pub hint: String,
    /// The id Entra gave it, once matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// When it was stored here.
    pub stored_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// Where that date comes from.
    pub expiry_source: ExpirySource,
    /// The last step that was warned of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<Step>,
}

/// Where an expiry date comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpirySource {
    /// The app registration says so.
    Entra,
    /// A person entered it.
    Entered,
    /// Nobody knows: six months from connection, the shortest of Entra's usual choices.
    Assumed,
}

impl ExpirySource {
    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Entered => "entered",
            Self::Assumed => "assumed",
        }
    }
}

/// The assumed life of a secret of which nothing is known: 182 days.
pub const ASSUMED_LIFE: SignedDuration = SignedDuration::from_hours(182 * 24);

/// One warning: this many days are left (negative: past).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step(pub i64);

const STEPS: [i64; 7] = [0, 1, 3, 7, 14, 30, 60];

/// Whole days left; negative when lapsed.
pub fn days_left(expires_at: Timestamp, now: Timestamp) -> i64 {
    expires_at
        .duration_since(now)
        .as_secs()
        .div_euclid(24 * 60 * 60)
}

/// The step that has been reached: 60, 30, 14, 7, 3, 1, 0 days before, then weekly after.
pub fn step(expires_at: Timestamp, now: Timestamp) -> Option<Step> {
    let left = days_left(expires_at, now);
    if left < 0 {
        return Some(Step(-((-left - 1) / 7) * 7 - 1));
    }
    STEPS.into_iter().find(|step| left <= *step).map(Step)
}

/// The warning to send now, if any: each step once.
pub fn due(credential: &Credential, now: Timestamp) -> Option<Step> {
    let reached = step(credential.expires_at, now)?;
    match credential.warned {
        Some(warned) if warned <= reached => None,
        _ => Some(reached),
    }
}

impl Credential {
    /// A client secret just stored, of which only its first characters are kept.
    pub fn client_secret(hint: String, now: Timestamp) -> Self {
        Self {
            kind: "client_secret".to_owned(),
            hint,
            key_id: None,
            stored_at: now,
            expires_at: now.checked_add(ASSUMED_LIFE).unwrap_or(now),
            expiry_source: ExpirySource::Assumed,
            warned: None,
        }
    }

    /// Takes the true expiry from the app registration's `passwordCredentials`: ours by key id
    /// once known, else the one secret with our hint that has not lapsed, else nothing is changed.
    pub fn learn(&mut self, password_credentials: &serde_json::Value, now: Timestamp) {
        let listed = password_credentials
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let text = |c: &serde_json::Value, name: &str| {
            c.get(name)
                .and_then(serde_json::Value::as_str)
                .map(str::to_owned)
        };
        let end = |c: &serde_json::Value| text(c, "endDateTime")?.parse::<Timestamp>().ok();
        let by_id = listed
            .iter()
            .find(|c| self.key_id.is_some() && text(c, "keyId") == self.key_id);
        let mut hinted = listed.iter().filter(|c| {
            text(c, "hint").as_deref() == Some(&self.hint) && end(c).is_some_and(|end| end > now)
        });
        let ours = by_id.or_else(|| hinted.next().filter(|_| hinted.next().is_none()));
        if let Some((ours, end)) = ours.and_then(|c| Some((c, end(c)?))) {
            self.key_id = text(ours, "keyId");
            self.expires_at = end;
            self.expiry_source = ExpirySource::Entra;
        }
    }
}

/// What a person reads about a step.
pub fn sentence(name: &str, step: Step, expires_at: Timestamp) -> String {
    let date = expires_at.strftime("%-d %B %Y");
    match step.0 {
        days if days < 0 => format!(
            "The client secret of {name} lapsed on {date}. Nothing is synced until it is replaced."
        ),
        0 => format!("The client secret of {name} lapses today, {date}. Replace it now."),
        1 => format!("The client secret of {name} lapses tomorrow, {date}. Replace it now."),
        days => format!(
            "The client secret of {name} lapses within {days} days, on {date}. Replace it before then."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a date")
    }

    #[test]
    fn each_step_is_warned_of_once() {
        let mut credential = Credential::client_secret("abc".into(), at("2026-01-01T00:00:00Z"));
        credential.expires_at = at("2026-07-01T00:00:00Z");
        let mut said = Vec::new();
        let mut day = at("2026-04-01T06:00:00Z");
        while day < at("2026-07-20T00:00:00Z") {
            for _ in 0..2 {
                if let Some(step) = due(&credential, day) {
                    said.push(step.0);
                    credential.warned = Some(step);
                }
            }
            day = day
                .checked_add(SignedDuration::from_hours(24))
                .expect("in range");
        }
        assert_eq!(said, [60, 30, 14, 7, 3, 1, 0, -1, -8, -15]);
    }

    #[test]
    fn the_true_expiry_is_learned_only_when_it_is_surely_ours() {
        let now = at("2026-01-01T00:00:00Z");
        let mut credential = Credential::client_secret("abc".into(), now);
        let two = json!([
            {"keyId": "1", "hint": "abc", "endDateTime": "2027-01-01T00:00:00Z"},
            {"keyId": "2", "hint": "abc", "endDateTime": "2028-01-01T00:00:00Z"},
        ]);
        credential.learn(&two, now);
        assert_eq!(
            credential.expiry_source,
            ExpirySource::Assumed,
            "two share the hint"
        );
        let one = json!([
            {"keyId": "0", "hint": "abc", "endDateTime": "2025-01-01T00:00:00Z"},
            {"keyId": "1", "hint": "abc", "endDateTime": "2027-01-01T00:00:00Z"},
            {"keyId": "2", "hint": "xyz", "endDateTime": "2028-01-01T00:00:00Z"},
        ]);
        credential.learn(&one, now);
        assert_eq!(credential.expires_at, at("2027-01-01T00:00:00Z"));
        credential.learn(&two, now);
        assert_eq!(
            credential.expires_at,
            at("2027-01-01T00:00:00Z"),
            "known by its id now"
        );
    }
}
