//! The live service as a source: what the export script would have written, made from what cmdlets returned.
//!
//! There is one reader of connectors. What the service answers is put into the
//! form of an export and read by it, so that a part which is missing, doubtful
//! or empty means the same wherever it comes from.

use super::export::{self, EXPORT_VERSION, Export, REHEARSAL};
use crate::document::Problems;
use crate::exchange::answer::Answer;
use crate::exchange::service::Cmdlet;
use crate::exchange::{Fault, Service};
use crate::snapshot::{Completeness, Organization, Part, SourceKind};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The cmdlet that returns a part.
const fn cmdlet(part: Part) -> &'static str {
    match part {
        Part::InboundConnectors => "Get-InboundConnector",
        Part::AcceptedDomains => "Get-AcceptedDomain",
        Part::BlockedConnectors => "Get-BlockedConnector",
        Part::OrganizationSettings => "Get-OrganizationConfig",
        Part::AuditLogSettings => "Get-AdminAuditLogConfig",
        Part::TransportRules => "Get-TransportRule",
    }
}

/// How a part is asked for. Only some cmdlets know `ResultSize`.
fn question(part: Part) -> Cmdlet<'static> {
    match part {
        Part::BlockedConnectors | Part::OrganizationSettings | Part::AuditLogSettings => {
            Cmdlet::plain(cmdlet(part))
        }
        Part::InboundConnectors | Part::AcceptedDomains | Part::TransportRules => {
            Cmdlet::all(cmdlet(part))
        }
    }
}

/// What was read of an organization, and what that rests on.
pub struct Reading {
    /// The snapshot, as far as it could be read.
    pub export: Export,
    /// What went wrong with a part, if anything did.
    pub faults: Vec<(Part, Fault)>,
    /// The ids of the requests whose answers these are.
    pub requests: Vec<String>,
    /// The text that was read, in the form of an export.
    pub text: String,
}

/// Reads an organization. `origin` is what reports call the source, `now` the time of the run;
/// parts that are not wanted are not read.
///
/// # Errors
///
/// The fault of signing in, without which nothing can be read; mistakes in what was answered.
pub fn read(
    service: &Service<'_>,
    origin: &str,
    tenant_id: &str,
    (wanted, now): (&[Part], Timestamp),
) -> Result<Result<Reading, Problems>, Fault> {
    service.token()?;
    let mut faults = Vec::new();
    let mut parts: Vec<(Part, Result<Answer, Fault>)> = Vec::new();
    for part in wanted.iter().copied() {
        let answer = answer(service, part);
        if let Err(fault) = &answer {
            faults.push((part, fault.clone()));
        }
        parts.push((part, answer));
    }
    let read_from = if service.is_rehearsal() {
        REHEARSAL
    } else {
        SourceKind::Exchange.name()
    };
    let text = as_export(tenant_id, (read_from, now), &parts);
    let reading = export::read(origin, text.as_bytes()).map(|mut export| {
        export.snapshot.source = SourceKind::Exchange;
        name_requests(&mut export, &parts);
        Reading {
            export,
            faults,
            requests: requests(&parts),
            text,
        }
    });
    Ok(reading)
}

fn requests(parts: &[(Part, Result<Answer, Fault>)]) -> Vec<String> {
    let answers = parts.iter().filter_map(|(_, answer)| answer.as_ref().ok());
    answers.flat_map(|answer| answer.requests.clone()).collect()
}

/// Names the requests of parts that were answered and are not to be believed.
fn name_requests(export: &mut Export, parts: &[(Part, Result<Answer, Fault>)]) {
    for (part, answer) in parts {
        if let (Ok(answer), Some(Completeness::Failed(reason))) =
            (answer, export.snapshot.complete.get_mut(part))
            && answer.doubts.is_empty()
        {
            reason.push_str(&crate::exchange::fault::named(&answer.requests));
        }
    }
}

/// A part. That there is no connector at all is believed only when it is said twice.
fn answer(service: &Service<'_>, part: Part) -> Result<Answer, Fault> {
    let mut answer = service.list(&question(part))?;
    if part == Part::InboundConnectors && answer.rows.is_empty() && answer.doubts.is_empty() {
        let second = service.list(&question(part))?;
        answer.requests.extend(second.requests.iter().cloned());
        answer.doubts.extend(second.doubts.iter().cloned());
        if !second.rows.is_empty() {
            answer.doubts.push(
                "the service returned no connector, and when it was asked again it did".to_owned(),
            );
            answer.rows = second.rows;
        }
    }
    if part == Part::InboundConnectors {
        once_each(&mut answer);
    }
    Ok(answer)
}

/// Leaves rows that are the same once, as the row at the edge of two pages may be there twice; a connector that is
/// there in two versions stays so. Either is a sign that the answer is not to be relied on.
fn once_each(answer: &mut Answer) {
    let id = |row: &String| {
        let row: Json = serde_json::from_str(row).ok()?;
        let id = row.get("ExchangeObjectId").or_else(|| row.get("Guid"))?;
        Some(id.as_str()?.to_ascii_lowercase())
    };
    let ids: Vec<String> = answer.rows.iter().filter_map(id).collect();
    let different: BTreeSet<&String> = ids.iter().collect();
    if different.len() < ids.len() {
        let mut seen = BTreeSet::new();
        answer.rows.retain(|row| seen.insert(row.clone()));
        answer
            .doubts
            .push("the service returned a connector more than once".to_owned());
    }
}

fn as_export(
    tenant_id: &str,
    (read_from, now): (&str, Timestamp),
    parts: &[(Part, Result<Answer, Fault>)],
) -> String {
    let mut complete = serde_json::Map::new();
    for (part, answer) in parts {
        let state = match answer {
            Ok(answer) if answer.doubts.is_empty() => Json::Bool(true),
            Ok(answer) => Json::String(format!(
                "{}: {}{}",
                cmdlet(*part),
                answer.doubts.join("; "),
                crate::exchange::fault::named(&answer.requests)
            )),
            Err(fault) => Json::String(fault.to_string()),
        };
        complete.insert(part.name().to_owned(), state);
    }
    // Whose answer it is the answer has to say itself: the tenant id is what was asked for.
    let domain = initial_domain(parts);
    let organization = Organization {
        tenant_id: domain.is_some().then(|| tenant_id.to_owned()),
        domain,
    };
    let members = [
        ("connguard", json!(EXPORT_VERSION)),
        ("read_from", json!(read_from)),
        ("taken_at", json!(now.to_string())),
        (
            "organization",
            json!({ "tenant_id": organization.tenant_id, "domain": organization.domain }),
        ),
        ("complete", Json::Object(complete)),
    ];
    let mut text = "{".to_owned();
    for (index, (name, value)) in members.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(text, "{comma}\n\"{name}\":{value}");
    }
    // Rows are kept as they came, one a line, so that a line names a row.
    for (part, answer) in parts {
        let rows = answer
            .as_ref()
            .map(|answer| answer.rows.as_slice())
            .unwrap_or_default();
        let _ = write!(text, ",\n\"{}\":[", part.name());
        for (index, row) in rows.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(text, "{comma}\n{}", row.replace(['\r', '\n'], " "));
        }
        text.push(']');
    }
    text.push('}');
    text
}

/// The organization's initial domain, by its accepted domains, else by the first connector.
fn initial_domain(parts: &[(Part, Result<Answer, Fault>)]) -> Option<String> {
    let rows = |part: Part| {
        let answer = parts.iter().find(|(own, _)| *own == part);
        let rows = answer.and_then(|(_, answer)| answer.as_ref().ok());
        rows.into_iter().flat_map(|answer| &answer.rows)
    };
    let object = |row: &String| serde_json::from_str::<Json>(row).ok();
    let text = |row: &Json, name: &str| row.get(name)?.as_str().map(str::to_owned);
    let initial = rows(Part::AcceptedDomains)
        .filter_map(object)
        .find(|row| row.get("InitialDomain").and_then(Json::as_bool) == Some(true))
        .and_then(|row| text(&row, "DomainName"));
    initial.or_else(|| {
        rows(Part::InboundConnectors)
            .filter_map(object)
            .find_map(|row| text(&row, "OrganizationalUnitRoot"))
    })
}
