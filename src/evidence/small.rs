//! Evidence that fits into memory: connectors, accepted domains, blocked connectors, settings, transport rules.

use super::file::{FileReport, Found};
use super::form::Form;
use super::rows::{Cut as _, json::Json};
use crate::digest::Digest;
use crate::document::{Problem, Problems};
use crate::snapshot::{Part, Snapshot};
use crate::source::export::{self, EXPORT_VERSION, Export};
use serde_json::{Value, json};
use std::io::Read as _;

/// What was configured, by files.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Exports of connectors, and of what stands around them.
    pub exports: Vec<Export>,
    /// What each file is.
    pub files: Vec<FileReport>,
}

impl Configuration {
    /// The snapshots that say when they were taken, oldest first, then the others.
    pub fn snapshots(&self) -> Vec<&Snapshot> {
        let mut all: Vec<&Snapshot> = self.exports.iter().map(|export| &export.snapshot).collect();
        all.sort_by_key(|snapshot| (snapshot.taken_at.is_none(), snapshot.taken_at));
        all
    }
}

/// Reads what is small. Bare outputs of other cmdlets are put into the form of an export and read by its reader.
///
/// # Errors
///
/// What cannot be read at all, of every file.
pub fn read_configuration(found: &[Found<'_>]) -> Result<Configuration, Problems> {
    let mut configuration = Configuration::default();
    let mut problems = Problems::default();
    for own in found {
        let part = match own.form {
            Form::Connectors | Form::Clixml => None,
            Form::BlockedConnectors => Some(Part::BlockedConnectors),
            Form::AcceptedDomains => Some(Part::AcceptedDomains),
            Form::TransportRules => Some(Part::TransportRules),
            Form::AuditLogSettings => Some(Part::AuditLogSettings),
            _ => continue,
        };
        match read(own, part) {
            Ok((export, report)) => {
                configuration.files.push(report);
                configuration.exports.push(export);
            }
            Err(found) => problems.extend(found),
        }
    }
    problems.into_result(Some(configuration))
}

fn read(found: &Found<'_>, part: Option<Part>) -> Result<(Export, FileReport), Problems> {
    let path = found.file.path();
    let failed = |error: std::io::Error| {
        Problems::from(
            Problem::of_file(path, format!("cannot read the file: {error}"))
                .help("name a file that can be read"),
        )
    };
    let mut bytes = Vec::new();
    let file = found.file.open().map_err(failed)?;
    file.take(export::LARGEST_EXPORT)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let mut report = found.report();
    report.digest = Some(Digest::of(&bytes));
    let mut export = match part {
        None => export::read(path, &bytes)?,
        Some(part) => {
            let (text, doubts) = enveloped(found, part).map_err(failed)?;
            report.doubts.extend(doubts);
            let mut export = export::read(path, text.as_bytes())?;
            export.snapshot.taken_at = None;
            export
        }
    };
    export.snapshot.source = export.read_from;
    report.rows = rows(&export, part);
    report.first = export.snapshot.taken_at;
    report.last = report.first;
    for problem in export.problems.iter() {
        let line = problem.location.as_ref().map_or(1, |place| place.line);
        report.rejected.note(line, &problem.message);
    }
    let asked = part.map_or(&Part::CORE[..1], |_| &[]);
    for part in asked {
        if !export.snapshot.has(*part) {
            report
                .doubts
                .push(export.snapshot.completeness(*part).words());
        }
    }
    Ok((export, report))
}

fn rows(export: &Export, part: Option<Part>) -> u64 {
    let snapshot = &export.snapshot;
    let count = match part {
        None => snapshot.records.len(),
        Some(Part::BlockedConnectors) => snapshot.blocked_connectors.len(),
        Some(Part::AcceptedDomains) => snapshot.accepted_domains.len(),
        Some(_) => snapshot.around.len(),
    };
    count as u64
}

/// The rows of a bare output as the export that would hold them, and why they may not be all.
fn enveloped(found: &Found<'_>, part: Part) -> std::io::Result<(String, Vec<String>)> {
    let mut json = Json::open(found.text()?);
    let mut rows: Vec<Value> = Vec::new();
    while let Some(block) = json.next()? {
        for (row, _) in block.rows() {
            match serde_json::from_slice(row) {
                Ok(Value::Null) => {}
                Ok(row) => rows.push(row),
                Err(error) => return Err(error.into()),
            }
        }
    }
    let doubts = json.doubts();
    let complete = match doubts.first() {
        None => json!(true),
        Some(doubt) => json!(doubt),
    };
    let export = json!({
        "connguard": EXPORT_VERSION,
        // The form demands a time, and a bare output has none: it is taken away again.
        "taken_at": "1970-01-01T00:00:00Z",
        "organization": {},
        "complete": { part.name(): complete },
        part.name(): rows,
    });
    Ok((export.to_string(), doubts))
}
