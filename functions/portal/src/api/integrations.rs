//! `/api/v1/integrations`: connect, list, look at, change and delete.

use super::Operation;
use crate::{
    Context,
    auth::Caller,
    credential::{self, New},
    integrations::{self, Answer, Patch},
    parameters::{Body, Parameters, bad_cursor, cursor, tenant},
    problem::Problem,
    view::{DeletionView, IntegrationView, OfferedView},
};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get, patch, post, put},
};
use bytes::Bytes;
use muster_domain::{
    collation,
    connect::{self as fields, Form},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{ops::RangeInclusive, sync::Arc};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        method: "post",
        path: "/api/v1/integrations",
        id: "connectTenant",
        summary: "Check a tenant and its credential, and connect it",
        query: &[],
        body: Some("Connect"),
        answer: (201, "ConnectedIntegration"),
        problems: &[
            (400, "the body is not understood"),
            (409, "the tenant is connected already"),
            (413, "the body is too large"),
            (415, "the body is not JSON"),
            (422, "a field is wrong, or Microsoft refuses it"),
            (502, "Microsoft's sign-in service did not answer"),
        ],
        open: false,
        handler: || post(create),
    },
    Operation {
        method: "get",
        path: "/api/v1/integrations",
        id: "listIntegrations",
        summary: "All integrations by name, with status, last sync and credential expiry",
        query: &[super::datasets::LIMIT, super::datasets::CURSOR],
        body: None,
        answer: (200, "IntegrationList"),
        problems: &[(400, "a parameter is wrong")],
        open: false,
        handler: || get(list),
    },
    Operation {
        method: "get",
        path: "/api/v1/integrations/{tenant_id}",
        id: "getIntegration",
        summary: "One integration with its permissions, datasets, credential, problems and sync",
        query: &[],
        body: None,
        answer: (200, "Integration"),
        problems: &[NO_GUID, UNKNOWN],
        open: false,
        handler: || get(one),
    },
    Operation {
        method: "patch",
        path: "/api/v1/integrations/{tenant_id}",
        id: "changeIntegration",
        summary: "Rename, pause or resume, set the cadence, switch datasets, answer a removal that waits",
        query: &[],
        body: Some("Change"),
        answer: (200, "Integration"),
        problems: &[
            (400, "the body is not understood"),
            UNKNOWN,
            (
                409,
                "a sync is running: a removal is answered between syncs",
            ),
            (415, "the body is not JSON"),
            (422, "a field is wrong"),
        ],
        open: false,
        handler: || patch(change),
    },
    Operation {
        method: "delete",
        path: "/api/v1/integrations/{tenant_id}",
        id: "deleteIntegration",
        summary: "Delete the schedule, the secret and all data: 200 with the receipt, or 202 where the background goes on",
        query: &[],
        body: None,
        answer: (200, "Deletion"),
        problems: &[NO_GUID, UNKNOWN],
        open: false,
        handler: || delete(remove),
    },
    Operation {
        method: "get",
        path: "/api/v1/integrations/{tenant_id}/deletion",
        id: "getDeletion",
        summary: "How far a deletion is; its receipt for 30 days after the end",
        query: &[],
        body: None,
        answer: (200, "Deletion"),
        problems: &[
            NO_GUID,
            (
                404,
                "the tenant is not being deleted, and no receipt is kept",
            ),
        ],
        open: false,
        handler: || get(deletion),
    },
    Operation {
        method: "post",
        path: "/api/v1/integrations/{tenant_id}/authorize",
        id: "authorize",
        summary: "A fresh address of Microsoft's consent page, good once and for ten minutes",
        query: &[],
        body: None,
        answer: (200, "AuthorizeUrl"),
        problems: &[NO_GUID, UNKNOWN],
        open: false,
        handler: || post(authorize),
    },
    Operation {
        method: "put",
        path: "/api/v1/integrations/{tenant_id}/credential",
        id: "replaceCredential",
        summary: "Prove a new client secret, the certificate that waits, or no secret at all, then put it in place of the one before",
        query: &[],
        body: Some("NewCredential"),
        answer: (200, "Integration"),
        problems: &[
            (400, "the body is not understood"),
            UNKNOWN,
            (415, "the body is not JSON"),
            (422, "the secret is wrong; the one before stays"),
            (502, "Microsoft's sign-in service did not answer"),
        ],
        open: false,
        handler: || put(replace_credential),
    },
    Operation {
        method: "post",
        path: "/api/v1/integrations/{tenant_id}/credential/certificate",
        id: "offerCertificate",
        summary: "Make a key pair and a certificate to upload; the private key stays in the vault",
        query: &[],
        body: None,
        answer: (200, "Integration"),
        problems: &[NO_GUID, UNKNOWN],
        open: false,
        handler: || post(certificate),
    },
    Operation {
        method: "post",
        path: "/api/v1/setup/certificate",
        id: "prepareCertificate",
        summary: "Make the certificate that a client not connected yet is to be connected with; the private key stays in the vault",
        query: &[],
        body: Some("PrepareCertificate"),
        answer: (200, "PreparedCertificate"),
        problems: &[
            (400, "the body is not understood"),
            (409, "the tenant is connected already"),
            (415, "the body is not JSON"),
            (422, "the tenant ID is wrong"),
        ],
        open: false,
        handler: || post(prepare_certificate),
    },
    Operation {
        method: "post",
        path: "/api/v1/integrations/{tenant_id}/sync",
        id: "requestSync",
        summary: "Ask for a sync now; a full one reads everything again from its start",
        query: &[],
        body: Some("Sync"),
        answer: (202, "SyncRequested"),
        problems: &[
            (
                400,
                "the body is not understood, or the tenant ID is no GUID",
            ),
            UNKNOWN,
            (409, "paused, awaiting consent, or being deleted"),
            (415, "the body is not JSON"),
            (422, "a field is wrong"),
        ],
        open: false,
        handler: || post(sync),
    },
];

/// The cadences there may be, in minutes.
const CADENCES: RangeInclusive<u32> = fields::LEAST_CADENCE_MINUTES..=fields::MOST_CADENCE_MINUTES;

const NO_GUID: (u16, &str) = (400, "the tenant ID is no GUID");
const UNKNOWN: (u16, &str) = (404, "the tenant is not connected");

async fn create(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let mut body = Body::read(
        &headers,
        &bytes,
        &[
            "name",
            "tenant_id",
            "client_id",
            "client_secret",
            "kind",
            "cloud",
            "cadence_minutes",
            "secret_expires_on",
        ],
    )?;
    let form = Form {
        name: body.text("name").unwrap_or_default(),
        tenant_id: body.text("tenant_id").unwrap_or_default(),
        client_id: body.text("client_id").unwrap_or_default(),
        client_secret: SecretString::from(body.text("client_secret").unwrap_or_default()),
        kind: body.text("kind"),
        cloud: body.text("cloud"),
        cadence_minutes: body.number("cadence_minutes", CADENCES),
        secret_expires_on: body.text("secret_expires_on"),
    };
    body.finish()?;
    let integration = integrations::connect(&context, form).await?;
    let url = integrations::authorize(&context, &integration, caller.session_id()).await?;
    let view = integrations::view(&context, integration.tenant_id).await?;
    let mut answer = serde_json::to_value(view).unwrap_or_default();
    answer["authorize_url"] = url.into();
    let location = format!("/api/v1/integrations/{}", integration.tenant_id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(answer),
    )
        .into_response())
}

async fn list(
    State(context): State<Arc<Context>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let parameters = Parameters::read(query.as_deref(), &["limit", "cursor"])?;
    let limit = parameters.limit()?;
    let after = parameters.cursor()?;
    if after.as_ref().is_some_and(|after| !after.contains('#')) {
        return Err(bad_cursor());
    }
    // The name may hold the sign as well; the tenant ID cannot.
    let after = after.as_deref().and_then(|after| after.rsplit_once('#'));
    let after = after.map(|(name, tenant)| (collation::sort_key(name), tenant.to_owned()));
    let mut page = integrations::all(&context).await?;
    page.retain(|integration| {
        (after.as_ref()).is_none_or(|after| integrations::place(integration) > *after)
    });
    let more = page.len() > limit;
    page.truncate(limit);
    let next_cursor = page
        .last()
        .filter(|_| more)
        .map(|last| cursor(&format!("{}#{}", last.name, last.tenant_id)));
    let items = integrations::listed(&context, page).await?;
    Ok(Json(json!({"items": items, "next_cursor": next_cursor})))
}

async fn one(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
) -> Result<Json<IntegrationView>, Problem> {
    Ok(Json(integrations::view(&context, tenant(&id)?).await?))
}

async fn change(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<IntegrationView>, Problem> {
    let tenant = tenant(&id)?;
    let known = [
        "name",
        "cadence_minutes",
        "paused",
        "datasets",
        "removals",
        "automatic_renewal",
    ];
    let mut body = Body::read(&headers, &bytes, &known)?;
    let mut patch = Patch {
        name: body.text("name"),
        cadence_minutes: body.number("cadence_minutes", CADENCES),
        paused: body.flag("paused"),
        answered_by: caller.words(),
        ..Patch::default()
    };
    for (dataset, on) in body.object("datasets").unwrap_or_default() {
        match on.as_bool() {
            Some(on) => drop(patch.datasets.insert(dataset, on)),
            None => body.wrong("datasets", "Give true or false for each dataset's name."),
        }
    }
    for (dataset, answer) in body.object("removals").unwrap_or_default() {
        match answer.as_str().and_then(Answer::find) {
            Some(answer) => drop(patch.removals.insert(dataset, answer)),
            None => body.wrong(
                "removals",
                "Give \"allow\" or \"keep\" for each dataset's name.",
            ),
        }
    }
    if let Some(chosen) = body.object("automatic_renewal") {
        let life = chosen.get("life_days").and_then(Value::as_u64);
        let life = u32::try_from(life.unwrap_or(180)).unwrap_or(0);
        let wanted = chosen.get("enabled").and_then(Value::as_bool);
        match wanted.map(|on| credential::automatic(on.then_some(life))) {
            Some(Ok(chosen)) => patch.automatic = Some(chosen),
            Some(Err(detail)) => body.wrong("automatic_renewal", detail),
            None => body.wrong(
                "automatic_renewal",
                "Give enabled, true or false, and life_days.",
            ),
        }
    }
    body.finish()?;
    integrations::change(&context, tenant, patch).await?;
    Ok(Json(integrations::view(&context, tenant).await?))
}

async fn remove(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let tenant = tenant(&id)?;
    let deletion = integrations::delete(&context, tenant).await?;
    if deletion.over() {
        return Ok(Json(deletion).into_response());
    }
    let location = format!("/api/v1/integrations/{tenant}/deletion");
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::ACCEPTED, headers, Json(deletion)).into_response())
}

async fn deletion(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
) -> Result<Json<DeletionView>, Problem> {
    Ok(Json(integrations::deletion(&context, tenant(&id)?).await?))
}

async fn authorize(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let integration = integrations::find(&context, tenant(&id)?).await?;
    let url = integrations::authorize(&context, &integration, caller.session_id()).await?;
    Ok(Json(json!({"authorize_url": url})))
}

async fn replace_credential(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<IntegrationView>, Problem> {
    let tenant = tenant(&id)?;
    let mut body = Body::read(
        &headers,
        &bytes,
        &["client_secret", "kind", "secret_expires_on"],
    )?;
    let secret = SecretString::from(body.text("client_secret").unwrap_or_default());
    let on = body.text("secret_expires_on");
    let lapses = fields::day("secret_expires_on", on.as_deref()).unwrap_or_else(|error| {
        body.wrong(error.field, error.detail);
        None
    });
    let new = match body.text("kind").as_deref() {
        None | Some("client_secret") => New::Secret(secret, lapses),
        Some("certificate") => New::Certificate,
        Some("federated") => New::Federated,
        Some(_) => {
            body.wrong("kind", "Give client_secret, certificate or federated.");
            New::Certificate
        }
    };
    body.finish()?;
    credential::replace(&context, tenant, new).await?;
    Ok(Json(integrations::view(&context, tenant).await?))
}

async fn certificate(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
) -> Result<Json<IntegrationView>, Problem> {
    let tenant = tenant(&id)?;
    credential::offer_certificate(&context, tenant).await?;
    Ok(Json(integrations::view(&context, tenant).await?))
}

async fn prepare_certificate(
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<OfferedView>, Problem> {
    let mut body = Body::read(&headers, &bytes, &["tenant_id"])?;
    let tenant = fields::tenant_id(&body.text("tenant_id").unwrap_or_default());
    body.finish()?;
    let tenant = tenant.map_err(|error| Problem::fields([error]))?;
    let made = credential::prepare_certificate(&context, tenant).await?;
    Ok(Json(OfferedView::from(made)))
}

async fn sync(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let tenant = tenant(&id)?;
    let full = match bytes.is_empty() {
        true => false,
        false => {
            let mut body = Body::read(&headers, &bytes, &["full"])?;
            let full = body.flag("full").unwrap_or(false);
            body.finish()?;
            full
        }
    };
    let requested_at = integrations::sync(&context, tenant, full).await?;
    let answer = Json(json!({"requested_at": requested_at}));
    Ok((StatusCode::ACCEPTED, answer).into_response())
}
