//! The style sheet, the script and the icon, served from the binary.

use crate::problem::Problem;
use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use std::sync::LazyLock;

const FILES: [(&str, &str, &str); 3] = [
    (
        "style.css",
        "text/css; charset=utf-8",
        include_str!("../static/style.css"),
    ),
    (
        "live.js",
        "text/javascript; charset=utf-8",
        include_str!("../static/live.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../static/icon.svg"),
    ),
];

/// Changes with the content, so that browsers may keep what they have for ever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let all: String = FILES.iter().map(|(_, _, content)| *content).collect();
    let digest = muster_domain::record::digest(&all).0;
    digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
});

/// The address of a file.
pub fn path(file: &str) -> String {
    format!("/static/{file}?v={}", *VERSION)
}

/// Serves a file.
pub async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let (_, kind, content) = FILES
        .into_iter()
        .find(|(file, _, _)| *file == name)
        .ok_or_else(Problem::no_such_path)?;
    let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
    Ok((
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (header::CACHE_CONTROL, keep),
        ],
        content,
    )
        .into_response())
}
