//! The buttons and small forms of an integration's page. Each does its thing and leads back.

use super::{
    INTEGRATIONS,
    form::Form,
    integration,
    layout::{self, Place},
};
use crate::{
    Context,
    auth::Caller,
    integrations::{self, Answer, Patch},
    parameters::tenant,
    problem::Problem,
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;
use muster_domain::{TenantId, datasets as registry};
use std::{collections::BTreeMap, sync::Arc};

type Done = Result<Response, Problem>;

fn back(tenant: TenantId, done: &str) -> Response {
    Redirect::to(&format!("{INTEGRATIONS}/{tenant}?done={done}")).into_response()
}

/// The page again, with what is wrong with its forms.
async fn again(context: &Context, caller: &Caller, tenant: TenantId, problem: Problem) -> Done {
    if problem.status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(problem);
    }
    let view = integrations::view(context, tenant).await?;
    let now = muster_platform::now();
    let alert = html! { p.alert role="alert" { (problem.detail) } };
    let content = integration::content(&view, caller, &alert, &problem.errors, now);
    let page = layout::page(&view.name, Place::Integrations, Some(caller), &content);
    Ok((problem.status, page).into_response())
}

/// Goes on to Microsoft's consent page.
pub async fn authorize(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    _: Form,
) -> Done {
    let integration = integrations::find(&context, tenant(&id)?).await?;
    let url = integrations::authorize(&context, &integration, caller.session_id()).await?;
    Ok(Redirect::to(&url).into_response())
}

/// Asks for a sync, or for everything to be read again.
pub async fn sync(State(context): State<Arc<Context>>, Path(id): Path<String>, form: Form) -> Done {
    let tenant = tenant(&id)?;
    let full = form.get("full") == "true";
    integrations::sync(&context, tenant, full).await?;
    Ok(back(tenant, "sync"))
}

/// Looks at what is granted now.
pub async fn check(State(context): State<Arc<Context>>, Path(id): Path<String>, _: Form) -> Done {
    let tenant = tenant(&id)?;
    integrations::check_again(&context, tenant).await?;
    Ok(back(tenant, "checked"))
}

/// Pauses or resumes.
pub async fn pause(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
    form: Form,
) -> Done {
    let tenant = tenant(&id)?;
    let paused = form.get("paused") == "true";
    let patch = Patch {
        paused: Some(paused),
        ..Patch::default()
    };
    integrations::change(&context, tenant, patch).await?;
    Ok(back(tenant, if paused { "paused" } else { "resumed" }))
}

/// Renames, and sets the cadence.
pub async fn settings(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    mut form: Form,
) -> Done {
    let tenant = tenant(&id)?;
    let patch = Patch {
        name: Some(form.take("name")),
        // What is no number is out of range.
        cadence_minutes: Some(form.get("cadence_minutes").parse().unwrap_or(0)),
        ..Patch::default()
    };
    match integrations::change(&context, tenant, patch).await {
        Ok(()) => Ok(back(tenant, "saved")),
        Err(problem) => again(&context, &caller, tenant, problem).await,
    }
}

/// Switches datasets on and off: the boxes that are ticked are on.
pub async fn datasets(
    State(context): State<Arc<Context>>,
    Path(id): Path<String>,
    form: Form,
) -> Done {
    let tenant = tenant(&id)?;
    let patch = Patch {
        datasets: registry::ALL
            .iter()
            .map(|dataset| (dataset.name.to_owned(), form.has(dataset.name)))
            .collect(),
        ..Patch::default()
    };
    integrations::change(&context, tenant, patch).await?;
    Ok(back(tenant, "saved"))
}

/// Answers a removal that waits.
pub async fn removal(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    mut form: Form,
) -> Done {
    let tenant = tenant(&id)?;
    let answer = Answer::find(form.get("answer"))
        .ok_or_else(|| Problem::bad_request("Choose one of the two answers."))?;
    let patch = Patch {
        removals: BTreeMap::from([(form.take("dataset"), answer)]),
        answered_by: caller.words(),
        ..Patch::default()
    };
    match integrations::change(&context, tenant, patch).await {
        Ok(()) if answer == Answer::Allow => Ok(back(tenant, "allowed")),
        Ok(()) => Ok(back(tenant, "kept")),
        Err(problem) => again(&context, &caller, tenant, problem).await,
    }
}
