//! The schemas of what is sent and answered. The integration test holds real answers against
//! them, so that neither drifts from the other.

use muster_domain::{
    Dataset, Kind, Permission,
    alert::ChannelKind,
    cloud::Cloud,
    connect, datasets,
    expiry::{Certainty, CredentialKind, ExpirySource, Listing},
    integration::Status,
    secret_policy::PolicySource,
    state::Phase,
    summary as summaries,
};
use serde_json::{Map, Value, json};

/// Every schema by name; one for the records of each dataset.
pub fn schemas() -> Value {
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| schemas.insert(name.to_owned(), schema);
    add("Problem", problem());
    add("Connect", connect_body());
    add("Change", change_body());
    add("NewCredential", new_credential());
    add("PrepareCertificate", object(json!({"tenant_id": guid()})));
    add("PreparedCertificate", offered());
    add("AlertSettings", alert_settings());
    let mut times = alert_times();
    times["required"] = json!([]);
    add("AlertTimes", times);
    add("NewAlertChannel", new_channel());
    add("AddedAlertChannel", added_channel());
    add(
        "AlertTest",
        object(json!({"channels": {"type": "array", "items": object(json!({
            "name": text(), "taken": flag(), "trouble": maybe(text()),
        }))}})),
    );
    add("Permission", permission());
    add("Verdict", verdict());
    add("Dataset", dataset_of_tenant());
    add("Credential", credential());
    add("IntegrationProblem", integration_problem());
    add("Sync", sync());
    add("Counts", counts());
    add("Figure", figure());
    add("Integration", integration());
    let mut connected = integration();
    connected["properties"]["authorize_url"] = json!({"type": "string", "format": "uri"});
    add("ConnectedIntegration", connected);
    add("ListedIntegration", listed());
    add("IntegrationList", list(reference("ListedIntegration")));
    add(
        "AuthorizeUrl",
        object(json!({"authorize_url": {"type": "string", "format": "uri"}})),
    );
    add(
        "Sync",
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {"full": {
                "type": "boolean",
                "default": false,
                "description": "Read everything again from its start, whatever is stored.",
            }},
        }),
    );
    add("SyncRequested", object(json!({"requested_at": time()})));
    add("Deletion", deletion());
    add("Summary", summary());
    add("Licenses", licenses());
    add("LicenseChoices", list_of_choices());
    add("LicenseChoice", license_choice());
    add("RecordedChange", recorded_change());
    add("ChangePage", list(reference("RecordedChange")));
    add("DatasetList", list(registered()));
    add("Document", json!({"type": "object"}));
    add("Health", object(json!({"status": {"const": "ok"}})));
    let mut any = Vec::new();
    for dataset in datasets::ALL {
        let name = format!("record_{}", dataset.name);
        any.push(reference(&name));
        add(&name, record(dataset));
    }
    let any = json!({"anyOf": any});
    add("RecordPage", record_page(any.clone()));
    add(
        "RecordWithChanges",
        object(json!({
            "record": any,
            "changes": {"type": "array", "items": reference("RecordedChange")},
            "as_of": described(maybe(time()), "When Muster last read the dataset whole."),
            "data_date": data_date(),
            "data_old": data_old(),
        })),
    );
    Value::Object(schemas)
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object of which every property is always there.
fn object(properties: Value) -> Value {
    let required: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn list(items: Value) -> Value {
    object(json!({
        "items": {"type": "array", "items": items},
        "next_cursor": maybe(text()),
    }))
}

fn maybe(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
        return schema;
    }
    json!({"anyOf": [schema, {"type": "null"}]})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn whole() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn data_date() -> Value {
    let day = json!({"type": "string", "format": "date"});
    described(
        maybe(day),
        "The day that the data is about: the refresh date of a usage report, or the newest daily snapshot that has a value. null for other datasets.",
    )
}

fn data_old() -> Value {
    described(flag(), "Whether `data_date` is more than seven days ago.")
}

fn guid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

fn words(words: impl IntoIterator<Item = &'static str>) -> Value {
    json!({"type": "string", "enum": words.into_iter().collect::<Vec<_>>()})
}

fn clouds() -> Value {
    words(Cloud::ALL.map(Cloud::name))
}

fn statuses() -> Value {
    words(Status::ALL.map(Status::name))
}

fn problem() -> Value {
    let mut schema = object(json!({
        "type": text(),
        "title": text(),
        "status": whole(),
        "detail": {"type": "string", "description": "What happened and what to do next."},
    }));
    schema["properties"]["errors"] = json!({
        "type": "array",
        "items": object(json!({"field": text(), "detail": text()})),
    });
    schema
}

fn cadence() -> Value {
    json!({
        "type": "integer",
        "minimum": connect::LEAST_CADENCE_MINUTES,
        "maximum": connect::MOST_CADENCE_MINUTES,
    })
}

fn name() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": connect::LONGEST_NAME})
}

fn connect_body() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "tenant_id", "client_id"],
        "properties": {
            "name": name(),
            "tenant_id": guid(),
            "client_id": guid(),
            "client_secret": {
                "type": "string",
                "writeOnly": true,
                "description": "The secret's Value, not its Secret ID. Required where kind is client_secret, or is left out.",
            },
            "kind": {
                "type": "string",
                "enum": CredentialKind::ALL.map(CredentialKind::name),
                "default": CredentialKind::ClientSecret.name(),
                "description": "How the app proves itself: a certificate is one made by prepareCertificate; federated is available on AWS only.",
            },
            "cloud": clouds(),
            "cadence_minutes": cadence(),
            "secret_expires_on": expires_on(),
        },
    })
}

fn change_body() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "name": name(),
            "cadence_minutes": cadence(),
            "paused": flag(),
            "datasets": {
                "type": "object",
                "description": "Datasets to switch on or off, by name.",
                "additionalProperties": flag(),
            },
            "automatic_renewal": {
                "type": "object",
                "description": "Whether Muster renews the client secret by itself, and how many days each lives.",
                "required": ["enabled"],
                "properties": {"enabled": flag(), "life_days": whole()},
            },
            "removals": {
                "type": "object",
                "description": "Answers to removals that wait, by dataset: `allow` removes the records, `keep` keeps them.",
                "additionalProperties": words(["allow", "keep"]),
            },
        },
    })
}

fn permission() -> Value {
    object(json!({
        "name": words(Permission::ALL.iter().map(|p| p.value())),
        "state": words(["granted", "missing", "unknown"]),
        "feeds": {"type": "array", "items": text()},
        "optional": flag(),
    }))
}

fn verdict() -> Value {
    let kinds = [
        "allowed",
        "missing_permission",
        "not_licensed",
        "concealed",
        "unavailable_in_cloud",
        "not_set_up",
    ];
    let mut schema = object(json!({"kind": words(kinds)}));
    schema["properties"]["of"] = json!({"type": "array", "items": text()});
    schema["properties"]["licence"] = text();
    schema
}

fn dataset_of_tenant() -> Value {
    let phases = [
        Phase::Waiting,
        Phase::Running,
        Phase::Fresh,
        Phase::Incomplete,
        Phase::Blocked,
        Phase::Off,
    ];
    object(json!({
        "name": text(),
        "title": text(),
        "verdict": reference("Verdict"),
        "label": text(),
        "sentence": text(),
        "records": maybe(whole()),
        "last_success_at": maybe(time()),
        "data_date": data_date(),
        "data_old": data_old(),
        "last_attempt_at": maybe(time()),
        "state": words(phases.map(Phase::name)),
        "progress": object(json!({
            "read": whole(), "written": whole(), "unchanged": whole(), "removed": whole(),
            "requests": whole(), "took_ms": whole(),
        })),
        "trouble": maybe(text()),
        "notes": {"type": "array", "items": text()},
        "enabled": flag(),
        "held_removal": maybe(object(json!({"records": whole(), "of": whole(), "since": time()}))),
        "removal_allowed": flag(),
        "answered_removal": maybe(object(json!({
            "allowed": flag(), "records": whole(), "of": whole(), "at": time(), "by": text(),
        }))),
        "repaired": maybe(object(json!({"at": time(), "missing": whole(), "altered": whole()}))),
        "completeness": maybe(object(json!({
            "began_at": time(), "ended_at": time(), "objects": whole(), "proof": text(),
            "counted": maybe(whole()),
        }))),
        "rows": object(json!({
            "unreadable": whole(), "nameless": whole(), "sharing": whole(), "merged": whole(),
        })),
    }))
}

fn credential() -> Value {
    let sources = [
        ExpirySource::Entra,
        ExpirySource::Entered,
        ExpirySource::Assumed,
    ];
    let kinds = || words(CredentialKind::ALL.map(CredentialKind::name));
    let sure = [Certainty::Certain, Certainty::Likely, Certainty::Unproven];
    object(json!({
        "kind": kinds(),
        "expires_at": maybe(time()),
        "expiry_source": words(sources.map(ExpirySource::name)),
        "hint": text(),
        "certainty": words(sure.map(Certainty::name)),
        "listing": words(Listing::ALL.map(Listing::name)),
        "deleted_since": maybe(time()),
        "longer": maybe(object(json!({"hint": text(), "expires_at": time()}))),
        "previous": maybe(object(json!({
            "kind": kinds(), "hint": text(), "replaced_at": time(), "removable_from": time(),
            "removable": flag(),
        }))),
        "automatic_renewal": maybe(object(json!({
            "life_days": whole(), "allowed_days": maybe(whole()), "days_before": whole(),
            "trouble": maybe(text()),
        }))),
        "secret_policy": maybe(object(json!({
            "forbids": flag(), "longest_days": maybe(whole()),
            "source": words([PolicySource::Policy, PolicySource::Answer].map(PolicySource::name)),
            "known_at": time(),
        }))),
        "offered_certificate": maybe(offered()),
    }))
}

fn offered() -> Value {
    object(json!({"thumbprint": text(), "pem": text(), "expires_at": time()}))
}

fn new_credential() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "client_secret": {"type": "string", "writeOnly": true},
            "kind": words(CredentialKind::ALL.map(CredentialKind::name)),
            "secret_expires_on": expires_on(),
        },
    })
}

fn expires_on() -> Value {
    json!({"type": "string", "format": "date", "description": "Where it is known already; else Entra is asked."})
}

fn alert_times() -> Value {
    let hour = || json!({"type": "integer", "minimum": 0, "maximum": 23});
    object(json!({
        "days_before": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 365}},
        "stale_hours": {"type": "integer", "minimum": 24, "maximum": 720},
        "quiet": maybe(object(json!({"from": hour(), "to": hour()}))),
        "digest_hour": maybe(hour()),
    }))
}

fn channel() -> Value {
    object(json!({
        "id": text(),
        "kind": words(ChannelKind::ALL.map(ChannelKind::name)),
        "name": text(),
    }))
}

fn alert_settings() -> Value {
    let mut schema = alert_times();
    let mut told = channel();
    told["properties"]["trouble"] = maybe(object(json!({"since": time(), "why": text()})));
    schema["properties"]["channels"] = json!({"type": "array", "items": told});
    schema
}

fn new_channel() -> Value {
    let mut schema = channel();
    schema["required"] = json!(["kind", "name", "url"]);
    schema["properties"] = json!({
        "kind": words(ChannelKind::ALL.map(ChannelKind::name)),
        "name": text(),
        "url": {"type": "string", "format": "uri", "writeOnly": true},
    });
    schema
}

fn added_channel() -> Value {
    let mut schema = channel();
    schema["properties"]["signing_key"] = maybe(text());
    schema
}

fn integration_problem() -> Value {
    let mut schema = object(json!({"kind": text(), "sentence": text()}));
    schema["properties"]["since"] = time();
    schema
}

fn sync() -> Value {
    object(json!({
        "requested_at": maybe(time()),
        "started_at": maybe(time()),
        "finished_at": maybe(time()),
        "running": flag(),
        "queued": flag(),
        "failure": maybe(sync_failure()),
        "last": object(json!({
            "read": whole(), "written": whole(), "unchanged": whole(), "removed": whole(),
            "requests": whole(), "took_ms": whole(), "write_units": whole(),
            "read_units": whole(), "cost_cents": {"type": "number"},
        })),
    }))
}

fn sync_failure() -> Value {
    object(json!({
        "sentence": text(), "since": time(), "at": time(), "in_a_row": whole(),
        "next_try_at": time(),
    }))
}

fn counts() -> Value {
    let default = serde_json::to_value(muster_domain::summary::Counts::default());
    let names = default.unwrap_or_default();
    let properties: Map<String, Value> = names
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(|name| (name.clone(), maybe(whole())))
        .collect();
    let mut schema = object(Value::Object(properties));
    schema["properties"]["as_of"] = json!({
        "type": "object",
        "description": "The dates of the counts that have a date of their own, such as the day of the secure score.",
        "additionalProperties": time(),
    });
    schema
}

fn figure() -> Value {
    object(json!({
        "name": words(summaries::declared().map(|count| count.name)),
        "title": text(),
        "dataset": text(),
        "value": described(maybe(whole()), "null is \"not known\", never zero."),
        "evidence": described(text(), "What the count rests on: \"by successful sign-ins\"."),
        "as_of": described(maybe(time()), "The records were complete then; for a count of the newest of dated records, the date of that record."),
        "old": described(flag(), "Whether `as_of` is more than seven days ago."),
        "detail": described(text(), "Evidence and date in one sentence, or why the value is not known."),
    }))
}

fn integration() -> Value {
    object(json!({
        "tenant_id": guid(),
        "name": text(),
        "client_id": guid(),
        "cloud": clouds(),
        "cadence_minutes": whole(),
        "paused": flag(),
        "status": statuses(),
        "created_at": time(),
        "connected_at": maybe(time()),
        "permissions": {"type": "array", "items": reference("Permission")},
        "datasets": {"type": "array", "items": reference("Dataset")},
        "credential": reference("Credential"),
        "problems": {"type": "array", "items": reference("IntegrationProblem")},
        "sync": reference("Sync"),
    }))
}

fn listed() -> Value {
    object(json!({
        "tenant_id": guid(),
        "name": text(),
        "client_id": guid(),
        "cloud": clouds(),
        "cadence_minutes": whole(),
        "status": statuses(),
        "problems": {"type": "array", "items": reference("IntegrationProblem")},
        "last_sync_at": maybe(time()),
        "credential": reference("Credential"),
        "sync": reference("Sync"),
        "glance": reference("Counts"),
    }))
}

fn deletion() -> Value {
    object(json!({
        "tenant_id": guid(),
        "name": text(),
        "status": words(["deleting", "deleted"]),
        "asked_at": maybe(time()),
        "finished_at": maybe(time()),
        "kept_until": maybe(time()),
        "schedule": flag(),
        "secret": flag(),
        "records": {"type": "object", "additionalProperties": whole()},
        "changes": whole(),
        "summaries": whole(),
        "states": whole(),
        "control_items": whole(),
        "progress": object(json!({"records": whole(), "of": whole()})),
        "trouble": maybe(text()),
    }))
}

fn summary() -> Value {
    let mut day = counts();
    day["properties"]["date"] = json!({"type": "string", "format": "date"});
    object(json!({
        "today": maybe(reference("Counts")),
        "counts": {"type": "array", "items": reference("Figure")},
        "history": {"type": "array", "items": day},
    }))
}

fn licenses() -> Value {
    let line = object(json!({
        "sku_id": maybe(guid()),
        "name": text(),
        "class": words(["bought", "free", "trial", "company", "left_out"]),
        "basis": words(["choice", "list", "name", "subscriptions", "record", "nothing"]),
        "usable": maybe(whole()),
        "assigned": maybe(whole()),
        "unassigned": maybe(whole()),
        "over_assigned": maybe(whole()),
        "in_grace": maybe(whole()),
        "suspended": maybe(whole()),
        "locked_out": maybe(whole()),
        "trial": whole(),
        "next_lifecycle_at": maybe(time()),
    }));
    object(json!({
        "items": {"type": "array", "items": line},
        "totals": object(json!({
            "usable": whole(), "assigned": whole(), "unassigned": whole(),
            "over_assigned": whole(), "in_grace": whole(), "suspended": whole(),
            "locked_out": whole(), "trial": whole(), "skus_without_numbers": whole(),
        })),
        "complete": flag(),
        "as_of": maybe(time()),
        "trials": {"type": "string", "description": "What tells trials from licenses that were bought."},
    }))
}

fn list_of_choices() -> Value {
    object(json!({"items": {"type": "array", "items": object(json!({
        "sku_id": guid(), "name": text(), "choice": words(["count", "leave_out"]),
    }))}}))
}

fn license_choice() -> Value {
    let mut schema = object(json!({"choice": words(["count", "leave_out", "automatic"])}));
    schema["properties"]["part_number"] = json!({
        "type": "string",
        "description": "The name of a SKU that Microsoft's published table lacks.",
    });
    schema
}

fn recorded_change() -> Value {
    let mut schema = object(json!({
        "at": time(),
        "dataset": text(),
        "record": text(),
        "kind": words(["added", "changed", "removed"]),
    }));
    schema["properties"]["title"] = text();
    schema["properties"]["columns"] = json!({
        "type": "object",
        "description": "The columns that differ.",
        "additionalProperties": object(json!({"before": {}, "after": {}})),
    });
    schema
}

fn registered() -> Value {
    object(json!({
        "name": text(),
        "title": text(),
        "about": text(),
        "doc": {"type": "string", "format": "uri"},
        "path": text(),
        "kind": text(),
        "columns": {
            "type": "array",
            "items": object(json!({"name": text(), "type": text(), "about": text()})),
        },
        "permissions": {
            "type": "array",
            "description": "All of these groups, each by any one of its permissions.",
            "items": {"type": "array", "items": text()},
        },
        "licence": maybe(text()),
        "due_every_minutes": whole(),
        "retention_days": maybe(whole()),
    }))
}

/// Columns may be absent, and a value of another shape is kept as it came: types are what
/// Microsoft documents, told in words.
fn record(dataset: &Dataset) -> Value {
    let mut properties = Map::new();
    properties.insert("key".to_owned(), text());
    for column in dataset.columns {
        let mut schema = match column.kind {
            Kind::Text | Kind::Sku => text(),
            Kind::Bool => flag(),
            Kind::Integer => json!({"type": "integer"}),
            Kind::Decimal => json!({"type": "number"}),
            Kind::Date => json!({"type": "string", "format": "date"}),
            Kind::DateTime => time(),
            Kind::Texts | Kind::Skus => json!({"type": "array", "items": text()}),
            Kind::Json => json!({}),
        };
        schema["description"] = column.about.into();
        properties.insert(column.name.to_owned(), schema);
    }
    json!({
        "type": "object",
        "title": dataset.title,
        "description": dataset.about,
        "required": ["key"],
        "properties": properties,
    })
}

fn record_page(any: Value) -> Value {
    object(json!({
        "items": {"type": "array", "items": any},
        "next_cursor": maybe(text()),
        "sku_names": {
            "type": "object",
            "description": "What the SKUs of these records are called, by SKU ID.",
            "additionalProperties": text(),
        },
        "matched": maybe(json!({
            "type": "integer",
            "description": "How many match in all, where all were looked at.",
        })),
        "complete": {
            "type": "boolean",
            "description": "Whether what is held is the whole of it; when not, an empty list is not a count of zero.",
        },
        "as_of": described(maybe(time()), "When Muster last read the dataset whole."),
        "data_date": data_date(),
        "data_old": data_old(),
        "verdict": reference("Verdict"),
        "label": text(),
        "sentence": text(),
    }))
}
