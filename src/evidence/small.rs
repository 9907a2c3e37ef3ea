//! Evidence that fits into memory: connectors, accepted domains, blocked connectors, settings, transport rules.

use super::decode::{Decoded, Encoding};
use super::file::{FileReport, Found};
use super::form::Form;
use super::rows::{Cut as _, csv::Csv, json::Json};
use crate::digest::Digest;
use crate::document::{Problem, Problems, Source};
use crate::snapshot::{Part, Snapshot};
use crate::source::export::{self, EXPORT_VERSION, Export, clixml};
use crate::source::text;
use serde_json::{Value, json};
use std::io::Read as _;

/// What was configured, by files.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Exports of connectors, and of what stands around them.
    pub exports: Vec<Export>,
    /// What each file is.
    pub files: Vec<FileReport>,
    /// Why some of them cannot be read at all.
    pub problems: Problems,
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
pub fn read_configuration(found: &[Found<'_>]) -> Configuration {
    let mut configuration = Configuration::default();
    for own in found {
        let part = match own.form {
            Form::ConnectorsCsv => {
                let mut report = own.report();
                report.doubts.push(LOST_LISTS.to_owned());
                configuration.files.push(report);
                continue;
            }
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
            Err(problems) => {
                let mut report = own.report();
                report.doubts.push("it cannot be read at all".to_owned());
                configuration.files.push(report);
                configuration.problems.extend(problems);
            }
        }
    }
    configuration
}

/// Why connectors are not read from CSV.
const LOST_LISTS: &str = "Export-Csv loses addresses and domains, so nothing of it is used: export with ConvertTo-Json -Depth 4 or Export-Clixml";

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
            let (text, doubts) = enveloped(found, &bytes, part)?;
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
fn enveloped(
    found: &Found<'_>,
    bytes: &[u8],
    part: Part,
) -> Result<(String, Vec<String>), Problems> {
    let path = found.file.path();
    let text = text::decode(path, bytes)?;
    let failed = |error: std::io::Error| {
        Problem::of_file(path, format!("cannot read the file: {error}")).help("export it again")
    };
    let (rows, doubts) = match text.trim_start().chars().next() {
        Some('<') => {
            let source = Source { path, text: &text };
            let converted = clixml::as_json(source)?;
            let rows = objects(converted.as_bytes()).map_err(failed)?;
            // What was cut off is no CLIXML.
            (rows.0, Vec::new())
        }
        Some('[' | '{') => objects(text.as_bytes()).map_err(failed)?,
        _ => table(text.as_bytes()).map_err(failed)?,
    };
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

type Rows = (Vec<Value>, Vec<String>);

fn objects(text: &[u8]) -> std::io::Result<Rows> {
    let mut json = Json::open(Decoded::new(text, Encoding::Utf8));
    let mut rows: Vec<Value> = Vec::new();
    json.each(|block| {
        for (row, _) in block.rows() {
            match serde_json::from_slice(row)? {
                Value::Null => {}
                row => rows.push(row),
            }
        }
        Ok(())
    })?;
    Ok((rows, json.doubts()))
}

/// CSV as PowerShell writes objects: truth as words, and nothing as nothing.
fn table(text: &[u8]) -> std::io::Result<Rows> {
    let (names, mut csv) = Csv::open(Decoded::new(text, Encoding::Utf8))?;
    let mut rows: Vec<Value> = Vec::new();
    csv.each(|block| {
        for row in block.table() {
            let cells = names.iter().zip(row.iter()).map(|(name, cell)| {
                let value = match cell {
                    b"" => Value::Null,
                    b"True" => Value::Bool(true),
                    b"False" => Value::Bool(false),
                    cell => Value::from(String::from_utf8_lossy(cell)),
                };
                (name.clone(), value)
            });
            rows.push(Value::Object(cells.collect()));
        }
        Ok(())
    })?;
    Ok((rows, csv.doubts()))
}
