//! One stretch of time between two states: what its records lead to, held against what is there at its end.

use super::against::{
    after, all_values, changed_values, contradicted, contradicted_direction, contradicted_values,
    is_setting, shown, strictest, tells, worst,
};
use super::replay::{Replayed, replay};
use super::state::{State, differences};
use super::{Attribution, Change, ChangeKind, Evidence, Known, Reconstructed};
use crate::caseless;
use crate::connector::Connector;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::drift;
use crate::evidence::audit::AuditRecord;
use crate::finding::Direction;
use crate::history::change::{Difference, Kind};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Replays the records of a stretch and notes what happened in it.
pub(super) fn stretch(
    before: Option<State<'_>>,
    after: Option<State<'_>>,
    records: &[&AuditRecord],
    found: &mut Attribution,
) {
    let replayed = replay(before, after, records);
    let stretch = Stretch {
        between: (before.map(|own| own.at), after.map(|own| own.at)),
        after,
        records,
    };
    let mut shown: Vec<Difference> = match (before, after) {
        (Some(before), Some(after)) => differences(before.snapshot, after.snapshot),
        _ => Vec::new(),
    };
    for own in &replayed {
        let (mine, rest): (Vec<Difference>, Vec<Difference>) = shown
            .into_iter()
            .partition(|difference| is_about(difference, own));
        shown = rest;
        stretch.connector(own, mine, found);
    }
    // What no record is about.
    while let Some(first) = shown.first() {
        let connector = first.connector.clone();
        let (mine, rest): (Vec<Difference>, Vec<Difference>) = shown
            .into_iter()
            .partition(|difference| difference.connector == connector);
        shown = rest;
        stretch.unrecorded(mine, found);
    }
}

/// Connectors of the first state that were made, as the service stamped them, while there is a log, and of which no
/// record says so: nothing was read before to compare them with.
pub(super) fn stamped_since(
    first: State<'_>,
    since: Timestamp,
    records: &[&AuditRecord],
    found: &mut Attribution,
) {
    let made = |connector: &Connector| {
        let name = caseless::lower(&connector.name);
        let mut news = records.iter().filter(|record| record.is_new());
        news.any(|record| {
            let names = super::claim::named(record);
            names
                .iter()
                .any(|own| *own == name || connector.has_id(own))
        })
    };
    for connector in first.snapshot.connectors().filter(|own| !made(own)) {
        let stamp = connector.metadata.when_created;
        let Some(at) = stamp.filter(|at| (since..=first.at).contains(at)) else {
            continue;
        };
        let words = vec!["was created, as the service stamped it".to_owned()];
        found.changes.push(Change {
            connector: connector.subject(),
            known: Known::WithoutRecord,
            at,
            between: (None, Some(first.at)),
            kind: ChangeKind::Created,
            direction: Some(Direction::Widens),
            connector_type: connector.connector_type(),
            unexplained: words.clone(),
            words,
            values: all_values(connector),
            records: Vec::new(),
        });
    }
}

fn is_about(difference: &Difference, own: &Replayed<'_>) -> bool {
    let subject = difference.connector.as_ref();
    subject.is_some_and(|subject| subject.is(&own.subject()))
}

pub(super) struct Stretch<'s> {
    pub(super) between: (Option<Timestamp>, Option<Timestamp>),
    after: Option<State<'s>>,
    pub(super) records: &'s [&'s AuditRecord],
}

impl Stretch<'_> {
    pub(super) fn evidence(&self, indexes: impl IntoIterator<Item = usize>) -> Vec<Evidence> {
        let mut indexes: Vec<usize> = indexes.into_iter().collect();
        indexes.sort_unstable();
        indexes.dedup();
        let records = indexes.iter().filter_map(|index| self.records.get(*index));
        records.map(|record| Evidence::of(record)).collect()
    }

    pub(super) fn time(&self, index: Option<usize>) -> Option<Timestamp> {
        self.records.get(index?).map(|record| record.time)
    }

    /// When it happened, where no record says: as the service stamped it, else by the end of the stretch.
    fn stamped(&self, connector: Option<&Connector>, created: bool) -> Timestamp {
        let stamp = connector.and_then(|connector| {
            let metadata = &connector.metadata;
            if created {
                metadata.when_created
            } else {
                metadata.when_changed
            }
        });
        let (from, to) = self.between;
        let inside = stamp
            .filter(|stamp| from.is_none_or(|from| stamp.duration_since(from) >= -super::JITTER));
        inside.or(to).or(from).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn in_after(&self, own: &Replayed<'_>) -> Option<&Connector> {
        let state = self.after?;
        state.snapshot.connectors().find(|connector| match &own.id {
            Some(id) => connector.has_id(id),
            None => caseless::same(&connector.name, &own.name),
        })
    }

    fn connector(&self, own: &Replayed<'_>, differences: Vec<Difference>, found: &mut Attribution) {
        if own.records.is_empty() {
            if !differences.is_empty() {
                self.unrecorded(differences, found);
            }
            return;
        }
        let there = self.in_after(own);
        let touched_differences: Vec<Property> = differences
            .iter()
            .filter_map(|own| Property::named(own.property.as_deref()?))
            .collect();
        match (own.created, there) {
            (Some(created), None) if own.was.is_none() => self.short_lived(own, created, found),
            (Some(created), Some(connector)) if own.was.is_none() => {
                self.created(own, created, connector, &differences, found);
            }
            _ if own.removed.is_some() && there.is_none() => self.removed(own, found),
            _ => self.settings(own, &differences, found),
        }
        if own.was.is_some() || own.created.is_some() || there.is_some() {
            self.transient(own, there, found);
        }
        self.edited(own, &touched_differences, there, found);
    }

    /// A connector that no state shows at the end of the stretch.
    fn short_lived(&self, own: &Replayed<'_>, created: usize, found: &mut Attribution) {
        let at = self.time(Some(created)).unwrap_or(Timestamp::UNIX_EPOCH);
        let removed = self.time(own.removed);
        let pending = self.after.is_none() && own.removed.is_none();
        let values: BTreeMap<Property, Value> = own
            .values
            .iter()
            .map(|(property, (value, _))| (*property, value.clone()))
            .collect();
        let mut words = vec![match (removed, pending) {
            (Some(removed), _) => format!(
                "was created and deleted again {}",
                after(removed.duration_since(at))
            ),
            (None, true) => "was created; nothing was read since".to_owned(),
            (None, false) => {
                "was created by a record, and the state after it does not show it".to_owned()
            }
        }];
        words.extend(
            values
                .iter()
                .filter(|(property, value)| tells(**property, value))
                .map(|(property, value)| {
                    format!("{}: {}", property.name(), value.elements().join(", "))
                }),
        );
        found.changes.push(Change {
            connector: own.subject(),
            known: if pending {
                Known::RecordOnly
            } else {
                Known::ShortLived
            },
            at,
            between: self.between,
            kind: if removed.is_some() {
                ChangeKind::CreatedAndRemoved
            } else {
                ChangeKind::Created
            },
            direction: Some(Direction::Widens),
            connector_type: own.connector_type(),
            words,
            values: values
                .iter()
                .map(|(property, value)| (*property, Some(value.clone())))
                .collect(),
            records: self.evidence(own.records.iter().copied()),
            unexplained: Vec::new(),
        });
        found.reconstructed.push(Reconstructed {
            name: own.name.clone(),
            values,
            created: at,
            removed,
        });
    }

    fn created(
        &self,
        own: &Replayed<'_>,
        created: usize,
        connector: &Connector,
        differences: &[Difference],
        found: &mut Attribution,
    ) {
        let contradicted = contradicted(own, connector);
        let mut words: Vec<String> = differences.iter().map(Difference::words).collect();
        if words.is_empty() {
            words.push("was created".to_owned());
        }
        words.extend(contradicted.iter().cloned());
        let recreated = differences.iter().any(|own| own.kind == Kind::Recreated);
        found.changes.push(Change {
            connector: connector.subject(),
            known: if contradicted.is_empty() {
                Known::Attributed
            } else {
                Known::Contradicted
            },
            at: self
                .time(Some(created))
                .unwrap_or_else(|| self.stamped(Some(connector), true)),
            between: self.between,
            kind: if recreated {
                ChangeKind::Recreated
            } else {
                ChangeKind::Created
            },
            direction: Some(Direction::Widens),
            connector_type: connector.connector_type(),
            words,
            values: all_values(connector),
            records: self.evidence(own.records.iter().copied()),
            unexplained: Vec::new(),
        });
    }

    fn removed(&self, own: &Replayed<'_>, found: &mut Attribution) {
        found.changes.push(Change {
            connector: own.subject(),
            known: if self.after.is_some() {
                Known::Attributed
            } else {
                Known::RecordOnly
            },
            at: self
                .time(own.removed)
                .unwrap_or_else(|| self.stamped(None, false)),
            between: self.between,
            kind: ChangeKind::Removed,
            direction: Some(match own.connector_type() {
                Some(ConnectorType::Partner) => Direction::Widens,
                _ => Direction::Narrows,
            }),
            connector_type: own.connector_type(),
            words: vec!["was deleted".to_owned()],
            values: Vec::new(),
            records: self.evidence(own.records.iter().copied()),
            unexplained: Vec::new(),
        });
    }

    /// A connector that was there and stayed: each setting that differs, and each that a record claims.
    fn settings(&self, own: &Replayed<'_>, differences: &[Difference], found: &mut Attribution) {
        let there = self.in_after(own);
        let mut explained: Vec<usize> = Vec::new();
        let mut unexplained: Vec<String> = Vec::new();
        for difference in differences.iter().filter(|own| is_setting(own)) {
            let property = difference.property.as_deref().and_then(Property::named);
            let claimed = match difference.kind {
                Kind::Renamed => own.values.get(&Property::Name),
                _ => property.and_then(|property| own.values.get(&property)),
            };
            let touched = property
                .and_then(|property| own.touched.get(&property))
                .filter(|_| self.edits_explain(own, difference));
            match claimed.map(|(_, by)| by).or(touched) {
                Some(by) => explained.push(*by),
                None => unexplained.push(difference.words()),
            }
        }
        let contradicted = there
            .map(|there| contradicted(own, there))
            .unwrap_or_default();
        let changed: Vec<&Difference> = differences.iter().filter(|own| is_setting(own)).collect();
        if changed.is_empty() && contradicted.is_empty() {
            if self.after.is_none() || own.was.is_none() {
                self.by_record(own, there, found);
            }
            return;
        }
        let mut words: Vec<String> = changed.iter().map(|own| own.words()).collect();
        words.extend(contradicted.iter().cloned());
        let known = if !contradicted.is_empty() {
            Known::Contradicted
        } else if unexplained.is_empty() {
            Known::Attributed
        } else {
            Known::WithoutRecord
        };
        if !contradicted.is_empty() {
            explained.extend(own.records.iter().copied());
        }
        let at = explained
            .iter()
            .filter_map(|index| self.time(Some(*index)))
            .max()
            .unwrap_or_else(|| self.stamped(there, false));
        found.changes.push(Change {
            connector: there.map_or_else(|| own.subject(), Connector::subject),
            known,
            at,
            between: self.between,
            kind: ChangeKind::Changed,
            direction: worst(changed.iter().filter_map(|own| own.direction))
                .max(there.and_then(|there| contradicted_direction(own, there))),
            connector_type: there.map_or_else(|| own.connector_type(), Connector::connector_type),
            words,
            values: changed_values(&changed, there)
                .into_iter()
                .chain(
                    there
                        .map(|there| contradicted_values(own, there))
                        .unwrap_or_default(),
                )
                .collect(),
            records: self.evidence(explained),
            unexplained,
        });
    }

    /// What records claim where no state before or after can be held against it.
    fn by_record(&self, own: &Replayed<'_>, there: Option<&Connector>, found: &mut Attribution) {
        let sets: Vec<usize> = own.records.clone();
        let mut direction = None;
        let mut words = Vec::new();
        let mut values = Vec::new();
        for (property, (value, _)) in &own.values {
            let before = own.before(*property);
            if before.as_ref() == Some(value) || *property == Property::Name {
                continue;
            }
            values.push((*property, Some(value.clone())));
            match before {
                Some(before) => {
                    let change = drift::Change::new(
                        *property,
                        before,
                        value.clone(),
                        (own.connector_type(), own.connector_type()),
                    );
                    direction = direction.max(Some(change.direction));
                    words.push(format!("{}: {}", property.name(), change.words));
                }
                // What was there before nobody knows: the value is held against the strictest one.
                None => {
                    let types =
                        there.map_or_else(|| own.connector_type(), Connector::connector_type);
                    let change = drift::Change::new(
                        *property,
                        strictest(value),
                        value.clone(),
                        (types, types),
                    );
                    direction = direction.max(Some(change.direction));
                    words.push(format!("{} was sent as {}", property.name(), shown(value)));
                }
            }
        }
        let Some(at) = sets
            .iter()
            .filter_map(|index| self.time(Some(*index)))
            .max()
        else {
            return;
        };
        if words.is_empty() {
            return;
        }
        found.changes.push(Change {
            connector: there.map_or_else(|| own.subject(), Connector::subject),
            // The first state shows what the record claims: it is what made it so.
            known: if there.is_some() {
                Known::Attributed
            } else {
                Known::RecordOnly
            },
            at,
            between: self.between,
            kind: ChangeKind::Changed,
            direction,
            connector_type: there.map_or_else(|| own.connector_type(), Connector::connector_type),
            words,
            values,
            records: self.evidence(sets),
            unexplained: Vec::new(),
        });
    }

    /// Differences that no record is about.
    fn unrecorded(&self, differences: Vec<Difference>, found: &mut Attribution) {
        let all: Vec<&Difference> = differences
            .iter()
            .filter(|own| {
                is_setting(own) || matches!(own.kind, Kind::Added | Kind::Removed | Kind::Recreated)
            })
            .collect();
        let Some(first) = all.first() else { return };
        let Some(named) = &first.connector else {
            return;
        };
        let subject = named.clone();
        let there = self.after.and_then(|state| {
            state
                .snapshot
                .connectors()
                .find(|own| own.subject().key() == subject.key())
        });
        let is = |kind: Kind| all.iter().any(|own| own.kind == kind);
        let kind = if is(Kind::Added) {
            ChangeKind::Created
        } else if is(Kind::Removed) {
            ChangeKind::Removed
        } else if is(Kind::Recreated) {
            ChangeKind::Recreated
        } else {
            ChangeKind::Changed
        };
        let words: Vec<String> = all.iter().map(|own| own.words()).collect();
        let values = match (kind, there) {
            (ChangeKind::Created | ChangeKind::Recreated, Some(connector)) => all_values(connector),
            _ => changed_values(&all, there),
        };
        found.changes.push(Change {
            connector: subject,
            known: Known::WithoutRecord,
            at: self.stamped(
                there,
                matches!(kind, ChangeKind::Created | ChangeKind::Recreated),
            ),
            between: self.between,
            kind,
            direction: match kind {
                ChangeKind::Created => Some(Direction::Widens),
                _ => worst(all.iter().filter_map(|own| own.direction)),
            },
            connector_type: there.and_then(Connector::connector_type),
            unexplained: words.clone(),
            words,
            values,
            records: Vec::new(),
        });
    }
}
