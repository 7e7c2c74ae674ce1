//! Errors for people.

use super::{
    layout::{self, Place},
    sign_in,
};
use crate::{Context, auth::Caller, problem::Problem};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::html;

/// The page that tells of a problem; for whoever is not signed in, the page to do so.
pub fn page(context: &Context, problem: &Problem, caller: Option<&Caller>, path: &str) -> Response {
    let markup = if problem.status == StatusCode::UNAUTHORIZED {
        sign_in::ask(context, Some(path))
    } else {
        let content = html! {
            div.lone.card {
                p.code { (problem.status.as_u16()) }
                h1 { (problem.title) }
                p { (problem.detail) }
                p.actions { a.button href="/" { "All clients" } }
            }
        };
        layout::page(problem.title, Place::Elsewhere, caller, &content)
    };
    let mut response = (problem.status, markup).into_response();
    response.headers_mut().extend(problem.headers.clone());
    response
}
