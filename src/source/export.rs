//! Exported files: `connguard fetch --script`, and the bare output of
//! `Get-InboundConnector | ConvertTo-Json` in every shape that tools give it.
//!
//! Whatever cannot be read for certain is an error with its place. An empty
//! file proves nothing: no read of no rows is ever complete by itself.

use super::text;
use crate::connector::property::{Class, Property};
use crate::connector::value::{Raw, Value};
use crate::connector::{Connector, Metadata, domain::Domain, parse_guid};
use crate::document::json::{self, Shape};
use crate::document::problem::Walker;
use crate::document::time::{parse_service_time, parse_time};
use crate::document::{Problem, Problems, Source};
use crate::snapshot::{
    AcceptedDomain, Completeness, Organization, Part, Record, Snapshot, SourceKind,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// The `connguard` member of an export made by `connguard fetch --script`.
pub const EXPORT_VERSION: &str = "export/v1";

/// The object class of the records we read.
const OBJECT_CLASS: &str = "msExchSMTPInboundConnector";

/// The largest export that is read, in bytes.
pub const LARGEST_EXPORT: u64 = 512 * 1024 * 1024;

/// Reads an exported file.
pub fn read(path: &str, bytes: &[u8]) -> Result<Snapshot, Problems> {
    let text = text::decode(path, bytes)?;
    let source = Source { path, text: &text };
    if text.trim().is_empty() {
        return Ok(bare(
            source,
            Vec::new(),
            Completeness::Failed(
                "the export is empty, and an empty export proves nothing".to_owned(),
            ),
        ));
    }
    if let Some(problem) = foreign_format(source) {
        return Err(problem.into());
    }
    let root = json::Value::parse(source)?;
    let members = match root.shape() {
        Shape::Object => root.object()?,
        _ => Vec::new(),
    };
    if member(&members, "connguard").is_some() {
        return envelope(source, &members);
    }
    let (rows, doubt) = bare_rows(&root, &members)?;
    let records = read_records(source, &rows)?;
    let complete = match doubt {
        Some(reason) => Completeness::Failed(reason),
        None if records.is_empty() => Completeness::Failed(
            "the export holds no connector, and an empty export proves nothing".to_owned(),
        ),
        None => Completeness::Assumed,
    };
    Ok(bare(source, records, complete))
}

/// Text that is no JSON but that people do export.
fn foreign_format(source: Source<'_>) -> Option<Problem> {
    let first = source.text.trim_start();
    let line = first.lines().next().unwrap_or_default();
    let what = if first.starts_with("<Objs") || first.starts_with("<?xml") {
        "this is XML, as `Export-Clixml` writes it"
    } else if line.split_once(':').is_some_and(|(key, _)| {
        !key.trim().is_empty() && key.trim().bytes().all(|byte| byte.is_ascii_alphanumeric())
    }) {
        "this is the text of `Format-List`, which cuts long lists off and writes dates in the reader's language"
    } else if line.starts_with("\"Enabled\"")
        || line.starts_with("#TYPE")
        || line.contains("\",\"") && !first.starts_with(['[', '{'])
    {
        "this is CSV, which writes the name of a type where a list belongs"
    } else {
        return None;
    };
    let start = source.text.len() - first.len();
    Some(source.problem(start..start + line.len().min(40), format!("{what}; it cannot be read without guessing")).help(
        "export with `Get-InboundConnector -ResultSize Unlimited | ConvertTo-Json -Depth 4`, or with the script from `connguard fetch --script`",
    ))
}

fn bare(source: Source<'_>, records: Vec<Read>, complete: Completeness) -> Snapshot {
    let domain = records.iter().find_map(|read| read.organization.clone());
    let mut snapshot = Snapshot {
        organization: Organization {
            tenant_id: None,
            domain,
        },
        source: SourceKind::Export,
        origin: source.path.to_owned(),
        taken_at: None,
        complete: BTreeMap::from([(Part::InboundConnectors, complete)]),
        records: records.into_iter().map(|read| read.record).collect(),
        accepted_domains: Vec::new(),
        blocked_connectors: Vec::new(),
    };
    snapshot.sort();
    snapshot
}

/// The rows of a bare export, and why they may not be all.
fn bare_rows<'a>(
    root: &json::Value<'a>,
    members: &[(String, json::Value<'a>)],
) -> Result<(Vec<json::Value<'a>>, Option<String>), Problem> {
    if let Some(error) = member(members, "error") {
        return Err(error
            .problem("this is the service's error message, not its data")
            .help("read the message, mend the cause and export again"));
    }
    let rows = rows(root)?;
    let mut doubt = None;
    if member(members, "@odata.nextLink").is_some() {
        doubt = Some("the answer has a next page that is not in the file".to_owned());
    }
    if let Some(warnings) = member(members, "@adminapi.warnings")
        && let Some(warning) = warnings.array()?.first()
    {
        doubt = Some(format!("the service warned: {}", warning.text()?));
    }
    Ok((rows, doubt))
}

/// Rows as an array, one object, `null`, an array of `null`, or an array wrapped
/// as `{"value": […], "Count": n}`: PowerShell and the REST service write all of them.
fn rows<'a>(value: &json::Value<'a>) -> Result<Vec<json::Value<'a>>, Problem> {
    match value.shape() {
        Shape::Null => Ok(Vec::new()),
        Shape::Object => match wrapped(&value.object()?)? {
            Some(items) => Ok(items),
            None => Ok(vec![*value]),
        },
        Shape::Array => {
            let items = value.array()?;
            match items.as_slice() {
                [only] if only.shape() == Shape::Null => Ok(Vec::new()),
                _ => Ok(items),
            }
        }
        _ => Err(value
            .problem(format!("expected connectors, found {}", value.describe()))
            .help("export with `ConvertTo-Json -Depth 4`")),
    }
}

/// The items of a wrapped array, checked against its `Count` where it has one.
fn wrapped<'a>(
    members: &[(String, json::Value<'a>)],
) -> Result<Option<Vec<json::Value<'a>>>, Problem> {
    let Some(list) = member(members, "value").filter(|_| member(members, "Name").is_none()) else {
        return Ok(None);
    };
    let items = match list.shape() {
        Shape::Null => Vec::new(),
        _ => list.array()?,
    };
    if let Some(count) = member(members, "Count")
        && count.raw()? != Raw::Number(items.len().to_string())
    {
        return Err(count
            .problem(format!(
                "`Count` says otherwise, but there are {} elements",
                items.len()
            ))
            .help("the file was cut: export again"));
    }
    let items = items
        .into_iter()
        .filter(|item| item.shape() != Shape::Null)
        .collect();
    Ok(Some(items))
}

fn member<'v, 'a>(
    members: &'v [(String, json::Value<'a>)],
    name: &str,
) -> Option<&'v json::Value<'a>> {
    members
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// A connector and the organization that its record names.
struct Read {
    record: Record,
    organization: Option<String>,
}

fn read_records(source: Source<'_>, rows: &[json::Value<'_>]) -> Result<Vec<Read>, Problems> {
    let mut problems = Problems::default();
    let mut walker = Walker::new(source);
    let mut records: Vec<Read> = Vec::with_capacity(rows.len());
    for row in rows {
        if problems.is_full() {
            problems.count_one_more();
            continue;
        }
        match read_record(row, &mut walker) {
            Ok(read) => records.push(read),
            Err(of_record) => problems.extend(of_record),
        }
    }
    check_together(rows, &records, &mut problems);
    problems.into_result(Some(records))
}

/// What no single record shows: ids that occur twice, records of several organizations.
fn check_together(rows: &[json::Value<'_>], records: &[Read], problems: &mut Problems) {
    if !problems.is_empty() {
        return;
    }
    let mut ids: HashMap<&str, &str> = HashMap::new();
    let mut organization: Option<&str> = None;
    for (row, read) in rows.iter().zip(records) {
        let connector = &read.record.connector;
        if let Some(id) = connector.id()
            && let Some(earlier) = ids.insert(id, &connector.name)
        {
            problems.push(row.problem(format!("two records have the id {id}: {earlier:?} and {:?}", connector.name)).help("the service never returns one connector twice: export again, and find out who joined the files"));
        }
        match (organization, read.organization.as_deref()) {
            (Some(first), Some(this)) if !first.eq_ignore_ascii_case(this) => {
                problems.push(
                    row.problem(format!(
                        "this record belongs to {this}, the ones before to {first}"
                    ))
                    .help("keep one file for each organization"),
                );
            }
            (None, Some(this)) => organization = Some(this),
            _ => {}
        }
    }
}

fn read_record(row: &json::Value<'_>, walker: &mut Walker<'_>) -> Result<Read, Problems> {
    if row.shape() != Shape::Object {
        return Err(row
            .problem(format!("expected a connector, found {}", row.describe()))
            .help("export with `ConvertTo-Json -Depth 4`")
            .into());
    }
    let members = row.object()?;
    is_inbound(row, &members)?;
    let mut reading = Reading::default();
    let mut problems = Problems::default();
    for (key, value) in members.iter().filter(|(key, _)| !key.contains('@')) {
        if let Err(problem) = reading.take(key, value) {
            problems.push(problem);
        }
    }
    let Some(name) = reading.name.take() else {
        problems.push(
            row.problem("the record has no `Name`")
                .help("export every property: do not pipe through `Select-Object`"),
        );
        return Err(problems);
    };
    let location = walker.location(row.span().start);
    let connector = Connector {
        name,
        exchange_object_id: reading.exchange_object_id,
        guid: reading.guid,
        settings: reading.settings,
        metadata: reading.metadata,
    };
    problems.into_result(Some(Read {
        record: Record {
            connector,
            location,
        },
        organization: reading.organization,
    }))
}

/// Refuses records of another kind, by object class where there is one, else by their properties.
fn is_inbound(row: &json::Value<'_>, members: &[(String, json::Value<'_>)]) -> Result<(), Problem> {
    if let Some(class) = member(members, "ObjectClass")
        && let Raw::List(classes) = class.raw()?
    {
        let found = classes.iter().any(
            |class| matches!(class, Raw::Text(text) if text.eq_ignore_ascii_case(OBJECT_CLASS)),
        );
        return if found {
            Ok(())
        } else {
            Err(class
                .problem("this is no inbound connector: its object class is another")
                .help("export `Get-InboundConnector`"))
        };
    }
    let has = |name: &str| {
        members
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    if has("SmartHosts") || has("RecipientDomains") {
        return Err(row
            .problem("this is an outbound connector")
            .help("export `Get-InboundConnector`, not `Get-OutboundConnector`"));
    }
    if has("ConnectorType") || has("SenderDomains") || has("SenderIPAddresses") {
        return Ok(());
    }
    Err(row.problem("this is no inbound connector: it has none of ConnectorType, SenderDomains and SenderIPAddresses").help("export `Get-InboundConnector` with all properties"))
}

/// What has been read of one record.
#[derive(Default)]
struct Reading {
    name: Option<String>,
    exchange_object_id: Option<String>,
    guid: Option<String>,
    organization: Option<String>,
    settings: BTreeMap<Property, Value>,
    metadata: Metadata,
}

impl Reading {
    fn take(&mut self, key: &str, value: &json::Value<'_>) -> Result<(), Problem> {
        let property = Property::named(key);
        if property.is_some_and(|property| matches!(property.class(), Class::Metadata(_))) {
            self.metadata.ignored += 1;
        }
        match property {
            None => {
                self.metadata
                    .unrecognised
                    .insert(key.to_owned(), value.tree()?);
            }
            Some(Property::Name) => self.name = value.optional_text()?,
            Some(Property::ExchangeObjectId) => self.exchange_object_id = guid(value)?,
            Some(Property::Guid) => self.guid = guid(value)?,
            Some(Property::OrganizationalUnitRoot) => self.organization = value.optional_text()?,
            Some(Property::WhenCreatedUTC) => self.metadata.when_created = time(value)?,
            Some(Property::WhenChangedUTC) => self.metadata.when_changed = time(value)?,
            Some(Property::IsValid) => {
                self.metadata.is_valid = (value.shape() != Shape::Null)
                    .then(|| value.boolean())
                    .transpose()?
            }
            Some(property) if matches!(property.class(), Class::Metadata(_)) => {}
            Some(property) => self.setting(property, value)?,
        }
        Ok(())
    }

    fn setting(&mut self, property: Property, value: &json::Value<'_>) -> Result<(), Problem> {
        let raw = if property.kind().is_list() {
            unwrap_list(value)?
        } else {
            value.raw()?
        };
        let read = Value::read(property, &raw).map_err(|error| {
            let problem = value.problem(error.message);
            match error.help {
                Some(help) => problem.help(help),
                None => problem,
            }
        })?;
        if let Some(read) = read
            && self.settings.insert(property, read).is_some()
        {
            return Err(value
                .problem(format!("`{}` occurs twice in one record", property.name()))
                .help("no tool writes this: export again, and find out who edited the file"));
        }
        Ok(())
    }
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

fn guid(value: &json::Value<'_>) -> Result<Option<String>, Problem> {
    let Some(text) = value.optional_text()? else {
        return Ok(None);
    };
    match parse_guid(&text) {
        Some(guid) => Ok(Some(guid)),
        None => Err(value
            .problem(format!("{text:?} is not a GUID"))
            .help("an id looks like 0f3c8a1e-0000-4000-8000-000000000001; export again")),
    }
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
    match parse_service_time(&text) {
        Some(time) => Ok(Some(time)),
        None => Err(inner
            .problem(format!(
                "{text:?} is not a time that can be read for certain"
            ))
            .help("export with `ConvertTo-Json`, which writes /Date(…)/ or ISO 8601")),
    }
}

/// Reads an export made by `connguard fetch --script`.
fn envelope(
    source: Source<'_>,
    members: &[(String, json::Value<'_>)],
) -> Result<Snapshot, Problems> {
    let mut problems = Problems::default();
    let mut note = |result: Result<(), Problem>| {
        if let Err(problem) = result {
            problems.push(problem);
        }
    };
    let mut organization = Organization::default();
    let mut taken_at = None;
    note(check_version(members));
    note(read_taken_at(source, members).map(|time| taken_at = Some(time)));
    note(read_organization(source, members).map(|read| organization = read));

    let mut complete = BTreeMap::new();
    for part in Part::ALL {
        note(read_completeness(members, part).map(|state| {
            complete.insert(part, state);
        }));
    }
    let mut accepted_domains = Vec::new();
    let mut blocked_connectors = Vec::new();
    note(
        part_rows(members, Part::AcceptedDomains)
            .and_then(|rows| rows.iter().map(accepted_domain).collect::<Result<_, _>>())
            .map(|read| accepted_domains = read),
    );
    note(
        part_rows(members, Part::BlockedConnectors)
            .and_then(|rows| rows.iter().map(blocked_connector).collect::<Result<_, _>>())
            .map(|read| blocked_connectors = read),
    );
    let records = match part_rows(members, Part::InboundConnectors) {
        Ok(rows) => read_records(source, &rows).unwrap_or_else(|of_records| {
            problems.extend(of_records);
            Vec::new()
        }),
        Err(problem) => {
            problems.push(problem);
            Vec::new()
        }
    };
    for read in &records {
        let stated = Organization {
            tenant_id: None,
            domain: read.organization.clone(),
        };
        if let Some(contradiction) = organization.contradiction(&stated) {
            problems.push(Problem::of_file(source.path, format!("the connector {:?} belongs to another organization than the export: {contradiction}", read.record.connector.name)).help("export again from one session"));
        }
    }
    let mut snapshot = Snapshot {
        organization,
        source: SourceKind::Export,
        origin: source.path.to_owned(),
        taken_at,
        complete,
        records: records.into_iter().map(|read| read.record).collect(),
        accepted_domains,
        blocked_connectors,
    };
    doubt_empty(&mut snapshot);
    snapshot.sort();
    problems.into_result(Some(snapshot))
}

/// Zero connectors count as read only where the same session also returned the organization and an accepted domain.
fn doubt_empty(snapshot: &mut Snapshot) {
    let proven = snapshot.has(Part::AcceptedDomains)
        && !snapshot.accepted_domains.is_empty()
        && (snapshot.organization.tenant_id.is_some() || snapshot.organization.domain.is_some());
    if snapshot.records.is_empty() && snapshot.has(Part::InboundConnectors) && !proven {
        let reason = "no connector was returned, and no accepted domain that would prove that the session could read";
        snapshot.complete.insert(
            Part::InboundConnectors,
            Completeness::Failed(reason.to_owned()),
        );
    }
}

fn check_version(members: &[(String, json::Value<'_>)]) -> Result<(), Problem> {
    match member(members, "connguard") {
        Some(version) if version.text()? != EXPORT_VERSION => Err(version
            .problem(format!("this export is not `{EXPORT_VERSION}`"))
            .help("a newer export needs a newer connguard")),
        _ => Ok(()),
    }
}

fn need<'v, 'a>(
    source: Source<'_>,
    members: &'v [(String, json::Value<'a>)],
    name: &str,
) -> Result<&'v json::Value<'a>, Problem> {
    member(members, name).ok_or_else(|| {
        source
            .problem(0..1, format!("`{name}` is missing in the export"))
            .help("make exports with the script from `connguard fetch --script`")
    })
}

fn read_taken_at(
    source: Source<'_>,
    members: &[(String, json::Value<'_>)],
) -> Result<Timestamp, Problem> {
    let value = need(source, members, "taken_at")?;
    let text = value.text()?;
    parse_time(&text).ok_or_else(|| {
        value
            .problem(format!("{text:?} is not a time with offset"))
            .help("expected a time like 2026-11-20T09:00:00Z")
    })
}

fn read_organization(
    source: Source<'_>,
    members: &[(String, json::Value<'_>)],
) -> Result<Organization, Problem> {
    let fields = need(source, members, "organization")?.object()?;
    let tenant_id = match member(&fields, "tenant_id") {
        Some(value) => guid(value)?,
        None => None,
    };
    let domain = match member(&fields, "domain") {
        Some(value) => value.optional_text()?,
        None => None,
    };
    Ok(Organization { tenant_id, domain })
}

fn read_completeness(
    members: &[(String, json::Value<'_>)],
    part: Part,
) -> Result<Completeness, Problem> {
    let Some(complete) = member(members, "complete") else {
        return Ok(Completeness::Failed(
            "the export does not say what it holds completely".to_owned(),
        ));
    };
    let fields = complete.object()?;
    let Some(state) = member(&fields, part.name()) else {
        return Ok(Completeness::NotRead);
    };
    match state.shape() {
        Shape::Boolean if state.boolean()? => match member(members, part.name()) {
            Some(_) => Ok(Completeness::Complete),
            None => Err(state
                .problem(format!(
                    "`{}` is said to be complete, but is not there",
                    part.name()
                ))
                .help("export again")),
        },
        Shape::Boolean => Ok(Completeness::Failed("the export says so".to_owned())),
        Shape::Text => Ok(Completeness::Failed(state.text()?)),
        _ => Err(state.problem("expected true, or the text of what went wrong")),
    }
}

fn part_rows<'a>(
    members: &[(String, json::Value<'a>)],
    part: Part,
) -> Result<Vec<json::Value<'a>>, Problem> {
    member(members, part.name()).map_or_else(|| Ok(Vec::new()), rows)
}

fn accepted_domain(row: &json::Value<'_>) -> Result<AcceptedDomain, Problem> {
    let fields = row.object()?;
    let Some(name) = member(&fields, "DomainName") else {
        return Err(row
            .problem("the accepted domain has no `DomainName`")
            .help("export `Get-AcceptedDomain` with all properties"));
    };
    let text = name.text()?;
    let domain = Domain::parse(&text)
        .ok_or_else(|| name.problem(format!("{text:?} is not a domain name")))?;
    let match_sub_domains = match member(&fields, "MatchSubDomains") {
        Some(value) if value.shape() != Shape::Null => value.boolean()?,
        _ => false,
    };
    Ok(AcceptedDomain {
        domain,
        match_sub_domains,
    })
}

/// The columns are not documented: all that is asked for is the connector's id.
fn blocked_connector(row: &json::Value<'_>) -> Result<String, Problem> {
    let fields = row.object()?;
    let id = fields
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case("ConnectorId"));
    match id {
        Some((_, value)) => guid(value)?.ok_or_else(|| value.problem("`ConnectorId` is empty")),
        None => Err(row
            .problem("the blocked connector has no `ConnectorId`")
            .help("export `Get-BlockedConnector` with all properties")),
    }
}
