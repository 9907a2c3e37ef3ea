//! Names: the approved one back, and room for it where another connector holds it.

use super::{Maker, Phase};
use crate::baseline::ApprovedConnector;
use crate::caseless;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::finding::Direction;
use crate::plan::{Action, Assignment, Step};
use crate::snapshot::Record;
use std::collections::BTreeSet;

impl Maker<'_> {
    pub(super) fn rename(&mut self, approved: &ApprovedConnector, record: &Record) {
        if self.contains_only() {
            return;
        }
        let own = self.position(record);
        self.make_room(&approved.name, own);
        self.rename_to(own, &approved.name, "Give it its approved name back.");
    }

    pub(super) fn position(&self, record: &Record) -> usize {
        let records = self.request.snapshot.records.iter();
        records
            .zip(0..)
            .find(|(other, _)| std::ptr::eq(*other, record))
            .map_or(usize::MAX, |(_, index)| index)
    }

    /// Sets the connector aside that holds a name which another one is to have.
    pub(super) fn make_room(&mut self, name: &str, own: usize) {
        let holder = self
            .names
            .iter()
            .zip(0..)
            .find(|(held, index)| *index != own && caseless::same(held, name))
            .map(|(_, index)| index);
        let Some(holder) = holder else {
            return;
        };
        let id = self
            .request
            .snapshot
            .records
            .get(holder)
            .and_then(|record| record.connector.id().cloned())
            .unwrap_or_default();
        let aside = format!("Set aside {id}");
        self.rename_to(
            holder,
            &aside,
            "It holds the name of an approved connector, and two cannot have one.",
        );
    }

    pub(super) fn rename_to(&mut self, index: usize, name: &str, words: &str) {
        let (Some(record), Some(held)) = (
            self.request.snapshot.records.get(index),
            self.names.get_mut(index),
        ) else {
            return;
        };
        let before = std::mem::replace(held, name.to_owned());
        let connector = &record.connector;
        let step = Step {
            action: Action::Rename,
            connector: Some(connector.subject()),
            settings: vec![Assignment {
                property: Property::Name,
                before: Some(Value::Text(before)),
                after: Value::Text(name.to_owned()),
                partner: false,
            }],
            words: words.to_owned(),
            answers: self.answers(connector, Some(&BTreeSet::from([Property::Name]))),
            direction: Direction::Neutral,
            reversible: true,
            lost: None,
        };
        self.steps.push((Phase::OnPremises, step));
    }
}
