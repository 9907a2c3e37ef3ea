//! The canonical form of a snapshot, written straight from it without a tree in between.
//!
//! Members are declared in the order of their names, as canonical JSON has
//! them; a test holds the whole against the general writer.

use super::{AcceptedDomain, Completeness, Part, SCHEMA, Snapshot};
use crate::canonical::{self, Sorted};
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::connector::value::Value;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

impl Snapshot {
    /// The canonical form.
    pub fn canonical(&self) -> String {
        canonical::write_sorted(&Wire {
            accepted_domains: domains(self),
            around: self
                .around
                .iter()
                .map(|(part, value)| (part.name(), Sorted(value)))
                .collect(),
            blocked_connectors: &self.blocked_connectors,
            complete: completeness(self),
            inbound_connectors: self.connectors().map(Wired::new).collect(),
            organization: organization(self),
            schema: SCHEMA,
            source: self.source.name(),
        })
    }
}

pub(super) fn domains(snapshot: &Snapshot) -> Vec<Domain<'_>> {
    snapshot.accepted_domains.iter().map(Domain::new).collect()
}

pub(super) fn completeness(snapshot: &Snapshot) -> BTreeMap<&'static str, &Completeness> {
    let part = |part: &Part| (part.name(), snapshot.completeness(*part));
    // What stands around them says something only where it was asked for.
    let asked = |part: &&Part| *snapshot.completeness(**part) != Completeness::NotRead;
    let around = Part::AROUND.iter().filter(asked);
    Part::CORE.iter().chain(around).map(part).collect()
}

pub(super) fn organization(snapshot: &Snapshot) -> Organization<'_> {
    Organization {
        domain: snapshot.organization.domain.as_deref(),
        tenant_id: snapshot.organization.tenant_id.as_deref(),
    }
}

#[derive(Serialize)]
struct Wire<'a> {
    accepted_domains: Vec<Domain<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    around: BTreeMap<&'static str, Sorted<'a>>,
    blocked_connectors: &'a [String],
    complete: BTreeMap<&'static str, &'a Completeness>,
    inbound_connectors: Vec<Wired<'a>>,
    organization: Organization<'a>,
    schema: &'static str,
    source: &'static str,
}

#[derive(Serialize)]
pub(super) struct Domain<'a> {
    domain: &'a str,
    match_sub_domains: bool,
}

impl<'a> Domain<'a> {
    fn new(accepted: &'a AcceptedDomain) -> Self {
        Self {
            domain: accepted.domain.as_str(),
            match_sub_domains: accepted.match_sub_domains,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Organization<'a> {
    domain: Option<&'a str>,
    tenant_id: Option<&'a str>,
}

/// `true`, or what is known about why not.
impl Serialize for Completeness {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Complete => serializer.serialize_bool(true),
            other => serializer.serialize_str(&other.words()),
        }
    }
}

/// One connector: identity, metadata, and settings in Exchange's names.
#[derive(Serialize)]
pub(super) struct Wired<'a> {
    identity: Identity<'a>,
    metadata: Evidence<'a>,
    settings: BTreeMap<&'static str, &'a Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Identity<'a> {
    exchange_object_id: Option<&'a str>,
    guid: Option<&'a str>,
    name: &'a str,
}

#[derive(Serialize)]
struct Evidence<'a> {
    #[serde(rename = "IsValid")]
    is_valid: Option<bool>,
    #[serde(rename = "WhenChangedUTC")]
    when_changed: Option<Timestamp>,
    #[serde(rename = "WhenCreatedUTC")]
    when_created: Option<Timestamp>,
    /// Values that are there and could not be read: unknown, never empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<&'static str>,
    unrecognised: BTreeMap<&'a str, Sorted<'a>>,
}

impl<'a> Wired<'a> {
    pub(super) fn new(connector: &'a Connector) -> Self {
        let settings = connector
            .settings
            .iter()
            .filter(|(property, _)| property.is_setting())
            .map(|(property, value)| (Property::name(*property), value));
        Self {
            identity: Identity {
                exchange_object_id: connector.exchange_object_id.as_deref(),
                guid: connector.guid.as_deref(),
                name: &connector.name,
            },
            metadata: Evidence::new(connector),
            settings: settings.collect(),
        }
    }
}

impl<'a> Evidence<'a> {
    fn new(connector: &'a Connector) -> Self {
        let metadata = &connector.metadata;
        let unreadable = connector.unreadable.iter();
        let unrecognised = metadata
            .unrecognised
            .iter()
            .map(|(name, value)| (name.as_str(), Sorted(value)));
        Self {
            is_valid: metadata.is_valid,
            when_changed: metadata.when_changed,
            when_created: metadata.when_created,
            unreadable: unreadable.map(|property| property.name()).collect(),
            unrecognised: unrecognised.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::value::Raw;
    use serde_json::json;

    #[test]
    fn members_come_as_the_general_writer_sorts_them() {
        let mut connector = Connector {
            name: "Relay \"1\"".to_owned(),
            ..Connector::default()
        };
        for property in Property::settings() {
            let raws = [Raw::Boolean(true), Raw::Text("a.example".to_owned())];
            let value = raws
                .iter()
                .find_map(|raw| Value::read(property, raw).ok().flatten());
            connector
                .settings
                .extend(value.map(|value| (property, value)));
        }
        let odd = json!({ "z": 1, "a": [{ "y": null, "b": 2 }] });
        connector.metadata.unrecognised = BTreeMap::from([("Later".to_owned(), odd)]);
        let text = canonical::write_sorted(&Wired::new(&connector));
        let tree = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(text, canonical::to_string(&tree));
        assert!(text.contains("SenderIPAddresses"), "{text}");
    }
}
