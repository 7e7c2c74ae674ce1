//! What the credential page's forms do.

use super::content;
use crate::{
    Context,
    auth::Caller,
    credential::{self, New},
    integrations,
    pages::{
        INTEGRATIONS,
        form::Form,
        layout::{self, Place},
    },
    parameters::tenant,
    problem::{Problem, ProblemField},
};
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::html;
use secrecy::SecretString;
use std::sync::Arc;

type Done = Result<Response, Problem>;

fn back(id: &str, done: &str) -> Response {
    Redirect::to(&format!("{INTEGRATIONS}/{id}/credential?done={done}")).into_response()
}

/// The page again, with what is wrong.
async fn again(context: &Context, caller: &Caller, id: &str, problem: Problem) -> Done {
    if problem.status != StatusCode::UNPROCESSABLE_ENTITY {
        return Err(problem);
    }
    let alert = html! { p.alert role="alert" { (problem.detail) } };
    let content = content(context, caller, id, &alert, &problem.errors).await?;
    let page = layout::page("Credential", Place::Integrations, Some(caller), &content);
    Ok((problem.status, page).into_response())
}

/// Takes a new client secret.
pub async fn submit(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    mut form: Form,
) -> Done {
    let secret = SecretString::from(form.take("client_secret"));
    let lapses =
        muster_domain::connect::day("secret_expires_on", Some(form.get("secret_expires_on")));
    let replaced = match lapses {
        Ok(lapses) => {
            credential::replace(&context, tenant(&id)?, New::Secret(secret, lapses)).await
        }
        Err(error) => Err(Problem::fields([error])),
    };
    match replaced {
        Ok(()) => Ok(back(&id, "credential")),
        Err(problem) => again(&context, &caller, &id, problem).await,
    }
}

/// Makes a certificate.
pub async fn offer(State(context): State<Arc<Context>>, Path(id): Path<String>, _: Form) -> Done {
    credential::offer_certificate(&context, tenant(&id)?).await?;
    Ok(Redirect::to(&format!(
        "{INTEGRATIONS}/{id}/credential?done=certificate#certificate"
    ))
    .into_response())
}

/// The certificate that waits: public.
pub async fn download(State(context): State<Arc<Context>>, Path(id): Path<String>) -> Done {
    let integration = integrations::find(&context, tenant(&id)?).await?;
    let offered = integration.offered.ok_or_else(|| {
        Problem::not_found("No certificate waits to be uploaded. Make one first.")
    })?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-x509-ca-cert"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"muster.cer\"",
        ),
    ];
    Ok((headers, offered.pem).into_response())
}

/// Moves over to the certificate that waits, or to no secret at all.
pub async fn switch(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    form: Form,
) -> Done {
    let new = match form.get("kind") {
        "certificate" => New::Certificate,
        "federated" => New::Federated,
        _ => return Err(Problem::bad_request("Choose a certificate or no secret.")),
    };
    match credential::replace(&context, tenant(&id)?, new).await {
        Ok(()) => Ok(back(&id, "switched")),
        Err(problem) => again(&context, &caller, &id, problem).await,
    }
}

/// Lets Muster renew by itself, or not.
pub async fn automatic(
    State(context): State<Arc<Context>>,
    caller: Caller,
    Path(id): Path<String>,
    form: Form,
) -> Done {
    let life = Some(form.get("life_days")).filter(|text| !text.is_empty());
    match credential::automatic(life.map(|text| text.parse().unwrap_or(0))) {
        Ok(chosen) => {
            credential::renew_by_itself(&context, tenant(&id)?, chosen).await?;
            Ok(back(&id, "saved"))
        }
        Err(detail) => {
            let problem = Problem::fields([ProblemField::new("life_days", detail)]);
            again(&context, &caller, &id, problem).await
        }
    }
}
