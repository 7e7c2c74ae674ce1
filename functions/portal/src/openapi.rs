//! The OpenAPI 3.1 document, made of the table of operations and the registry of datasets.

use crate::api::{self, Operation};
use muster_domain::datasets;
use serde_json::{Map, Value, json};

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in api::operations() {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Muster",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Microsoft 365 inventories of an MSP's client tenants.",
            "description": "Times are RFC 3339 in UTC. Lists page by `limit` and `cursor`. Errors are RFC 9457 `application/problem+json` whose `detail` says what to do next.",
        },
        "security": [{"bearer": []}, {"session": [], "csrf": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-muster_session",
                    "description": "Over http `muster_session`; where the address names a port, `_` and the port follow.",
                },
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": crate::CSRF_HEADER,
                    "description": "Beside a session cookie, on every method that changes something.",
                },
            },
            "schemas": api::schemas(),
        },
    })
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn describe(operation: &Operation) -> Value {
    let in_path = operation.path.split('{').skip(1).filter_map(|rest| {
        let name = rest.split('}').next()?;
        let schema = match name {
            "tenant_id" => json!({"type": "string", "format": "uuid"}),
            "dataset" => json!({
                "type": "string",
                "enum": datasets::ALL.iter().map(|d| d.name).collect::<Vec<_>>(),
            }),
            "record" => json!({
                "type": "string",
                "description": "The record's `key`. One with other characters than letters, digits, `-`, `_` and `.` is sent as `~` and its base64url form without padding.",
            }),
            _ => json!({"type": "string"}),
        };
        Some(json!({"name": name, "in": "path", "required": true, "schema": schema}))
    });
    let in_query = operation.query.iter().map(|(name, about)| {
        let kind = if *name == "limit" {
            "integer"
        } else {
            "string"
        };
        json!({"name": name, "in": "query", "description": about, "schema": {"type": kind}})
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let (status, schema) = operation.answer;
    let mut content = json!({"application/json": {"schema": reference(schema)}});
    if matches!(schema, "RecordPage" | "Licenses") {
        content["text/csv"] = json!({"schema": {"type": "string"}});
    }
    let mut responses = json!({
        status.to_string(): {"description": operation.summary, "content": content.clone()},
        "default": problem("any other failure"),
    });
    if operation.id == "deleteIntegration" {
        responses["202"] = json!({
            "description": "The background goes on; the Location header names where to look.",
            "content": content,
        });
    }
    let changes = operation.method != "get";
    let always = [(401, "no good token or session")];
    let on_change = [(403, "the caller may look but not change")];
    let general = always
        .iter()
        .filter(|_| !operation.open)
        .chain(on_change.iter().filter(|_| changes));
    for (status, when) in general.chain(operation.problems) {
        responses[status.to_string()] = problem(when);
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(body) = operation.body {
        described["requestBody"] = json!({
            "required": body != "Sync",
            "content": {"application/json": {"schema": reference(body)}},
        });
    }
    if operation.open {
        described["security"] = json!([]);
    }
    described
}

fn problem(when: &str) -> Value {
    json!({
        "description": when,
        "content": {crate::problem::PROBLEM_JSON: {"schema": reference("Problem")}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        let text = document.to_string();
        let mut found = 0;
        for rest in text.split("#/components/schemas/").skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            assert!(schemas.get(name).is_some(), "{name} has no schema");
            found += 1;
        }
        assert!(found > 30);
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut ids: Vec<&str> = api::operations().iter().map(|o| o.id).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
