//! What a rule may check, one file each.
//!
//! A predicate says what must hold. It answers with one of three truths: yes,
//! no with the offence, or unknown where something it needs was not read.
//! Unknown is never yes.

mod addresses;
mod certificate;
mod domains;
pub mod expression;
mod operand;
mod text;
pub mod values;

use crate::connector::Connector;
use crate::connector::property::{Kind, Property};
use crate::connector::value::Value;
use crate::document::reader::nearest;
use crate::document::yaml::Content;
use crate::document::{Fields, Node, Reader};
use crate::finding::shorten;
use crate::lists::Lists;
use crate::snapshot::AcceptedDomain;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// What a predicate is asked about.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The connector.
    pub connector: &'a Connector,
    /// The tenant's other connectors.
    pub others: &'a [&'a Connector],
    /// The named lists in force for the tenant.
    pub lists: &'a Lists,
    /// The organization's own domains; `None` where they are not known.
    pub accepted_domains: Option<&'a [AcceptedDomain]>,
}

/// What a predicate comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// It holds.
    Holds,
    /// It does not.
    Fails(Vec<Offence>),
    /// Something it needs is not known.
    Unknown(String),
    /// It refers to a list that nobody has defined for the tenant.
    UndefinedList(String),
}

/// In what way a connector fails a predicate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offence {
    /// The property at fault; `None` where it is a combination.
    pub property: Option<Property>,
    /// What is wrong, in words.
    pub message: String,
    /// What was demanded.
    pub expected: Option<Json>,
    /// What was found.
    pub actual: Option<Json>,
    /// Elements that should not be there.
    pub added: Vec<String>,
    /// How many addresses they stand for.
    pub count: Option<u128>,
}

impl Offence {
    /// An offence of one property, with its observed value.
    pub fn of(subject: &Subject<'_>, property: Property, message: impl Into<String>) -> Self {
        Self {
            property: Some(property),
            message: message.into(),
            actual: subject
                .connector
                .setting(property)
                .map(|value| value.to_json()),
            ..Self::default()
        }
    }

    /// Ends a check with this offence.
    pub fn fails(self) -> Check {
        Check::Fails(vec![self])
    }
}

/// A condition that stands by itself. Each kind is one type, in the file of what it is about.
pub trait Condition: fmt::Debug + Send + Sync {
    /// Whether it holds; `Err` is a short way out for what is unknown.
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check>;

    /// Whether it holds, without saying what is wrong where it does not.
    fn holds(&self, subject: &Subject<'_>) -> Result<bool, Check> {
        match self.check(subject)? {
            Check::Holds => Ok(true),
            Check::Fails(_) => Ok(false),
            unknown => Err(unknown),
        }
    }

    /// The properties of the connector that it looks at.
    fn properties(&self) -> BTreeSet<Property>;

    /// The named lists that it refers to.
    fn lists(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
}

/// What a rule checks: a condition, or several put together.
#[derive(Debug)]
pub enum Predicate {
    /// A condition by itself.
    One(Box<dyn Condition>),
    /// All of these hold.
    All(Vec<Self>),
    /// At least one of these holds.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
}

/// Reads the value behind a predicate's name.
type ReadPredicate = fn(&Reader<'_>, &Node) -> Option<Predicate>;

fn one<T: Condition + 'static>(condition: Option<T>) -> Option<Predicate> {
    condition.map(|condition| Predicate::One(Box::new(condition)))
}

/// Every predicate by its name in rule files.
const PREDICATES: [(&str, ReadPredicate); 21] = [
    ("addresses_within", |reader, node| {
        one(addresses::Within::read(reader, node))
    }),
    ("addresses_none_of", |reader, node| {
        one(addresses::NoneOf::read(reader, node))
    }),
    ("addresses_at_most", |reader, node| {
        one(addresses::AtMost::read(reader, node))
    }),
    ("addresses_unshared", |reader, node| {
        one(addresses::Unshared::read(reader, node))
    }),
    ("address_entries", |reader, node| {
        one(addresses::Entries::read(reader, node))
    }),
    ("domains_within", |reader, node| {
        one(domains::Within::read(reader, node))
    }),
    ("domains_well_formed", |reader, node| {
        one(domains::WellFormed::read(reader, node))
    }),
    ("certificate_within", |reader, node| {
        one(certificate::Within::read(reader, node))
    }),
    ("certificate_under_accepted_domain", |reader, node| {
        one(certificate::UnderAcceptedDomain::read(reader, node))
    }),
    ("certificate_owned", |reader, node| {
        one(certificate::Owned::read(reader, node))
    }),
    ("equals", |reader, node| {
        one(values::Equals::read(reader, node))
    }),
    ("one_of", |reader, node| {
        one(values::OneOf::read(reader, node))
    }),
    ("empty", |reader, node| {
        one(values::Empty::read(reader, node))
    }),
    ("present", |reader, node| {
        one(values::Present::read(reader, node))
    }),
    ("matches", |reader, node| {
        one(values::Matches::read(reader, node))
    }),
    ("plain_text", |reader, node| {
        one(text::Plain::read(reader, node))
    }),
    ("unlike_others", |reader, node| {
        one(text::UnlikeOthers::read(reader, node))
    }),
    ("expression", |reader, node| {
        one(expression::Expression::read(reader, node))
    }),
    ("all", |reader, node| {
        read_several(reader, node).map(Predicate::All)
    }),
    ("any", |reader, node| {
        read_several(reader, node).map(Predicate::Any)
    }),
    ("not", |reader, node| {
        Predicate::read(reader, node).map(|inner| Predicate::Not(Box::new(inner)))
    }),
];

/// The names of all predicates, for messages and the schema.
pub fn names() -> impl Iterator<Item = &'static str> {
    PREDICATES.iter().map(|(name, _)| *name)
}

impl Predicate {
    /// Reads `check:`, a mapping with exactly one key.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let Content::Map(entries) = &node.content else {
            return reader.expected(
                node,
                "a predicate",
                "write one, such as `present: { property: TlsSenderCertificateName }`",
            );
        };
        let [(key, value)] = entries.as_slice() else {
            return reader.expected(
                node,
                "exactly one predicate",
                "put several into `all: [ … ]`",
            );
        };
        if let Some((_, read)) = PREDICATES.iter().find(|(name, _)| *name == key.name) {
            return read(reader, value);
        }
        let help = match nearest(&key.name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "known predicates: {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        };
        reader.wrong(
            key.span.clone(),
            format!("there is no predicate `{}`", key.name),
            help,
        );
        None
    }

    /// Whether it holds.
    pub fn check(&self, subject: &Subject<'_>) -> Check {
        match self {
            Self::One(condition) => condition.check(subject).unwrap_or_else(|short| short),
            Self::All(list) => all(list.iter().map(|inner| inner.check(subject))),
            Self::Any(list) => any(list.iter().map(|inner| inner.check(subject)).collect()),
            Self::Not(inner) => self.negated(subject, inner.bare(subject)),
        }
    }

    /// The same where nobody will read what the offences are.
    fn bare(&self, subject: &Subject<'_>) -> Check {
        match self {
            Self::One(condition) => match condition.holds(subject) {
                Ok(true) => Check::Holds,
                Ok(false) => Check::Fails(Vec::new()),
                Err(short) => short,
            },
            _ => self.check(subject),
        }
    }

    fn negated(&self, subject: &Subject<'_>, inner: Check) -> Check {
        match inner {
            Check::Fails(_) => Check::Holds,
            Check::Holds => {
                let properties: Vec<Property> = self.properties().into_iter().collect();
                let described = properties
                    .iter()
                    .map(|property| describe(subject, *property))
                    .collect::<Vec<_>>()
                    .join(" and ");
                Offence {
                    message: described,
                    ..combination(subject, &properties)
                }
                .fails()
            }
            unknown => unknown,
        }
    }

    /// The properties of the connector that it looks at.
    pub fn properties(&self) -> BTreeSet<Property> {
        match self {
            Self::One(condition) => condition.properties(),
            Self::All(list) | Self::Any(list) => list.iter().flat_map(Self::properties).collect(),
            Self::Not(inner) => inner.properties(),
        }
    }

    /// The named lists that it refers to.
    pub fn lists(&self) -> BTreeSet<String> {
        match self {
            Self::One(condition) => condition.lists(),
            Self::All(list) | Self::Any(list) => list.iter().flat_map(Self::lists).collect(),
            Self::Not(inner) => inner.lists(),
        }
    }
}

fn read_several(reader: &Reader<'_>, node: &Node) -> Option<Vec<Predicate>> {
    let list = reader.list(node, Predicate::read)?;
    if list.is_empty() {
        // `all: []` would always pass and `any: []` never.
        return reader.expected(node, "at least one predicate", "name what must hold");
    }
    Some(list)
}

/// Every part must hold; a failure outweighs what is unknown.
fn all(checks: impl Iterator<Item = Check>) -> Check {
    let mut offences = Vec::new();
    let mut unknown = None;
    for check in checks {
        match check {
            Check::Holds => {}
            Check::Fails(more) => offences.extend(more),
            other => {
                unknown.get_or_insert(other);
            }
        }
    }
    if offences.is_empty() {
        unknown.unwrap_or(Check::Holds)
    } else {
        Check::Fails(offences)
    }
}

/// One part must hold; what is unknown might.
fn any(checks: Vec<Check>) -> Check {
    if checks.contains(&Check::Holds) {
        return Check::Holds;
    }
    if let Some(unknown) = checks
        .iter()
        .find(|check| !matches!(check, Check::Fails(_)))
    {
        return unknown.clone();
    }
    let offences: Vec<Offence> = checks
        .into_iter()
        .flat_map(|check| {
            if let Check::Fails(offences) = check {
                offences
            } else {
                Vec::new()
            }
        })
        .collect();
    let message = offences
        .iter()
        .map(|offence| offence.message.as_str())
        .collect::<Vec<_>>()
        .join("; and ");
    let properties: BTreeSet<Option<Property>> =
        offences.iter().map(|offence| offence.property).collect();
    let mut joined = offences.into_iter().next().unwrap_or_default();
    joined.message = message;
    if properties.len() > 1 {
        // The parts name different properties: the offence is their combination.
        joined = Offence {
            message: joined.message,
            ..Offence::default()
        };
    }
    joined.fails()
}

/// An offence of several properties together, or of the one that there is.
fn combination(subject: &Subject<'_>, properties: &[Property]) -> Offence {
    match properties {
        [one] => Offence::of(subject, *one, ""),
        several => {
            let values = several.iter().filter_map(|property| {
                Some((
                    property.name().to_owned(),
                    subject.connector.setting(*property)?.to_json(),
                ))
            });
            Offence {
                actual: Some(Json::Object(values.collect())),
                ..Offence::default()
            }
        }
    }
}

/// "`RequireTls` is false", for messages.
fn describe(subject: &Subject<'_>, property: Property) -> String {
    match subject.connector.setting(property) {
        None => format!("{} is unknown", property.name()),
        Some(value) if value.is_empty() => format!("{} is empty", property.name()),
        Some(value) => format!("{} is {}", property.name(), shorten(&value.elements())),
    }
}

/// The value of a property, or that it is unknown.
fn known<'a>(subject: &Subject<'a>, property: Property) -> Result<Cow<'a, Value>, Check> {
    subject
        .connector
        .setting(property)
        .ok_or_else(|| Check::Unknown(format!("`{}` was not in the record", property.name())))
}

/// Reads `property:`, which must be of one of the kinds.
fn property_field(
    reader: &Reader<'_>,
    fields: &mut Fields<'_, '_, '_>,
    kinds: &[Kind],
) -> Option<Property> {
    let node = fields.required("property")?;
    let name = reader.text(node)?;
    let suits = |property: &Property| kinds.is_empty() || kinds.contains(&property.kind());
    let suitable = || {
        Property::judged()
            .filter(suits)
            .map(Property::name)
            .collect::<Vec<_>>()
    };
    match Property::judged().find(|property| property.name() == name) {
        Some(property) if suits(&property) => Some(property),
        Some(_) => {
            reader.wrong(
                node.span.clone(),
                format!("`{name}` is not of the kind that this predicate looks at"),
                format!("one of {}", suitable().join(", ")),
            );
            None
        }
        None => {
            let help = match nearest(&name, suitable()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", suitable().join(", ")),
            };
            reader.wrong(
                node.span.clone(),
                format!("connectors have no setting `{name}`"),
                help,
            );
            None
        }
    }
}
