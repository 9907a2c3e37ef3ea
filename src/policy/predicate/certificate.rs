//! Predicates on the name of a certificate. No name is never an offence here: `present` asks for one.

use super::operand::Operand;
use super::{Check, Condition, Offence, Subject, known, property_field};
use crate::connector::certificate::CertificateName;
use crate::connector::domain::DomainPattern;
use crate::connector::property::{Kind, Property};
use crate::document::{Node, Reader};
use crate::finding::shorten;
use serde_json::json;
use std::collections::BTreeSet;

/// `certificate_within: { property, allow }`
#[derive(Debug)]
pub struct Within {
    property: Property,
    allow: Operand,
}

impl Within {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`certificate_within`")?;
        let property = property_field(reader, &mut fields, &[Kind::Certificate]);
        let valid = |text: &str| !matches!(CertificateName::parse(text), CertificateName::Other(_));
        let allow = fields
            .required("allow")
            .and_then(|node| Operand::read(reader, node, "a certificate name", valid));
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
        let Some(name) = certificate(subject, self.property)? else {
            return Ok(Check::Holds);
        };
        let allowed = self.allow.values(subject)?;
        if allowed
            .iter()
            .any(|allowed| CertificateName::parse(allowed).covers(name))
        {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} is {name}, outside {}",
            self.property.name(),
            self.allow.words()
        );
        Ok(Offence {
            expected: Some(json!(allowed)),
            added: vec![name.to_string()],
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

/// `certificate_under_accepted_domain: { property }`
#[derive(Debug)]
pub struct UnderAcceptedDomain {
    property: Property,
}

impl UnderAcceptedDomain {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`certificate_under_accepted_domain`")?;
        let property = property_field(reader, &mut fields, &[Kind::Certificate]);
        fields.finish();
        Some(Self {
            property: property?,
        })
    }
}

impl Condition for UnderAcceptedDomain {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    /// A host of the organization carries a name below its domain, so names below count
    /// whatever `MatchSubDomains` says, which is about recipients.
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let Some(name) = certificate(subject, self.property)? else {
            return Ok(Check::Holds);
        };
        let Some(accepted) = subject.accepted_domains else {
            return Err(Check::Unknown(
                "the organization's accepted domains were not read".to_owned(),
            ));
        };
        let domain = name.pattern().and_then(DomainPattern::domain);
        if domain.is_some_and(|domain| {
            accepted
                .iter()
                .any(|accepted| domain.is_within(&accepted.domain))
        }) {
            return Ok(Check::Holds);
        }
        let domains: Vec<String> = accepted
            .iter()
            .map(|accepted| accepted.domain.to_string())
            .collect();
        let message = format!(
            "{} is {name}, which lies in none of the organization's accepted domains ({})",
            self.property.name(),
            shorten(&domains)
        );
        Ok(Offence {
            expected: Some(json!(domains)),
            added: vec![name.to_string()],
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

/// `certificate_owned: { property }`
#[derive(Debug)]
pub struct Owned {
    property: Property,
}

impl Owned {
    /// Reads what stands behind the predicate's name.
    pub fn read(reader: &Reader<'_>, node: &Node) -> Option<Self> {
        let mut fields = reader.fields(node, "`certificate_owned`")?;
        let property = property_field(reader, &mut fields, &[Kind::Certificate]);
        fields.finish();
        Some(Self {
            property: property?,
        })
    }
}

impl Condition for Owned {
    fn properties(&self) -> BTreeSet<Property> {
        BTreeSet::from([self.property])
    }

    fn check(&self, subject: &Subject<'_>) -> Result<Check, Check> {
        let Some(name) = certificate(subject, self.property)? else {
            return Ok(Check::Holds);
        };
        let anybody = match name.pattern() {
            Some(DomainPattern::Any) => true,
            Some(DomainPattern::Subtree(domain)) => domain.spans_shared(),
            Some(DomainPattern::Exact(domain)) => domain.is_shared(),
            None => false,
        };
        if !anybody {
            return Ok(Check::Holds);
        }
        let message = format!(
            "{} is {name}, and anybody can get a certificate that matches it",
            self.property.name()
        );
        Ok(Offence {
            added: vec![name.to_string()],
            ..Offence::of(subject, self.property, message)
        }
        .fails())
    }
}

fn certificate<'a>(
    subject: &Subject<'a>,
    property: Property,
) -> Result<Option<&'a CertificateName>, Check> {
    known(subject, property)?;
    Ok(subject.connector.certificate(property))
}
