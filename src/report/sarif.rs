//! SARIF 2.1.0, as code scanning services take it: stable fingerprints, a
//! location in every result, help for every rule.

use super::{Judged, Report, sentence};
use crate::builtin;
use crate::canonical;
use crate::finding::{Finding, Location, Severity, Since, Status};
use crate::hostile_text::visible;
use crate::policy::rule::Rule;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Renders the report as SARIF.
pub fn render(report: &Report<'_>) -> String {
    let descriptors = descriptors(report);
    let indices: BTreeMap<String, usize> = descriptors
        .iter()
        .enumerate()
        .map(|(index, (id, _))| (id.clone(), index))
        .collect();
    let own = report.own_key();
    let mut results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| result(finding, None, &own, &indices))
        .collect();
    for tenant in &report.tenants {
        let assessment = &tenant.assessment;
        results.extend(assessment.findings.iter().map(|finding| {
            result(
                finding,
                Some(&assessment.tenant),
                assessment.key(),
                &indices,
            )
        }));
    }
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "connguard",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": descriptors.into_values().collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation(report)],
            "results": results,
        }],
    });
    canonical::to_string(&document)
}

/// Whether the run worked, and what kept it from a verdict: a result list alone would look clean.
fn invocation(report: &Report<'_>) -> Value {
    let notifications: Vec<Value> = report.tenants.iter().flat_map(notifications).collect();
    json!({
        "executionSuccessful": report.tenants.iter().all(|tenant| tenant.assessment.errors.is_empty()),
        "exitCode": report.conclusion.exit_code,
        "exitCodeDescription": report.conclusion.verdict.name(),
        "properties": {
            "now": report.now_given.then(|| report.now.to_string()),
            "from": report.from,
            "taken_at": report.taken_at.map(|time| time.to_string()),
            "fail_on": report.fail_on.name(),
        },
        "toolExecutionNotifications": notifications,
    })
}

fn notifications(tenant: &Judged) -> Vec<Value> {
    let name = &tenant.assessment.tenant;
    let errors = tenant.assessment.errors.iter().map(|failure| {
        (
            "error",
            format!(
                "{name}: {}: {} ({})",
                failure.source, failure.message, failure.help
            ),
        )
    });
    let obstacles = tenant
        .assessment
        .obstacles
        .iter()
        .map(|reason| ("warning", format!("{name}: no verdict: {reason}")));
    errors
        .chain(obstacles)
        .map(|(level, text)| json!({ "level": level, "message": { "text": message(&text) } }))
        .collect()
}

/// Every rule in force and every built-in finding, by id.
fn descriptors(report: &Report<'_>) -> BTreeMap<String, Value> {
    let rules = report
        .rules
        .iter()
        .map(|rule| (rule.id.clone(), rule_descriptor(rule)));
    let own = builtin::ALL.iter().map(|own| {
        let parts = Descriptor {
            id: own.id,
            title: own.title,
            severity: own.usual,
            why: own.why,
            fix: own.fix,
            references: &[],
        };
        (own.id.to_owned(), parts.json())
    });
    rules.chain(own).collect()
}

fn rule_descriptor(rule: &Rule) -> Value {
    Descriptor {
        id: &rule.id,
        title: &rule.title,
        severity: rule.severity,
        why: &rule.why,
        fix: &rule.fix,
        references: &rule.references,
    }
    .json()
}

struct Descriptor<'a> {
    id: &'a str,
    title: &'a str,
    severity: Severity,
    why: &'a str,
    fix: &'a str,
    references: &'a [String],
}

impl Descriptor<'_> {
    fn json(&self) -> Value {
        let links: String = self
            .references
            .iter()
            .map(|link| format!("\n- <{link}>"))
            .collect();
        let (why, fix) = (self.why.trim(), self.fix.trim());
        json!({
            "id": self.id,
            "name": pascal_case(self.id),
            "shortDescription": { "text": message(self.title) },
            "fullDescription": { "text": message(why) },
            "help": {
                "text": format!("{why}\n\nFix: {fix}"),
                "markdown": format!("{why}\n\n**Fix:** {fix}{}", if links.is_empty() { links } else { format!("\n{links}") }),
            },
            "defaultConfiguration": { "level": level(self.severity) },
            "properties": { "security-severity": score(self.severity), "tags": ["security", "exchange-online", "mail"] },
        })
    }
}

fn result(
    finding: &Finding,
    tenant: Option<&str>,
    key: &str,
    indices: &BTreeMap<String, usize>,
) -> Value {
    let fingerprint = finding.fingerprint(key);
    let mut locations = finding.locations.iter();
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": { "text": message(&sentence(finding, tenant)) },
        "locations": locations.next().map(physical).into_iter().collect::<Vec<_>>(),
        "relatedLocations": locations.map(physical).collect::<Vec<_>>(),
        "partialFingerprints": { "connguard/v1": fingerprint.hex(), "primaryLocationLineHash": format!("{}:1", fingerprint.hex()) },
        "properties": {
            "severity": finding.severity.name(),
            "tenant": tenant,
            "connector": finding.connector.as_ref().map(|connector| json!({ "id": connector.id, "name": connector.name })),
            "property": finding.property,
            "direction": finding.direction.map(|direction| direction.name()),
            "expected": finding.expected,
            "actual": finding.actual,
            "added": finding.added,
            "removed": finding.removed,
            "series": finding.series(key).hex(),
            "decides": finding.decides,
        },
    });
    let state = finding.since.map(|since| match since {
        Since::New => "new",
        Since::Open => "unchanged",
    });
    if let (Some(state), Some(members)) = (state, result.as_object_mut()) {
        members.insert("baselineState".to_owned(), json!(state));
    }
    if let (Some(index), Some(members)) = (indices.get(&finding.rule), result.as_object_mut()) {
        members.insert("ruleIndex".to_owned(), json!(index));
    }
    if let (Status::Accepted, Some(members)) = (finding.status, result.as_object_mut()) {
        members.insert("suppressions".to_owned(), json!([{ "kind": "external", "status": "accepted", "justification": "accepted in the signed baseline" }]));
    }
    result
}

/// Escapes hostile text for a SARIF message, in which `[text](target)` would become a link.
fn message(text: &str) -> String {
    visible(text)
        .replace('\\', "\\\\")
        .replace('[', "\\[")
        .replace(']', "\\]")
}

fn physical(location: &Location) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(&location.path) },
        "region": { "startLine": location.line, "startColumn": location.column },
    }})
}

/// A path as a relative URI reference; bytes that have a meaning there are percent-encoded.
fn uri(path: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
    path.bytes().fold(String::new(), |mut uri, byte| {
        if plain(byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
        uri
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info | Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// The score by which GitHub sorts security results into its own four levels.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "0.0",
        Severity::Low => "3.0",
        Severity::Medium => "5.5",
        Severity::High => "8.0",
        Severity::Critical => "9.5",
    }
}

fn pascal_case(id: &str) -> String {
    id.split('-')
        .map(|word| {
            word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default()
        })
        .collect()
}
