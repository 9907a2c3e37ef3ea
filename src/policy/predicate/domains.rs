//! Predicates on lists of domains.

use super::operand::Operand;
use super::{Check, Condition, Offence, Subject, known, property_field};
use crate::connector::domain::{DomainPattern, DomainSet};
use crate::connector::property::{Kind, Property};
use crate::document::{Node, Reader};
use crate::finding::shorten;
use serde_json::json;
use std::collections::BTreeSet;

/// `domains_within: { property, allow }`
#[derive(Debug)]
pub struct Within {
    property: Property,
    allow: Operand,
}

impl Within {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`domains_within`")?;
        let property = property_field(reader, &mut fields, &[Kind::Domains]);
        let allow = fields.required("allow").and_then(|node| {
            Operand::read(reader, node, "a domain", |text| {
                DomainPattern::parse(text).is_some()
            })
        });
        fields.finish();
        Some(Self {
            property: property?,
            allow: allow?,
        })
    }
}

impl Condition for Within {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn lists(&self) -> BTreeSet<String> {
        self.allow.names()
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let observed = domains(subject, self.property)?;
        let allowed = self.allow.domains(subject)?;
        let outside = observed.difference(&allowed);
        if outside.is_empty() {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} names {}, outside {}",
            self.property.name(),
            shorten(&outside),
            self.allow.words()
        );
        Ok(Offence {
            expected: Some(json!(allowed.entries())),
            added: outside,
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

/// `domains_well_formed: { property }`
#[derive(Debug)]
pub struct WellFormed {
    property: Property,
}

impl WellFormed {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`domains_well_formed`")?;
        let property = property_field(reader, &mut fields, &[Kind::Domains]);
        fields.finish();
        Some(Self {
            property: property?,
        })
    }
}

impl Condition for WellFormed {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let odd: Vec<String> = domains(subject, self.property)?
            .malformed()
            .map(str::to_owned)
            .collect();
        if odd.is_empty() {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} holds {}, which is no domain",
            self.property.name(),
            shorten(&odd)
        );
        Ok(Offence {
            added: odd,
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

fn domains<'a>(subject: &Subject<'a>, property: Property) -> Result<&'a DomainSet, Check> {
    known(subject, property)?;
    Ok(subject.connector.domains(property))
}
