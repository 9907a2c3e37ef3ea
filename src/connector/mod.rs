//! What an inbound connector is. No input or output happens here.

pub mod address;
pub mod certificate;
pub mod domain;
pub mod lint;
pub mod names;
pub mod property;
pub mod value;

use crate::finding::Subject;
use crate::hostile_text;
use jiff::Timestamp;
use property::{ConnectorType, Property};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use value::Value;

/// A GUID in lower case without braces, as identity is compared.
pub type Guid = String;

/// What the service maintains about a connector: evidence, never drift.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// `WhenCreatedUTC`, in whole seconds.
    pub when_created: Option<Timestamp>,
    /// `WhenChangedUTC`, in whole seconds: "last changed around", within a minute.
    pub when_changed: Option<Timestamp>,
    /// `IsValid`: whether the stored object passes the service's own validation.
    pub is_valid: Option<bool>,
    /// How many properties of the record are left aside, each for the reason in the table.
    pub ignored: usize,
    /// Properties that the table does not know, verbatim: kept, reported, never dropped.
    pub unrecognised: BTreeMap<String, Json>,
}

/// One inbound connector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connector {
    /// Exchange's `Name`, as found.
    pub name: String,
    /// `ExchangeObjectId`: survives renames and moves of the tenant.
    pub exchange_object_id: Option<Guid>,
    /// `Guid`: may be issued anew when the tenant moves.
    pub guid: Option<Guid>,
    /// Settings that the record holds, in normal form. A boolean or enumeration
    /// that is not here is unknown; see [`Connector::setting`] for the rest.
    pub settings: BTreeMap<Property, Value>,
    /// Properties whose values are there and could not be read: unknown, never empty.
    pub unreadable: BTreeSet<Property>,
    /// What the service maintains.
    pub metadata: Metadata,
    /// What the name looks like, worked out when it is first asked for.
    pub shape: OnceLock<String>,
}

impl Connector {
    /// The id under which the connector is known: `ExchangeObjectId`, else `Guid`.
    pub fn id(&self) -> Option<&Guid> {
        self.exchange_object_id.as_ref().or(self.guid.as_ref())
    }

    /// Whether the id is one of the connector's ids.
    pub fn has_id(&self, id: &str) -> bool {
        [&self.exchange_object_id, &self.guid]
            .into_iter()
            .flatten()
            .any(|own| own == id)
    }

    /// How findings name the connector.
    pub fn subject(&self) -> Subject {
        Subject {
            id: self.id().cloned(),
            name: self.name.clone(),
        }
    }

    /// A setting; absent lists and texts are empty, absent booleans and enumerations `None`.
    pub fn setting(&self, property: Property) -> Option<Cow<'_, Value>> {
        match property {
            Property::Name => Some(Cow::Owned(Value::Text(self.name.clone()))),
            Property::IsValid => self
                .metadata
                .is_valid
                .map(|valid| Cow::Owned(Value::Boolean(valid))),
            _ if self.unreadable.contains(&property) => None,
            _ => {
                let written = self.settings.get(&property).map(Cow::Borrowed);
                written.or_else(|| Value::absent(property).map(Cow::Owned))
            }
        }
    }

    /// A boolean setting, if the record holds it.
    pub fn boolean(&self, property: Property) -> Option<bool> {
        match self.settings.get(&property) {
            Some(Value::Boolean(value)) => Some(*value),
            _ => None,
        }
    }

    /// The addresses of a list of them; none where the record holds none.
    pub fn addresses(&self, property: Property) -> &address::AddressSet {
        static NONE: address::AddressSet = address::AddressSet::empty();
        match self.settings.get(&property) {
            Some(Value::Addresses(set)) => set,
            _ => &NONE,
        }
    }

    /// The domains of a list of them; none where the record holds none.
    pub fn domains(&self, property: Property) -> &domain::DomainSet {
        static NONE: domain::DomainSet = domain::DomainSet::empty();
        match self.settings.get(&property) {
            Some(Value::Domains(set)) => set,
            _ => &NONE,
        }
    }

    /// A certificate name, if the record holds one.
    pub fn certificate(&self, property: Property) -> Option<&certificate::CertificateName> {
        match self.settings.get(&property) {
            Some(Value::Certificate(name)) => name.as_ref(),
            _ => None,
        }
    }

    /// What the name looks like to a reader: equal for names that cannot be told apart.
    pub fn name_shape(&self) -> &str {
        self.shape.get_or_init(|| hostile_text::shape(&self.name))
    }

    /// The type, where it is one that is known.
    pub fn connector_type(&self) -> Option<ConnectorType> {
        match self.settings.get(&Property::ConnectorType) {
            Some(Value::Enumeration(word)) => connector_type(&word.0),
            _ => None,
        }
    }
}

/// Reads a connector type in any case.
pub fn connector_type(word: &str) -> Option<ConnectorType> {
    if word.eq_ignore_ascii_case("OnPremises") {
        Some(ConnectorType::OnPremises)
    } else if word.eq_ignore_ascii_case("Partner") {
        Some(ConnectorType::Partner)
    } else {
        None
    }
}

/// Reads a GUID in any case, with or without braces.
pub fn parse_guid(text: &str) -> Option<Guid> {
    let text = text.trim();
    let text = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(text);
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let well_formed = lengths == [8, 4, 4, 4, 12]
        && groups
            .iter()
            .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    well_formed.then(|| text.to_ascii_lowercase())
}
