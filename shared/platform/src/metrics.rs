//! Figures of what a sync did, in CloudWatch's embedded metric format: a log line that CloudWatch
//! turns into metrics. Nothing is called, so nothing can fail or be waited for.
//!
//! AWS, "Specification: Embedded metric format", CloudWatch User Guide.

use jiff::{SignedDuration, Timestamp};
use muster_domain::{TenantId, state::Counters};
use serde_json::{Value, json};

/// Where figures go.
#[derive(Debug, Clone)]
pub enum Metrics {
    /// Nowhere: locally the pages show them.
    Off,
    /// To standard output, which Lambda hands to CloudWatch Logs.
    Embedded(Stack),
}

/// The stack's part of every line.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The stack's name, the one dimension: a dimension of tenants would be billed by the
    /// tenant. The tenant is a property of the line, to be searched for.
    pub installation: String,
    /// The function's log level, which every line bears.
    pub log_level: String,
}

/// What a sync did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SyncFigures {
    /// What it counted.
    pub counters: Counters,
    /// How long ago the sync before it had ended; absent at the first.
    pub age: Option<SignedDuration>,
}

/// The metrics' namespace.
pub const NAMESPACE: &str = "Muster";

impl Metrics {
    /// Tells of a sync that ended.
    pub fn sync_ended(&self, tenant: TenantId, figures: &SyncFigures, now: Timestamp) {
        if let Self::Embedded(stack) = self {
            println!("{}", ended(stack, tenant, figures, now));
        }
    }

    /// Tells of a sync that failed as a whole.
    pub fn sync_failed(&self, tenant: Option<TenantId>, now: Timestamp) {
        if let Self::Embedded(stack) = self {
            println!("{}", failed(stack, tenant, now));
        }
    }
}

fn ended(stack: &Stack, tenant: TenantId, figures: &SyncFigures, now: Timestamp) -> Value {
    let counters = figures.counters;
    let mut metrics = vec![
        ("RecordsRead", "Count", json!(counters.read)),
        ("RecordsWritten", "Count", json!(counters.written)),
        ("RecordsUnchanged", "Count", json!(counters.unchanged)),
        ("GraphRequests", "Count", json!(counters.requests)),
        (
            "ThrottledMilliseconds",
            "Milliseconds",
            json!(counters.throttled_ms),
        ),
        ("SyncMilliseconds", "Milliseconds", json!(counters.took_ms)),
        ("CostCents", "None", json!(counters.cost_cents())),
        ("SyncsFailed", "Count", json!(0)),
    ];
    if let Some(age) = figures.age {
        metrics.push(("SyncAgeMinutes", "None", json!(age.as_mins())));
    }
    line(stack, Some(tenant), &metrics, now)
}

fn failed(stack: &Stack, tenant: Option<TenantId>, now: Timestamp) -> Value {
    let metrics = [("SyncsFailed", "Count", json!(1))];
    line(stack, tenant, &metrics, now)
}

fn line(
    stack: &Stack,
    tenant: Option<TenantId>,
    metrics: &[(&str, &str, Value)],
    now: Timestamp,
) -> Value {
    let definitions: Vec<Value> = metrics
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}))
        .collect();
    // Lambda drops a line below the function's log level, and takes one without a level for INFO: metrics
    // would end where LogLevel is WARN. This one bears the very level that is let through.
    // AWS Lambda Developer Guide, "Log-level filtering".
    let mut line = json!({
        "level": stack.log_level,
        "timestamp": now.to_string(),
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Installation"]],
                "Metrics": definitions,
            }],
        },
        "Installation": stack.installation,
        "tenant.id": tenant.map(|tenant| tenant.to_string()),
    });
    for (name, _, value) in metrics {
        line[*name] = value.clone();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_follows_the_embedded_metric_format() {
        let tenant: TenantId = "6f1c0c5e-0b7a-4a4f-9c55-2f6d8f0a1b2c"
            .parse()
            .expect("a GUID");
        let figures = SyncFigures {
            counters: Counters {
                read: 7,
                written: 2,
                unchanged: 5,
                requests: 3,
                write_units: 4,
                took_ms: 900,
                ..Counters::default()
            },
            age: Some(SignedDuration::from_mins(60)),
        };
        let stack = Stack {
            installation: "muster".to_owned(),
            log_level: "WARN".to_owned(),
        };
        let line = ended(&stack, tenant, &figures, Timestamp::UNIX_EPOCH);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "Muster");
        assert_eq!(directive["Dimensions"], json!([["Installation"]]));
        assert_eq!(line["Installation"], "muster");
        assert_eq!(line["tenant.id"], tenant.to_string());
        let named = directive["Metrics"].as_array().expect("a list");
        assert_eq!(named.len(), 9, "at most 100 a directive");
        for metric in named {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{name} is a top-level number");
        }
        assert_eq!(line["RecordsWritten"], 2);
        assert_eq!(line["SyncAgeMinutes"], 60);
        let failed = failed(&stack, None, Timestamp::UNIX_EPOCH);
        for line in [&line, &failed] {
            assert_eq!(line["level"], "WARN", "a function that logs warnings alone");
            assert_eq!(line["timestamp"], "1970-01-01T00:00:00Z");
        }
        assert_eq!(failed["SyncsFailed"], 1);
        assert_eq!(failed["tenant.id"], Value::Null);
    }
}
