//! The records of a stretch of time replayed: each connector as they lead to it.

use super::claim::{claims, end_of_path, named};
use super::state::State;
use crate::caseless;
use crate::connector::Connector;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::evidence::audit::AuditRecord;
use crate::finding::Subject;
use std::collections::BTreeMap;

/// A connector as records lead to it.
pub(super) struct Replayed<'r> {
    /// It, as the first state has it; `None` where a record made it or nothing was read before.
    pub(super) was: Option<&'r Connector>,
    pub(super) id: Option<String>,
    pub(super) name: String,
    /// Values by property, each with the record that set it last.
    pub(super) values: BTreeMap<Property, (Value, usize)>,
    /// Settings that records name with values that cannot be read, each with the last of them.
    pub(super) touched: BTreeMap<Property, usize>,
    /// Values that were set and set again since.
    pub(super) passed: Vec<(Property, Value, usize)>,
    pub(super) created: Option<usize>,
    pub(super) removed: Option<usize>,
    pub(super) records: Vec<usize>,
}

impl Replayed<'_> {
    pub(super) fn is_named(&self, name: &str) -> bool {
        caseless::same(&self.name, name)
            || self.id.as_deref() == Some(name)
            || self.was.is_some_and(|connector| connector.has_id(name))
    }

    /// The value of a setting before the stretch, or before anything is known.
    pub(super) fn before(&self, property: Property) -> Option<Value> {
        self.was?
            .setting(property)
            .map(std::borrow::Cow::into_owned)
    }

    pub(super) fn connector_type(&self) -> Option<ConnectorType> {
        match self.values.get(&Property::ConnectorType) {
            Some((Value::Enumeration(word), _)) => crate::connector::connector_type(&word.0),
            _ => self.was.and_then(Connector::connector_type),
        }
    }

    pub(super) fn subject(&self) -> Subject {
        Subject {
            id: self.id.clone(),
            name: self.name.clone(),
        }
    }
}

pub(super) fn replay<'r>(
    before: Option<State<'r>>,
    after: Option<State<'r>>,
    records: &[&AuditRecord],
) -> Vec<Replayed<'r>> {
    let of = |connector: &'r Connector, was: bool| Replayed {
        was: was.then_some(connector),
        id: connector.id().cloned(),
        name: connector.name.clone(),
        values: BTreeMap::new(),
        touched: BTreeMap::new(),
        passed: Vec::new(),
        created: None,
        removed: None,
        records: Vec::new(),
    };
    let mut all: Vec<Replayed<'r>> = match (before, after) {
        (Some(state), _) => state
            .snapshot
            .connectors()
            .map(|own| of(own, true))
            .collect(),
        // Nothing was read before: what is there now is what records name.
        (None, Some(state)) => state
            .snapshot
            .connectors()
            .map(|own| of(own, false))
            .collect(),
        (None, None) => Vec::new(),
    };
    for (index, record) in records.iter().enumerate() {
        let names = named(record);
        // As written first: who calls a connector like a path to another one is not that other one.
        let place = names.iter().find_map(|name| {
            all.iter().position(|own| {
                own.removed.is_none()
                    && own.is_named(name)
                    && !(record.is_new() && (own.created.is_some() || own.was.is_some()))
            })
        });
        let place = place.or_else(|| only_open(&mut all, record, &names));
        let place = match place {
            Some(place) => place,
            // A connector that nothing was known of: made by this record, or before everything.
            None => {
                let made = record.parameter("Name").filter(|_| record.is_new());
                let named = record.parameter("Identity").unwrap_or(&record.object);
                let name = made.unwrap_or_else(|| end_of_path(named).unwrap_or(named));
                all.push(Replayed {
                    was: None,
                    id: crate::connector::parse_guid(name),
                    name: name.to_owned(),
                    values: BTreeMap::new(),
                    touched: BTreeMap::new(),
                    passed: Vec::new(),
                    created: None,
                    removed: None,
                    records: Vec::new(),
                });
                all.len() - 1
            }
        };
        if let Some(own) = all.get_mut(place) {
            take(own, record, index);
        }
    }
    // A connector that a record made gets its id from the state that shows it.
    if let Some(state) = after {
        let mut taken: Vec<String> = all
            .iter()
            .filter(|own| own.created.is_none())
            .filter_map(|own| own.id.clone())
            .collect();
        for own in all
            .iter_mut()
            .filter(|own| own.id.is_none() && own.removed.is_none())
        {
            let found = state.snapshot.connectors().find(|connector| {
                caseless::same(&connector.name, &own.name)
                    && connector.id().is_none_or(|id| !taken.contains(id))
            });
            if let Some(id) = found.and_then(Connector::id) {
                own.id = Some(id.clone());
                taken.push(id.clone());
            }
        }
    }
    all
}

/// A connector that is deleted by an id that nothing knows is the one that was made without one, if there is only one.
fn only_open(all: &mut [Replayed<'_>], record: &AuditRecord, names: &[String]) -> Option<usize> {
    let id = names
        .iter()
        .find_map(|name| crate::connector::parse_guid(name))
        .filter(|_| record.is_remove())?;
    let is_open =
        |own: &Replayed<'_>| own.created.is_some() && own.id.is_none() && own.removed.is_none();
    let mut open = all.iter().enumerate().filter(|(_, own)| is_open(own));
    let (place, _) = open.next().filter(|_| open.next().is_none())?;
    all.get_mut(place)?.id = Some(id);
    Some(place)
}

fn take(own: &mut Replayed<'_>, record: &AuditRecord, index: usize) {
    own.records.push(index);
    if record.is_remove() {
        own.removed = Some(index);
        return;
    }
    if record.is_new() {
        own.created = Some(index);
    }
    for (property, value) in claims(record) {
        let Some(value) = value else {
            own.touched.insert(property, index);
            own.values.remove(&property);
            continue;
        };
        if property == Property::Name
            && !record.is_new()
            && let Value::Text(name) = &value
        {
            own.name.clone_from(name);
        }
        if let Some((passed, by)) = own.values.insert(property, (value, index)) {
            own.passed.push((property, passed, by));
        }
    }
}
