//! Predicates on values of any kind.

use super::operand::Operand;
use super::{Check, Condition, Offence, Subject, describe, known, property_field};
use crate::connector::property::{Kind, Property};
use crate::connector::value::{Raw, Value};
use crate::document::{Node, Reader};
use crate::finding::shorten;
use regex::Regex;
use serde_json::json;
use std::collections::BTreeSet;

/// `equals: { property, value }`
#[derive(Debug)]
pub struct Equals {
    property: Property,
    value: Value,
}

impl Equals {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`equals`")?;
        let property = property_field(reader, &mut fields, &[]);
        let value = fields.required("value");
        fields.finish();
        let property = property?;
        Some(Self {
            property,
            value: value_of(reader, property, value?)?,
        })
    }
}

impl Condition for Equals {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        if *known(subject, self.property)? == self.value {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{}, not {}",
            describe(subject, self.property),
            shorten(&self.value.elements())
        );
        Ok(Offence {
            expected: Some(self.value.to_json()),
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

/// Reads a value of a property in a rule; absence has no place there.
pub fn value_of(reader: &Reader<'_>, property: Property, node: &Node) -> Option<Value> {
    match Value::read(property, &Raw::from(node)) {
        Ok(Some(value)) => Some(value),
        Ok(None) => reader.expected(node, property.kind().expected(), "write the value"),
        Err(error) => {
            reader.wrong(
                node.span.clone(),
                error.message,
                error
                    .help
                    .unwrap_or_else(|| format!("expected {}", property.kind().expected())),
            );
            None
        }
    }
}

/// `one_of: { property, values }`
#[derive(Debug)]
pub struct OneOf {
    property: Property,
    values: Operand,
}

impl OneOf {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`one_of`")?;
        let property = property_field(
            reader,
            &mut fields,
            &[Kind::Enumeration, Kind::Text, Kind::Certificate],
        );
        let values = fields
            .required("values")
            .and_then(|node| Operand::read(reader, node, "a value", |_| true));
        fields.finish();
        Some(Self {
            property: property?,
            values: values?,
        })
    }
}

impl Condition for OneOf {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn lists(&self) -> BTreeSet<String> {
        self.values.names()
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let observed = known(subject, self.property)?;
        let allowed = self.values.values(subject)?;
        let is_one = allowed.iter().any(|text| {
            Value::read(self.property, &Raw::Text((*text).to_owned()))
                .ok()
                .flatten()
                .as_ref()
                == Some(observed.as_ref())
        });
        if is_one {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{}, not one of {}",
            describe(subject, self.property),
            self.values.words()
        );
        Ok(Offence {
            expected: Some(json!(allowed)),
            added: observed.elements(),
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

/// `empty: { property }`
#[derive(Debug)]
pub struct Empty {
    property: Property,
}

impl Empty {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        only_property(reader, node, "`empty`").map(|property| Self { property })
    }
}

impl Condition for Empty {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let observed = known(subject, self.property)?;
        if observed.is_empty() {
            return Ok(Check::Holds);
        }
        Ok(Offence {
            added: observed.elements(),
            ..Offence::of(subject, self.property, describe(subject, self.property))
        }
        .fails())
    }
}

/// `present: { property }`
#[derive(Debug)]
pub struct Present {
    property: Property,
}

impl Present {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        only_property(reader, node, "`present`").map(|property| Self { property })
    }
}

impl Condition for Present {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        if known(subject, self.property)?.is_empty() {
            return Ok(
                Offence::of(subject, self.property, describe(subject, self.property)).fails(),
            );
        }
        Ok(Check::Holds)
    }
}

/// `matches: { property, pattern }`: every element; an empty value has none.
#[derive(Debug)]
pub struct Matches {
    property: Property,
    pattern: Regex,
}

impl Matches {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`matches`")?;
        let property = property_field(reader, &mut fields, &[]);
        let pattern_node = fields.required("pattern");
        fields.finish();
        let pattern_node = pattern_node?;
        let text = reader.text(pattern_node)?;
        match Regex::new(&text) {
            Ok(pattern) => Some(Self {
                property: property?,
                pattern,
            }),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ");
                reader.wrong(
                    pattern_node.span.clone(),
                    format!("the regular expression is malformed: {reason}"),
                    "see the syntax of the Rust crate `regex`: no look-around, no back-references",
                );
                None
            }
        }
    }
}

impl Condition for Matches {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let observed = known(subject, self.property)?;
        let odd: Vec<String> = observed
            .elements()
            .into_iter()
            .filter(|element| !self.pattern.is_match(element))
            .collect();
        if odd.is_empty() {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} holds {}, which does not match {}",
            self.property.name(),
            shorten(&odd),
            self.pattern.as_str()
        );
        Ok(Offence {
            added: odd,
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

fn only_property(reader: &Reader<'_>, node: &Node, what: &'static str) -> Option<Property> {
    let mut fields = reader.fields(node, what)?;
    // A boolean or enumeration is never empty, so asking would be a mistake.
    let kinds = [
        Kind::Text,
        Kind::Certificate,
        Kind::Addresses,
        Kind::Domains,
        Kind::Names,
        Kind::References,
    ];
    let property = property_field(reader, &mut fields, &kinds);
    fields.finish();
    property
}
