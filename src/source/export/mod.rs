//! Exported files: `connguard fetch --script`, and the bare output of
//! `Get-InboundConnector | ConvertTo-Json` in every shape that tools give it.
//!
//! Whatever cannot be read for certain is an error with its place. An empty
//! file proves nothing: no read of no rows is ever complete by itself.

pub mod clixml;
pub mod record;

use super::text;
use crate::connector::domain::Domain;
use crate::connector::value::Raw;
use crate::document::json::{self, Shape};
use crate::document::time::parse_time;
use crate::document::{Problem, Problems, Source};
use crate::snapshot::{
    AcceptedDomain, Completeness, Organization, Part, Snapshot, SourceKind, around,
};
use jiff::Timestamp;
use record::{Read, guid, read_all};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The `connguard` member of an export made by `connguard fetch --script`.
pub const EXPORT_VERSION: &str = "export/v1";

/// The largest export that is read, in bytes.
pub const LARGEST_EXPORT: u64 = 512 * 1024 * 1024;

/// An exported file as far as it could be read.
#[derive(Debug)]
pub struct Export {
    /// What could be read. Where there are problems, its connectors are not complete.
    pub snapshot: Snapshot,
    /// What could not. None of it hides what could.
    pub problems: Problems,
    /// The kind of source that the file says it was made from: its own word, for who named the file to believe.
    pub read_from: SourceKind,
    /// Whether it says that addresses of the machine stood for the service.
    pub rehearsal: bool,
}

/// What `read_from` says of an emulator.
pub const REHEARSAL: &str = "exchange-rehearsal";

impl Export {
    fn new(mut snapshot: Snapshot, problems: Problems) -> Self {
        if !problems.is_empty() {
            let reason = "not every record of the export could be read".to_owned();
            snapshot
                .complete
                .insert(Part::InboundConnectors, Completeness::Failed(reason));
        }
        snapshot.sort();
        Self {
            snapshot,
            problems,
            read_from: SourceKind::Export,
            rehearsal: false,
        }
    }

    /// The snapshot, if all of it could be read.
    pub fn whole(self) -> Result<Snapshot, Problems> {
        self.problems.into_result(Some(self.snapshot))
    }
}

/// Reads an exported file. An error means that nothing of it could be read.
pub fn read(path: &str, bytes: &[u8]) -> Result<Export, Problems> {
    let text = text::decode(path, bytes)?;
    let source = Source { path, text: &text };
    if text.trim().is_empty() {
        let complete = Completeness::Failed(
            "the export is empty, and an empty export proves nothing".to_owned(),
        );
        return Ok(bare(source, Vec::new(), complete, Problems::default()));
    }
    let converted;
    let source = if is_clixml(&text) {
        converted = clixml::as_json(source)?;
        Source {
            path,
            text: &converted,
        }
    } else {
        source
    };
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
    if let Some(error) = member(&members, "error") {
        let problem = error.problem("this is the service's error message, not its data");
        return Err(problem
            .help("read the message, mend the cause and export again")
            .into());
    }
    let rows = rows(&root)?;
    let mut problems = Problems::default();
    let records = read_all(source, &rows, &mut problems);
    let complete = match doubt(&members)? {
        Some(reason) => Completeness::Failed(reason),
        None if rows.is_empty() => Completeness::Failed(
            "the export holds no connector, and an empty export proves nothing".to_owned(),
        ),
        None => Completeness::Assumed,
    };
    Ok(bare(source, records, complete, problems))
}

/// Whether it is what `Export-Clixml` writes.
fn is_clixml(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("<Objs") || text.starts_with("<?xml") && text.contains("<Objs")
}

/// Text that is no JSON but that people do export.
fn foreign_format(source: Source<'_>) -> Option<Problem> {
    let first = source.text.trim_start();
    let line = first.lines().next().unwrap_or_default();
    let what = if first.starts_with('<') {
        "this is XML, and not what `Export-Clixml` writes"
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

fn bare(
    source: Source<'_>,
    records: Vec<Read>,
    complete: Completeness,
    problems: Problems,
) -> Export {
    let domain = records.iter().find_map(|read| read.organization.clone());
    let snapshot = Snapshot {
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
        around: BTreeMap::new(),
    };
    Export::new(snapshot, problems)
}

/// Why an answer of the service may not be all there is.
fn doubt(members: &[(String, json::Value<'_>)]) -> Result<Option<String>, Problem> {
    if let Some(warnings) = member(members, "@adminapi.warnings")
        && let Some(warning) = warnings.array()?.first()
    {
        return Ok(Some(format!("the service warned: {}", warning.text()?)));
    }
    let next_page = member(members, "@odata.nextLink").is_some();
    Ok(next_page.then(|| "the answer has a next page that is not in the file".to_owned()))
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

/// Reads an export made by `connguard fetch --script`.
fn envelope(source: Source<'_>, members: &[(String, json::Value<'_>)]) -> Result<Export, Problems> {
    let mut problems = Problems::default();
    note(&mut problems, check_version(members));
    let taken_at = note(&mut problems, read_taken_at(source, members));
    let organization = note(&mut problems, read_organization(source, members)).unwrap_or_default();
    let mut complete = BTreeMap::new();
    for part in Part::EVERY {
        complete.extend(
            note(&mut problems, read_completeness(members, part)).map(|state| (part, state)),
        );
    }
    let around = around(members, &mut complete);
    let mut rows = |part| note(&mut problems, part_rows(members, part)).unwrap_or_default();
    let (connectors, domains, blocked) = (
        rows(Part::InboundConnectors),
        rows(Part::AcceptedDomains),
        rows(Part::BlockedConnectors),
    );
    let accepted_domains = domains
        .iter()
        .filter_map(|row| note(&mut problems, accepted_domain(row)))
        .collect();
    let blocked_connectors = blocked
        .iter()
        .filter_map(|row| note(&mut problems, blocked_connector(row)))
        .collect();
    let records = read_all(source, &connectors, &mut problems);
    for read in &records {
        let stated = Organization {
            tenant_id: None,
            domain: read.organization.clone(),
        };
        if let Some(contradiction) = organization
            .contradiction(&stated)
            .filter(|_| !problems.is_full())
        {
            let message = format!(
                "the connector {:?} belongs to another organization than the export: {contradiction}",
                read.record.connector.name
            );
            problems
                .push(Problem::of_file(source.path, message).help("export again from one session"));
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
        around,
    };
    doubt_empty(&mut snapshot);
    let read_from = note(&mut problems, read_from(members));
    let (read_from, rehearsal) = read_from.unwrap_or((SourceKind::Export, false));
    Ok(Export {
        read_from,
        rehearsal,
        ..Export::new(snapshot, problems)
    })
}

/// What stands around the connectors. No verdict rests on it: what of it cannot be read is not complete, and no error.
fn around(
    members: &[(String, json::Value<'_>)],
    complete: &mut BTreeMap<Part, Completeness>,
) -> BTreeMap<Part, Json> {
    let mut found = BTreeMap::new();
    for part in Part::AROUND {
        if !complete.get(&part).is_some_and(Completeness::is_complete) {
            continue;
        }
        let rows = part_rows(members, part).map_err(|problem| problem.message);
        let trees = rows.and_then(|rows| {
            let tree = |row: &json::Value<'_>| row.tree().map_err(|problem| problem.message);
            rows.iter().map(tree).collect::<Result<Vec<Json>, String>>()
        });
        match trees.and_then(|rows| around::kept(part, &rows)) {
            Ok(value) => {
                found.insert(part, value);
            }
            Err(reason) => {
                complete.insert(part, Completeness::Failed(reason));
            }
        }
    }
    found
}

/// The value, or nothing after its problem was noted.
fn note<T>(problems: &mut Problems, result: Result<T, Problem>) -> Option<T> {
    result.map_err(|problem| problems.push(problem)).ok()
}

/// An answer without rows is believed only where something proves that the session could read:
/// every organization has a domain, and zero connectors count only beside at least one.
fn doubt_empty(snapshot: &mut Snapshot) {
    if snapshot.has(Part::AcceptedDomains) && snapshot.accepted_domains.is_empty() {
        let reason = "no accepted domain was returned, and every organization has one";
        snapshot.complete.insert(
            Part::AcceptedDomains,
            Completeness::Failed(reason.to_owned()),
        );
    }
    let named = snapshot.organization.tenant_id.is_some() || snapshot.organization.domain.is_some();
    let proven = snapshot.has(Part::AcceptedDomains) && named;
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

/// What connguard itself read from the live service and kept says so.
fn read_from(members: &[(String, json::Value<'_>)]) -> Result<(SourceKind, bool), Problem> {
    let Some(value) = member(members, "read_from") else {
        return Ok((SourceKind::Export, false));
    };
    match value.text()?.as_str() {
        REHEARSAL => Ok((SourceKind::Exchange, true)),
        text if text == SourceKind::Exchange.name() => Ok((SourceKind::Exchange, false)),
        _ => Err(value
            .problem("expected `exchange`, or nothing")
            .help("a newer export needs a newer connguard")),
    }
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
        Shape::Boolean if state.boolean()? => believed(members, part, state),
        Shape::Boolean => Ok(Completeness::Failed("the export says so".to_owned())),
        Shape::Text => Ok(Completeness::Failed(state.text()?)),
        _ => Err(state.problem("expected true, or the text of what went wrong")),
    }
}

/// A part that is said to be complete is believed as far as the part itself does not say otherwise.
fn believed(
    members: &[(String, json::Value<'_>)],
    part: Part,
    state: &json::Value<'_>,
) -> Result<Completeness, Problem> {
    let Some(value) = member(members, part.name()) else {
        let problem = state.problem(format!(
            "`{}` is said to be complete, but is not there",
            part.name()
        ));
        return Err(problem.help("export again"));
    };
    let reason = match value.shape() {
        Shape::Null => Some("it is said to be complete, and holds null".to_owned()),
        Shape::Object => {
            let wrapper = value.object()?;
            let null = member(&wrapper, "value").is_some_and(|list| list.shape() == Shape::Null);
            if null {
                Some("it is said to be complete, and holds null".to_owned())
            } else {
                doubt(&wrapper)?
            }
        }
        _ => None,
    };
    Ok(reason.map_or(Completeness::Complete, Completeness::Failed))
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
