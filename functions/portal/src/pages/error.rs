//! Errors for people.

use crate::{auth::Caller, problem::Problem};
use axum::response::{IntoResponse, Response};

/// The page that tells of a problem.
pub fn page(problem: &Problem, _caller: Option<&Caller>) -> Response {
    problem.clone().into_response()
}
