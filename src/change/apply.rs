//! The snapshot that a change would give.

use super::cmdlet::{Assigned, Cmdlet, Verb};
use crate::caseless;
use crate::connector::lint;
use crate::connector::property::{Kind, Property};
use crate::connector::value::{Raw, Value, Word};
use crate::connector::{Connector, parse_guid};
use crate::document::{Problem, Problems, Source};
use crate::finding::excerpt;
use crate::snapshot::{Record, Snapshot};

/// What a change comes to.
#[derive(Debug)]
pub struct Proposed {
    /// What would be there.
    pub snapshot: Snapshot,
    /// What a reader should know beside the findings.
    pub notes: Vec<String>,
}

/// Carries cmdlet lines out on a snapshot, one after the other.
///
/// # Errors
///
/// What the service would refuse for certain: a connector that is not there, a
/// name that is taken.
pub fn apply(
    snapshot: &Snapshot,
    cmdlets: &[Cmdlet],
    source: Source<'_>,
) -> Result<Proposed, Problems> {
    let mut changed = snapshot.clone();
    let mut notes = Vec::new();
    let mut problems = Problems::default();
    for cmdlet in cmdlets {
        let mut line = Line {
            records: &mut changed.records,
            cmdlet,
            source,
        };
        match line.carry_out() {
            Ok(more) => notes.extend(more),
            Err(problem) => problems.push(problem),
        }
    }
    changed.sort();
    problems.into_result(Some(Proposed {
        snapshot: changed,
        notes,
    }))
}

/// Puts connectors into a snapshot, in the place of those that they are by id or by name.
pub fn replace(snapshot: &Snapshot, records: Vec<Record>) -> Proposed {
    let mut changed = snapshot.clone();
    let mut notes = Vec::new();
    for mut record in records {
        notes.extend(refusals(&record.connector));
        let place = changed
            .records
            .iter()
            .position(|other| is_same(&other.connector, &record.connector));
        match place.and_then(|place| changed.records.get_mut(place)) {
            Some(old) => {
                // A document without ids is about the connector of its name.
                let own = &mut record.connector;
                if own.id().is_none() {
                    own.exchange_object_id
                        .clone_from(&old.connector.exchange_object_id);
                    own.guid.clone_from(&old.connector.guid);
                    own.metadata.clone_from(&old.connector.metadata);
                }
                *old = record;
            }
            None => {
                notes.push(format!(
                    "{:?} would be a new connector",
                    excerpt(&record.connector.name)
                ));
                changed.records.push(record);
            }
        }
    }
    changed.sort();
    Proposed {
        snapshot: changed,
        notes,
    }
}

fn is_same(old: &Connector, new: &Connector) -> bool {
    match new.id() {
        Some(id) => old.has_id(id),
        None => caseless::same(&old.name, &new.name),
    }
}

/// Why the service may refuse a connector.
fn refusals(connector: &Connector) -> Vec<String> {
    lint::refusals(connector)
        .into_iter()
        .map(|reason| {
            format!(
                "the service may refuse {:?}: {reason}",
                excerpt(&connector.name)
            )
        })
        .collect()
}

struct Line<'a> {
    records: &'a mut Vec<Record>,
    cmdlet: &'a Cmdlet,
    source: Source<'a>,
}

impl Line<'_> {
    fn wrong(&self, message: impl Into<String>, help: &str) -> Problem {
        self.source
            .problem(self.cmdlet.span.clone(), message)
            .help(help)
    }

    fn carry_out(&mut self) -> Result<Vec<String>, Problem> {
        match self.cmdlet.verb {
            Verb::New => self.make(),
            Verb::Set => self.set(),
            Verb::Remove => {
                let place = self.place()?;
                let record = self.records.remove(place);
                Ok(vec![format!(
                    "removing {:?} cannot be undone: made anew it is another connector, and the service may refuse it",
                    excerpt(&record.connector.name)
                )])
            }
        }
    }

    /// The one connector that `-Identity` names. With a name that is not there the service answers with all.
    fn place(&self) -> Result<usize, Problem> {
        let identity = self.cmdlet.identity.as_deref().unwrap_or_default();
        let id = parse_guid(identity);
        let is_it = |record: &Record| {
            let connector = &record.connector;
            id.as_deref().is_some_and(|id| connector.has_id(id))
                || caseless::same(&connector.name, identity)
        };
        let found: Vec<usize> = self
            .records
            .iter()
            .zip(0..)
            .filter(|(record, _)| is_it(record))
            .map(|(_, index)| index)
            .collect();
        match found.as_slice() {
            [only] => Ok(*only),
            [] => Err(self.wrong(
                format!(
                    "there is no connector {:?} in the snapshot",
                    excerpt(identity)
                ),
                "name it by its id or its exact name; take a new snapshot if it was just made",
            )),
            several => Err(self.wrong(
                format!(
                    "{} connectors are called {:?}",
                    several.len(),
                    excerpt(identity)
                ),
                "name it by its id",
            )),
        }
    }

    fn name_is_free(&self, name: &str, own: Option<usize>) -> Result<(), Problem> {
        let taken = self.records.iter().zip(0..).any(|(record, index)| {
            Some(index) != own && caseless::same(&record.connector.name, name)
        });
        if taken {
            return Err(self.wrong(
                format!("there is a connector called {:?} already", excerpt(name)),
                "the service refuses a second one: choose another name",
            ));
        }
        Ok(())
    }

    fn set(&mut self) -> Result<Vec<String>, Problem> {
        let place = self.place()?;
        let Some(old) = self.records.get(place).cloned() else {
            return Ok(Vec::new());
        };
        let mut connector = old.connector.clone();
        self.assign(&mut connector)?;
        self.name_is_free(&connector.name, Some(place))?;
        let notes = refusals(&connector);
        if connector == old.connector {
            return Ok(vec![format!(
                "the line changes nothing: {:?} is like that already",
                excerpt(&connector.name)
            )]);
        }
        let location = self.source.location(self.cmdlet.span.start);
        if let Some(record) = self.records.get_mut(place) {
            *record = Record {
                connector,
                location,
            };
        }
        Ok(notes)
    }

    fn make(&mut self) -> Result<Vec<String>, Problem> {
        let mut connector = Connector::default();
        for property in Property::settings() {
            if let Some(value) = usual(property) {
                connector.settings.insert(property, value);
            }
        }
        self.assign(&mut connector)?;
        self.name_is_free(&connector.name, None)?;
        let mut notes = refusals(&connector);
        for property in Property::settings().filter(|property| {
            property.kind().must_be_present() && connector.setting(*property).is_none()
        }) {
            notes.push(format!(
                "the line does not say -{}, and what the service then sets is not certain: write it",
                property.name()
            ));
        }
        let location = self.source.location(self.cmdlet.span.start);
        self.records.push(Record {
            connector,
            location,
        });
        Ok(notes)
    }

    fn assign(&self, connector: &mut Connector) -> Result<(), Problem> {
        for (property, assigned) in &self.cmdlet.values {
            let raw = match assigned {
                Assigned::Value(raw) => raw.clone(),
                Assigned::Edit { add, remove } => self.edited(connector, *property, add, remove)?,
            };
            if let (Property::Name, Raw::Text(name)) = (property, &raw) {
                name.clone_into(&mut connector.name);
                connector.shape = Default::default();
                continue;
            }
            let value = Value::read(*property, &raw).map_err(|error| {
                self.wrong(
                    error.message,
                    error.help.as_deref().unwrap_or("correct the value"),
                )
            })?;
            match value {
                Some(value) => connector.settings.insert(*property, value),
                None => connector.settings.remove(property),
            };
            connector.unreadable.remove(property);
        }
        Ok(())
    }

    /// A list with elements added and removed: what is to be removed must be there.
    fn edited(
        &self,
        connector: &Connector,
        property: Property,
        add: &[String],
        remove: &[String],
    ) -> Result<Raw, Problem> {
        let Some(value) = connector.setting(property) else {
            return Err(self.wrong(
                format!("what {} holds now is not known", property.name()),
                "write the whole list",
            ));
        };
        let mut elements = value.elements();
        let canonical = |text: &String| -> Vec<String> {
            let raw = Raw::List(vec![Raw::Text(text.clone())]);
            let value = Value::read(property, &raw).ok().flatten();
            value.map(|value| value.elements()).unwrap_or_default()
        };
        for text in remove {
            for element in canonical(text) {
                let Some(place) = elements.iter().position(|own| *own == element) else {
                    return Err(self.wrong(
                        format!("{} does not hold {:?}", property.name(), excerpt(text)),
                        "the service removes only what stands there; write the entry as the connector has it",
                    ));
                };
                elements.remove(place);
            }
        }
        let all = elements.into_iter().chain(add.iter().cloned());
        Ok(Raw::List(all.map(Raw::Text).collect()))
    }
}

/// The value that a new connector has where its line says nothing; none where that is not certain.
///
/// Of `RequireTls` the documentation and live objects say different things
/// (reference, section 1.5).
fn usual(property: Property) -> Option<Value> {
    match (property, property.kind()) {
        (Property::RequireTls, _) => None,
        (Property::Enabled, _) => Some(Value::Boolean(true)),
        (Property::ConnectorType, _) => Some(Value::Enumeration(Word("Partner".to_owned()))),
        (Property::ConnectorSource, _) => Some(Value::Enumeration(Word("Default".to_owned()))),
        (_, Kind::Boolean) => Some(Value::Boolean(false)),
        _ => Value::absent(property),
    }
}
