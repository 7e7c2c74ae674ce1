//! Query parameters and JSON bodies, taken strictly: a name that is misspelt is an error, not a
//! filter that silently lets everything through.

use crate::problem::{Problem, ProblemField};
use axum::http::{HeaderMap, StatusCode, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use muster_domain::{
    Dataset, TenantId, datasets,
    table::{DEFAULT_LIMIT, MOST_LIMIT},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// The tenant a path names.
///
/// # Errors
/// 400 when it is no GUID.
pub fn tenant(text: &str) -> Result<TenantId, Problem> {
    text.parse().map_err(|_| Problem::not_a_tenant_id())
}

/// The dataset a path names.
///
/// # Errors
/// 404 when there is none.
pub fn dataset(name: &str) -> Result<&'static Dataset, Problem> {
    datasets::find(name).ok_or_else(Problem::unknown_dataset)
}

/// The parameters of a query, each known and given once.
#[derive(Debug, Default)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a query string.
    ///
    /// # Errors
    /// 400 for a parameter that is not among `known`, or given twice.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut found = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(Problem::bad_request(format!(
                    "There is no such parameter here; those there are: {}.",
                    known.join(", ")
                )));
            }
            if found.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::bad_parameter(
                    &name,
                    "is given twice; give it once",
                ));
            }
        }
        Ok(Self(found))
    }

    /// Parameters already taken apart.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(pairs.into_iter().map(owned).collect())
    }

    /// The parameter, unless it is absent or blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The parameter as an owned text.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// How many items a page may have.
    ///
    /// # Errors
    /// 400 when it is no number from 1 to 1000.
    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.get("limit") else {
            return Ok(DEFAULT_LIMIT);
        };
        let limit = text.parse().ok();
        limit
            .filter(|limit| (1..=MOST_LIMIT).contains(limit))
            .ok_or_else(|| Problem::bad_parameter("limit", "is a whole number from 1 to 1000"))
    }

    /// What a cursor holds.
    ///
    /// # Errors
    /// 400 when it is not one that an earlier page gave.
    pub fn cursor(&self) -> Result<Option<String>, Problem> {
        let Some(text) = self.get("cursor") else {
            return Ok(None);
        };
        BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .filter(|inner| !inner.is_empty() && inner.len() <= 4096)
            .map(Some)
            .ok_or_else(bad_cursor)
    }
}

/// A cursor that no page gave.
pub fn bad_cursor() -> Problem {
    Problem::bad_parameter(
        "cursor",
        "does not belong to this query; leave it out to start again",
    )
}

/// A cursor of this content.
pub fn cursor(inner: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(inner)
}

/// A JSON object, its fields taken one by one. No error repeats a value: one may be a secret.
#[derive(Debug)]
pub struct Body {
    fields: Map<String, Value>,
    errors: Vec<ProblemField>,
}

impl Body {
    /// Reads a body.
    ///
    /// # Errors
    /// 415 for another content type, 400 for what is no JSON object or has a field that is not
    /// among `known`.
    pub fn read(headers: &HeaderMap, body: &[u8], known: &[&str]) -> Result<Self, Problem> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let essence = content_type
            .and_then(|value| value.to_str().ok()?.split(';').next())
            .map(|essence| essence.trim().to_ascii_lowercase());
        if essence.as_deref() != Some("application/json") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Send the body as JSON, with `Content-Type: application/json`.",
            ));
        }
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            Problem::bad_request(format!(
                "The body is not JSON: look at line {}, column {}.",
                error.line(),
                error.column()
            ))
        })?;
        let Value::Object(fields) = value else {
            return Err(Problem::bad_request(
                "The body is JSON, but not an object such as {\"name\": \"…\"}.",
            ));
        };
        let unknown: Vec<&str> = fields
            .keys()
            .map(String::as_str)
            .filter(|name| !known.contains(name))
            .collect();
        if unknown.is_empty() {
            return Ok(Self {
                fields,
                errors: Vec::new(),
            });
        }
        let mut problem = Problem::bad_request(format!(
            "The body has a field that is not known here; those there are: {}.",
            known.join(", ")
        ));
        // A name that looks like one of ours is told; anything else might be a value gone astray.
        problem.errors = unknown
            .into_iter()
            .filter(|name| {
                name.len() <= 40 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            })
            .map(|name| ProblemField::new(name, "There is no such field here. Leave it out."))
            .collect();
        Err(problem)
    }

    /// A text; `None` when it is absent or null.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, "Give a text.", |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name, "Give true or false.", |value| value.as_bool())
    }

    /// A whole number of a range, which the error names.
    pub fn number(&mut self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let wanted = format!(
            "Give a whole number from {} to {}.",
            range.start(),
            range.end()
        );
        self.take(name, &wanted, |value| {
            let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
            number.filter(|number| range.contains(number))
        })
    }

    /// An object.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        self.take(name, "Give an object.", |value| match value {
            Value::Object(map) => Some(map),
            _ => None,
        })
    }

    fn take<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.fields.remove(name).filter(|value| !value.is_null())?;
        let read = read(value);
        if read.is_none() {
            self.wrong(name, wanted);
        }
        read
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, name: impl Into<String>, detail: impl Into<String>) {
        self.errors.push(ProblemField::new(name, detail));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 422 with every field found wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::fields(self.errors))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(body: &str) -> Result<Body, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        Body::read(&headers, body.as_bytes(), &["name", "client_secret"])
    }

    #[test]
    fn no_answer_repeats_a_value() {
        let secret = "abc8Q~0123456789";
        for body in [
            format!(r#"{{"client_secret": "{secret}""#),
            format!(r#"{{"client_secret": "{secret}", "extra": 1}}"#),
            format!(r#"{{"{secret}": 1}}"#),
            format!(r#"["{secret}"]"#),
            format!("client_secret={secret}"),
        ] {
            let problem = read(&body).expect_err("it is wrong");
            let json = serde_json::to_string(&problem).expect("it serializes");
            assert!(!json.contains("8Q~"), "{json}");
            assert_eq!(problem.status, StatusCode::BAD_REQUEST);
        }
        let mut body = read(&format!(r#"{{"name": ["{secret}"]}}"#)).expect("an object");
        assert_eq!(body.text("name"), None);
        let problem = body.finish().expect_err("it is wrong");
        assert_eq!(problem.errors[0].detail, "Give a text.");
    }

    #[test]
    fn a_number_out_of_range_is_told_the_range() {
        for number in ["14", "-1", "1.5", "99999999999999999999", "\"hourly\""] {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            let body = format!("{{\"cadence_minutes\": {number}}}");
            let body = Body::read(&headers, body.as_bytes(), &["cadence_minutes"]);
            let mut body = body.expect("an object");
            assert_eq!(body.number("cadence_minutes", 15..=10_080), None);
            let problem = body.finish().expect_err("it is wrong");
            let detail = &problem.errors[0].detail;
            assert!(detail.contains("from 15 to 10080"), "{number}: {detail}");
        }
    }

    #[test]
    fn parameters_are_known_and_given_once() {
        let known = &["q", "limit", "cursor"];
        assert!(Parameters::read(Some("q=a&limit=5"), known).is_ok());
        assert!(Parameters::read(Some("query=a"), known).is_err());
        assert!(Parameters::read(Some("q=a&q=b"), known).is_err());
        for limit in ["0", "1001", "-1", "many", "1.5"] {
            let found = Parameters::read(Some(&format!("limit={limit}")), known);
            assert!(found.expect("it is known").limit().is_err(), "{limit}");
        }
        let found = Parameters::read(Some("cursor=%21%21"), known).expect("it is known");
        assert!(found.cursor().is_err());
    }

    proptest::proptest! {
        #[test]
        fn anything_after_the_question_mark_is_read_or_refused(query in "[ -~é]{0,200}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let known = &["q", "limit", "cursor"];
            let encoded = BASE64_URL_SAFE_NO_PAD.encode(&bytes);
            for query in [query.clone(), format!("cursor={query}"), format!("cursor={encoded}&limit={query}")] {
                if let Ok(found) = Parameters::read(Some(&query), known) {
                    let cursor = found.cursor().ok().flatten();
                    proptest::prop_assert!(cursor.is_none_or(|inner| inner.len() <= 4096));
                    proptest::prop_assert!(found.limit().is_ok_and(|limit| limit >= 1) || found.get("limit").is_some());
                }
            }
        }
    }
}
