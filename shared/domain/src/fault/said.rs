//! Collects the codes and texts of a refusal, wherever in its body they stand.

use serde_json::Value;

/// No more of a body is looked at, in bytes: Microsoft's refusals take some hundreds.
const LONGEST: usize = 64 * 1024;
/// So deep in an answer nothing is meant for us.
const DEEPEST: usize = 8;
/// Texts looked at.
const MOST: usize = 64;

/// The texts of a refusal, in lower case, with one kind of quote and of space.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The outermost code, as it came.
    pub code: String,
    /// Codes, messages and whatever else is text, JSON inside a message included.
    pub all: Vec<String>,
}

impl Said {
    pub fn read(body: &[u8]) -> Self {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let mut said = Self::default();
        match serde_json::from_slice::<Value>(body.get(..LONGEST).unwrap_or(body)) {
            Ok(value) => said.take(&value, 0),
            Err(_) => {
                let start = body.get(..LONGEST).unwrap_or(body);
                said.hear(&String::from_utf8_lossy(start));
            }
        }
        said
    }

    /// Returns true if any text holds a sign, which is in lower case.
    pub fn holds(&self, sign: &str) -> bool {
        self.all.iter().any(|text| text.contains(sign))
    }

    /// The whole numbers in it that may be page sizes.
    pub fn numbers(&self) -> Vec<u16> {
        let words = self
            .all
            .iter()
            .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()));
        let mut numbers: Vec<u16> = words.filter_map(|word| word.parse().ok()).collect();
        numbers.retain(|number| *number > 0);
        numbers
    }

    fn take(&mut self, value: &Value, depth: usize) {
        if depth > DEEPEST || self.all.len() >= MOST {
            return;
        }
        match value {
            Value::String(text) => {
                self.hear(text);
                // Intune hides JSON inside `message`.
                if text.trim_start().starts_with('{')
                    && let Ok(inner) = serde_json::from_str::<Value>(text)
                {
                    self.take(&inner, depth + 1);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.take(item, depth + 1)),
            Value::Object(members) => {
                let mut codes = members
                    .iter()
                    .filter(|(name, _)| name.eq_ignore_ascii_case("code"));
                if let Some(code) = codes.find_map(|(_, code)| code.as_str())
                    && self.code.is_empty()
                {
                    code.clone_into(&mut self.code);
                }
                for (name, member) in members {
                    // What names a request says nothing of it.
                    let names = ["request-id", "client-request-id", "date"];
                    if !names.contains(&name.to_ascii_lowercase().as_str()) {
                        self.take(member, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    fn hear(&mut self, text: &str) {
        let text = text
            .replace("&quot;", "'")
            .replace("&#39;", "'")
            .replace("&apos;", "'")
            .replace("&#x27;", "'")
            .replace("\\u0027", "'");
        let mut plain = String::with_capacity(text.len());
        let mut space = false;
        for c in text.chars() {
            match c {
                c if c.is_whitespace() => space = true,
                c => {
                    if std::mem::take(&mut space) && !plain.is_empty() {
                        plain.push(' ');
                    }
                    plain.push(match c {
                        '"' | '\u{2018}'..='\u{201f}' | '`' | '\u{b4}' | '\u{ab}' | '\u{bb}' => {
                            '\''
                        }
                        c => c.to_ascii_lowercase(),
                    });
                }
            }
        }
        self.all.push(plain);
    }
}
