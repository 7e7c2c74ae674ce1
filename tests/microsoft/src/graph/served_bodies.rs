//! Graph where bodies are served verbatim.

use std::sync::Arc;

use super::Reply;
use super::error::GraphError;
use super::query::Query;
use super::usage_reports::LIFETIME;
use crate::bodies::Bodies;
use crate::tenant::Tenant;
use crate::world::{Download, World};

/// The body of a path; one empty page behind every next link.
pub fn answer(
    world: &World,
    bodies: &Bodies,
    tenant: &Arc<Tenant>,
    path: &str,
    raw_query: &str,
) -> Result<Reply, GraphError> {
    let query = Query::parse(raw_query);
    let goes_on = ["$skiptoken", "$deltatoken", "$skip"];
    if goes_on.iter().any(|name| {
        query
            .get(name)
            .is_some_and(|value| !value.is_empty() && value != "0")
    }) {
        return Ok(Reply::Json(last_page(world, path)));
    }
    let Some(found) = bodies.find(path) else {
        let segment = path.rsplit('/').next().unwrap_or_default();
        let message = format!("There is no body for '{segment}'.");
        return Err(GraphError::new(404, "Request_ResourceNotFound", message));
    };
    if found.csv {
        let report = path.rsplit('/').next().unwrap_or_default();
        let url = world.offer(Download {
            tenant: Arc::clone(tenant),
            report: report.split('(').next().unwrap_or_default().to_owned(),
            period: String::new(),
            body: Some(found.body),
            expires: world.clock.now() + LIFETIME,
        });
        return Ok(Reply::Redirect(url.into()));
    }
    let text = String::from_utf8_lossy(&found.body);
    Ok(Reply::Json(own_links(&text, world.graph_url.as_str())))
}

fn last_page(world: &World, path: &str) -> String {
    if path.trim_end_matches('/').ends_with("/delta") {
        let here = format!("{}{}", world.graph_url, path.trim_start_matches('/'));
        let link = format!("{here}?$deltatoken=served");
        return serde_json::json!({ "@odata.deltaLink": link, "value": [] }).to_string();
    }
    "{\"value\":[]}".to_owned()
}

/// Points next and delta links to this origin: a client must not follow them to any other.
fn own_links(text: &str, graph_url: &str) -> String {
    const MICROSOFT: &str = "https://graph.microsoft.com/";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(MICROSOFT) {
        let before = &rest[..at];
        let name = before.trim_end_matches(['"', ' ', ':', '\t', '\n', '\r']);
        let is_link = name.ends_with("@odata.nextLink") || name.ends_with("@odata.deltaLink");
        out.push_str(before);
        out.push_str(if is_link { graph_url } else { MICROSOFT });
        rest = &rest[at + MICROSOFT.len()..];
    }
    out.push_str(rest);
    out
}
