//! The OData options of a request, validated as Graph does.
//!
//! <https://learn.microsoft.com/graph/query-parameters>

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::error::GraphError;
use super::properties::USER_NOT_LISTABLE;
use super::resources::Resource;

/// The options of a request, by lower-case name with the dollar sign.
#[derive(Debug, Default)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query, still encoded.
    pub fn parse(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
                .collect(),
        )
    }

    /// An option's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Refuses what the resource does not support. Names without a dollar sign are ignored, as Graph does.
    pub fn check(&self, resource: &Resource) -> Result<(), GraphError> {
        for name in self.0.keys().filter(|name| name.starts_with('$')) {
            if resource.options.split(' ').any(|option| option == name) {
                continue;
            }
            let known = matches!(
                name.as_str(),
                "$select"
                    | "$top"
                    | "$skip"
                    | "$filter"
                    | "$orderby"
                    | "$search"
                    | "$count"
                    | "$expand"
                    | "$skiptoken"
                    | "$deltatoken"
                    | "$format"
                    | "$levels"
                    | "$apply"
                    | "$compute"
            );
            // Of those that come in one page, so far as it is known to (Microsoft, "Paging").
            if name == "$top" && resource.kind == "subscribedSku" {
                let message = "This resource does not support custom page sizes. \
                               Please retry without a page size argument.";
                return Err(GraphError::new(400, "Request_UnsupportedQuery", message));
            }
            return Err(if known {
                let message = format!("'{name}' is not supported by the service on this resource.");
                resource.service.unsupported(message)
            } else {
                let message = format!("The query parameter '{name}' is not supported.");
                GraphError::new(400, "BadRequest", message)
            });
        }
        Ok(())
    }

    /// The properties in `$select`, spelled as the resource spells them.
    pub fn select(&self, resource: &Resource) -> Result<Option<Vec<String>>, GraphError> {
        let Some(list) = self.get("$select").filter(|list| !list.trim().is_empty()) else {
            return Ok(None);
        };
        let mut names = Vec::new();
        for wanted in list.split(',').map(str::trim) {
            let known = resource.properties.split_whitespace();
            let Some(name) = known
                .into_iter()
                .find(|name| name.eq_ignore_ascii_case(wanted))
            else {
                let message = format!(
                    "Parsing OData Select and Expand failed: Could not find a property named '{wanted}' on \
                     type 'microsoft.graph.{}'.",
                    resource.kind
                );
                return Err(GraphError::bad_request(message));
            };
            let listable = !USER_NOT_LISTABLE.split_whitespace().any(|n| n == name);
            if resource.kind == "user" && !listable {
                return Err(GraphError::of_status(501));
            }
            names.push(name.to_owned());
        }
        Ok(Some(names))
    }

    /// The page size in `$top`, which may be no more than `most`.
    pub fn top(&self, most: u32) -> Result<Option<u32>, GraphError> {
        let Some(text) = self.get("$top") else {
            return Ok(None);
        };
        let Ok(top) = text.parse::<i64>() else {
            let message = format!("Invalid value '{text}' for $top query option found.");
            return Err(GraphError::bad_request(message));
        };
        match u32::try_from(top) {
            Ok(top) if (1..=most).contains(&top) => Ok(Some(top)),
            _ => {
                let message = format!(
                    "Invalid page size specified: '{top}'. Must be between 1 and {most} inclusive."
                );
                Err(GraphError::bad_request(message))
            }
        }
    }

    /// How many to skip, where that is supported.
    pub fn skip(&self) -> Result<u32, GraphError> {
        let Some(text) = self.get("$skip") else {
            return Ok(0);
        };
        text.parse().map_err(|_| {
            GraphError::bad_request(format!(
                "Invalid value '{text}' for $skip query option found."
            ))
        })
    }

    /// What a page token is bound to: all options but the token itself, as they stand in a next link.
    pub fn bound(&self) -> String {
        let kept = self
            .0
            .iter()
            .filter(|(name, _)| !name.ends_with("token") && *name != "$skip");
        // Graph encodes the commas of a list, and not the dollar signs of the names.
        let kept = kept.map(|(name, value)| {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            [name, "=", &value.replace("%2C", "%2c")].concat()
        });
        kept.collect::<Vec<_>>().join("&")
    }
}
