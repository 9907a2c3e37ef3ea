//! YAML as a tree of nodes, each with its place in the file.
//!
//! The only door to the YAML crate. Input is bounded in nodes, depth and
//! aliases; duplicate keys, merge keys and foreign tags are refused, and words
//! such as `no` and `on` stay texts.

use super::problem::{Problem, Source};
use crate::finding::excerpt;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};
use std::fmt;
use std::ops::Range;

/// The largest YAML document that is read, in bytes.
pub const LARGEST_DOCUMENT: usize = 16 * 1024 * 1024;

/// A value of a YAML document with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub content: Content,
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// Its line and column, from one.
    pub place: (usize, usize),
}

/// What a node can be.
#[derive(Clone, Debug)]
pub enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A text, quoted or plain.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// The key of a mapping with its place.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// Its line and column, from one.
    pub place: (usize, usize),
}

impl Node {
    /// Reads one YAML document.
    pub fn parse(source: Source<'_>) -> Result<Self, Problem> {
        if source.text.len() > LARGEST_DOCUMENT {
            return Err(Problem::of_file(
                source.path,
                format!("the file is larger than {} MiB", LARGEST_DOCUMENT >> 20),
            )
            .help("split it, or take out what does not belong there"));
        }
        let options = serde_yaml::options! {
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            merge_keys: serde_yaml::MergeKeyPolicy::Error,
            reject_unsupported_tags: true,
            with_snippet: false,
            budget: serde_yaml::budget! { max_nodes: 250_000, max_depth: 32, max_aliases: 100, max_anchors: 100 },
        };
        serde_yaml::from_str_with_options(source.text, options).map_err(|error| {
            let span = error
                .location()
                .map_or(0..0, |location| place_of_error(source, &location));
            source
                .problem(span, plain_message(&error))
                .help("the file must be YAML 1.2; see `connguard schema` for its grammar")
        })
    }

    /// Names what the node is, for error messages.
    pub fn describe(&self) -> String {
        match &self.content {
            Content::Null => "nothing".to_owned(),
            Content::Boolean(value) => value.to_string(),
            Content::Integer(number) => format!("the number {number}"),
            Content::Float(number) => format!("the number {number}"),
            Content::Text(text) => format!("the text {:?}", excerpt(text)),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// The crate's message without the position, which we show ourselves.
fn plain_message(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let message = first
        .split_once(" at line ")
        .map_or(first, |(message, _)| message);
    message.trim_start_matches("error: ").to_owned()
}

/// Errors of the grammar carry line and column; only those of values carry bytes.
fn place_of_error(source: Source<'_>, location: &Location) -> Range<usize> {
    if location
        .span()
        .byte_offset()
        .is_some_and(|offset| offset > 0)
    {
        return span(location);
    }
    let number = |number: u64| usize::try_from(number).unwrap_or(1);
    let line_start = source.offset_of(number(location.line()), 1);
    let line = source.text.get(line_start..).unwrap_or_default();
    let in_line = line
        .char_indices()
        .nth(number(location.column()).saturating_sub(1))
        .map_or(0, |(index, _)| index);
    line_start + in_line..line_start + in_line + 1
}

fn place(location: &Location) -> (usize, usize) {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    (number(location.line()), number(location.column()))
}

fn span(location: &Location) -> Range<usize> {
    let span = location.span();
    let as_usize = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok());
    let start = as_usize(span.byte_offset()).unwrap_or_default();
    start..start + as_usize(span.byte_len()).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self {
            content: spanned.value,
            span: span(&spanned.referenced),
            place: place(&spanned.referenced),
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Content, A::Error> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        while let Some(key) = access.next_key::<Spanned<KeyText>>()? {
            let key = Key {
                span: span(&key.referenced),
                place: place(&key.referenced),
                name: key.value.0,
            };
            entries.push((key, access.next_value()?));
        }
        Ok(Content::Map(entries))
    }
}

/// A key: any scalar, as text.
struct KeyText(String);

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Content::deserialize(deserializer)? {
            Content::Text(text) => Ok(Self(text)),
            Content::Boolean(value) => Ok(Self(value.to_string())),
            Content::Integer(number) => Ok(Self(number.to_string())),
            _ => Err(de::Error::custom("a key must be a text")),
        }
    }
}
