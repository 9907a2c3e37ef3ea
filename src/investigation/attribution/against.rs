//! What records claim, held against what a state shows; and values and differences in words.

use super::replay::Replayed;
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::drift;
use crate::finding::Direction;
use crate::history::change::{Difference, Kind};

/// What the last record of each setting claims and the state does not show.
pub(super) fn contradicted(own: &Replayed<'_>, there: &Connector) -> Vec<String> {
    contradicted_claims(own, there)
        .map(|(property, value)| {
            let is = there
                .setting(property)
                .map(|own| shown(&own))
                .unwrap_or_default();
            format!(
                "{} was set to {} by a record, and the state shows {is}",
                property.name(),
                shown(value)
            )
        })
        .collect()
}

/// The value that trusts least, or demands most, beside one that was sent.
pub(super) fn strictest(value: &Value) -> Value {
    match value {
        Value::Boolean(own) => Value::Boolean(!own),
        Value::Certificate(_) => Value::Certificate(None),
        Value::Addresses(_) => Value::Addresses(crate::connector::address::AddressSet::empty()),
        Value::Names(_) => Value::Names(crate::connector::names::NameSet::default()),
        other => other.clone(),
    }
}

/// The settings whose last claim the state does not show, with what was claimed.
pub(super) fn contradicted_claims<'r>(
    own: &'r Replayed<'_>,
    there: &'r Connector,
) -> impl Iterator<Item = (Property, &'r Value)> {
    own.values
        .iter()
        .filter(|(property, (value, _))| {
            !matches!(property, Property::Name | Property::Comment)
                && there.setting(**property).is_some()
                && !shows(there, Some(**property), value)
        })
        .map(|(property, (value, _))| (*property, value))
}

/// What the claims that no state shows would do to trust, from what is there.
pub(super) fn contradicted_direction(own: &Replayed<'_>, there: &Connector) -> Option<Direction> {
    let types = there.connector_type();
    let claims = contradicted_claims(own, there).filter_map(|(property, value)| {
        let is = there.setting(property)?.into_owned();
        Some(drift::Change::new(property, is, value.clone(), (types, types)).direction)
    });
    claims.max()
}

pub(super) fn contradicted_values(
    own: &Replayed<'_>,
    there: &Connector,
) -> Vec<(Property, Option<Value>)> {
    let claims = contradicted_claims(own, there);
    claims
        .map(|(property, value)| (property, Some(value.clone())))
        .collect()
}

pub(super) fn shows(connector: &Connector, property: Option<Property>, value: &Value) -> bool {
    let Some(property) = property else {
        return matches!(value, Value::Text(name) if name.eq_ignore_ascii_case(&connector.name));
    };
    // Made in the admin center is made by hand: tools write the one for the other (reference, section 1.2).
    if property == Property::ConnectorSource {
        return true;
    }
    connector.setting(property).as_deref() == Some(value)
}

pub(super) fn shown(value: &Value) -> String {
    match value.elements().as_slice() {
        [] => "empty".to_owned(),
        elements => crate::finding::shorten(elements),
    }
}

/// Settings that say what a connector lets in.
pub(super) fn tells(property: Property, value: &Value) -> bool {
    !value.is_empty() && !matches!(property, Property::Name | Property::Comment)
}

pub(super) fn is_setting(difference: &Difference) -> bool {
    matches!(difference.kind, Kind::Changed | Kind::Renamed)
}

pub(super) fn worst(directions: impl Iterator<Item = Direction>) -> Option<Direction> {
    directions.max()
}

pub(super) fn all_values(connector: &Connector) -> Vec<(Property, Option<Value>)> {
    let values = Property::settings();
    values
        .map(|property| {
            (
                property,
                connector
                    .setting(property)
                    .map(std::borrow::Cow::into_owned),
            )
        })
        .collect()
}

pub(super) fn changed_values(
    changed: &[&Difference],
    there: Option<&Connector>,
) -> Vec<(Property, Option<Value>)> {
    changed
        .iter()
        .filter_map(|own| Property::named(own.property.as_deref()?))
        .map(|property| {
            let value = there.and_then(|own| own.setting(property));
            (property, value.map(std::borrow::Cow::into_owned))
        })
        .collect()
}

pub(super) fn after(duration: jiff::SignedDuration) -> String {
    format!("after {}", crate::document::time::words(duration))
}
