//! What a tenant's app management policy says of new client secrets, where it can be known: read
//! from Graph with `Policy.Read.All`, or learned from how Microsoft answered when one was asked for.
//!
//! Microsoft Graph v1.0, "tenantAppManagementPolicy", "appManagementPolicy" (one assigned to the
//! app takes the place of the tenant's) and "passwordCredentialConfiguration".

use jiff::{SignedDuration, Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is known of the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretPolicy {
    /// Whether no new client secret may be added.
    pub forbids: bool,
    /// The longest life of a new one, in whole days, where that is limited.
    #[serde(default)]
    pub longest_days: Option<u32>,
    /// How it is known.
    pub source: PolicySource,
    /// When it was last seen to be so.
    pub known_at: Timestamp,
}

/// How a policy is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicySource {
    /// The policy itself was read.
    Policy,
    /// Microsoft refused a new secret, or gave one of a shorter life than was asked for. A word that
    /// only a newer version knows is read as this.
    #[serde(other)]
    Answer,
}

impl PolicySource {
    /// The word in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Answer => "answer",
        }
    }
}

impl SecretPolicy {
    /// Takes what was read over what was known. What says the same is taken once a day: it would be all
    /// that a sync changes.
    pub fn renew(known: &mut Option<Self>, read: &Self) {
        let same = known.as_ref().is_some_and(|known| {
            let again = Self {
                known_at: known.known_at,
                ..read.clone()
            };
            let age = read.known_at.duration_since(known.known_at);
            *known == again && age < SignedDuration::from_hours(24)
        });
        if !same {
            *known = Some(read.clone());
        }
    }

    /// Reads `/policies/defaultAppManagementPolicy`, and the policies assigned to the app, of which
    /// there is one at most. `created` is when the app was registered: a restriction may hold for
    /// apps from some day on.
    pub fn read(
        default: &Value,
        assigned: &Value,
        created: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let own = assigned["value"].as_array().into_iter().flatten();
        let own = own.into_iter().find(|policy| is_enabled(policy));
        let restrictions = match own {
            Some(own) => &own["restrictions"],
            None if is_enabled(default) => &default["applicationRestrictions"],
            None => &Value::Null,
        };
        let mut policy = Self {
            forbids: false,
            longest_days: None,
            source: PolicySource::Policy,
            known_at: now,
        };
        let listed = restrictions["passwordCredentials"].as_array();
        for restriction in listed.into_iter().flatten() {
            if !holds(restriction, created) {
                continue;
            }
            match restriction["restrictionType"].as_str() {
                Some("passwordAddition") => policy.forbids = true,
                Some("passwordLifetime") => {
                    let life = restriction["maxLifetime"].as_str().and_then(days);
                    policy.longest_days = life.or(policy.longest_days);
                }
                _ => {}
            }
        }
        policy
    }

    /// What an answer to a request for a new secret gives away.
    pub fn answered(forbids: bool, longest_days: Option<u32>, now: Timestamp) -> Self {
        Self {
            forbids,
            longest_days,
            source: PolicySource::Answer,
            known_at: now,
        }
    }

    /// In a sentence.
    pub fn sentence(&self) -> String {
        match (self.forbids, self.longest_days) {
            (true, _) => {
                "The tenant's app management policy allows no new client secrets.".to_owned()
            }
            (false, Some(days)) => {
                format!(
                    "The tenant's app management policy lets a new client secret live {days} days at most."
                )
            }
            (false, None) => {
                "The tenant's app management policy does not limit new client secrets.".to_owned()
            }
        }
    }
}

fn is_enabled(policy: &Value) -> bool {
    policy["isEnabled"].as_bool() == Some(true)
}

fn holds(restriction: &Value, created: Option<Timestamp>) -> bool {
    let from = restriction["restrictForAppsCreatedAfterDateTime"].as_str();
    let from: Option<Timestamp> = from.and_then(|text| text.parse().ok());
    restriction["state"].as_str() != Some("disabled")
        && from.is_none_or(|from| created.is_none_or(|created| created >= from))
}

/// Whole days of an ISO 8601 duration such as `P90D`.
fn days(text: &str) -> Option<u32> {
    let span: Span = text.parse().ok()?;
    let days = i64::from(span.get_years()) * 365
        + i64::from(span.get_months()) * 30
        + i64::from(span.get_weeks()) * 7
        + i64::from(span.get_days())
        + i64::from(span.get_hours()) / 24;
    u32::try_from(days).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a date")
    }

    fn read(default: &Value, assigned: &Value) -> (bool, Option<u32>) {
        let created = Some(at("2026-01-01T00:00:00Z"));
        let policy = SecretPolicy::read(default, assigned, created, at("2026-06-01T00:00:00Z"));
        (policy.forbids, policy.longest_days)
    }

    fn of(restrictions: Value) -> Value {
        json!({"isEnabled": true, "applicationRestrictions": {"passwordCredentials": restrictions}})
    }

    #[test]
    fn what_says_the_same_is_taken_once_a_day() {
        let policy = |day: &str, forbids| SecretPolicy {
            forbids,
            longest_days: None,
            source: PolicySource::Policy,
            known_at: at(day),
        };
        let first = policy("2026-06-01T00:00:00Z", false);
        let mut known = None;
        SecretPolicy::renew(&mut known, &first);
        SecretPolicy::renew(&mut known, &policy("2026-06-01T23:00:00Z", false));
        assert_eq!(known.as_ref(), Some(&first));
        for next in [
            policy("2026-06-01T23:30:00Z", true),
            policy("2026-06-02T23:30:00Z", true),
        ] {
            SecretPolicy::renew(&mut known, &next);
            assert_eq!(known.as_ref(), Some(&next));
        }
    }

    #[test]
    fn a_policy_counts_where_it_is_on_and_holds_for_this_app() {
        let none = json!({"value": []});
        let addition = |from: Value| {
            json!({"restrictionType": "passwordAddition", "maxLifetime": null,
                "restrictForAppsCreatedAfterDateTime": from})
        };
        let lifetime = json!({"restrictionType": "passwordLifetime", "maxLifetime": "P4DT36H"});
        assert_eq!(
            read(&of(json!([addition(Value::Null)])), &none),
            (true, None)
        );
        assert_eq!(
            read(
                &of(json!([addition(json!("2025-01-01T00:00:00Z")), lifetime])),
                &none
            ),
            (true, Some(5))
        );
        assert_eq!(
            read(&of(json!([addition(json!("2026-02-01T00:00:00Z"))])), &none),
            (false, None),
            "for apps made later"
        );
        let mut off = of(json!([addition(Value::Null)]));
        off["isEnabled"] = json!(false);
        assert_eq!(read(&off, &none), (false, None));
        let mut disabled = addition(Value::Null);
        disabled["state"] = json!("disabled");
        assert_eq!(read(&of(json!([disabled])), &none), (false, None));
        assert_eq!(read(&Value::Null, &Value::Null), (false, None));
    }

    #[test]
    fn a_policy_of_the_apps_own_takes_the_place_of_the_tenants() {
        let default = of(json!([{"restrictionType": "passwordAddition"}]));
        let own = |on: bool| {
            json!({"value": [{"isEnabled": on, "restrictions": {"passwordCredentials": [
                {"restrictionType": "passwordLifetime", "maxLifetime": "P90D"},
            ]}}]})
        };
        assert_eq!(read(&default, &own(true)), (false, Some(90)));
        assert_eq!(read(&default, &own(false)), (true, None));
    }
}
