//! The files in which a history keeps a snapshot, written and read again.
//!
//! One file a connector, so that the difference between two snapshots reads
//! well; nothing in them tells two reads of an unchanged organization apart.

use super::wire::{self, Wired};
use super::{AcceptedDomain, Completeness, Organization, Part, Record, Snapshot, SourceKind};
use crate::canonical;
use crate::connector::domain::Domain;
use crate::connector::property::Property;
use crate::connector::value::Value;
use crate::connector::{Connector, Metadata, parse_guid};
use crate::digest::Digest;
use crate::document::time::parse_time;
use crate::finding::Location;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// The file that says whose connectors they are and how completely each part was read.
pub const SNAPSHOT: &str = "snapshot.json";
/// The file of the organization's own domains.
pub const ACCEPTED_DOMAINS: &str = "accepted-domains.json";
/// The file of connectors that Microsoft has blocked.
pub const BLOCKED_CONNECTORS: &str = "blocked-connectors.json";
/// The files of what stands around the connectors.
pub const AROUND: [(&str, Part); 3] = [
    ("organization-settings.json", Part::OrganizationSettings),
    ("audit-log-settings.json", Part::AuditLogSettings),
    ("transport-rules.json", Part::TransportRules),
];
/// The folder with a file for each connector.
pub const CONNECTORS: &str = "inbound-connectors";

/// Reads of an unchanged connector give times of its last change that differ by so much at most:
/// every server of the service reports its own.
pub const JITTER: SignedDuration = SignedDuration::from_secs(60);

/// The name of a connector's file: its id, else a digest of its name, which is never a path.
pub fn file_name(connector: &Connector) -> String {
    match connector.id() {
        Some(id) => format!("{id}.json"),
        None => {
            let mut hex = Digest::of(connector.name.as_bytes()).hex();
            hex.truncate(32);
            format!("name-{hex}.json")
        }
    }
}

/// The content of a connector's file.
pub fn connector_file(connector: &Connector) -> String {
    canonical::write_sorted(&Wired::new(connector))
}

/// Leaves the time of the last change as it was recorded, unless it moved by more than servers differ.
pub fn steady(connector: &Connector, before: &Connector) -> Option<Connector> {
    let (old, new) = (
        before.metadata.when_changed?,
        connector.metadata.when_changed?,
    );
    let jitter = old != new && new.duration_since(old).abs() <= JITTER;
    jitter.then(|| {
        let mut same = connector.clone();
        same.metadata.when_changed = Some(old);
        same
    })
}

/// What a snapshot says of itself, with the number of things that are kept of each part.
pub fn snapshot_file(snapshot: &Snapshot, counts: &BTreeMap<Part, usize>) -> String {
    canonical::write_sorted(&Stored {
        complete: wire::completeness(snapshot),
        counts: counts
            .iter()
            .map(|(part, count)| (part.name(), *count))
            .collect(),
        organization: wire::organization(snapshot),
        schema: SCHEMA,
        source: snapshot.source.name(),
    })
}

/// `schema` of the file.
const SCHEMA: &str = "connguard/history/v1";

#[derive(Serialize)]
struct Stored<'a> {
    complete: BTreeMap<&'static str, &'a Completeness>,
    counts: BTreeMap<&'static str, usize>,
    organization: wire::Organization<'a>,
    schema: &'static str,
    source: &'static str,
}

/// The organization's own domains.
pub fn accepted_domains_file(snapshot: &Snapshot) -> String {
    canonical::write_sorted(&wire::domains(snapshot))
}

/// The connectors that Microsoft has blocked.
pub fn blocked_connectors_file(snapshot: &Snapshot) -> String {
    canonical::write_sorted(&snapshot.blocked_connectors)
}

/// What stands around the connectors.
pub fn around_file(value: &Json) -> String {
    canonical::to_string(value)
}

/// Reads what stands around the connectors.
pub fn read_around(part: Part, text: &str) -> Result<Json, String> {
    let value: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let rows = match &value {
        Json::Array(rows) if part == Part::TransportRules => rows.clone(),
        Json::Object(_) if part != Part::TransportRules => vec![value.clone()],
        _ => return Err("it is of another shape".to_owned()),
    };
    let kept = super::around::kept(part, &rows)?;
    if kept == value {
        Ok(value)
    } else {
        Err("it holds what is not kept, or in another order".to_owned())
    }
}

/// Reads what a snapshot says of itself. It has no connectors yet.
pub fn read_snapshot(text: &str) -> Result<Snapshot, String> {
    let file = object(text)?;
    if file.get("schema").and_then(Json::as_str) != Some(SCHEMA) {
        return Err(format!("its schema is not {SCHEMA:?}"));
    }
    let text_at = |outer: &str, inner: &str| {
        let value = file.get(outer)?.get(inner)?;
        value.as_str().map(str::to_owned)
    };
    let source = file
        .get("source")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let source = SourceKind::NAMES
        .into_iter()
        .find(|(name, _)| *name == source)
        .map(|(_, kind)| kind)
        .ok_or_else(|| format!("there is no source {source:?}"))?;
    let complete = file
        .get("complete")
        .and_then(Json::as_object)
        .ok_or("`complete` is missing")?;
    let recorded = |part: &&Part| Part::CORE.contains(part) || complete.contains_key(part.name());
    let complete = Part::EVERY
        .iter()
        .filter(recorded)
        .map(|part| Ok((*part, completeness(complete.get(part.name()))?)))
        .collect::<Result<_, String>>()?;
    Ok(Snapshot {
        organization: Organization {
            tenant_id: text_at("organization", "tenant_id"),
            domain: text_at("organization", "domain"),
        },
        source,
        origin: String::new(),
        taken_at: None,
        complete,
        records: Vec::new(),
        accepted_domains: Vec::new(),
        blocked_connectors: Vec::new(),
        around: BTreeMap::new(),
    })
}

/// The inverse of [`Completeness::words`].
fn completeness(value: Option<&Json>) -> Result<Completeness, String> {
    match value {
        Some(Json::Bool(true)) => Ok(Completeness::Complete),
        Some(Json::String(words)) => Ok(match words.strip_prefix("incomplete: ") {
            Some(reason) => Completeness::Failed(reason.to_owned()),
            None if *words == Completeness::Assumed.words() => Completeness::Assumed,
            None if *words == Completeness::NotRead.words() => Completeness::NotRead,
            None => return Err(format!("nothing is read {words:?}")),
        }),
        _ => Err("a part does not say how completely it was read".to_owned()),
    }
}

/// Reads a connector's file; `path` is where it stands.
pub fn read_connector(path: &str, text: &str) -> Result<Record, String> {
    let file = object(text)?;
    let part = |name: &str| {
        file.get(name)
            .and_then(Json::as_object)
            .ok_or_else(|| format!("`{name}` is missing"))
    };
    let (identity, metadata) = (part("identity")?, part("metadata")?);
    let mut settings = BTreeMap::new();
    for (name, value) in part("settings")? {
        let property = Property::named(name)
            .filter(|property| property.is_setting())
            .ok_or_else(|| format!("{name:?} is no setting that this version knows"))?;
        let value = Value::from_json(property, value)
            .ok_or_else(|| format!("{name} is no value of a setting"))?;
        settings.insert(property, value);
    }
    let connector = Connector {
        name: text_of(identity, "Name")?.ok_or("it has no `Name`")?,
        exchange_object_id: guid(identity, "ExchangeObjectId")?,
        guid: guid(identity, "Guid")?,
        settings,
        unreadable: unreadable(metadata)?,
        metadata: Metadata {
            when_created: time(metadata, "WhenCreatedUTC")?,
            when_changed: time(metadata, "WhenChangedUTC")?,
            is_valid: metadata.get("IsValid").and_then(Json::as_bool),
            ignored: 0,
            unrecognised: metadata
                .get("unrecognised")
                .and_then(Json::as_object)
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        },
        ..Connector::default()
    };
    let location = Location {
        path: path.to_owned(),
        line: 1,
        column: 1,
    };
    Ok(Record {
        connector,
        location,
    })
}

fn unreadable(metadata: &Map<String, Json>) -> Result<BTreeSet<Property>, String> {
    let names = metadata.get("unreadable").and_then(Json::as_array);
    let property = |name: &Json| {
        let name = name.as_str().unwrap_or_default();
        Property::named(name).ok_or_else(|| format!("there is no property {name:?}"))
    };
    names.into_iter().flatten().map(property).collect()
}

/// Reads the organization's own domains.
pub fn read_accepted_domains(text: &str) -> Result<Vec<AcceptedDomain>, String> {
    let domain = |item: &Json| {
        let name = item.get("domain").and_then(Json::as_str);
        let domain = name.and_then(Domain::parse);
        Ok(AcceptedDomain {
            domain: domain.ok_or_else(|| format!("{item} is no accepted domain"))?,
            match_sub_domains: item.get("match_sub_domains").and_then(Json::as_bool) == Some(true),
        })
    };
    array(text)?.iter().map(domain).collect()
}

/// Reads the connectors that Microsoft has blocked.
pub fn read_blocked_connectors(text: &str) -> Result<Vec<String>, String> {
    let id = |item: &Json| {
        let id = item.as_str().and_then(parse_guid);
        id.ok_or_else(|| format!("{item} is no id of a connector"))
    };
    array(text)?.iter().map(id).collect()
}

fn object(text: &str) -> Result<Map<String, Json>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn array(text: &str) -> Result<Vec<Json>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn text_of(object: &Map<String, Json>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{name}` is no text")),
    }
}

fn guid(object: &Map<String, Json>, name: &str) -> Result<Option<String>, String> {
    let Some(text) = text_of(object, name)? else {
        return Ok(None);
    };
    let id = parse_guid(&text).ok_or_else(|| format!("`{name}` is no GUID"))?;
    Ok(Some(id))
}

fn time(object: &Map<String, Json>, name: &str) -> Result<Option<Timestamp>, String> {
    let Some(text) = text_of(object, name)? else {
        return Ok(None);
    };
    let time = parse_time(&text).ok_or_else(|| format!("`{name}` is no time"))?;
    Ok(Some(time))
}
