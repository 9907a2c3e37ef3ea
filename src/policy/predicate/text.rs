//! Predicates on texts that an attacker can choose: names and comments.

use super::{Check, Condition, Offence, Subject, known, property_field};
use crate::caseless;
use crate::connector::property::{Kind, Property};
use crate::document::{Node, Reader};
use crate::finding::excerpt;
use crate::hostile_text;
use std::collections::BTreeSet;

/// `plain_text: { property }`
#[derive(Debug)]
pub struct Plain {
    property: Property,
}

impl Plain {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        only_text(reader, node, "`plain_text`").map(|property| Self { property })
    }
}

impl Condition for Plain {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let text = known(subject, self.property)?.elements().join(" ");
        let Some(deception) = hostile_text::deception(&text) else {
            return Ok(Check::Holds);
        };
        Ok(Offence::of(
            subject,
            self.property,
            format!("{} {deception}", self.property.name()),
        )
        .fails())
    }
}

/// `unlike_others: { property: Name }`: no comment is taken for another connector's.
#[derive(Debug)]
pub struct UnlikeOthers;

impl UnlikeOthers {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let property = only_text(reader, node, "`unlike_others`")?;
        if property == Property::Name {
            Some(Self)
        } else {
            reader.expected(node, "`property: Name`", "only names tell connectors apart")
        }
    }
}

impl Condition for UnlikeOthers {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([Property::Name])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let own = &subject.connector.name;
        let shape = subject.connector.name_shape();
        let alike = subject
            .others
            .iter()
            .find(|other| other.name_shape() == shape && !caseless::same(&other.name, own));
        let Some(other) = alike else {
            return Ok(Check::Holds);
        };
        let message = format!(
            "Name {:?} looks like {:?}, the Name of another connector",
            excerpt(own),
            excerpt(&other.name)
        );
        Ok(Offence {
            added: vec![own.clone()],
            ..Offence::of(subject, Property::Name, message)
        }
        .fails())
    }
}

fn only_text(reader: &Reader<'_>, node: &Node, what: &'static str) -> Option<Property> {
    let mut fields = reader.fields(node, what)?;
    let property = property_field(reader, &mut fields, &[Kind::Text]);
    fields.finish();
    property
}
