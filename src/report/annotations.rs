//! Annotations: lines by which a build pipeline shows findings where they stand.
//!
//! These lines are commands to GitHub's and Azure's runners. Every text in them
//! is escaped as each of the two decodes it, and holds no command of its own.

use super::{Report, aside, sentence};
use crate::finding::{Finding, Severity, Status};
use crate::hostile_text::visible;
use std::fmt::Write as _;

/// One line: how bad, where, under which title, and what.
struct Note {
    severity: Severity,
    /// Path, line and column; none for what is about the run.
    place: Option<(String, usize, usize)>,
    title: String,
    text: String,
}

fn notes(report: &Report<'_>) -> Vec<Note> {
    let own = report.findings.iter().map(|finding| note(finding, None));
    let mut notes: Vec<Note> = own.collect();
    for tenant in &report.tenants {
        let assessment = &tenant.assessment;
        let name = &assessment.tenant;
        for failure in &assessment.errors {
            notes.push(Note {
                severity: Severity::Critical,
                place: None,
                title: format!("{name}: error"),
                text: format!("{}: {} ({})", failure.source, failure.message, failure.help),
            });
        }
        for reason in &assessment.obstacles {
            notes.push(Note {
                severity: Severity::High,
                place: None,
                title: format!("{name}: no verdict"),
                text: reason.clone(),
            });
        }
        let findings = assessment.findings.iter();
        notes.extend(findings.map(|finding| note(finding, Some(name))));
    }
    let conclusion = report.conclusion;
    notes.push(Note {
        severity: Severity::Info,
        place: None,
        title: "connguard".to_owned(),
        text: format!(
            "{}, exit {}",
            conclusion.verdict.name(),
            conclusion.exit_code
        ),
    });
    notes
}

fn note(finding: &Finding, tenant: Option<&str>) -> Note {
    let aside = aside(finding);
    let counts = finding.status == Status::Open && finding.decides;
    Note {
        severity: if counts {
            finding.severity
        } else {
            Severity::Info
        },
        place: finding
            .locations
            .first()
            .map(|location| (location.path.clone(), location.line, location.column)),
        title: format!("{} {}", finding.severity, finding.rule),
        text: format!("{aside}{}. Fix: {}", sentence(finding, tenant), finding.fix),
    }
}

/// Text on one line that begins no command, whatever looks for one.
fn plain(text: &str) -> String {
    visible(text)
        .replace("##vso[", "#\\#vso[")
        .replace("##[", "#\\#[")
}

/// Workflow commands of GitHub Actions. `%`, line ends, and in properties `:` and `,` are escaped.
pub fn github(report: &Report<'_>) -> String {
    let data = |text: &str| {
        plain(text)
            .replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    notes(report).iter().fold(String::new(), |mut lines, note| {
        let kind = match note.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low | Severity::Info => "notice",
        };
        let place = note.place.as_ref().map(|(path, line, column)| {
            format!("file={},line={line},col={column},", property(path))
        });
        let _ = writeln!(
            lines,
            "::{kind} {}title={}::{}",
            place.unwrap_or_default(),
            property(&note.title),
            data(&note.text)
        );
        lines
    })
}

/// Logging commands of Azure Pipelines, which know errors and warnings. `%`, line ends, and in properties `;` and `]` are escaped.
pub fn azure(report: &Report<'_>) -> String {
    let data = |text: &str| {
        plain(text)
            .replace('%', "%AZP25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let property = |text: &str| data(text).replace(';', "%3B").replace(']', "%5D");
    notes(report).iter().fold(String::new(), |mut lines, note| {
        let kind = match note.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium | Severity::Low | Severity::Info => "warning",
        };
        let place = note.place.as_ref().map(|(path, line, column)| {
            format!(
                "sourcepath={};linenumber={line};columnnumber={column};",
                property(path)
            )
        });
        let _ = writeln!(
            lines,
            "##vso[task.logissue type={kind};{}code={};]{}",
            place.unwrap_or_default(),
            property(&note.title),
            data(&note.text)
        );
        lines
    })
}
