//! The pages.

pub mod error;

use crate::Context;
use axum::Router;
use std::sync::Arc;

pub(crate) fn router(_context: &Arc<Context>) -> Router<Arc<Context>> {
    Router::new()
}
