//! Records of inbound connectors, one object each.
//!
//! A value that cannot be read for certain is noted and left unknown; the rest
//! of its record, and all other records, are still read: nobody can hide a
//! connector behind a value that is hard to read.

use super::{member, wrapped};
use crate::connector::property::{Class, Property};
use crate::connector::value::{Raw, Value};
use crate::connector::{Connector, parse_guid};
use crate::document::json::{self, Shape};
use crate::document::problem::Walker;
use crate::document::time::parse_service_time;
use crate::document::{Problem, Problems, Source};
use crate::snapshot::Record;
use jiff::Timestamp;
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::HashMap;

/// The object class of the records we read.
const OBJECT_CLASS: &str = "msExchSMTPInboundConnector";

/// A connector and the organization that its record names.
pub struct Read {
    /// The connector and its place.
    pub record: Record,
    /// `OrganizationalUnitRoot`: the initial domain.
    pub organization: Option<String>,
}

/// Reads every record that can be read, and notes what cannot.
pub fn read_all(
    source: Source<'_>,
    rows: &[json::Value<'_>],
    problems: &mut Problems,
) -> Vec<Read> {
    let mut walker = Walker::new(source);
    let mut records = Vec::with_capacity(rows.len());
    let mut together = Together::default();
    for row in rows {
        if problems.is_full() {
            problems.count_one_more();
            continue;
        }
        if let Some(read) = read(row, &mut walker, problems) {
            together.check(row, &read, problems);
            records.push(read);
        }
    }
    records
}

/// What no single record shows: ids that occur twice, records of several organizations.
#[derive(Default)]
struct Together {
    ids: HashMap<String, String>,
    organization: Option<String>,
}

impl Together {
    fn check(&mut self, row: &json::Value<'_>, read: &Read, problems: &mut Problems) {
        let connector = &read.record.connector;
        if let Some(id) = connector.id()
            && let Some(earlier) = self.ids.insert(id.clone(), connector.name.clone())
        {
            let message = format!(
                "two records have the id {id}: {earlier:?} and {:?}",
                connector.name
            );
            problems.push(row.problem(message).help("the service never returns one connector twice: export again, and find out who joined the files"));
        }
        let Some(own) = &read.organization else {
            return;
        };
        let first = self.organization.get_or_insert_with(|| own.clone());
        if !first.eq_ignore_ascii_case(own) {
            let message = format!("this record belongs to {own}, the ones before to {first}");
            problems.push(
                row.problem(message)
                    .help("keep one file for each organization"),
            );
        }
    }
}

fn read(row: &json::Value<'_>, walker: &mut Walker<'_>, problems: &mut Problems) -> Option<Read> {
    let members = match members_of(row) {
        Ok(members) => members,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let location = walker.location(row.span().start);
    let mut reading = Reading::default();
    let twice = json::repeated(&members, ignoring_case);
    if let Some((key, value)) = twice {
        reading.connector.unreadable.extend(Property::named(key));
        problems.push(spelled_twice(key, value));
    }
    for (key, value) in members.iter().filter(|(key, _)| !key.contains('@')) {
        if twice.is_some_and(|(twice, _)| twice.eq_ignore_ascii_case(key)) {
            continue;
        }
        if let Err(problem) = reading.take(key, value) {
            reading.connector.unreadable.extend(Property::named(key));
            problems.push(problem);
        }
        if problems.is_full() {
            break;
        }
    }
    if reading.connector.name.is_empty() {
        let problem = row.problem("the record has no `Name` that can be read");
        problems.push(problem.help("export every property: do not pipe through `Select-Object`"));
        "(no name)".clone_into(&mut reading.connector.name);
    }
    Some(Read {
        record: Record {
            connector: reading.connector,
            location,
        },
        organization: reading.organization,
    })
}

fn ignoring_case(one: &str, two: &str) -> Ordering {
    one.bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .cmp(two.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Exchange's names differ in more than case, so one of the two is somebody's own.
fn spelled_twice(key: &str, value: &json::Value<'_>) -> Problem {
    let problem = value.problem(format!("`{key}` occurs twice in one record"));
    problem.help("no tool writes this: export again, and find out who edited the file")
}

fn members_of<'a>(row: &json::Value<'a>) -> Result<Vec<(String, json::Value<'a>)>, Problem> {
    if row.shape() != Shape::Object {
        let problem = row.problem(format!("expected a connector, found {}", row.describe()));
        return Err(problem.help("export with `ConvertTo-Json -Depth 4`"));
    }
    let members = row.object()?;
    is_inbound(row, &members)?;
    Ok(members)
}

/// Refuses records of another kind, by object class where there is one, else by their properties.
fn is_inbound(row: &json::Value<'_>, members: &[(String, json::Value<'_>)]) -> Result<(), Problem> {
    if let Some(class) = member(members, "ObjectClass")
        && let Raw::List(classes) = class.raw()?
    {
        let is_ours = |class: &Raw| matches!(class, Raw::Text(text) if text.eq_ignore_ascii_case(OBJECT_CLASS));
        if classes.iter().any(is_ours) {
            return Ok(());
        }
        let problem = class.problem("this is no inbound connector: its object class is another");
        return Err(problem.help("export `Get-InboundConnector`"));
    }
    let has = |name: &str| {
        members
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    if has("SmartHosts") || has("RecipientDomains") {
        let problem = row.problem("this is an outbound connector");
        return Err(problem.help("export `Get-InboundConnector`, not `Get-OutboundConnector`"));
    }
    if has("ConnectorType") || has("SenderDomains") || has("SenderIPAddresses") {
        return Ok(());
    }
    let problem = row.problem("this is no inbound connector: it has none of ConnectorType, SenderDomains and SenderIPAddresses");
    Err(problem.help("export `Get-InboundConnector` with all properties"))
}

/// What has been read of one record.
#[derive(Default)]
struct Reading {
    connector: Connector,
    organization: Option<String>,
}

impl Reading {
    fn take(&mut self, key: &str, value: &json::Value<'_>) -> Result<(), Problem> {
        let connector = &mut self.connector;
        let property = Property::named(key);
        if property.is_some_and(|property| matches!(property.class(), Class::Metadata(_))) {
            connector.metadata.ignored += 1;
        }
        match property {
            None => {
                connector
                    .metadata
                    .unrecognised
                    .insert(key.to_owned(), kept(value));
            }
            Some(Property::Name) => connector.name = value.optional_text()?.unwrap_or_default(),
            Some(Property::ExchangeObjectId) => connector.exchange_object_id = guid(value)?,
            Some(Property::Guid) => connector.guid = guid(value)?,
            Some(Property::OrganizationalUnitRoot) => self.organization = value.optional_text()?,
            Some(Property::WhenCreatedUTC) => connector.metadata.when_created = time(value)?,
            Some(Property::WhenChangedUTC) => connector.metadata.when_changed = time(value)?,
            Some(Property::IsValid) if value.shape() != Shape::Null => {
                connector.metadata.is_valid = Some(value.boolean()?)
            }
            Some(property) if matches!(property.class(), Class::Metadata(_)) => {}
            Some(property) => {
                if let Some(read) = setting(property, value)? {
                    connector.settings.insert(property, read);
                }
            }
        }
        Ok(())
    }
}

/// What the service says beyond what is known is kept as it is, or, where no reader would hold it, as text.
fn kept(value: &json::Value<'_>) -> Json {
    match value.tree() {
        Ok(tree) if depth(&tree) <= DEEPEST => tree,
        _ => Json::String(value.raw_text().to_owned()),
    }
}

/// Values that nest deeper are kept as text: they are written into files that must be read again.
const DEEPEST: usize = 64;

fn depth(tree: &Json) -> usize {
    let deepest = match tree {
        Json::Array(items) => items.iter().map(depth).max(),
        Json::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or_default()
}

fn setting(property: Property, value: &json::Value<'_>) -> Result<Option<Value>, Problem> {
    let raw = if property.kind().is_list() {
        unwrap_list(value)?
    } else {
        value.raw()?
    };
    Value::read(property, &raw).map_err(|error| {
        let problem = value.problem(error.message);
        match error.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    })
}

/// The value of a list, which old PowerShell versions wrap.
fn unwrap_list(value: &json::Value<'_>) -> Result<Raw, Problem> {
    if value.shape() != Shape::Object {
        return value.raw();
    }
    match wrapped(&value.object()?)? {
        Some(items) => Ok(Raw::List(
            items
                .iter()
                .map(json::Value::raw)
                .collect::<Result<_, _>>()?,
        )),
        None => Err(value
            .problem("expected a list, found an object")
            .help("export with `ConvertTo-Json -Depth 4`")),
    }
}

/// Reads an id.
pub fn guid(value: &json::Value<'_>) -> Result<Option<String>, Problem> {
    let Some(text) = value.optional_text()? else {
        return Ok(None);
    };
    let found = parse_guid(&text);
    if found.is_none() {
        let problem = value.problem(format!(
            "{:?} is not a GUID",
            crate::finding::excerpt(&text)
        ));
        return Err(
            problem.help("an id looks like 0f3c8a1e-0000-4000-8000-000000000001; export again")
        );
    }
    Ok(found)
}

/// PowerShell 5.1 may write a date as `{"value": "/Date(ms)/", "DateTime": "…"}`.
fn time(value: &json::Value<'_>) -> Result<Option<Timestamp>, Problem> {
    let inner = match value.shape() {
        Shape::Object => member(&value.object()?, "value").copied().unwrap_or(*value),
        _ => *value,
    };
    let Some(text) = inner.optional_text()? else {
        return Ok(None);
    };
    let found = parse_service_time(&text);
    if found.is_none() {
        let problem = inner.problem(format!(
            "{:?} is not a time that can be read for certain",
            crate::finding::excerpt(&text)
        ));
        return Err(
            problem.help("export with `ConvertTo-Json`, which writes /Date(…)/ or ISO 8601")
        );
    }
    Ok(found)
}
