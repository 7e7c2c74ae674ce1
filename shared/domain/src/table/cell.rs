//! Values as people and spreadsheets read them.

use crate::{Column, Kind, sku::Names};
use serde_json::Value;

/// A value as text, lists joined by `; `.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

/// A value as a person reads it: SKU ids by what they are called, lists joined by `; `.
pub fn display(column: &Column, value: &Value, names: &Names) -> String {
    match (column.kind, value) {
        (Kind::Sku, Value::String(id)) => names.display(id).to_owned(),
        (Kind::Skus, Value::Array(ids)) => {
            let ids = ids.iter().filter_map(Value::as_str);
            let called: Vec<&str> = ids.map(|id| names.display(id)).collect();
            called.join("; ")
        }
        (Kind::Json, Value::Array(_) | Value::Object(_)) => value.to_string(),
        _ => plain(value),
    }
}

/// A value as a CSV cell. A text that a spreadsheet would run as a formula gets an apostrophe in
/// front (OWASP, "CSV injection"); plain numbers and phone numbers do not.
pub fn cell(column: &Column, value: &Value, names: &Names) -> String {
    safe(display(column, value, names))
}

/// A text as a spreadsheet may read it without running it.
pub fn safe(text: String) -> String {
    let number_like = text
        .chars()
        .skip(1)
        .all(|c| c.is_ascii_digit() || " ().-,/".contains(c));
    match text.chars().next() {
        Some('=' | '@' | '\t' | '\r') => format!("'{text}"),
        Some('+' | '-') if !number_like => format!("'{text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::users::USERS;
    use serde_json::json;

    #[test]
    fn a_spreadsheet_runs_nothing() {
        let column = &USERS.columns[1];
        for (text, shown) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+cmd|x", "'+cmd|x"),
            ("+1 425 555 0109", "+1 425 555 0109"),
            ("-5", "-5"),
            ("Ann", "Ann"),
        ] {
            assert_eq!(cell(column, &json!(text), &Names::default()), shown);
        }
    }
}
