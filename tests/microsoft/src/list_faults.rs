//! Plays faults of lists beyond a status: queries that are refused, and pages that mislead.
//!
//! | KIND | what happens |
//! |---|---|
//! | `unsupported-query` | 400 `Request_UnsupportedQuery`: change enumeration is not supported for this tenant |
//! | `not-applicable` | 400 "Request not applicable to target tenant.", as Intune says without an MDM authority |
//! | `no-segment` | 400 "Resource not found for the segment '…'", as a cloud says that lacks a call |
//! | `largest-top:100` | a larger `$top` is refused, and the largest is named; anything else is answered |
//! | `no-top` | any `$top` is refused with `Request_UnsupportedQuery` |
//! | `unknown-property:jobTitle` | refused as long as `$select` names the property |
//! | `sign-ins-left-out:10` | `signInActivity` is left out of the first 10 objects of a page |
//! | `left-out:lastSyncDateTime:3` | the same of any property |
//! | `whole-objects` | `Prefer: return=minimal` is not heeded |
//! | `no-removals` | what is marked `@removed` is left out |
//! | `sign-ins-beyond:90` | beyond the 90th row of a page nobody has `signInActivity` |
//! | `sign-ins-beyond:90:any-top` | the same, and pages are as large as they can be, whatever `$top` says |
//! | `endless` | each page leads on to itself, under a new link |
//! | `endless:new` | the same, and each time its objects have other ids |

use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::extract::Request;
use axum::http::Uri;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::evidence_faults::EvidenceFault;
use crate::graph::error::GraphError;
use crate::observed::{Observed, rewrite};

/// A way for a list to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListFault {
    /// Changes are not offered for this tenant.
    UnsupportedQuery,
    /// Intune was never set up in the tenant.
    NotApplicable,
    /// The cloud lacks the call.
    NoSegment,
    /// The largest `$top` that is taken.
    LargestTop(u32),
    /// No `$top` is taken.
    NoTop,
    /// The property is not known here.
    UnknownProperty(String),
    /// A property is left out of the first so many objects of a page.
    LeftOut(String, usize),
    /// Objects come whole, whatever the client prefers.
    WholeObjects,
    /// Removals are not told.
    NoRemovals,
    /// Nobody beyond this row of a page has sign-in activity; `$top` is ignored, where true.
    SignInsBeyond(usize, bool),
    /// The evidence of a page misleads.
    Evidence(EvidenceFault),
    /// The same page for ever; with other ids each time, where true.
    Endless(bool),
}

impl ListFault {
    /// The kind that a schedule names; none where it names another.
    pub fn named(word: &str, argument: Option<&str>) -> Option<Self> {
        Some(match (word, argument) {
            ("unsupported-query", None) => Self::UnsupportedQuery,
            ("not-applicable", None) => Self::NotApplicable,
            ("no-segment", None) => Self::NoSegment,
            ("largest-top", Some(top)) => Self::LargestTop(top.parse().ok()?),
            ("no-top", None) => Self::NoTop,
            ("unknown-property", Some(name)) => Self::UnknownProperty(name.to_owned()),
            ("sign-ins-left-out", Some(count)) => {
                Self::LeftOut("signInActivity".to_owned(), count.parse().ok()?)
            }
            ("left-out", Some(what)) => {
                let (property, count) = what.split_once(':')?;
                Self::LeftOut(property.to_owned(), count.parse().ok()?)
            }
            ("whole-objects", None) => Self::WholeObjects,
            ("no-removals", None) => Self::NoRemovals,
            ("sign-ins-beyond", Some(rows)) => match rows.split_once(':') {
                Some((rows, "any-top")) => Self::SignInsBeyond(rows.parse().ok()?, true),
                _ => Self::SignInsBeyond(rows.parse().ok()?, false),
            },
            ("endless", None) => Self::Endless(false),
            ("endless", Some("new")) => Self::Endless(true),
            _ => Self::Evidence(EvidenceFault::named(word, argument)?),
        })
    }
}

/// The code and the message with which a fault refuses a request, where it does.
fn refusal(fault: &ListFault, uri: &Uri) -> Option<(&'static str, String)> {
    let option = |name: &str| {
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into_owned())
    };
    match fault {
        ListFault::UnsupportedQuery => Some((
            "Request_UnsupportedQuery",
            "Change enumeration is not supported for this tenant.".to_owned(),
        )),
        ListFault::NotApplicable => Some((
            "BadRequest",
            "Request not applicable to target tenant.".to_owned(),
        )),
        ListFault::NoSegment => {
            let path = uri.path().trim_end_matches('/');
            let segment = path.rsplit('/').next().unwrap_or_default();
            let message = format!("Resource not found for the segment '{segment}'.");
            Some(("BadRequest", message))
        }
        ListFault::LargestTop(most) => option("$top")
            .filter(|top| top.parse().is_ok_and(|top: u32| top > *most))
            .map(|top| {
                let message = format!(
                    "Invalid page size specified: '{top}'. Must be between 1 and {most} inclusive."
                );
                ("Request_BadRequest", message)
            }),
        ListFault::NoTop => option("$top").map(|_| {
            let message = "This resource does not support custom page sizes. \
                           Please retry without a page size argument.";
            ("Request_UnsupportedQuery", message.to_owned())
        }),
        ListFault::UnknownProperty(name) => option("$select")
            .filter(|select| select.split(',').any(|selected| selected == name))
            .map(|_| {
                let message = format!(
                    "Parsing OData Select and Expand failed: Could not find a property named '{name}' \
                     on type 'microsoft.graph.user'."
                );
                ("BadRequest", message)
            }),
        _ => None,
    }
}

/// Answers a request that the fault strikes.
pub async fn strike(
    fault: ListFault,
    seen: &Observed,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some((code, message)) = refusal(&fault, request.uri()) {
        return GraphError::new(400, code, message).into_response();
    }
    match fault {
        ListFault::WholeObjects => {
            request.headers_mut().remove("prefer");
            next.run(request).await
        }
        ListFault::NoRemovals => {
            change(next.run(request).await, |page| {
                let Some(Value::Array(items)) = page.get_mut("value") else {
                    return;
                };
                items.retain(|item| item.get("@removed").is_none());
            })
            .await
        }
        ListFault::SignInsBeyond(rows, any_top) => {
            if any_top {
                ignore_top(&mut request);
            }
            change(next.run(request).await, |page| {
                let items = page["value"].as_array_mut();
                for item in items.into_iter().flatten().skip(rows) {
                    if let Some(item) = item.as_object_mut() {
                        item.remove("signInActivity");
                    }
                }
            })
            .await
        }
        ListFault::LeftOut(property, count) => {
            change(next.run(request).await, |page| {
                let objects = page["value"].as_array_mut().into_iter().flatten();
                for object in objects.filter_map(Value::as_object_mut).take(count) {
                    object.remove(&property);
                }
            })
            .await
        }
        ListFault::Evidence(fault) => {
            let now = seen.world.clock.now();
            change(next.run(request).await, |page| fault.apply(page, now)).await
        }
        ListFault::Endless(new) => endless(new, seen, request, next).await,
        _ => next.run(request).await,
    }
}

/// Asks for the largest page in place of the one that the client wishes.
fn ignore_top(request: &mut Request) {
    let largest = |part: &str| match part.starts_with("$top=") {
        true => "$top=999".to_owned(),
        false => part.to_owned(),
    };
    let parts: Vec<String> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .map(largest)
        .collect();
    let uri = format!("{}?{}", request.uri().path(), parts.join("&"));
    if let Ok(uri) = uri.parse() {
        *request.uri_mut() = uri;
    }
}

/// Answers the page asked for, and leads on to it again.
async fn endless(new: bool, seen: &Observed, request: Request, next: Next) -> Response {
    static TURN: AtomicU32 = AtomicU32::new(0);
    let turn = TURN.fetch_add(1, Ordering::Relaxed);
    // A parameter without a dollar sign is ignored by Graph: the link is new, and the page is not.
    let own: Vec<String> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("turn="))
        .map(str::to_owned)
        .chain([format!("turn={turn}")])
        .collect();
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let link = format!("{}{path}?{}", seen.world.graph_url, own.join("&"));
    change(next.run(request).await, move |page| {
        if let Some(page) = page.as_object_mut() {
            page.remove("@odata.deltaLink");
            page.insert("@odata.nextLink".to_owned(), json!(link));
        }
        for item in page["value"].as_array_mut().into_iter().flatten() {
            if let Some(id) = item["id"].as_str().filter(|_| new) {
                let other = format!("{turn:08x}{}", id.get(8..).unwrap_or_default());
                item["id"] = json!(other);
            }
        }
    })
    .await
}

/// Changes a page on its way.
async fn change(response: Response, change: impl FnOnce(&mut Value)) -> Response {
    rewrite(response, |body| {
        match serde_json::from_slice::<Value>(&body) {
            Ok(mut page) => {
                change(&mut page);
                Body::from(page.to_string())
            }
            Err(_) => Body::from(body),
        }
    })
    .await
}
