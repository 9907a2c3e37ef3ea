//! What is wrong with the evidence itself, where it disagrees, and which time it covers.

use super::attribution::{Change, Known};
use super::reliance;
use super::{Known as KnownOf, Question};
use crate::builtin;
use crate::caseless;
use crate::evidence::Form;
use crate::evidence::audit::Topic;
use crate::evidence::file::Completeness;
use crate::finding::{Finding, Location, Severity};
use crate::snapshot::Part;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

/// Which time the evidence covers, and what of it can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Coverage {
    /// When states were read, oldest first.
    #[schemars(with = "Vec<String>")]
    pub states: Vec<Timestamp>,
    /// The first and last day of the audit log, and how many records it has in all.
    pub log: Option<LogCoverage>,
    /// The first and last hour of mail, and how many rows there are.
    pub mail: Option<MailCoverage>,
    /// What was not there, or cannot be relied on, in words.
    pub missing: Vec<String>,
}

/// Which time the audit log covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LogCoverage {
    /// The first day with any record.
    pub first: String,
    /// The last day with any record.
    pub last: String,
    /// Records in all, the service's own work among them.
    pub records: u64,
    /// Records of people and applications.
    pub kept: u64,
    /// Records of people and applications that were there more than once.
    pub duplicates: u64,
    /// Records of the service's own work.
    pub noise: u64,
    /// Days in between without any record.
    pub silent_days: u64,
    /// Whether the log was on, where that was read.
    pub enabled: Option<bool>,
}

/// Which time traces cover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MailCoverage {
    /// The first hour with any mail.
    #[schemars(with = "String")]
    pub first: Timestamp,
    /// The last hour with any mail.
    #[schemars(with = "String")]
    pub last: Timestamp,
    /// Mails in all, one for each recipient.
    pub mails: u64,
    /// One of so many recipients was followed.
    pub recipients_followed: u64,
}

impl Coverage {
    /// Whether "no sign" may be said at all: there is a state, a log and mail.
    pub fn is_enough(&self) -> bool {
        !self.states.is_empty() && self.log.is_some() && self.mail.is_some()
    }
}

/// Which time the evidence covers.
pub(super) fn coverage(question: &Question<'_>) -> Coverage {
    let mut missing = Vec::new();
    if question.states.is_empty() {
        missing.push("no complete state of the connectors that says when it was read".to_owned());
    }
    let log = question.log.and_then(|log| {
        let (first, last) = log.window()?;
        let day = |day: i64| {
            Timestamp::from_second(day * 86_400)
                .map(|time| time.strftime("%Y-%m-%d").to_string())
                .unwrap_or_default()
        };
        Some(LogCoverage {
            first: day(first),
            last: day(last),
            records: log.rows,
            kept: log.records.len() as u64,
            duplicates: log.duplicates,
            noise: log.noise,
            silent_days: log.silent_days().len() as u64,
            enabled: enabled(question),
        })
    });
    if log.is_none() {
        missing.push("no audit log: who changed a connector, and connectors that came and went, cannot be told".to_owned());
    }
    let mail = question.traffic.and_then(|traffic| {
        let (first, last) = traffic.window?;
        Some(MailCoverage {
            first: Timestamp::from_second(first * 3600).ok()?,
            last: Timestamp::from_second(last * 3600).ok()?,
            mails: traffic.rows,
            recipients_followed: traffic.recipients_followed,
        })
    });
    if mail.is_none() {
        missing.push("no message trace: how a connector was used cannot be told".to_owned());
    }
    if question.routes.domains.is_none() {
        missing.push("no accepted domains: whose mail it is cannot be told".to_owned());
    }
    if question.baseline.is_none() {
        missing.push("no verified baseline: the earliest state stands for what was approved, and nobody signed that".to_owned());
    }
    missing.extend(question.lost.iter().cloned());
    Coverage {
        states: question.states.iter().map(|state| state.at).collect(),
        log,
        mail,
        missing,
    }
}

/// Whether the audit log was on, as far as states of the last days and what has no time say so: off in one of them is off.
fn enabled(question: &Question<'_>) -> Option<bool> {
    let said = reliance::lately(question).filter_map(|snapshot| {
        let settings = snapshot.around.get(&Part::AuditLogSettings)?;
        settings.get("UnifiedAuditLogIngestionEnabled")?.as_bool()
    });
    said.reduce(|one, other| one && other)
}

/// What is wrong with the evidence, and where it disagrees.
pub(super) fn findings(
    question: &Question<'_>,
    coverage: &Coverage,
    known: &KnownOf<'_>,
) -> Vec<Finding> {
    let mut found: Vec<Finding> = question
        .attribution
        .changes
        .iter()
        .filter_map(|change| of_change(question, change))
        .collect();
    found.extend(log_disabled(question, coverage));
    found.extend(strangers(question, known));
    found.extend(header_rules(question));
    found.extend(question.files.iter().filter_map(of_file));
    if let Some(log) = question.log.filter(|log| log.unread_about_connectors > 0) {
        let mut finding =
            builtin::finding("evidence-incomplete", Severity::High, nowhere(question));
        finding.message = format!(
            "{} about connectors could not be read whole: what they said is not known",
            if log.unread_about_connectors == 1 {
                "an audit record".to_owned()
            } else {
                format!("{} audit records", log.unread_about_connectors)
            }
        );
        found.push(finding);
    }
    found.sort_unstable_by(|one, other| one.reading_order().cmp(&other.reading_order()));
    found
}

fn nowhere(question: &Question<'_>) -> Location {
    let file = question.files.first();
    Location {
        path: file.map_or_else(|| question.tenant.to_owned(), |file| file.path.clone()),
        line: 1,
        column: 1,
    }
}

fn of_change(question: &Question<'_>, change: &Change) -> Option<Finding> {
    let (id, severity) = match change.known {
        Known::Attributed => return None,
        // What happened after the newest state nothing shows yet: that is no disagreement.
        Known::RecordOnly
            if change.between.1.is_none()
                || !change.words.iter().any(|own| own.contains("set back")) =>
        {
            return None;
        }
        Known::WithoutRecord if question.log.is_none() => return None,
        Known::WithoutRecord if change.widens() => ("change-without-record", Severity::High),
        Known::WithoutRecord => ("change-without-record", Severity::Medium),
        Known::RecordOnly if change.widens() => ("record-without-change", Severity::High),
        Known::RecordOnly => ("record-without-change", Severity::Medium),
        Known::Contradicted => ("record-contradicts-state", Severity::High),
        Known::ShortLived => ("connector-short-lived", Severity::Critical),
    };
    let place = change.records.first().and_then(|record| {
        let (path, line) = record.place.rsplit_once(':')?;
        Some(Location {
            path: path.to_owned(),
            line: line.parse().ok()?,
            column: 1,
        })
    });
    let in_state = || {
        let snapshots = question.states.iter().rev().map(|state| state.snapshot);
        let mut records = snapshots.flat_map(|snapshot| &snapshot.records);
        records
            .find(|record| record.connector.subject().key() == change.connector.key())
            .map(|record| record.location.clone())
    };
    let location = place.or_else(in_state).unwrap_or_else(|| nowhere(question));
    let mut finding = builtin::finding(id, severity, location);
    finding.connector = Some(change.connector.clone());
    finding.direction = change.direction;
    let what = if change.unexplained.is_empty() {
        &change.words
    } else {
        &change.unexplained
    };
    finding.message = format!(
        "{}: {}",
        change.at.strftime("%Y-%m-%d %H:%M UTC"),
        crate::investigation::sentences(what)
    );
    if id == "change-without-record" {
        finding.message.push_str(&covered(question, change));
    }
    Some(finding)
}

/// Whether the log covers the time of a change that it says nothing of.
fn covered(question: &Question<'_>, change: &Change) -> String {
    let Some((first, last)) = question
        .log
        .and_then(crate::evidence::audit::AuditLog::window)
    else {
        return String::new();
    };
    let day = change.at.as_second().div_euclid(86_400);
    if day < first || day > last {
        "; the log does not cover that time".to_owned()
    } else if day >= last {
        "; the log ends that day, and records arrive up to a day late".to_owned()
    } else {
        "; the log covers that time and says nothing of it".to_owned()
    }
}

/// Connectors that Microsoft blocked, or warned of, and that nothing else knows.
fn strangers(question: &Question<'_>, known: &KnownOf<'_>) -> Vec<Finding> {
    let knows = |name: &str| {
        let name = caseless::lower(name.trim_matches(['{', '}']));
        let mut routes = question.routes.routes.iter();
        routes.any(|route| {
            route.connector.id.as_deref() == Some(&name) || route.names.contains(&name)
        })
    };
    let blocked = known
        .blocked
        .iter()
        .map(|id| (id.clone(), "Microsoft has blocked it"));
    let alerts = known
        .alerts
        .iter()
        .map(|(alert, _)| (alert.entity.clone(), "Microsoft raised an alert about it"));
    let named = |name: &str| {
        if name.is_empty() {
            "a connector that it does not name"
        } else {
            name
        }
        .to_owned()
    };
    let mut found = Vec::new();
    for (name, what) in blocked.chain(alerts).filter(|(name, _)| !knows(name)) {
        let mut finding = builtin::finding(
            "blocked-connector-unknown",
            Severity::High,
            nowhere(question),
        );
        finding.message = format!(
            "{:?}: {what}, and no state and no record knows such a connector",
            crate::finding::excerpt(&named(&name))
        );
        finding.added = vec![name];
        found.push(finding);
    }
    found
}

/// Transport rules that take headers away, in the newest state that has rules and in what has no time.
fn header_rules(question: &Question<'_>) -> Vec<Finding> {
    let newest = question.states.iter().rev().map(|state| state.snapshot);
    let newest = newest
        .filter(|own| own.around.contains_key(&Part::TransportRules))
        .take(1);
    let undated = question.parts.iter().copied();
    let undated = undated.filter(|own| own.taken_at.is_none());
    let mut found: Vec<Finding> = Vec::new();
    for snapshot in newest.chain(undated) {
        let rules = snapshot.around.get(&Part::TransportRules);
        let rules = rules.and_then(Json::as_array).map(Vec::as_slice);
        for rule in rules.unwrap_or_default() {
            let text = |name: &str| rule.get(name).and_then(Json::as_str).unwrap_or_default();
            let header = text("RemoveHeader");
            if header.is_empty() {
                continue;
            }
            let place = Location {
                path: snapshot.origin.clone(),
                line: 1,
                column: 1,
            };
            let mut finding = builtin::finding("rule-removes-headers", Severity::Medium, place);
            finding.message = format!(
                "{:?} removes {:?}{}",
                crate::finding::excerpt(text("Name")),
                crate::finding::excerpt(header),
                match text("State") {
                    "Disabled" => "; it is disabled",
                    _ => "",
                }
            );
            found.push(finding);
        }
    }
    found.dedup_by(|one, other| one.message == other.message);
    found
}

fn log_disabled(question: &Question<'_>, coverage: &Coverage) -> Vec<Finding> {
    let mut found = Vec::new();
    if coverage
        .log
        .as_ref()
        .and_then(|log| log.enabled)
        .or_else(|| enabled(question))
        == Some(false)
    {
        let mut finding = builtin::finding("audit-log-disabled", Severity::High, nowhere(question));
        finding.message = "a state says that the unified audit log is off: that there is no record proves nothing".to_owned();
        found.push(finding);
    }
    let records = question
        .log
        .iter()
        .flat_map(|log| log.about(Topic::Organization));
    for record in records.filter(|record| record.switches_log_off()) {
        let mut finding =
            builtin::finding("audit-log-disabled", Severity::High, record.place.clone());
        finding.message = format!(
            "{} switched the audit log off at {}",
            record.user,
            record.time.strftime("%Y-%m-%d %H:%M UTC")
        );
        found.push(finding);
    }
    found
}

fn of_file(file: &crate::evidence::FileReport) -> Option<Finding> {
    let mut words: Vec<String> = file.doubts.clone();
    if file.rejected.count > 0 {
        let why = file.rejected.why.as_deref().unwrap_or_default();
        words.push(format!(
            "{} of {} rows could not be read ({why})",
            file.rejected.count, file.rows
        ));
    }
    if file.form == Form::Unknown {
        words.push("nothing in it was recognised".to_owned());
    }
    (!words.is_empty()).then_some(())?;
    let severity = match file.completeness() {
        _ if file.form == Form::Unknown => Severity::Info,
        Completeness::Doubtful => Severity::Medium,
        Completeness::Whole => Severity::Info,
    };
    let mut finding = builtin::finding(
        "evidence-incomplete",
        severity,
        Location {
            path: file.path.clone(),
            line: file.rejected.lines.first().copied().unwrap_or(1),
            column: 1,
        },
    );
    finding.message = format!("{}: {}", file.form.words(), words.join("; "));
    Some(finding)
}
