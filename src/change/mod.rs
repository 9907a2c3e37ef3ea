//! A change that nobody has made yet: cmdlet lines or a connector document, and the snapshot that it would give.

mod apply;
pub mod cmdlet;
pub mod document;

pub use apply::{Proposed, apply, replace};

use crate::caseless;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::connector::{Connector, connector_type};
use crate::drift::Change;
use crate::finding::{Direction, Subject};
use crate::snapshot::Snapshot;
use std::collections::BTreeMap;

/// What a change does to trust, by connector and setting; `Name` stands for a connector that comes or goes.
///
/// A connector that is in both is the same one by id, or by name where it has none.
pub fn directions(before: &Snapshot, after: &Snapshot) -> BTreeMap<(Subject, Property), Direction> {
    let mut directions = BTreeMap::new();
    for connector in after.connectors() {
        match counterpart(connector, before) {
            None => {
                directions.insert((connector.subject(), Property::Name), Direction::Widens);
            }
            Some(earlier) => of_connector(earlier, connector, &mut directions),
        }
    }
    for connector in before.connectors() {
        if counterpart(connector, after).is_none() {
            let direction = match kind(connector) {
                Some(crate::connector::property::ConnectorType::OnPremises) => Direction::Narrows,
                _ => Direction::Widens,
            };
            directions.insert((connector.subject(), Property::Name), direction);
        }
    }
    directions
}

fn counterpart<'s>(connector: &Connector, other: &'s Snapshot) -> Option<&'s Connector> {
    other
        .connectors()
        .find(|candidate| match (connector.id(), candidate.id()) {
            (Some(_), Some(id)) => connector.has_id(id),
            _ => caseless::same(&candidate.name, &connector.name),
        })
}

fn kind(connector: &Connector) -> Option<crate::connector::property::ConnectorType> {
    match connector.settings.get(&Property::ConnectorType) {
        Some(Value::Enumeration(word)) => connector_type(&word.0),
        _ => None,
    }
}

fn of_connector(
    before: &Connector,
    after: &Connector,
    directions: &mut BTreeMap<(Subject, Property), Direction>,
) {
    let types = (kind(before), kind(after));
    if before.name != after.name {
        directions.insert((after.subject(), Property::Name), Direction::Neutral);
    }
    for property in Property::settings() {
        let direction = match (before.setting(property), after.setting(property)) {
            (Some(old), Some(new)) if old != new => {
                Change::new(property, old.into_owned(), new.into_owned(), types).direction
            }
            (Some(_), Some(_)) | (None, None) => continue,
            // What is not known may be anything.
            _ => Direction::Widens,
        };
        directions.insert((after.subject(), property), direction);
    }
}
