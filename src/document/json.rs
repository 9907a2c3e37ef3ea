//! JSON whose values know where they stand in the file.
//!
//! One level is taken apart at a time, with the rest kept as slices of the
//! text: a hundred megabytes cost no tree, nesting cannot overflow the stack,
//! and a wrong type can be shown at its line and column.

use super::problem::{Problem, Source};
use crate::connector::value::Raw;
use crate::finding::excerpt;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

/// A JSON value as a slice of its file.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    source: Source<'a>,
    raw: &'a RawValue,
}

/// The kinds of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'a> Value<'a> {
    /// Reads a whole file as one JSON value.
    pub fn parse(source: Source<'a>) -> Result<Self, Problem> {
        let raw = serde_json::from_str::<&RawValue>(source.text)
            .map_err(|error| grammar_problem(source, &error))?;
        Ok(Self { source, raw })
    }

    /// What kind of value it is.
    pub fn shape(&self) -> Shape {
        match self.raw.get().as_bytes().first() {
            Some(b'n') => Shape::Null,
            Some(b't' | b'f') => Shape::Boolean,
            Some(b'"') => Shape::Text,
            Some(b'[') => Shape::Array,
            Some(b'{') => Shape::Object,
            _ => Shape::Number,
        }
    }

    /// The value as it is written.
    pub fn raw_text(&self) -> &'a str {
        self.raw.get()
    }

    /// The value's bytes in the file.
    pub fn span(&self) -> Range<usize> {
        // Both addresses lie in one text, so their distance is the offset.
        let start =
            (self.raw.get().as_ptr() as usize).saturating_sub(self.source.text.as_ptr() as usize);
        start..start + self.raw.get().len()
    }

    /// Makes a problem about this value, marked by its first bytes.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        let span = self.span();
        self.source
            .problem(span.start..span.end.min(span.start + 60), message)
    }

    /// The elements of an array.
    pub fn array(&self) -> Result<Vec<Self>, Problem> {
        let items: Vec<&RawValue> = self.take("an array")?;
        Ok(items
            .into_iter()
            .map(|raw| Self {
                source: self.source,
                raw,
            })
            .collect())
    }

    /// The members of an object in the order of the file; a repeated key is an error.
    pub fn object(&self) -> Result<Vec<(String, Self)>, Problem> {
        let Members(members) = self.take("an object")?;
        let members: Vec<(String, Self)> = members
            .into_iter()
            .map(|(key, raw)| {
                (
                    key,
                    Self {
                        source: self.source,
                        raw,
                    },
                )
            })
            .collect();
        if let Some((key, value)) = repeated(&members, str::cmp) {
            let problem = value.problem(format!(
                "the key {:?} occurs twice in one object",
                excerpt(key)
            ));
            return Err(
                problem.help("no tool writes this: export again, and find out who edited the file")
            );
        }
        Ok(members)
    }

    /// A string.
    pub fn text(&self) -> Result<String, Problem> {
        self.take("a string")
    }

    /// The text if it is a string, nothing if it is `null` or empty.
    pub fn optional_text(&self) -> Result<Option<String>, Problem> {
        match self.shape() {
            Shape::Null => Ok(None),
            _ => Ok(Some(self.text()?).filter(|text| !text.is_empty())),
        }
    }

    /// A boolean.
    pub fn boolean(&self) -> Result<bool, Problem> {
        self.take("true or false")
    }

    /// The value without places, for what is only kept; bounded in depth.
    pub fn tree(&self) -> Result<serde_json::Value, Problem> {
        self.take("a value of bounded depth")
    }

    /// The value as a setting is read from it.
    pub fn raw(&self) -> Result<Raw, Problem> {
        Ok(match self.shape() {
            Shape::Null => Raw::Null,
            Shape::Boolean => Raw::Boolean(self.boolean()?),
            Shape::Number => Raw::Number(self.raw.get().to_owned()),
            Shape::Text => Raw::Text(self.text()?),
            Shape::Object => Raw::Object,
            Shape::Array => Raw::List(
                self.array()?
                    .iter()
                    .map(Self::item)
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    /// An element of a list: no setting has lists in lists, so these are not followed.
    fn item(&self) -> Result<Raw, Problem> {
        match self.shape() {
            Shape::Array => Ok(Raw::List(Vec::new())),
            _ => self.raw(),
        }
    }

    fn take<T: Deserialize<'a>>(&self, expected: &str) -> Result<T, Problem> {
        serde_json::from_str(self.raw.get()).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                self.problem(format!("expected {expected}, found {}", self.describe()))
            }
            _ => self.problem(format!("expected {expected}: {error}")),
        })
    }

    /// Names what was found, for error messages.
    pub fn describe(&self) -> &'static str {
        match self.shape() {
            Shape::Null => "null",
            Shape::Boolean => "a boolean",
            Shape::Number => "a number",
            Shape::Text => "a string",
            Shape::Array => "an array",
            Shape::Object => "an object",
        }
    }
}

/// A member whose key another one has as well, by sorting: no key is copied or hashed.
pub fn repeated<'m, 'a>(
    members: &'m [(String, Value<'a>)],
    order: impl Fn(&str, &str) -> Ordering,
) -> Option<&'m (String, Value<'a>)> {
    let mut sorted: Vec<&(String, Value<'a>)> = members.iter().collect();
    // Stable, so that of two equal keys the later one of the file is named.
    sorted.sort_unstable_by(|one, two| order(&one.0, &two.0));
    sorted.windows(2).find_map(|pair| match pair {
        [one, two] if order(&one.0, &two.0) == Ordering::Equal => Some(*two),
        _ => None,
    })
}

fn grammar_problem(source: Source<'_>, error: &serde_json::Error) -> Problem {
    let start = source.offset_of(error.line(), error.column());
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    let problem = source.problem(start..start + 1, format!("this is not JSON: {message}"));
    if error.is_eof() {
        problem.help(
            "the file ends too early: it was cut off while it was written or copied; export again",
        )
    } else {
        problem.help("export with `ConvertTo-Json -Depth 4`, or with the script from `connguard fetch --script`")
    }
}

/// Members of an object, repeated keys kept.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}
