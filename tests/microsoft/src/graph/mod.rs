//! Graph v1.0, as `https://graph.microsoft.com` has it.

mod applications;
mod authorization;
mod control_profiles;
mod delta;
mod detected_apps;
mod devices;
pub mod error;
pub mod managed_devices;
mod mobile_apps;
mod organization;
pub mod page;
mod properties;
mod query;
mod registration;
mod report_settings;
mod resources;
mod secure_scores;
mod served_bodies;
pub mod truth;
pub mod usage_reports;
mod user_properties;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::observed::AnsweredFor;
use crate::tenant::Tenant;
use crate::world::World;
use error::GraphError;
use query::Query;
use resources::Resource;

/// The Graph origin.
pub fn router(world: &Arc<World>) -> Router {
    Router::new().fallback(answer).with_state(Arc::clone(world))
}

/// A request that may be answered: whose, and for what.
#[derive(Debug)]
pub struct Call<'a> {
    world: &'a World,
    tenant: &'a Arc<Tenant>,
    roles: &'a [String],
    resource: &'static Resource,
    /// Below the version, decoded.
    path: &'a str,
    /// What stands in place of the resource's `{}`, and between a function's parentheses.
    arguments: Vec<&'a str>,
    query: Query,
    /// `ConsistencyLevel: eventual`.
    eventual: bool,
    /// `Prefer: return=minimal`.
    minimal: bool,
    body: Bytes,
}

impl Call<'_> {
    /// The first argument in the path.
    fn argument(&self) -> &str {
        self.arguments.first().copied().unwrap_or_default()
    }

    /// `@odata.context`.
    fn context(&self) -> String {
        let path = self.path.trim_end_matches("/delta");
        let selected = match self.query.get("$select") {
            Some(names) if !names.is_empty() => format!("({names})"),
            _ => String::new(),
        };
        format!("{}v1.0/$metadata#{path}{selected}", self.world.graph_url)
    }
}

/// What is answered when nothing is refused.
#[derive(Debug)]
pub enum Reply {
    /// A JSON text.
    Json(String),
    /// Plain text.
    Text(String),
    /// 302.
    Redirect(String),
    /// 204.
    Nothing,
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let typed = |kind: &'static str, text: String| {
            ([(header::CONTENT_TYPE, kind)], Body::from(text)).into_response()
        };
        match self {
            Self::Json(text) => typed(
                "application/json;odata.metadata=minimal;odata.streaming=true;\
                 IEEE754Compatible=false;charset=utf-8",
                text,
            ),
            Self::Text(text) => typed("text/plain", text),
            Self::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
            Self::Nothing => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

async fn answer(State(world): State<Arc<World>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let client_id = parts.headers.get("client-request-id").cloned();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let (tenant, units, result) = refuse_or_answer(&world, &parts, body);
    let mut response = result.unwrap_or_else(IntoResponse::into_response);
    if let Some(tenant) = tenant {
        response.extensions_mut().insert(AnsweredFor(tenant));
    }
    dress(response.headers_mut(), client_id, units);
    response
}

/// The headers that every answer has.
fn dress(headers: &mut HeaderMap, client_id: Option<HeaderValue>, units: u32) {
    if !headers.contains_key("request-id")
        && let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string())
    {
        headers.insert("request-id", id);
    }
    let own = headers.get("request-id").cloned();
    if let Some(id) = client_id.or(own) {
        headers.insert("client-request-id", id);
    }
    headers.insert("odata-version", HeaderValue::from_static("4.0"));
    if units > 0 {
        headers.insert("x-ms-resource-unit", HeaderValue::from(units));
    }
}

type Answered = (Option<Uuid>, u32, Result<Response, GraphError>);

fn refuse_or_answer(world: &World, parts: &axum::http::request::Parts, body: Bytes) -> Answered {
    let issued = match authorization::token(world, &parts.headers) {
        Ok(issued) => issued,
        Err(refusal) => return (None, 0, Err(refusal)),
    };
    let tenant = Some(issued.tenant.facts.id);
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let raw_query = parts.uri.query().unwrap_or_default();
    if let Some(bodies) = &world.bodies
        && parts.method == Method::GET
    {
        let served = served_bodies::answer(world, bodies, &issued.tenant, &path, raw_query);
        return (tenant, 1, served.map(IntoResponse::into_response));
    }
    let Some(path) = path.strip_prefix("/v1.0/") else {
        let version = path
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        let message = format!("Invalid version: {version}");
        return (tenant, 0, Err(GraphError::new(400, "BadRequest", message)));
    };
    let path = path.trim_end_matches('/');
    let (resource, arguments) = match resources::find(path) {
        Ok(found) => found,
        Err(refusal) => return (tenant, 0, Err(refusal)),
    };
    let query = Query::parse(raw_query);
    let units = resource.units(&query);
    let mentions = |name: &str, value: &str| {
        let given = parts
            .headers
            .get(name)
            .and_then(|given| given.to_str().ok());
        given.is_some_and(|given| given.to_ascii_lowercase().contains(value))
    };
    let call = Call {
        world,
        tenant: &issued.tenant,
        roles: &issued.roles,
        resource,
        path,
        arguments,
        query,
        eventual: mentions("consistencylevel", "eventual"),
        minimal: mentions("prefer", "return=minimal"),
        body,
    };
    (
        tenant,
        units,
        call.answer(&parts.method).map(IntoResponse::into_response),
    )
}

impl Call<'_> {
    /// Checks the method, the permission, the licence and the options, in this order, and answers.
    fn answer(&self, method: &Method) -> Result<Reply, GraphError> {
        let resource = self.resource;
        let answer = match (method, resource.patch, resource.post) {
            (&Method::POST, _, Some(post)) => post,
            (&Method::GET, _, None) => resource.get,
            (&Method::PATCH, Some(patch), _) => patch,
            _ => {
                let message = "Specified HTTP method is not allowed for the request target.";
                return Err(GraphError::new(405, "Request_BadRequest", message));
            }
        };
        if !resource
            .needs
            .iter()
            .any(|need| self.roles.iter().any(|role| role == need))
        {
            return Err(resource.service.denied(resource.needs));
        }
        resource.check_licence(&self.tenant.read())?;
        self.query.check(resource)?;
        answer(self)
    }
}
