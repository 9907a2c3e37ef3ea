//! Predicates on texts that an attacker can choose: names and comments.

use super::{Check, Condition, Offence, Subject, known, property_field};
use crate::connector::property::{Kind, Property};
use crate::document::{Node, Reader};
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

/// `unlike_others: { property }`
#[derive(Debug)]
pub struct UnlikeOthers {
    property: Property,
}

impl UnlikeOthers {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        only_text(reader, node, "`unlike_others`").map(|property| Self { property })
    }
}

impl Condition for UnlikeOthers {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let own = known(subject, self.property)?.elements().join(" ");
        for other in subject.others {
            let theirs = other
                .setting(self.property)
                .map(|value| value.elements().join(" "))
                .unwrap_or_default();
            if own.to_lowercase() != theirs.to_lowercase()
                && hostile_text::look_alike(&own, &theirs)
            {
                let message = format!(
                    "{} {own:?} looks like {theirs:?}, the {} of another connector",
                    self.property.name(),
                    self.property.name()
                );
                return Ok(Offence {
                    added: vec![own],
                    ..Offence::of(subject, self.property, message)
                }
                .fails());
            }
        }
        Ok(Check::Holds)
    }
}

fn only_text(reader: &Reader<'_>, node: &Node, what: &'static str) -> Option<Property> {
    let mut fields = reader.fields(node, what)?;
    let property = property_field(reader, &mut fields, &[Kind::Text]);
    fields.finish();
    property
}
