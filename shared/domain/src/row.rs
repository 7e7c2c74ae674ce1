//! A row: a record in its stored form, read straight from the bytes of an answer.
//!
//! Each object's columns are taken from a page as it goes by; no tree of the document is built. A
//! column's text is what a tree would have written, so that a digest does not depend on the way.

mod cell;

use crate::{
    dataset::{Dataset, Key, Kind},
    holes,
    lasting::Lasting,
    partial::Missing,
    record::{self, LONGEST_KEY, Record},
    report::NO_NAME,
};
use cell::{Cell, Each, in_a_list, push};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor, value},
};
use serde_json::Value;
use std::{fmt, ops::Range};

/// A record's key and its columns as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key within its dataset.
    pub key: String,
    /// The stored form: the JSON array of the values in column order.
    pub text: String,
    /// The columns that the object did not name, where its dataset is read by delta query; elsewhere the
    /// lasting dates without a value.
    pub missing: Missing,
}

impl Row {
    /// The record that it is.
    ///
    /// # Errors
    /// When the text is not a JSON array.
    pub fn record(&self, dataset: &Dataset) -> Result<Record, serde_json::Error> {
        Record::from_text(dataset, self.key.clone(), &self.text)
    }
}

impl From<Record> for Row {
    fn from(record: Record) -> Self {
        Self {
            text: record.to_text(),
            key: record.key,
            missing: Missing::default(),
        }
    }
}

/// What one object of a page is.
#[derive(Debug)]
pub(crate) enum Object {
    Is(Row),
    Gone(String),
    Unkeyed,
    KeyTooLong,
}

/// Reads the objects of one dataset, one after the other.
#[derive(Debug)]
pub(crate) struct RowReader {
    dataset: &'static Dataset,
    root: Vec<Property>,
    keys: Vec<usize>,
    /// The texts of the object in hand, and where each column's is; empty is absent.
    out: String,
    places: Vec<Range<usize>>,
    top: Top,
    /// The columns that are missing of an object of which nothing is named.
    all: Missing,
    /// The property whose presence is noted.
    watched: Option<&'static str>,
    /// The lasting dates, unless the dataset is read by delta query.
    lasting: Option<Lasting>,
}

/// The state of reading an object's top level.
#[derive(Debug, Default)]
struct Top {
    /// True if the object is marked as removed.
    removed: bool,
    missing: Missing,
    /// The property whose presence is noted, and whether the object has it.
    watched: Option<&'static str>,
    has_watched: bool,
}

/// A property that some column reads, or reads something below.
#[derive(Debug)]
struct Property {
    name: &'static str,
    /// Every column that reads it or something below it.
    columns: Vec<usize>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// One column reads the property itself.
    Value(Kind),
    /// Columns read properties below it.
    Members(Vec<Property>),
    /// Columns read both: it is read as a tree, with each column's path below it.
    Tree(Vec<&'static str>),
}

impl RowReader {
    pub fn new(dataset: &'static Dataset) -> Self {
        let paths: Vec<(usize, &'static str)> = dataset
            .columns
            .iter()
            .map(|column| column.source)
            .enumerate()
            .collect();
        let keys = match dataset.key {
            Key::Column(name) => vec![name],
            Key::Shared(shared) => vec![shared.column],
            Key::ColumnOr(name, other) => vec![name, other],
            Key::Constant(_) => Vec::new(),
        };
        Self {
            dataset,
            root: properties(dataset, &paths),
            keys: keys
                .into_iter()
                .filter_map(|name| dataset.column(name))
                .collect(),
            out: String::new(),
            places: vec![0..0; dataset.columns.len()],
            top: Top::default(),
            all: match dataset.enumeration.is_delta() {
                true => Missing::all(dataset.columns.len()),
                false => Missing::default(),
            },
            watched: holes::watched(dataset),
            lasting: Some(Lasting::of(dataset))
                .filter(|lasting| !lasting.is_empty() && !dataset.enumeration.is_delta()),
        }
    }

    /// Tells whether the object in hand has the watched property; `None` where none is watched.
    pub fn has_watched(&self) -> Option<bool> {
        self.watched.map(|_| self.top.has_watched)
    }

    fn begin(&mut self) {
        self.out.clear();
        self.places.fill(0..0);
        self.top = Top {
            removed: false,
            missing: self.all,
            watched: self.watched,
            has_watched: false,
        };
    }

    fn finish(&self) -> Object {
        let Some(key) = self.key() else {
            return match self.has_long_key() {
                true => Object::KeyTooLong,
                false => Object::Unkeyed,
            };
        };
        if self.top.removed {
            return Object::Gone(key);
        }
        let filled = self.places.iter().rposition(|place| !place.is_empty());
        let mut text = String::with_capacity(self.out.len() + 5 * self.places.len() + 2);
        text.push('[');
        for place in &self.places[..filled.map_or(0, |last| last + 1)] {
            if text.len() > 1 {
                text.push(',');
            }
            match &self.out[place.clone()] {
                "" => text.push_str("null"),
                value => text.push_str(value),
            }
        }
        text.push(']');
        let mut missing = self.top.missing;
        if let Some(lasting) = &self.lasting {
            let cell = |column: usize| &self.out[self.places[column].clone()];
            missing = lasting.note(missing, |column| matches!(cell(column), "" | "null"));
        }
        Object::Is(Row { key, text, missing })
    }

    /// Returns true if the text of the key's column is longer than any key.
    fn has_long_key(&self) -> bool {
        let mut cells = self
            .keys
            .iter()
            .map(|column| &self.out[self.places[*column].clone()]);
        cells.any(|cell| cell.starts_with('"') && cell.len() > LONGEST_KEY)
    }

    fn key(&self) -> Option<String> {
        if let Key::Constant(key) = self.dataset.key {
            return Some(key.to_owned());
        }
        let mut texts = self.keys.iter().filter_map(|column| {
            let quoted = &self.out[self.places[*column].clone()];
            let plain = quoted.strip_prefix('"')?.strip_suffix('"')?;
            let key = match plain.contains('\\') {
                true => serde_json::from_str(quoted).ok()?,
                false => plain.to_owned(),
            };
            (1..=LONGEST_KEY).contains(&key.len()).then_some(key)
        });
        let key = texts.next();
        match self.dataset.key {
            Key::Shared(_) => key.or_else(|| Some(NO_NAME.to_owned())),
            _ => key,
        }
    }
}

/// The properties at one level of the columns' paths.
fn properties(dataset: &Dataset, paths: &[(usize, &'static str)]) -> Vec<Property> {
    let mut found: Vec<Property> = Vec::new();
    for (_, path) in paths {
        let name = path.split('/').next().unwrap_or(path);
        if found.iter().any(|property| property.name == name) {
            continue;
        }
        let below: Vec<(usize, &'static str)> = paths
            .iter()
            .filter_map(|(column, path)| {
                let rest = path.strip_prefix(name)?;
                let rest = rest.strip_prefix('/').or(rest.is_empty().then_some(""))?;
                Some((*column, rest))
            })
            .collect();
        let itself = below.iter().filter(|(_, rest)| rest.is_empty()).count();
        let what = match (itself, below.len()) {
            (0, _) => What::Members(properties(dataset, &below)),
            (1, 1) => What::Value(dataset.columns[below[0].0].kind),
            _ => What::Tree(below.iter().map(|(_, rest)| *rest).collect()),
        };
        found.push(Property {
            name,
            columns: below.iter().map(|(column, _)| *column).collect(),
            what,
        });
    }
    found
}

impl<'de> DeserializeSeed<'de> for &mut RowReader {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Object, D::Error> {
        self.begin();
        let members = Members {
            dataset: self.dataset,
            properties: &self.root,
            out: &mut self.out,
            places: &mut self.places,
            depth: 0,
            top: Some(&mut self.top),
        };
        match from.deserialize_any(members)? {
            Found::Object => Ok(self.finish()),
            Found::Other => Ok(Object::Unkeyed),
        }
    }
}

enum Found {
    Object,
    Other,
}

/// Reads the members of an object into the columns' places.
struct Members<'a> {
    dataset: &'a Dataset,
    properties: &'a [Property],
    out: &'a mut String,
    places: &'a mut [Range<usize>],
    /// How many names of a column's path lead here.
    depth: usize,
    /// At the top: what is known of the object.
    top: Option<&'a mut Top>,
}

/// Visits everything that is neither of what a reader looks for.
macro_rules! other {
    ($value:ty, $other:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("JSON")
        }
        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_i64<E>(self, _: i64) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_u64<E>(self, _: u64) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_f64<E>(self, _: f64) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_str<E>(self, _: &str) -> Result<$value, E> {
            Ok($other)
        }
    };
}
pub(crate) use other;

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Found;
    other!(Found, Found::Other);

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Found, A::Error> {
        // Graph answers in one order: the next property is mostly the one after the last.
        let mut next = 0;
        while let Some(name) = map.next_key_seed(Name {
            properties: self.properties,
            next,
        })? {
            match name {
                Named::Known(at) => {
                    next = at + 1;
                    self.read(&self.properties[at], &mut map)?;
                }
                Named::Removed if self.top.is_some() => {
                    let marked = map.next_value::<Option<IgnoredAny>>()?.is_some();
                    if let Some(top) = self.top.as_deref_mut() {
                        top.removed = marked;
                    }
                }
                Named::Removed | Named::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Found::Object)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Found, A::Error> {
        // At the top a list is no object; below, the columns take the list of what it holds.
        if self.top.is_some() {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Found::Other);
        }
        if let [
            Property {
                name,
                columns,
                what: What::Value(kind),
            },
        ] = self.properties
        {
            let begin = self.out.len();
            let each = Each {
                name,
                kind: in_a_list(*kind),
                out: self.out,
            };
            each.visit_seq(list)?;
            self.places[columns[0]] = begin..self.out.len();
            return Ok(Found::Other);
        }
        let tree = Value::deserialize(value::SeqAccessDeserializer::new(list))?;
        for property in self.properties {
            self.take_all(property, &tree);
        }
        Ok(Found::Other)
    }
}

impl Members<'_> {
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        property: &Property,
        map: &mut A,
    ) -> Result<(), A::Error> {
        for column in &property.columns {
            self.places[*column] = 0..0;
        }
        if let Some(top) = self.top.as_deref_mut()
            && top.missing.any()
        {
            for column in &property.columns {
                top.missing = top.missing.without(*column);
            }
        }
        match &property.what {
            What::Value(kind) => {
                let begin = self.out.len();
                map.next_value_seed(Cell {
                    kind: *kind,
                    out: self.out,
                })?;
                self.places[property.columns[0]] = begin..self.out.len();
            }
            What::Members(properties) => {
                let members = Members {
                    dataset: self.dataset,
                    properties,
                    out: self.out,
                    places: self.places,
                    depth: self.depth + 1,
                    top: None,
                };
                let found = map.next_value_seed(Any(members))?;
                if let Some(top) = self.top.as_deref_mut()
                    && top.watched == Some(property.name)
                {
                    top.has_watched = matches!(found, Found::Object);
                }
            }
            What::Tree(paths) => {
                let tree: Value = map.next_value()?;
                for (column, path) in property.columns.iter().zip(paths) {
                    self.take(*column, &tree, path);
                }
            }
        }
        Ok(())
    }

    /// Takes every column of a property, and below it, from a list that was read as a tree.
    fn take_all(&mut self, property: &Property, tree: &Value) {
        for column in &property.columns {
            let source = self.dataset.columns[*column].source;
            let path = source.splitn(self.depth + 1, '/').last().unwrap_or(source);
            self.take(*column, tree, path);
        }
    }

    fn take(&mut self, column: usize, tree: &Value, path: &str) {
        let begin = self.out.len();
        let kind = self.dataset.columns[column].kind;
        push(self.out, &record::convert(kind, record::lookup(tree, path)));
        self.places[column] = begin..self.out.len();
    }
}

/// A visitor, as a seed.
struct Any<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Any<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        from.deserialize_any(self.0)
    }
}

/// Which property a name is.
struct Name<'a> {
    properties: &'a [Property],
    next: usize,
}

enum Named {
    Known(usize),
    Removed,
    Other,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Named;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Named, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Named, E> {
        let known = |at: usize| self.properties.get(at).is_some_and(|p| p.name == name);
        Ok(if known(self.next) {
            Named::Known(self.next)
        } else if let Some(at) = self.properties.iter().position(|p| p.name == name) {
            Named::Known(at)
        } else if name == "@removed" {
            Named::Removed
        } else {
            Named::Other
        })
    }
}
