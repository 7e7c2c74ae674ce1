//! The statements that write records, as the text that goes on the wire.

use super::Put;
use base64::{Engine, prelude::BASE64_STANDARD};
use muster_domain::record;

/// One record's part in a batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Write<'a> {
    Put(&'a Put),
    Delete(&'a str),
}

impl Write<'_> {
    /// Returns the bytes of its key and its stored form.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Put(put) => put.key.len() + put.text.len(),
            Self::Delete(key) => key.len(),
        }
    }
}

/// The body of a `BatchExecuteStatement` (AWS, "DynamoDB low-level API": JSON with a type before each
/// value, binary in base64; "PartiQL insert statements", "update statements", "delete statements": an
/// insert never replaces, an update never creates, and what a `WHERE` names beside the key is a
/// condition).
pub(super) fn statements_body(table: &str, pk: &str, lease: u64, writes: &[Write<'_>]) -> String {
    let text: usize = writes.iter().map(Write::bytes).sum();
    // As JSON; no table's name holds anything to be escaped.
    let table = format!(r#"\"{table}\""#);
    let update = format!("UPDATE {table} SET c=? SET h=? SET l=? WHERE pk=? AND sk=? AND l<=?");
    let insert = format!("INSERT INTO {table} VALUE {{'c':?,'h':?,'pk':?,'sk':?,'l':?}}");
    let delete = format!("DELETE FROM {table} WHERE pk=? AND sk=? AND l<=?");
    let mut body = String::with_capacity(text + text / 4 + writes.len() * (pk.len() + 256) + 64);
    body.push_str(r#"{"ReturnConsumedCapacity":"TOTAL","Statements":["#);
    for (i, write) in writes.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        let (statement, key) = match *write {
            Write::Put(put) if put.held => (&update, put.key.as_str()),
            Write::Put(put) => (&insert, put.key.as_str()),
            Write::Delete(key) => (&delete, key),
        };
        body.extend([r#"{"Statement":""#, statement, r#"","Parameters":["#]);
        if let Write::Put(put) = write {
            push_columns(&mut body, &put.text);
            body.push(',');
            if put.held {
                push_number(&mut body, lease);
                body.push(',');
            }
        }
        body.push_str(r#"{"S":"#);
        push_json(&mut body, pk);
        body.push_str(r#"},{"S":"#);
        push_json(&mut body, key);
        body.push_str("},");
        push_number(&mut body, lease);
        body.push_str("]}");
    }
    body.push_str("]}");
    body
}

/// The columns of a record and their digest, as two parameters.
fn push_columns(body: &mut String, columns: &str) {
    body.push_str(r#"{"S":"#);
    push_json(body, columns);
    body.push_str(r#"},{"B":""#);
    BASE64_STANDARD.encode_string(record::digest(columns).0, body);
    body.push_str(r#""}"#);
}

fn push_number(body: &mut String, number: u64) {
    body.push_str(r#"{"N":""#);
    body.push_str(&number.to_string());
    body.push_str(r#""}"#);
}

/// Writes a text as JSON. Of what must be escaped, a stored form holds quotes in plenty and hardly
/// anything else.
fn push_json(out: &mut String, text: &str) {
    let mut rest = text;
    out.push('"');
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        match from.as_bytes()[0] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            control => {
                let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
                out.push_str("\\u00");
                out.extend([digit(control >> 4), digit(control & 0xF)]);
            }
        }
        rest = &from[1..];
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_body_written_by_hand_is_the_json_that_it_should_be() {
        let odd: String = (0..0x80_u8)
            .map(char::from)
            .chain("é\u{202e}🙂".chars())
            .collect();
        let put = |key: &str, text: &str, held| Put {
            key: key.to_owned(),
            text: text.to_owned(),
            held,
        };
        let held = put("a", r#"["a","Zo\"ë\\",null]"#, true);
        let new = put(&odd, &odd, false);
        let writes = [Write::Put(&held), Write::Put(&new), Write::Delete(&odd)];
        let body = statements_body("assets", "TENANT#x#users", 7, &writes);
        let columns = |text: &str| {
            let digest = BASE64_STANDARD.encode(record::digest(text).0);
            [json!({"S": text}), json!({"B": digest})]
        };
        let key = |key: &str| [json!({"S": "TENANT#x#users"}), json!({"S": key})];
        let lease = [json!({"N": "7"})];
        let expected = json!({
            "ReturnConsumedCapacity": "TOTAL",
            "Statements": [
                {
                    "Statement": "UPDATE \"assets\" SET c=? SET h=? SET l=? WHERE pk=? AND sk=? AND l<=?",
                    "Parameters": ([&columns(&held.text)[..], &lease, &key("a"), &lease].concat()),
                },
                {
                    "Statement": "INSERT INTO \"assets\" VALUE {'c':?,'h':?,'pk':?,'sk':?,'l':?}",
                    "Parameters": ([&columns(&odd)[..], &key(&odd), &lease].concat()),
                },
                {
                    "Statement": "DELETE FROM \"assets\" WHERE pk=? AND sk=? AND l<=?",
                    "Parameters": ([&key(&odd)[..], &lease].concat()),
                },
            ],
        });
        let read: Value = serde_json::from_str(&body).expect("it is JSON");
        assert_eq!(read, expected);
    }
}
