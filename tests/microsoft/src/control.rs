//! The control API: what a [`TenantHandle`] does, for processes outside.
//!
//! | call | does |
//! |---|---|
//! | `GET /_simulator/tenants` | every tenant with its ids, client secret and addresses |
//! | `POST /_simulator/tenants` `{"name", "users"}` | adds a sample tenant |
//! | `POST /_simulator/tenants/{id}` `{"change_users": 10, …}` | changes a tenant, commands in alphabetical order |
//! | `GET /_simulator/tenants/{id}/objects?path=/users` | the truth about a collection |
//! | `POST /_simulator/faults` `{"schedule": "users/delta#2=503"}` | adds faults |
//! | `DELETE /_simulator/faults` | forgets all faults |
//! | `POST /_simulator/bodies` `{"path", "name"}` | chooses the body of a path |
//! | `POST /_simulator/clock` `{"advance_seconds": 3600}` | moves the simulator's clock |
//! | `GET`, `DELETE /_simulator/requests` | the request log |

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::faults::Fault;
use crate::options::TenantOptions;
use crate::sku_holding::SkuHolding;
use crate::tenant_handle::TenantHandle;
use crate::world::World;

/// The routes below `/_simulator`.
pub fn router(world: &Arc<World>) -> Router {
    Router::new()
        .route("/_simulator/tenants", get(tenants).post(add_tenant))
        .route("/_simulator/tenants/{id}", get(tenant).post(change_tenant))
        .route("/_simulator/tenants/{id}/objects", get(objects))
        .route("/_simulator/faults", post(add_faults).delete(clear_faults))
        .route("/_simulator/bodies", post(choose_body))
        .route("/_simulator/clock", get(clock).post(move_clock))
        .route("/_simulator/requests", get(requests).delete(clear_requests))
        .with_state(Arc::clone(world))
}

fn refuse(status: StatusCode, detail: impl Into<String>) -> Response {
    (status, Json(json!({ "error": detail.into() }))).into_response()
}

fn describe(world: &World, handle: &TenantHandle) -> Value {
    let options = handle.options();
    json!({
        "tenant_id": handle.id(),
        "name": options.name,
        "domain": options.domain,
        "client_id": options.client_id,
        "client_secret": handle.secret(),
        "cloud": options.cloud,
        "users": handle.user_count(),
        "login_url": world.login_url,
        "graph_url": world.graph_url,
    })
}

#[expect(
    clippy::result_large_err,
    reason = "the refusal is the answer, and is rare"
)]
fn handle(world: &Arc<World>, id: &str) -> Result<TenantHandle, Response> {
    let tenant = Uuid::try_parse(id).ok().and_then(|id| world.tenant(id));
    let tenant = tenant.ok_or_else(|| refuse(StatusCode::NOT_FOUND, format!("no tenant {id}")))?;
    Ok(TenantHandle::new(Arc::clone(world), tenant))
}

async fn tenants(State(world): State<Arc<World>>) -> Json<Value> {
    let all = world.tenants().into_iter();
    let all = all.map(|tenant| describe(&world, &TenantHandle::new(Arc::clone(&world), tenant)));
    Json(Value::Array(all.collect()))
}

async fn tenant(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Response> {
    Ok(Json(describe(&world, &handle(&world, &id)?)))
}

async fn add_tenant(State(world): State<Arc<World>>, Json(body): Json<Value>) -> Response {
    let name = body["name"].as_str().unwrap_or("Sample");
    let users = body["users"]
        .as_u64()
        .and_then(|n| u32::try_from(n).ok())
        .unwrap_or(25);
    let sample = TenantOptions::sample(world.seed, name, users);
    if world.tenant(sample.id).is_some() {
        return refuse(
            StatusCode::CONFLICT,
            format!("there is a tenant named {name} already"),
        );
    }
    let added = TenantHandle::new(Arc::clone(&world), world.add_tenant(sample));
    (StatusCode::CREATED, Json(describe(&world, &added))).into_response()
}

async fn objects(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, Response> {
    let path = query.get("path").map_or("/users", String::as_str);
    Ok(Json(Value::Array(handle(&world, &id)?.objects(path))))
}

async fn change_tenant(
    State(world): State<Arc<World>>,
    Path(id): Path<String>,
    Json(commands): Json<Map<String, Value>>,
) -> Result<Json<Value>, Response> {
    let tenant = handle(&world, &id)?;
    let mut results = Map::new();
    for (command, argument) in commands {
        let result = run(&tenant, &command, &argument).ok_or_else(|| {
            refuse(
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("cannot run {command:?} with {argument}"),
            )
        })?;
        results.insert(command, result);
    }
    Ok(Json(Value::Object(results)))
}

/// Runs one command; none where the command or its argument makes no sense.
fn run(tenant: &TenantHandle, command: &str, argument: &Value) -> Option<Value> {
    let count = || argument.as_u64().and_then(|n| u32::try_from(n).ok());
    let id = |value: &Value| value.as_str().and_then(|text| Uuid::try_parse(text).ok());
    let result = match command {
        "change_users" => json!(tenant.change_users(count()?)),
        "add_users" => json!(tenant.add_users(count()?)),
        "delete_users" => json!(tenant.delete_users(count()?)),
        "delete_user" => json!(tenant.delete_user(id(argument)?)),
        "purge_user" => json!(tenant.purge_user(id(argument)?)),
        "restore_user" => json!(tenant.restore_user(id(argument)?)),
        "assign_licence" => {
            json!(tenant.assign_licence(id(&argument["user"])?, argument["sku"].as_str()?))
        }
        "remove_licence" => {
            json!(tenant.remove_licence(id(&argument["user"])?, argument["sku"].as_str()?))
        }
        "set_user_property" => json!(tenant.set_user_property(
            id(&argument["user"])?,
            argument["property"].as_str()?,
            argument["value"].clone(),
        )),
        "set_device_compliance" => json!(
            tenant.set_device_compliance(id(&argument["device"])?, argument["state"].as_str()?)
        ),
        _ => {
            act(tenant, command, argument)?;
            json!(true)
        }
    };
    Some(result)
}

/// Runs a command that has nothing to tell.
fn act(tenant: &TenantHandle, command: &str, argument: &Value) -> Option<()> {
    let secret = || {
        let lifetime = argument["expires_in_seconds"]
            .as_u64()
            .map(Duration::from_secs);
        Some((argument["value"].as_str()?, lifetime?))
    };
    match command {
        "grant" | "revoke" => {
            for permission in argument.as_array()? {
                match command {
                    "grant" => tenant.grant(&[permission.as_str()?]),
                    _ => tenant.revoke(permission.as_str()?),
                }
            }
        }
        "set_secret" => secret().map(|(value, lifetime)| tenant.set_secret(value, lifetime))?,
        "add_secret" => secret().map(|(value, lifetime)| tenant.add_secret(value, lifetime))?,
        "disable_app" => tenant.disable_app(argument.as_bool()?),
        "set_consent_error" => match argument {
            Value::Null => tenant.set_consent_error(None),
            code => tenant.set_consent_error(Some(u32::try_from(code.as_u64()?).ok()?)),
        },
        "set_key_identifiers" => {
            tenant.set_key_identifiers(serde_json::from_value(argument.clone()).ok()?);
        }
        "set_skus" => match argument {
            Value::Null => tenant.set_skus(None),
            example => tenant.set_skus(Some(SkuHolding::example(example.as_str()?)?)),
        },
        "set_conceal" => tenant.set_conceal(argument.as_bool()?),
        "set_entra_p1" => tenant.set_entra_p1(argument.as_bool()?),
        "set_intune" => tenant.set_intune(argument.as_bool()?),
        "set_roles_lag_seconds" => tenant.set_roles_lag(Duration::from_secs(argument.as_u64()?)),
        _ if argument != &json!(true) => return None,
        "consent" => tenant.consent(),
        "expire_tokens" => tenant.expire_tokens(),
        "expire_secret" => tenant.expire_secret(),
        "delete_secret" => tenant.delete_secret(),
        _ => return None,
    }
    Some(())
}

async fn add_faults(State(world): State<Arc<World>>, Json(body): Json<Value>) -> Response {
    match Fault::parse_schedule(body["schedule"].as_str().unwrap_or_default()) {
        Ok(faults) => {
            let added = faults.len();
            faults.into_iter().for_each(|fault| world.faults.add(fault));
            Json(json!({ "added": added })).into_response()
        }
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    }
}

async fn clear_faults(State(world): State<Arc<World>>) -> StatusCode {
    world.faults.clear();
    StatusCode::NO_CONTENT
}

async fn choose_body(State(world): State<Arc<World>>, Json(body): Json<Value>) -> Response {
    let (Some(bodies), Some(path), Some(name)) =
        (&world.bodies, body["path"].as_str(), body["name"].as_str())
    else {
        let detail = "send {\"path\", \"name\"} to a simulator that serves bodies";
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, detail);
    };
    bodies.choose(path, name);
    StatusCode::NO_CONTENT.into_response()
}

async fn clock(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({ "now": crate::json::date_time(world.clock.now()) }))
}

async fn move_clock(State(world): State<Arc<World>>, Json(body): Json<Value>) -> Json<Value> {
    let step = body["advance_seconds"].as_u64().unwrap_or_default();
    world.clock.advance(Duration::from_secs(step));
    clock(State(world)).await
}

async fn requests(State(world): State<Arc<World>>) -> Response {
    Json(world.log.all()).into_response()
}

async fn clear_requests(State(world): State<Arc<World>>) -> StatusCode {
    world.log.clear();
    StatusCode::NO_CONTENT
}
