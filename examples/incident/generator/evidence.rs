//! Which files a responder was given, and what they are called.

use super::audit::Record;
use super::audit_file::AuditFile;
use super::clixml;
use super::clock::{MINUTE, day};
use super::connector::DateStyle;
use super::email_events;
use super::export::{Export, blocked_connectors};
use super::historical_search;
use super::incident::Incident;
use super::message::Message;
use super::message_trace::{TraceForm, TraceStyle};
use super::rng::Rng;
use super::table::Encoding;

/// The name of a file, and its bytes.
type File = (String, Vec<u8>);

/// All files of the folder. Names say nothing reliable: a reader must look at the content.
pub fn files(incident: &Incident, seed: u64) -> Vec<File> {
    let mut files = Vec::new();
    configuration(
        incident,
        &mut Rng::new(seed, "configuration files"),
        &mut files,
    );
    audit(incident, &mut Rng::new(seed, "audit files"), &mut files);
    mail(incident, &mut Rng::new(seed, "mail files"), &mut files);
    files
}

fn configuration(incident: &Incident, rng: &mut Rng, files: &mut Vec<File>) {
    let (start, end) = (incident.organization.start, incident.organization.end());
    let style = *rng.pick(&[DateStyle::Iso, DateStyle::Milliseconds]);
    let bare = !incident.blocked.is_empty() && rng.chance(0.4);
    let (early, late) = (
        start - rng.between(1, 600) * MINUTE,
        end + rng.between(10, 360) * MINUTE,
    );
    let mut export = Export {
        incident,
        configuration: &incident.before,
        blocked: Ok(&[]),
        taken_at: early / 1_000 * 1_000,
        style,
    };
    let names = rng.pick(&[
        ["before", "after"],
        ["export-1", "export-2"],
        ["tenant a", "tenant b"],
        ["connguard-old", "connguard-now"],
        ["z-first", "a-second"],
    ]);
    let dated = rng.chance(0.3);
    let name = |which: &str, at: i64| {
        let date = if dated {
            format!("-{}", day(at))
        } else {
            String::new()
        };
        format!("{which}{date}.json")
    };
    files.push((name(names[0], start), export.json(rng).into_bytes()));
    export.configuration = &incident.after;
    export.taken_at = late / 1_000 * 1_000;
    export.blocked = if bare {
        Err("403 Forbidden")
    } else {
        Ok(&incident.blocked)
    };
    files.push((name(names[1], end), export.json(rng).into_bytes()));
    if bare {
        let tenant = &incident.organization.tenant_id;
        let rows = blocked_connectors(&incident.blocked, tenant, style, rng).line();
        // One object, unless the exporter insisted on an array.
        let rows = if rng.chance(0.5) {
            rows
        } else {
            rows[1..rows.len() - 1].to_string()
        };
        let name = *rng.pick(&[
            "blocked.json",
            "Get-BlockedConnector.json",
            "restricted-entities.json",
        ]);
        files.push((name.into(), rows.into_bytes()));
    }
    if rng.chance(0.35) {
        let encoding = *rng.pick(&[Encoding::Utf8, Encoding::Utf16Mark]);
        let name = *rng.pick(&[
            "connectors.xml",
            "Get-InboundConnector.clixml",
            "inbound.xml",
        ]);
        files.push((
            name.into(),
            encoding.bytes(clixml::connectors(incident, rng)),
        ));
    }
}

/// The audit log, in one to three files; some records come twice, some out of order.
fn audit(incident: &Incident, rng: &mut Rng, files: &mut Vec<File>) {
    let file = AuditFile::pick(&incident.organization, rng);
    let (entra_apart, alerts_apart) = (rng.chance(0.4), rng.chance(0.3));
    let mut parts: [Vec<Record>; 3] = Default::default();
    for record in disordered(&incident.records, rng) {
        let part = match record.record_type {
            8 | 15 if entra_apart => 1,
            40 if alerts_apart => 2,
            _ => 0,
        };
        parts[part].push(record);
    }
    let names = [
        *rng.pick(&[
            "audit",
            "ual",
            "AuditLog",
            "Search-UnifiedAuditLog",
            "log 1",
        ]),
        *rng.pick(&["entra", "signins", "aad-audit", "log 2"]),
        *rng.pick(&["alerts", "security-alerts", "log 3"]),
    ];
    for (name, part) in names.iter().zip(&parts) {
        if !part.is_empty() {
            let (ending, bytes) = file.write(part, rng);
            files.push((format!("{name}.{ending}"), bytes));
        }
    }
}

fn disordered(records: &[Record], rng: &mut Rng) -> Vec<Record> {
    let mut out: Vec<Record> = Vec::with_capacity(records.len() + 32);
    for record in records {
        out.push(record.clone());
        if rng.chance(0.02) {
            out.push(record.clone());
        }
    }
    if rng.chance(0.3) {
        rng.shuffle(&mut out);
        return out;
    }
    if rng.chance(0.5) {
        out.reverse();
    }
    for _ in 0..out.len() / 10 {
        let one = rng.below(out.len());
        let other = (one + rng.below(40)).min(out.len() - 1);
        out.swap(one, other);
    }
    out
}

/// The forms in which mail is seen.
#[derive(Clone, Copy)]
enum MailForm {
    Trace(TraceForm),
    Summary,
    Extended,
    Hunting,
    Streaming,
    EventsCsv,
}

const MAIL_FORMS: [MailForm; 11] = [
    MailForm::Trace(TraceForm::JsonIso),
    MailForm::Trace(TraceForm::JsonMilliseconds),
    MailForm::Trace(TraceForm::Csv),
    MailForm::Trace(TraceForm::CsvTyped),
    MailForm::Trace(TraceForm::Rest),
    MailForm::Trace(TraceForm::Graph),
    MailForm::Summary,
    MailForm::Extended,
    MailForm::Hunting,
    MailForm::Streaming,
    MailForm::EventsCsv,
];

/// The month's mail, sometimes in two files that share the row at which they were cut.
fn mail(incident: &Incident, rng: &mut Rng, files: &mut Vec<File>) {
    let form = *rng.pick(&MAIL_FORMS);
    let mut messages: Vec<&Message> = incident.messages.iter().collect();
    if matches!(form, MailForm::Trace(_)) {
        messages.reverse();
    }
    let (mapped, angles) = (rng.chance(0.12), rng.chance(0.5));
    let name = match form {
        MailForm::Hunting | MailForm::Streaming | MailForm::EventsCsv => {
            *rng.pick(&["EmailEvents", "hunting", "mail"])
        }
        _ => *rng.pick(&["trace", "MessageTrace", "mail", "MTSummary"]),
    };
    let ending = match form {
        MailForm::Trace(TraceForm::Csv | TraceForm::CsvTyped)
        | MailForm::Summary
        | MailForm::Extended
        | MailForm::EventsCsv => "csv",
        MailForm::Streaming => "jsonl",
        _ => "json",
    };
    let encoding = match form {
        MailForm::Summary | MailForm::Extended => Encoding::Utf16,
        MailForm::Trace(TraceForm::JsonMilliseconds) if rng.chance(0.5) => Encoding::Utf16Mark,
        MailForm::EventsCsv => Encoding::Utf8Mark,
        _ => Encoding::Utf8,
    };
    let write = |messages: &[&Message]| {
        let text = match form {
            MailForm::Trace(form) => TraceStyle {
                form,
                mapped,
                angles,
            }
            .write(messages),
            MailForm::Summary => historical_search::summary(messages),
            MailForm::Extended => historical_search::extended(messages, &incident.organization),
            MailForm::Hunting => email_events::hunting(messages),
            MailForm::Streaming => email_events::streaming(messages, &incident.organization),
            MailForm::EventsCsv => email_events::csv(messages),
        };
        encoding.bytes(text)
    };
    if rng.chance(0.3) && messages.len() > 10 {
        let cut = messages.len() / 4 + rng.below(messages.len() / 2);
        files.push((format!("{name}-1.{ending}"), write(&messages[..=cut])));
        files.push((format!("{name}-2.{ending}"), write(&messages[cut..])));
    } else {
        files.push((format!("{name}.{ending}"), write(&messages)));
    }
}
