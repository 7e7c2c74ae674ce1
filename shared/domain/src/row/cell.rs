//! One value of an object, written as its column has it.

use super::{Any, other};
use crate::{dataset::Kind, record, spelling};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor, value},
};
use serde_json::Value;
use std::{borrow::Cow, fmt};

/// Writes one value as its column has it; null is nothing.
pub(super) struct Cell<'a> {
    pub kind: Kind,
    pub out: &'a mut String,
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.out.push_str(if flag { "true" } else { "false" });
        Ok(())
    }
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        push(self.out, &Value::from(number));
        Ok(())
    }
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        push(self.out, &Value::from(number));
        Ok(())
    }
    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        push(self.out, &Value::from(number));
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let changes = match self.kind {
            Kind::DateTime => !is_plain_instant(text),
            Kind::Date => !spelling::is_plain_date(text) || text.starts_with("0001"),
            _ => false,
        };
        if changes {
            push(self.out, &record::convert_text(self.kind, text));
        } else {
            push_text(self.out, text);
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        if self.kind == Kind::Texts {
            return texts(self.out, list);
        }
        let tree = Value::deserialize(value::SeqAccessDeserializer::new(list))?;
        push(self.out, &record::convert(self.kind, Cow::Owned(tree)));
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let tree = Value::deserialize(value::MapAccessDeserializer::new(map))?;
        push(self.out, &record::convert(self.kind, Cow::Owned(tree)));
        Ok(())
    }
}

/// Writes a list of texts as it comes; whatever else is in it, too, null included.
fn texts<'de, A: SeqAccess<'de>>(out: &mut String, mut list: A) -> Result<(), A::Error> {
    out.push('[');
    let first = out.len();
    loop {
        let before = out.len();
        if before > first {
            out.push(',');
        }
        let begin = out.len();
        let kind = Kind::Text;
        if list.next_element_seed(Cell { kind, out })?.is_none() {
            out.truncate(before);
            out.push(']');
            return Ok(());
        }
        if out.len() == begin {
            out.push_str("null");
        }
    }
}

/// Writes the list of what the objects of a list hold under one name.
pub(super) struct Each<'a> {
    pub name: &'static str,
    pub kind: Kind,
    pub out: &'a mut String,
}

/// A list's values are kept as they came: only secrets are dropped.
pub(super) fn in_a_list(kind: Kind) -> Kind {
    match kind {
        Kind::Json => Kind::Json,
        _ => Kind::Text,
    }
}

impl<'de> Each<'_> {
    pub fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.out.push('[');
        let first = self.out.len();
        loop {
            let before = self.out.len();
            if before > first {
                self.out.push(',');
            }
            let begin = self.out.len();
            let item = Any(Item {
                name: self.name,
                kind: self.kind,
                out: self.out,
            });
            let more = list.next_element_seed(item)?.is_some();
            if self.out.len() == begin {
                self.out.truncate(before);
            }
            if !more {
                self.out.push(']');
                return Ok(());
            }
        }
    }
}

/// One item of such a list.
struct Item<'a> {
    name: &'static str,
    kind: Kind,
    out: &'a mut String,
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();
    other!((), ());

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let begin = self.out.len();
        while let Some(same) = map.next_key_seed(Same(self.name))? {
            if same {
                self.out.truncate(begin);
                map.next_value_seed(Cell {
                    kind: self.kind,
                    out: self.out,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        let each = Each {
            name: self.name,
            kind: self.kind,
            out: self.out,
        };
        each.visit_seq(list)
    }
}

/// Whether a name is this one.
struct Same(&'static str);

impl<'de> DeserializeSeed<'de> for Same {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Same {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

pub(super) fn push(out: &mut String, value: &Value) {
    if !value.is_null() {
        out.push_str(&value.to_string());
    }
}

fn push_text(out: &mut String, text: &str) {
    let escaped = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    // All of a text, without a look at each byte whether it is the last: they are compared many at a time.
    if text.bytes().fold(false, |any, byte| any | escaped(byte)) {
        push(out, &Value::from(text));
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

/// Whether a text is an instant just as it is stored: UTC, to the second or with a fraction that
/// does not end in 0, and on a day that every month has.
fn is_plain_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((date, rest)) = bytes.split_at_checked(19) else {
        return false;
    };
    let shape = b"0000-00-00T00:00:00";
    let fits = |(byte, like): (&u8, &u8)| match like {
        b'0' => byte.is_ascii_digit(),
        like => byte == like,
    };
    let two = |at: usize| u32::from(date[at] - b'0') * 10 + u32::from(date[at + 1] - b'0');
    let fraction = match rest {
        b"Z" => true,
        [b'.', digits @ .., last @ b'1'..=b'9', b'Z'] => {
            digits.len() < 9 && digits.iter().all(u8::is_ascii_digit) && last.is_ascii_digit()
        }
        _ => false,
    };
    fraction
        && date.iter().zip(shape).all(fits)
        && (b"0002".as_slice()..=b"9998".as_slice()).contains(&&date[..4])
        && (1..=12).contains(&two(5))
        && (1..=28).contains(&two(8))
        && two(11) < 24
        && two(14) < 60
        && two(17) < 60
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_instant_taken_as_it_is_is_what_the_slow_way_makes_of_it(
            text in "(0001|0002|2024|2026|9998|9999)-(0[0-9]|1[0-3])-(0[0-9]|[123][0-9])T([01][0-9]|2[0-5]):[0-6][0-9]:[0-6][0-9](|[.][0-9]{1,10})(Z|[+]01:00|)"
        ) {
            if is_plain_instant(&text) {
                prop_assert_eq!(record::convert_text(Kind::DateTime, &text), Value::from(text));
            }
        }
    }

    #[test]
    fn the_usual_instants_are_taken_as_they_are() {
        for text in ["2026-01-31T00:00:00Z", "2017-02-28T23:59:59.5775965Z"] {
            assert_eq!(is_plain_instant(text), !text.contains("-31"), "{text}");
        }
    }
}
