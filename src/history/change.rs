//! What differs between two snapshots of a tenant, with direction.
//!
//! A difference says what became of trust, not whether that was approved:
//! that is drift, which compares with a baseline.

use crate::caseless;
use crate::connector::Connector;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::drift;
use crate::finding::{Direction, Subject, excerpt, shorten};
use crate::snapshot::around::entries;
use crate::snapshot::{Part, Snapshot};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What kind of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A connector is there that was not.
    Added,
    /// A connector is gone.
    Removed,
    /// A connector was deleted and made again under its name.
    Recreated,
    /// A connector has another name.
    Renamed,
    /// A setting has another value.
    Changed,
    /// A value could not be read any more, or can be again.
    Unreadable,
    /// The service says that it was changed, and nothing differs.
    Touched,
    /// Something that the service maintains, or that this version does not know, has another value.
    Metadata,
    /// The organization's own domains.
    AcceptedDomains,
    /// Connectors that Microsoft has blocked.
    BlockedConnectors,
    /// A setting or a transport rule that stands around the connectors.
    Around,
    /// How completely a part was read.
    Completeness,
}

/// One difference.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// What kind it is.
    pub kind: Kind,
    /// The connector's id and name, where it is about one.
    pub connector: Option<Subject>,
    /// Exchange's name of the property, or the part of the snapshot.
    pub property: Option<String>,
    /// What it was.
    pub before: Option<Json>,
    /// What it is.
    pub after: Option<Json>,
    /// Canonical elements that came.
    pub added: Vec<String>,
    /// Canonical elements that went.
    pub removed: Vec<String>,
    /// How many addresses `added` stands for.
    pub count: Option<u64>,
    /// What it does to trust.
    pub direction: Option<Direction>,
}

impl Difference {
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            connector: None,
            property: None,
            before: None,
            after: None,
            added: Vec::new(),
            removed: Vec::new(),
            count: None,
            direction: None,
        }
    }

    /// The difference in words, but for the connector it is about.
    pub fn words(&self) -> String {
        let property = self.property.as_deref().unwrap_or_default();
        let value =
            |value: &Option<Json>| value.as_ref().map_or_else(|| "unknown".to_owned(), shown);
        match self.kind {
            Kind::Added => format!("appeared{}", self.admits()),
            Kind::Removed => "disappeared".to_owned(),
            Kind::Recreated => format!(
                "was deleted and made again: id {}, before {}",
                value(&self.after),
                value(&self.before)
            ),
            Kind::Renamed => format!("was renamed from {}", value(&self.before)),
            Kind::Touched => format!(
                "was saved again around {}, before that around {}, and no setting differs",
                value(&self.after),
                value(&self.before)
            ),
            _ if self.is_list() => self.elements(property),
            _ => format!(
                "{property}: {} → {}",
                value(&self.before),
                value(&self.after)
            ),
        }
    }

    fn is_list(&self) -> bool {
        matches!(
            (&self.before, &self.after),
            (Some(Json::Array(_)), Some(Json::Array(_)))
        )
    }

    fn admits(&self) -> String {
        if self.added.is_empty() {
            String::new()
        } else {
            format!(", admitting {}", shorten(&self.added))
        }
    }

    /// `SenderIPAddresses: + 198.51.100.7 − 203.0.113.9`
    fn elements(&self, property: &str) -> String {
        let part = |sign: &str, elements: &[String]| {
            if elements.is_empty() {
                String::new()
            } else {
                format!(" {sign} {}", shorten(elements))
            }
        };
        let mut words = format!(
            "{property}:{}{}",
            part("+", &self.added),
            part("−", &self.removed)
        );
        if let Some(count) = self.count.filter(|count| *count > 1) {
            words.push_str(&format!(" ({count} addresses more)"));
        }
        words
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => format!("{:?}", crate::finding::excerpt(text)),
        Json::Null => "empty".to_owned(),
        other => crate::finding::excerpt(&other.to_string()),
    }
}

/// Everything in which two snapshots of a tenant differ. Without a snapshot before, everything appeared,
/// and nobody knows what that did to trust.
pub fn between(before: Option<&Snapshot>, after: &Snapshot) -> Vec<Difference> {
    let mut found = Vec::new();
    connectors(before, after, &mut found);
    let Some(before) = before else {
        for difference in &mut found {
            difference.direction = None;
        }
        return found;
    };
    let domains = |snapshot: &Snapshot| -> BTreeSet<String> {
        let domains = snapshot.accepted_domains.iter();
        domains
            .map(|accepted| accepted.domain.to_string())
            .collect()
    };
    let blocked = |snapshot: &Snapshot| snapshot.blocked_connectors.iter().cloned().collect();
    found.extend(set(
        Part::AcceptedDomains,
        Kind::AcceptedDomains,
        (before, after),
        &domains,
    ));
    found.extend(set(
        Part::BlockedConnectors,
        Kind::BlockedConnectors,
        (before, after),
        &blocked,
    ));
    for part in Part::AROUND {
        found.extend(around(part, before, after));
    }
    for part in Part::EVERY {
        let (was, is) = (
            before.completeness(part).words(),
            after.completeness(part).words(),
        );
        if was != is {
            found.push(Difference {
                property: Some(part.name().to_owned()),
                before: Some(Json::from(was)),
                after: Some(Json::from(is)),
                ..Difference::of(Kind::Completeness)
            });
        }
    }
    found
}

/// What differs of the settings or rules around the connectors, where both were read.
fn around(part: Part, before: &Snapshot, after: &Snapshot) -> Vec<Difference> {
    let (Some(was), Some(is)) = (before.around.get(&part), after.around.get(&part)) else {
        return Vec::new();
    };
    let entries = |value| -> BTreeMap<String, &Json> { entries(value).into_iter().collect() };
    let (was, is) = (entries(was), entries(is));
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differing = names
        .into_iter()
        .filter(|name| was.get(*name) != is.get(*name));
    differing
        .map(|name| Difference {
            property: Some(format!("{} {}", part.name(), excerpt(name))),
            before: was
                .get(name)
                .map_or(Some(Json::Null), |value| Some((*value).clone())),
            after: is
                .get(name)
                .map_or(Some(Json::Null), |value| Some((*value).clone())),
            ..Difference::of(Kind::Around)
        })
        .collect()
}

/// A set of texts of both, where both were read.
fn set(
    part: Part,
    kind: Kind,
    (before, after): (&Snapshot, &Snapshot),
    of: &dyn Fn(&Snapshot) -> BTreeSet<String>,
) -> Option<Difference> {
    let (was, is) = (of(before), of(after));
    if was == is || !before.has(part) || !after.has(part) {
        return None;
    }
    let added: Vec<String> = is.difference(&was).cloned().collect();
    Some(Difference {
        property: Some(part.name().to_owned()),
        before: Some(json!(was)),
        after: Some(json!(is)),
        direction: Some(if added.is_empty() {
            Direction::Neutral
        } else {
            Direction::Widens
        })
        .filter(|_| kind == Kind::AcceptedDomains),
        added,
        removed: was.difference(&is).cloned().collect(),
        ..Difference::of(kind)
    })
}

/// By what a connector is the same one in two snapshots.
fn key(connector: &Connector) -> String {
    connector.subject().key()
}

fn connectors(before: Option<&Snapshot>, after: &Snapshot, found: &mut Vec<Difference>) {
    let by_key = |snapshot: &'_ Snapshot| -> BTreeMap<String, Connector> {
        let connectors = snapshot.connectors();
        connectors
            .map(|connector| (key(connector), connector.clone()))
            .collect()
    };
    let old = before.map(by_key).unwrap_or_default();
    let new = by_key(after);
    let mut gone: Vec<&Connector> = old
        .iter()
        .filter(|(key, _)| !new.contains_key(*key))
        .map(|(_, connector)| connector)
        .collect();
    for connector in after.connectors() {
        if let Some(was) = old.get(&key(connector)) {
            same(was, connector, found);
            continue;
        }
        let again = gone
            .iter()
            .position(|was| caseless::same(&was.name, &connector.name));
        match again.map(|index| gone.remove(index)) {
            Some(was) => {
                found.push(Difference {
                    connector: Some(connector.subject()),
                    before: Some(json!(was.id())),
                    after: Some(json!(connector.id())),
                    direction: Some(Direction::Widens),
                    ..Difference::of(Kind::Recreated)
                });
                settings(was, connector, found);
            }
            None => found.push(added(connector)),
        }
    }
    found.extend(gone.into_iter().map(removed));
}

fn added(connector: &Connector) -> Difference {
    let addresses = connector.addresses(Property::SenderIPAddresses);
    let mut admitted = addresses.blocks();
    let certificate = connector.certificate(Property::TlsSenderCertificateName);
    admitted.extend(certificate.map(ToString::to_string));
    Difference {
        connector: Some(connector.subject()),
        after: Some(all_settings(connector)),
        added: admitted,
        count: u64::try_from(addresses.count()).ok(),
        direction: Some(Direction::Widens),
        ..Difference::of(Kind::Added)
    }
}

fn removed(connector: &Connector) -> Difference {
    let on_premises = connector.connector_type() == Some(ConnectorType::OnPremises);
    Difference {
        connector: Some(connector.subject()),
        before: Some(all_settings(connector)),
        direction: Some(if on_premises {
            Direction::Narrows
        } else {
            Direction::Widens
        }),
        ..Difference::of(Kind::Removed)
    }
}

fn all_settings(connector: &Connector) -> Json {
    let settings = connector.settings.iter();
    let shown = settings.filter(|(_, value)| !value.is_empty());
    Json::Object(
        shown
            .map(|(property, value)| (property.name().to_owned(), value.to_json()))
            .collect(),
    )
}

/// One connector in two snapshots.
fn same(was: &Connector, is: &Connector, found: &mut Vec<Difference>) {
    let before = found.len();
    if was.name != is.name {
        found.push(Difference {
            connector: Some(is.subject()),
            property: Some(Property::Name.name().to_owned()),
            before: Some(Json::from(was.name.as_str())),
            after: Some(Json::from(is.name.as_str())),
            direction: Some(Direction::Neutral),
            ..Difference::of(Kind::Renamed)
        });
    }
    settings(was, is, found);
    metadata(was, is, found);
    let times = (was.metadata.when_changed, is.metadata.when_changed);
    if let (Some(old), Some(new)) = times
        && old != new
        && found.len() == before
    {
        found.push(Difference {
            connector: Some(is.subject()),
            property: Some(Property::WhenChangedUTC.name().to_owned()),
            before: Some(time(old)),
            after: Some(time(new)),
            ..Difference::of(Kind::Touched)
        });
    }
}

fn time(time: Timestamp) -> Json {
    Json::from(time.to_string())
}

fn settings(was: &Connector, is: &Connector, found: &mut Vec<Difference>) {
    for property in Property::settings() {
        let unreadable = |connector: &Connector| connector.unreadable.contains(&property);
        if unreadable(was) || unreadable(is) {
            if unreadable(was) != unreadable(is) {
                let value = |connector: &Connector| {
                    connector.setting(property).map(|value| value.to_json())
                };
                found.push(Difference {
                    connector: Some(is.subject()),
                    property: Some(property.name().to_owned()),
                    before: value(was),
                    after: value(is),
                    ..Difference::of(Kind::Unreadable)
                });
            }
            continue;
        }
        let (before, after) = (was.setting(property), is.setting(property));
        if before == after {
            continue;
        }
        let types = (was.connector_type(), is.connector_type());
        found.push(changed(
            is,
            property,
            before.as_deref(),
            after.as_deref(),
            types,
        ));
    }
}

fn changed(
    connector: &Connector,
    property: Property,
    before: Option<&Value>,
    after: Option<&Value>,
    types: (Option<ConnectorType>, Option<ConnectorType>),
) -> Difference {
    let plain = Difference {
        connector: Some(connector.subject()),
        property: Some(property.name().to_owned()),
        before: before.map(Value::to_json),
        after: after.map(Value::to_json),
        ..Difference::of(Kind::Changed)
    };
    let (Some(before), Some(after)) = (before, after) else {
        // A boolean or enumeration that was not in one of the records: what it was, nobody knows.
        return plain;
    };
    let change = drift::Change::new(property, before.clone(), after.clone(), types);
    Difference {
        added: change.added,
        removed: change.removed,
        count: change.count.and_then(|count| u64::try_from(count).ok()),
        direction: Some(change.direction),
        ..plain
    }
}

fn metadata(was: &Connector, is: &Connector, found: &mut Vec<Difference>) {
    let mut differ = |property: &str, before: Option<Json>, after: Option<Json>| {
        if before != after {
            found.push(Difference {
                connector: Some(is.subject()),
                property: Some(property.to_owned()),
                before,
                after,
                ..Difference::of(Kind::Metadata)
            });
        }
    };
    let (old, new) = (&was.metadata, &is.metadata);
    differ(
        "IsValid",
        old.is_valid.map(Json::from),
        new.is_valid.map(Json::from),
    );
    differ(
        "WhenCreatedUTC",
        old.when_created.map(time),
        new.when_created.map(time),
    );
    differ(
        "Guid",
        was.guid.clone().map(Json::from),
        is.guid.clone().map(Json::from),
    );
    let names: BTreeSet<&String> = old
        .unrecognised
        .keys()
        .chain(new.unrecognised.keys())
        .collect();
    for name in names {
        differ(
            name,
            old.unrecognised.get(name).cloned(),
            new.unrecognised.get(name).cloned(),
        );
    }
}
