//! Audit logs, file by file, into one log.

use super::audit::{AuditLog, AuditRecord, Collector, Took, Topic, UserType};
use super::date::{Clock, Order};
use super::decode::Decoded;
use super::file::{FileReport, Found};
use super::form::Form;
use super::mail::Progress;
use super::rows::{Block, Cut, csv::Csv, fields::Row, json::Json};
use crate::finding::Location;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::{self, Read};

/// What one answer of the audit log holds at most. The cmdlet's usual hundred is told by its own count of results.
const LIMITS: [u64; 2] = [5000, 50_000];

/// Reads every log.
///
/// # Errors
///
/// The file that cannot be read, and why.
pub fn read_logs(
    found: &[Found<'_>],
    progress: &Progress<'_>,
) -> Result<(AuditLog, Vec<FileReport>), (String, io::Error)> {
    let mut collector = Collector::default();
    let mut files = Vec::new();
    for own in found.iter().filter(|own| own.form.is_audit()) {
        let mut report = own.report();
        let read = own.text().and_then(|text| match own.form {
            Form::AuditCsv => table(text, &mut collector, &mut report, progress),
            form => lines(text, form, &mut collector, &mut report, progress),
        });
        read.map_err(|error| (own.file.path().to_owned(), error))?;
        match own.file.covers() {
            Some((from, to)) => {
                collector.cover(from, to);
                report.first = Some(from);
                report.last = Some(to);
            }
            None => report.doubt_limits(&LIMITS),
        }
        files.push(report);
    }
    Ok((collector.finish(), files))
}

fn table<R: Read>(
    text: Decoded<R>,
    collector: &mut Collector,
    report: &mut FileReport,
    progress: &Progress<'_>,
) -> io::Result<()> {
    let (names, mut csv) = Csv::open(text)?;
    let column = |wanted: &[&str]| {
        let place = |name: &&str| names.iter().position(|own| own.eq_ignore_ascii_case(name));
        wanted.iter().find_map(place)
    };
    let beside = Beside {
        data: column(&["AuditData", "RawEventData"]).unwrap_or_default(),
        operation: column(&["Operation", "Operations", "ActionType"]),
        user: column(&["UserId", "UserIds", "AccountDisplayName"]),
        date: column(&["CreationDate", "Timestamp"]),
    };
    let count = column(&["ResultCount"]);
    let mut results = 0;
    let mut clock = Clock::new(None);
    csv.each(|block| {
        progress.read(block.read);
        for row in block.table() {
            report.rows += 1;
            results = results.max(count.and_then(|place| number(row.get(place)?)).unwrap_or(0));
            beside.take(&row, block, &mut clock, collector, report);
        }
        Ok(())
    })?;
    report.doubts.extend(csv.doubts());
    doubt_results(report, results);
    Ok(())
}

/// Rows of `Search-UnifiedAuditLog` say how many there were.
fn doubt_results(report: &mut FileReport, results: u64) {
    if results > report.rows {
        report.doubts.push(format!(
            "its search found {results} records, and {} are in the file",
            report.rows
        ));
    }
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

/// Where the columns of an exported log are.
struct Beside {
    data: usize,
    operation: Option<usize>,
    user: Option<usize>,
    date: Option<usize>,
}

impl Beside {
    fn take(
        &self,
        row: &Row<'_>,
        block: &Block,
        clock: &mut Clock,
        collector: &mut Collector,
        report: &mut FileReport,
    ) {
        let data = String::from_utf8_lossy(row.get(self.data).unwrap_or_default());
        let place = |path: &str| Location {
            path: path.to_owned(),
            line: block.line_at(row.begin),
            column: 1,
        };
        let (took, seconds) = collector.add(&data, clock, || place(&report.path));
        if let Some(seconds) = seconds {
            report.saw(seconds);
        }
        if took == Took::Rejected {
            let line = block.line_at(row.begin);
            report
                .rejected
                .note(line, "its AuditData is empty or cut off");
            let operation = Self::field(row, self.operation).unwrap_or_default();
            collector.reject(&format!("{operation} {data}"), || {
                self.cut_off(row, place(&report.path))
            });
        }
    }

    fn field(row: &Row<'_>, place: Option<usize>) -> Option<String> {
        let bytes = row.get(place?)?;
        Some(String::from_utf8_lossy(bytes).trim().to_owned())
    }

    /// What the columns beside it say of a cut-off record; nothing where its date can be read in two ways.
    fn cut_off(&self, row: &Row<'_>, place: Location) -> Option<AuditRecord> {
        let operation = Self::field(row, self.operation)?;
        (Topic::of(&operation) == Topic::Connector).then_some(())?;
        // The date beside is in the language of whoever exported: only one that reads one way counts.
        let date = Self::field(row, self.date)?;
        let order = Order::of([date.as_bytes()]);
        let seconds = Clock::new(order).seconds(date.as_bytes())?;
        Some(AuditRecord {
            id: String::new(),
            time: Timestamp::from_second(seconds).ok()?,
            topic: Topic::of(&operation),
            operation,
            user: Self::field(row, self.user).unwrap_or_default(),
            user_type: UserType::Other,
            client_ip: None,
            app_id: String::new(),
            session: String::new(),
            object: String::new(),
            external: false,
            succeeded: true,
            parameters: Vec::new(),
            modified: Vec::new(),
            targets: Vec::new(),
            alert: None,
            cut_off: true,
            place,
        })
    }
}

/// A row that carries `AuditData`: of Graph, of `Search-UnifiedAuditLog` as JSON, of `CloudAppEvents`.
#[derive(Deserialize)]
struct Carrier<'a> {
    #[serde(
        borrow,
        alias = "auditData",
        alias = "AuditData",
        alias = "RawEventData"
    )]
    data: &'a RawValue,
    #[serde(default, rename = "ResultCount")]
    results: Option<u64>,
}

fn lines<R: Read>(
    text: Decoded<R>,
    form: Form,
    collector: &mut Collector,
    report: &mut FileReport,
    progress: &Progress<'_>,
) -> io::Result<()> {
    let mut json = Json::open(text);
    let mut clock = Clock::new(None);
    let mut results = 0;
    json.each(|block| {
        progress.read(block.read);
        for (row, offset) in block.rows() {
            report.rows += 1;
            let row = String::from_utf8_lossy(row);
            let inner = match serde_json::from_str::<Carrier<'_>>(&row) {
                Ok(carrier) => {
                    results = results.max(carrier.results.unwrap_or_default());
                    unquoted(carrier.data)
                }
                Err(_) if form == Form::AuditJson => std::borrow::Cow::Borrowed(&*row),
                Err(_) => std::borrow::Cow::Borrowed(""),
            };
            let place = || Location {
                path: report.path.clone(),
                line: block.line_at(offset),
                column: 1,
            };
            let (took, seconds) = collector.add(&inner, &mut clock, place);
            if let Some(seconds) = seconds {
                report.saw(seconds);
            }
            if took == Took::Rejected {
                report
                    .rejected
                    .note(block.line_at(offset), "the record is empty or cut off");
                collector.reject(&row, || None);
            }
        }
        Ok(())
    })?;
    report.doubts.extend(json.doubts());
    doubt_results(report, results);
    Ok(())
}

/// `AuditData` is an object, or JSON in a text.
fn unquoted(raw: &RawValue) -> std::borrow::Cow<'_, str> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(text)
            .unwrap_or_default()
            .into(),
        _ => text.into(),
    }
}
