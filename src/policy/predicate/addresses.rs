//! Predicates on lists of addresses.

use super::operand::Operand;
use super::{Check, Condition, Offence, Subject, known, property_field};
use crate::connector::address::{AddressSet, Block};
use crate::connector::property::{Kind, Property};
use crate::document::{Node, Reader};
use crate::finding::shorten;
use serde_json::json;
use std::collections::BTreeSet;

/// `addresses_within: { property, allow }`
#[derive(Debug)]
pub struct Within {
    property: Property,
    allow: Operand,
}

impl Within {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`addresses_within`")?;
        let property = property_field(reader, &mut fields, &[Kind::Addresses]);
        let allow = fields
            .required("allow")
            .and_then(|node| read_addresses(reader, node));
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
        let observed = addresses(subject, self.property)?;
        let allowed = self.allow.addresses(subject)?;
        let outside = observed.difference(&allowed);
        if outside.is_empty() {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} admits {}, outside {}",
            self.property.name(),
            admitted(&outside),
            self.allow.words()
        );
        Ok(Offence {
            expected: Some(json!(allowed.blocks())),
            ..offence(subject, self.property, message, &outside)
        }
        .fails())
    }
}

/// `addresses_none_of: { property, deny }`
#[derive(Debug)]
pub struct NoneOf {
    property: Property,
    deny: Operand,
}

impl NoneOf {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`addresses_none_of`")?;
        let property = property_field(reader, &mut fields, &[Kind::Addresses]);
        let deny = fields
            .required("deny")
            .and_then(|node| read_addresses(reader, node));
        fields.finish();
        Some(Self {
            property: property?,
            deny: deny?,
        })
    }
}

impl Condition for NoneOf {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn lists(&self) -> BTreeSet<String> {
        self.deny.names()
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let deny = self.deny.addresses(subject)?;
        let denied = addresses(subject, self.property)?.intersection(&deny);
        if denied.is_empty() {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} admits {} of {}",
            self.property.name(),
            admitted(&denied),
            self.deny.words()
        );
        Ok(offence(subject, self.property, message, &denied).fails())
    }
}

/// `addresses_at_most: { property, count }`
#[derive(Debug)]
pub struct AtMost {
    property: Property,
    count: u64,
}

impl AtMost {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`addresses_at_most`")?;
        let property = property_field(reader, &mut fields, &[Kind::Addresses]);
        let count = fields
            .required("count")
            .and_then(|node| reader.number(node, 0));
        fields.finish();
        Some(Self {
            property: property?,
            count: count?,
        })
    }
}

impl Condition for AtMost {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let observed = addresses(subject, self.property)?;
        if observed.count() <= u128::from(self.count) {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} holds {} addresses, more than {}",
            self.property.name(),
            observed.count(),
            self.count
        );
        Ok(Offence {
            count: Some(observed.count()),
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

/// `addresses_unshared: { property }`
#[derive(Debug)]
pub struct Unshared {
    property: Property,
}

impl Unshared {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`addresses_unshared`")?;
        let property = property_field(reader, &mut fields, &[Kind::Addresses]);
        fields.finish();
        Some(Self {
            property: property?,
        })
    }
}

impl Condition for Unshared {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    /// Disabled connectors admit nobody, so an overlap with one is none.
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let observed = addresses(subject, self.property)?;
        let mut shared = AddressSet::default();
        let mut with = Vec::new();
        for other in subject
            .others
            .iter()
            .filter(|other| other.boolean(Property::Enabled) != Some(false))
        {
            let admitted = other.addresses(self.property);
            if observed.overlaps(admitted) {
                with.push(format!("{:?}", other.name));
                shared = shared.union(&observed.intersection(admitted));
            }
        }
        if shared.is_empty() {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} shares {} with {}",
            self.property.name(),
            admitted(&shared),
            shorten(&with)
        );
        Ok(offence(subject, self.property, message, &shared).fails())
    }
}

/// `address_entries: { property, shortest_prefix }`: IPv4 addresses and blocks no
/// larger than the prefix length, which is all that the service takes.
#[derive(Debug)]
pub struct Entries {
    property: Property,
    shortest_prefix: u64,
}

impl Entries {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`address_entries`")?;
        let property = property_field(reader, &mut fields, &[Kind::Addresses]);
        let shortest_prefix = fields
            .required("shortest_prefix")
            .and_then(|node| reader.number(node, 0));
        fields.finish();
        Some(Self {
            property: property?,
            shortest_prefix: shortest_prefix?,
        })
    }
}

impl Condition for Entries {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let observed = addresses(subject, self.property)?;
        let suits = |entry: &&str| {
            Block::parse(entry)
                .ok()
                .and_then(|block| block.ipv4_prefix())
                .is_some_and(|prefix| u64::from(prefix) >= self.shortest_prefix)
        };
        let odd: Vec<String> = observed
            .entries()
            .filter(|entry| !suits(entry))
            .map(str::to_owned)
            .collect();
        if odd.is_empty() {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} holds {}, and the service takes IPv4 addresses and blocks of /{} to /32 only",
            self.property.name(),
            shorten(&odd),
            self.shortest_prefix
        );
        Ok(Offence {
            added: odd,
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

fn addresses<'a>(subject: &Subject<'a>, property: Property) -> Result<&'a AddressSet, Check> {
    known(subject, property)?;
    Ok(subject.connector.addresses(property))
}

fn read_addresses(reader: &Reader<'_>, node: &Node) -> Option<Operand> {
    Operand::read(reader, node, "an IP address, CIDR block or range", |text| {
        Block::parse(text).is_ok()
    })
}

/// "198.51.100.0/24 (256 addresses)"
fn admitted(set: &AddressSet) -> String {
    let blocks = set.blocks();
    let unit = if set.count() == 1 {
        "address"
    } else {
        "addresses"
    };
    format!("{} ({} {unit})", shorten(&blocks), set.count())
}

fn offence(
    subject: &Subject<'_>,
    property: Property,
    message: String,
    added: &AddressSet,
) -> Offence {
    Offence {
        added: added.blocks(),
        count: Some(added.count()),
        ..Offence::of(subject, property, message)
    }
}
