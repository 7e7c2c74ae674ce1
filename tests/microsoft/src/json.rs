//! JSON written straight into a string: half a million users are never held as trees.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use uuid::Uuid;

use crate::tenant::Facts;

/// A JSON text in the making.
#[derive(Debug, Default)]
pub struct Json {
    /// The text so far.
    pub text: String,
}

impl Json {
    /// Writes a literal that is JSON already.
    pub fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Writes a string, escaped.
    pub fn string(&mut self, value: &str) {
        self.concat(&[value]);
    }

    /// Writes the parts as one string, escaped.
    pub fn concat(&mut self, parts: &[&str]) {
        self.text.push('"');
        for part in parts {
            escape(part, &mut self.text);
        }
        self.text.push('"');
    }

    /// Writes a string, or null.
    pub fn optional(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.string(value),
            None => self.null(),
        }
    }

    /// Writes an array of strings.
    pub fn strings(&mut self, values: &[&str]) {
        self.text.push('[');
        for (i, value) in values.iter().enumerate() {
            if i > 0 {
                self.text.push(',');
            }
            self.string(value);
        }
        self.text.push(']');
    }

    /// Writes null.
    pub fn null(&mut self) {
        self.text.push_str("null");
    }

    /// Writes true or false.
    pub fn boolean(&mut self, value: bool) {
        self.text.push_str(if value { "true" } else { "false" });
    }

    /// Writes a whole number.
    pub fn number(&mut self, value: i64) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}");
    }

    /// Writes a UUID in lower case.
    pub fn uuid(&mut self, id: Uuid) {
        let mut buffer = Uuid::encode_buffer();
        self.text.push('"');
        self.text
            .push_str(id.hyphenated().encode_lower(&mut buffer));
        self.text.push('"');
    }

    /// Writes a point in time, given in seconds since 1970, as `2026-01-31T09:30:00Z`.
    pub fn date_time(&mut self, seconds: i64) {
        self.text.push('"');
        date_time_into(seconds, &mut self.text);
        self.text.push('"');
    }

    /// Writes any JSON value.
    pub fn value(&mut self, value: &Value) {
        let _ = write!(self.text, "{value}");
    }
}

/// One property of a resource: its name and how it is written.
///
/// A writer that writes nothing leaves the property out of the object.
#[derive(Debug)]
pub struct Property<T> {
    /// As Graph spells it.
    pub name: &'static str,
    /// Writes the value.
    pub write: fn(&T, &Facts, &mut Json),
}

/// Builds a table entry.
pub const fn property<T>(name: &'static str, write: fn(&T, &Facts, &mut Json)) -> Property<T> {
    Property { name, write }
}

/// The properties of `table` named by `names`, or by `default` where nothing was selected; `id` always.
pub fn selected<T>(
    table: &'static [Property<T>],
    names: Option<&[String]>,
    default: Option<&[&str]>,
) -> Vec<&'static Property<T>> {
    let wanted = |name: &str| match (names, default) {
        _ if name == "id" => true,
        (Some(names), _) => names.iter().any(|n| n == name),
        (None, Some(default)) => default.contains(&name),
        (None, None) => true,
    };
    table.iter().filter(|p| wanted(p.name)).collect()
}

/// Writes one object of the selected properties; `edits` replace generated values.
pub fn write_object<T>(
    properties: &[&Property<T>],
    object: &T,
    facts: &Facts,
    edits: Option<&BTreeMap<String, Value>>,
    json: &mut Json,
) {
    json.text.push('{');
    let start = json.text.len();
    for property in properties {
        let before = json.text.len();
        if before > start {
            json.text.push(',');
        }
        json.text.push('"');
        json.text.push_str(property.name);
        json.text.push_str("\":");
        let empty = json.text.len();
        match edits.and_then(|edits| edits.get(property.name)) {
            Some(value) => json.value(value),
            None => (property.write)(object, facts, json),
        }
        if json.text.len() == empty {
            json.text.truncate(before);
        }
    }
    json.text.push('}');
}

/// Appends `2026-01-31T09:30:00Z`.
pub fn date_time_into(seconds: i64, out: &mut String) {
    date_into(seconds, out);
    let time = seconds.rem_euclid(86_400);
    out.push('T');
    two_digits(time / 3_600, out);
    out.push(':');
    two_digits(time / 60 % 60, out);
    out.push(':');
    two_digits(time % 60, out);
    out.push('Z');
}

/// Appends `2026-01-31`. The algorithm is Howard Hinnant's `civil_from_days`.
pub fn date_into(seconds: i64, out: &mut String) {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    two_digits(year / 100, out);
    two_digits(year % 100, out);
    out.push('-');
    two_digits(month, out);
    out.push('-');
    two_digits(day, out);
}

/// [`date_time_into`], as a string of its own.
#[must_use]
pub fn date_time(seconds: i64) -> String {
    let mut text = String::with_capacity(20);
    date_time_into(seconds, &mut text);
    text
}

fn two_digits(value: i64, out: &mut String) {
    let digit = |d: i64| char::from(b'0' + u8::try_from(d % 10).unwrap_or_default());
    out.push(digit(value / 10));
    out.push(digit(value));
}

/// The first byte of U+FFFD, which a name holds where it was cut within an emoji.
const REPLACEMENT: u8 = 0xEF;

fn escape(part: &str, out: &mut String) {
    let plain = |b: u8| b >= 0x20 && b != b'"' && b != b'\\' && b != REPLACEMENT;
    if part.bytes().all(plain) {
        out.push_str(part);
        return;
    }
    for c in part.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Graph cuts texts between the halves of a surrogate pair, and sends the half that is left.
            '\u{fffd}' => out.push_str("\\ud83d"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}
