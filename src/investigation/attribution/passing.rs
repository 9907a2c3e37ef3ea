//! What came and went within a stretch, so that no state shows it: edits of lists, and values that were set and taken back.

use super::against::{shows, strictest};
use super::claim::adds;
use super::replay::Replayed;
use super::stretch::Stretch;
use super::{Attribution, Change, ChangeKind, Known};
use crate::connector::Connector;
use crate::connector::address::AddressSet;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::drift;
use crate::finding::Direction;
use crate::history::change::Difference;
use jiff::Timestamp;

impl Stretch<'_> {
    /// Whether everything that came to a list was added by an edit of it, as far as edits can be read.
    pub(super) fn edits_explain(&self, own: &Replayed<'_>, difference: &Difference) -> bool {
        let Some(property) = difference.property.as_deref() else {
            return true;
        };
        if property != Property::SenderIPAddresses.name() {
            return true;
        }
        let records = own
            .records
            .iter()
            .filter_map(|index| self.records.get(*index));
        let mut added = AddressSet::empty();
        for text in records.filter_map(|record| record.parameter(property)) {
            let Some(items) = adds(text) else { return true };
            added = added.union(&AddressSet::from_entries(items.iter().map(String::as_str)));
        }
        let came = AddressSet::from_entries(difference.added.iter().map(String::as_str));
        came.difference(&added).is_empty()
    }

    /// Lists that were edited, and values that cannot be read, where no state shows a difference: an edit that was
    /// taken back, or one that nothing was read since.
    pub(super) fn edited(
        &self,
        own: &Replayed<'_>,
        shown: &[Property],
        there: Option<&Connector>,
        found: &mut Attribution,
    ) {
        for property in own
            .touched
            .keys()
            .filter(|property| !shown.contains(property))
        {
            let mut added: Vec<String> = Vec::new();
            let mut unreadable = false;
            let mut by = Vec::new();
            for index in &own.records {
                let Some(record) = self.records.get(*index) else {
                    continue;
                };
                let Some(text) = record.parameter(property.name()) else {
                    continue;
                };
                by.push(*index);
                match adds(text).filter(|_| property.kind().is_list()) {
                    Some(items) => added.extend(items),
                    None => unreadable = true,
                }
            }
            let widens = unreadable || !added.is_empty();
            let what = if added.is_empty() {
                "was edited; what it was set to is not in the log".to_owned()
            } else {
                format!("was edited: + {}", crate::finding::shorten(&added))
            };
            let raw = crate::connector::value::Raw::List(
                added
                    .into_iter()
                    .map(crate::connector::value::Raw::Text)
                    .collect(),
            );
            let value = Value::read(*property, &raw).ok().flatten();
            found.changes.push(Change {
                connector: there.map_or_else(|| own.subject(), Connector::subject),
                known: Known::RecordOnly,
                at: by
                    .iter()
                    .filter_map(|index| self.time(Some(*index)))
                    .min()
                    .unwrap_or(Timestamp::UNIX_EPOCH),
                between: self.between,
                kind: ChangeKind::Changed,
                direction: Some(if widens {
                    Direction::Widens
                } else {
                    Direction::Narrows
                }),
                connector_type: there
                    .map_or_else(|| own.connector_type(), Connector::connector_type),
                words: vec![format!(
                    "{} {what}; no state shows it, so it was set back or is newer",
                    property.name()
                )],
                values: vec![(*property, value)],
                records: self.evidence(by),
                unexplained: Vec::new(),
            });
        }
    }

    /// Values that were set and are gone again, with the connector or without it: an opening that no state shows.
    pub(super) fn transient(
        &self,
        own: &Replayed<'_>,
        there: Option<&Connector>,
        found: &mut Attribution,
    ) {
        let passed = own.passed.iter();
        let passed = passed.map(|(property, value, by)| (property, value, by, "and was set back"));
        let gone = own.values.iter().filter(|_| own.removed.is_some());
        let gone = gone.map(|(property, (value, by))| {
            (property, value, by, "and was set back by deleting it")
        });
        for (property, value, by, what) in passed.chain(gone) {
            if *property == Property::Name || own.created == Some(*by) {
                continue;
            }
            // Where nobody knows what was there before, it is held against the strictest value.
            let before = own.before(*property).unwrap_or_else(|| strictest(value));
            let is_now = there.is_some_and(|own| shows(own, Some(*property), value));
            if is_now || before == *value {
                continue;
            }
            let types = own.connector_type();
            let change = drift::Change::new(*property, before, value.clone(), (types, types));
            found.changes.push(Change {
                connector: there.map_or_else(|| own.subject(), Connector::subject),
                known: Known::RecordOnly,
                at: self.time(Some(*by)).unwrap_or(Timestamp::UNIX_EPOCH),
                between: self.between,
                kind: ChangeKind::Changed,
                direction: Some(change.direction),
                connector_type: types,
                words: vec![format!("{}: {}, {what}", property.name(), change.words)],
                values: vec![(*property, Some(value.clone()))],
                records: self.evidence([*by]),
                unexplained: Vec::new(),
            });
        }
    }
}
